import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.diagnosis.attainment import attainment, attainment_curve, burn, shares
from lib.metrics import Grid, percentiles
from tests.unit.diagnosis.invented import window_of

EDGES = np.array([0.1, 0.25, 0.5, 1.0, math.inf])
values = st.lists(st.floats(0.001, 2.0), min_size=1, max_size=40).map(np.array)
targets = st.one_of(st.sampled_from([0.1, 0.25, 0.5, 1.0]), st.floats(0.01, 3.0))


def counted(seen):
    """Cumulative counts of these values."""
    return (seen[:, None] <= EDGES).sum(axis=0).astype(float)


@given(values, targets)
def test_the_true_share_lies_between_the_bounds(seen, target):
    found = shares(target, EDGES, counted(seen))
    truth = np.mean(seen <= target)
    assert found.low <= truth <= found.high
    assert found.low <= found.point <= found.high
    assert found.n == len(seen)


@given(values, st.sampled_from([0.1, 0.25, 0.5, 1.0]))
def test_at_an_edge_the_share_is_exact(seen, target):
    found = shares(target, EDGES, counted(seen))
    assert found.low == found.point == found.high == np.mean(seen <= target)


@given(values, targets, targets)
def test_a_wider_target_is_never_met_less(seen, one, other):
    near, far = (shares(target, EDGES, counted(seen)) for target in sorted((one, other)))
    assert near.low <= far.low
    assert near.point <= far.point + 1e-12
    assert near.high <= far.high


@given(values, st.floats(0.05, 0.95))
def test_it_is_the_percentile_the_other_way_round(seen, q):
    cumulative = counted(seen)
    at = percentiles(q, EDGES, cumulative)
    if math.isfinite(at.high):
        assert shares(float(at.value), EDGES, cumulative).point == pytest.approx(q, abs=1e-9)


def growing(bounds, *, seconds=400, silent=()):
    """A histogram whose buckets fill at these rates a second (not cumulative)."""
    steps = np.cumsum(bounds)
    figures = {
        ("ttft", f"le={edge!r}"): (lambda t, step=step: step * t)
        for edge, step in zip(EDGES.tolist(), steps.tolist(), strict=True)
    }
    return window_of(figures, seconds=seconds, silent=silent)


def test_a_windows_share_has_the_bucket_that_the_target_is_in():
    window = growing([5, 3, 1, 1, 0])
    found = attainment(window, "ttft", 0.4)
    assert (found.low, found.high) == (0.8, 0.9)
    assert found.point == pytest.approx(0.8 + 0.1 * 0.15 / 0.25)
    assert found.n == 10 * 399
    assert found.edges == (0.25, 0.5)
    assert attainment(window, "ttft", 0.05).edges == (0.0, 0.1)
    assert attainment(window, "ttft", 0.5).edges == (0.5, 0.5)


def test_beyond_the_last_edge_only_the_least_is_known():
    found = attainment(growing([5, 3, 1, 0, 1]), "ttft", 30.0)
    assert (found.low, found.point, found.high) == (0.9, 0.9, 1.0)
    assert found.edges == (1.0, math.inf)


def test_nothing_counted_is_no_share_and_not_reported_is_none():
    still = attainment(growing([0, 0, 0, 0, 0]), "ttft", 0.4)
    assert math.isnan(still.point)
    assert still.n == 0
    assert attainment(growing([1, 1, 1, 1, 1]), "e2e", 0.4) is None
    assert attainment(growing([1, 1, 1, 1, 1], seconds=0), "ttft", 0.4) is None


def test_over_time_a_silent_server_is_a_gap():
    window = growing([5, 3, 1, 1, 0], silent=range(100, 200))
    grid = Grid.within(0.0, 399.0, 20.0)
    curve = attainment_curve(window, grid, 20.0, "ttft", 0.5)
    gone = (grid.moments >= 120) & (grid.moments <= 200)
    assert np.isnan(curve.point[gone]).all()
    assert curve.point[~gone] == pytest.approx(0.9)
    none = attainment_curve(window, grid, 20.0, "e2e", 0.5)
    assert np.isnan(none.point).all()
    assert not none.n.any()


def test_the_burn_is_the_share_of_slow_ones_over_the_allowed():
    five, hour = burn(growing([5, 3, 1, 1, 0], seconds=4_000), "ttft", 0.5, 0.99)
    assert (five.span, hour.span) == (300.0, 3_600.0)
    assert five.rate == hour.rate == pytest.approx(10.0)
    assert hour.seen == 3_600.0
    inside = burn(growing([5, 3, 1, 1, 0]), "ttft", 0.4, 0.9)[0]
    assert (inside.low, inside.high) == pytest.approx((1.0, 2.0))
    assert inside.low < inside.rate < inside.high


def test_the_burn_of_a_part_says_how_much_was_seen():
    five, hour = burn(growing([1, 0, 0, 0, 0]), "ttft", 0.5, 0.99)
    assert (five.seen, hour.seen) == (300.0, 399.0)
    assert five.rate == 0.0
    nothing = burn(growing([1, 0, 0, 0, 0]), "e2e", 0.5, 0.99)[0]
    assert math.isnan(nothing.rate)


@pytest.mark.parametrize("goal", [0.0, 1.0, 99.0])
def test_a_goal_is_a_share(goal):
    with pytest.raises(ValueError, match="share"):
        burn(growing([1, 0, 0, 0, 0]), "ttft", 0.5, goal)
