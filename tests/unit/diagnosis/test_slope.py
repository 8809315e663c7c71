import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.diagnosis.slope import LEAST, _variance, slope

MOMENTS = 1.8e9 + 5.0 * np.arange(24)
figures = st.lists(st.integers(-1_000, 1_000), min_size=24, max_size=24).map(np.array)


@given(figures.map(lambda values: values / 7))
@settings(max_examples=60)
def test_the_slope_lies_in_its_interval_and_among_the_slopes_of_pairs(values):
    found = slope(MOMENTS, values)
    steps = np.diff(values) / 5.0
    assert steps.min() - 1e-9 <= found.low <= found.value <= found.high <= steps.max() + 1e-9


@given(figures, st.integers(-50, 50), st.integers(-9, 9))
@settings(max_examples=60)
def test_a_slope_that_is_added_is_found_and_a_shift_changes_nothing(values, shift, added):
    plain = slope(MOMENTS, values * 1.0)
    moved = slope(MOMENTS, values + shift + added * (MOMENTS - MOMENTS[0]) / 8)
    assert moved.value == pytest.approx(plain.value + added / 8, abs=1e-6)


@given(figures)
@settings(max_examples=60)
def test_upside_down_the_interval_is_too(values):
    one, other = slope(MOMENTS, values * 1.0), slope(MOMENTS, values * -1.0)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert (one.rises, one.falls) == (other.falls, other.rises)


def test_a_line_is_found_without_doubt_and_a_level_has_no_slope():
    line = slope(MOMENTS, 0.01 * (MOMENTS - MOMENTS[0]))
    assert (line.value, line.low, line.high) == pytest.approx((0.01, 0.01, 0.01))
    assert line.rises
    level = slope(MOMENTS, np.full(24, 0.7))
    assert tuple(level) == (0.0, 0.0, 0.0)
    assert not level.rises
    assert not level.falls


def test_a_third_of_wild_points_moves_it_little():
    values = 0.01 * (MOMENTS - MOMENTS[0])
    values[[3, 9, 15, 20]] += 40.0
    assert slope(MOMENTS, values).value == pytest.approx(0.01, rel=0.2)


def share(make, truth=0.0):
    """How often the interval misses the truth."""
    found = (slope(MOMENTS, make()) for _ in range(300))
    return np.mean([not one.low <= truth <= one.high for one in found])


def autoregressive(rng, memory):
    values = np.zeros(64)
    for n in range(1, 64):
        values[n] = memory * values[n - 1] + rng.normal()
    return values[-24:]


@pytest.mark.parametrize(("memory", "most"), [(0.0, 0.14), (0.5, 0.17), (0.8, 0.25)])
def test_noise_is_taken_for_a_slope_about_as_often_as_said(memory, most):
    rng = np.random.default_rng(7)
    assert share(lambda: autoregressive(rng, memory)) < most
    line = 0.05 * (MOMENTS - MOMENTS[0])
    assert share(lambda: line + autoregressive(rng, memory), 0.05) < most


def test_a_wandering_gauge_is_mostly_not_taken_for_a_rise():
    rng = np.random.default_rng(7)
    assert share(lambda: np.cumsum(rng.normal(size=24))) < 0.4


def test_a_clear_rise_is_found_through_noise_and_steps():
    rng = np.random.default_rng(7)
    rise = 0.002 * (MOMENTS - MOMENTS[0])
    found = [slope(MOMENTS, rise + rng.normal(scale=0.02, size=24)).rises for _ in range(100)]
    assert np.mean(found) > 0.95
    assert slope(MOMENTS, np.floor((MOMENTS - MOMENTS[0]) / 30)).rises


def test_gaps_are_left_out_and_too_few_points_say_nothing():
    values = 0.01 * (MOMENTS - MOMENTS[0])
    holes = np.where(np.arange(24) % 2 == 0, values, np.nan)
    assert slope(MOMENTS, holes).value == pytest.approx(0.01)
    assert slope(MOMENTS, np.where(np.arange(24) < LEAST, values, np.nan)) is not None
    assert slope(MOMENTS, np.where(np.arange(24) < LEAST - 1, values, np.nan)) is None


@pytest.mark.parametrize(
    ("values", "variance"), [([1, 2, 3, 4], 26 / 3), ([1, 1, 2, 3], 23 / 3), ([5, 5, 5], 0.0)]
)
def test_points_that_are_equal_say_less_of_an_order(values, variance):
    assert _variance(np.array(values, float)) == pytest.approx(variance)
