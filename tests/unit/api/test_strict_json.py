import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.api.errors import Reason, Unfit
from lib.api.strict_json import encode, integer, items, optional_integer, read_json, record, text

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=30,
)


@given(VALUES, st.booleans())
def test_valid_json_is_read_as_the_standard_library_reads_it(value, ascii_only):
    assert read_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_are_read_or_refused(body):
    try:
        outcome = read_json(body)
    except Unfit as unfit:
        outcome = unfit.reason
    assert not isinstance(outcome, Reason) or outcome in (Reason.EMPTY, Reason.NOT_JSON)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"NaN",
        b"[Infinity]",
        b'{"a": -Infinity}',
        b"[1e999]",
        b"[-1e999]",
        b"\xff",
        b'"\xed\xa0\x80"',
        b"9" * 5000,
        b"[" * 65 + b"]" * 65,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[1,]",
        b"'a'",
    ],
)
def test_what_is_not_strict_json_is_refused(body):
    with pytest.raises(Unfit) as caught:
        read_json(body)
    assert caught.value.reason is Reason.NOT_JSON


@pytest.mark.parametrize("body", [b"", b" \n "])
def test_nothing_is_told_from_bad_json(body):
    with pytest.raises(Unfit) as caught:
        read_json(body)
    assert caught.value.reason is Reason.EMPTY


def test_brackets_in_text_are_no_depth_and_sixty_four_levels_are_read():
    assert read_json(json.dumps("[" * 1000 + '"\\').encode()) == "[" * 1000 + '"\\'
    assert read_json(b"[" * 64 + b"]" * 64)
    assert len(read_json(b"[" + b",".join([b"[1]"] * 1000) + b"]")) == 1000


@given(
    st.lists(st.text('"\\\\[]{}a', max_size=9), min_size=1, max_size=9), st.sampled_from([63, 64])
)
def test_no_text_hides_a_depth_or_makes_one(texts, deep):
    body = f"[{json.dumps(texts)},{'[' * deep}{']' * deep},{json.dumps(texts * 40)}]".encode()
    if deep > 63:
        with pytest.raises(Unfit, match="deeper than 64"):
            read_json(body)
    else:
        assert read_json(body) == json.loads(body)


@given(st.integers(1, 130), st.integers(0, 70), st.booleans())
def test_what_counts_is_how_deep_the_deepest_is(deep, beside, is_object):
    opens, closes = ('{"[":', "}") if is_object else ("[", "]")
    body = f"[{opens * (deep - 1)}0{closes * (deep - 1)}{',[]' * beside}]".encode()
    if deep > 64:
        with pytest.raises(Unfit, match="deeper than 64"):
            read_json(body)
    else:
        assert read_json(body) == json.loads(body)


def test_a_lone_half_of_a_character_becomes_the_replacement():
    value = read_json(rb'{"a": "x\ud83d", "b": "\ud83d\ude00", "\udc00": 1}')
    assert value == {"a": "x\ufffd", "b": "😀", "\ufffd": 1}


@given(VALUES)
def test_what_is_sent_comes_back_the_same(value):
    assert json.loads(encode({"v": value})) == {"v": value}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", object()])
def test_what_json_cannot_hold_is_not_sent(value):
    with pytest.raises((ValueError, TypeError)):
        encode({"v": value})


@pytest.mark.parametrize(
    "read",
    [
        lambda: record([1]),
        lambda: items({"a": "x"}, "a"),
        lambda: items({}, "a"),
        lambda: text({"a": 1}, "a"),
        lambda: integer(True, "a"),
        lambda: integer(1.0, "a"),
        lambda: integer("1", "a"),
        lambda: integer(2**63, "a"),
        lambda: optional_integer({"a": []}, "a"),
    ],
)
def test_a_field_of_another_kind_is_named(read):
    with pytest.raises(Unfit, match="is not a") as caught:
        read()
    assert caught.value.reason is Reason.WRONG_SHAPE


def test_an_absent_number_is_none_and_not_zero():
    assert optional_integer({}, "a") is None
    assert optional_integer({"a": None}, "a") is None
    assert optional_integer({"a": 0}, "a") == 0
