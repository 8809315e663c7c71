"""Costs are exact, and amounts read well."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.tokens.cost import cost, in_words, price

PRICES = st.decimals(0, 10**9, allow_nan=False, allow_infinity=False, places=12)


def test_a_million_tokens_cost_the_price():
    assert cost(1_000_000, Decimal("0.15")) == Decimal("0.15")
    assert cost(7, Decimal("0.15")) == Decimal("0.00000105")


def test_what_is_not_known_costs_nothing_that_could_be_said():
    assert cost(None, Decimal(1)) is None
    assert cost(3, None) is None
    assert in_words(None) == ""


@given(st.integers(0, 10**15), PRICES)
def test_no_digit_is_lost(tokens, per_million):
    assert Fraction(cost(tokens, per_million)) == Fraction(per_million) * tokens / 10**6


@given(st.integers(0, 10**9), st.integers(0, 10**9), PRICES)
def test_the_parts_cost_what_the_whole_costs(one, other, per_million):
    parts = Fraction(cost(one, per_million)) + Fraction(cost(other, per_million))
    assert Fraction(cost(one + other, per_million)) == parts


@pytest.mark.parametrize(("tokens", "per"), [(-1, "1"), (1, "-1"), (1, "NaN"), (1, "Infinity")])
def test_less_than_nothing_is_refused(tokens, per):
    with pytest.raises(ValueError, match="below nothing"):
        cost(tokens, Decimal(per))


@pytest.mark.parametrize(
    ("typed", "value"),
    [("0.15", "0.15"), (" 2 ", "2"), ("0,6", "0.6"), ("0,125", "0.125"), ("1,25", "1.25")],
)
def test_a_typed_price_is_read(typed, value):
    assert price(typed) == Decimal(value)


@pytest.mark.parametrize("typed", ["1,000", "12,500"])
def test_what_may_be_a_thousand_or_one_is_not_guessed(typed):
    with pytest.raises(ValueError, match=f"^Is {typed} in thousands"):
        price(typed)


@pytest.mark.parametrize("typed", ["", "free", "-1", "1e9", "NaN", "1,000.50", "$3", "٣", "9" * 40])
def test_what_is_no_price_is_refused(typed):
    with pytest.raises(ValueError, match="plain number"):
        price(typed)


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("0", "0"),
        ("0.00000105", "0.00000105"),
        ("0.000012345", "0.0000123"),
        ("0.5", "0.5"),
        ("0.9999", "1"),
        ("1.005", "1.00"),
        ("12345.678", "12,345.68"),
    ],
)
def test_amounts_read_well(amount, words):
    assert in_words(Decimal(amount)) == words


@given(st.decimals(0, 10**20, allow_nan=False, allow_infinity=False))
def test_words_are_within_half_a_per_cent_of_the_amount(amount):
    shown = Decimal(in_words(amount).replace(",", ""))
    assert abs(shown - amount) * 200 <= amount
