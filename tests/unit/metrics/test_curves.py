import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.metrics import (
    Grid,
    Layout,
    Series,
    Spread,
    Window,
    gauge_curve,
    percentile_curve,
    rate_curve,
    ratio_curve,
)
from tests.unit.metrics.scrapes import window_of

RUNNING = Series("running", "m", "0")
TOKENS = Series("generation_tokens", "m", "0")
FIGURES = st.lists(st.none() | st.integers(0, 9).map(float), min_size=2, max_size=60)


def test_a_grid_is_the_same_whoever_asks():
    early, late = Grid.within(0.5, 20.0, 3.0), Grid.within(4.0, 23.9, 3.0)
    assert early.moments.tolist() == [3.0, 6.0, 9.0, 12.0, 15.0, 18.0]
    assert set(late.moments[:4]) <= set(early.moments)


@given(FIGURES, st.sampled_from([1.0, 3.0, 5.0]))
def test_a_gauge_is_the_mean_of_its_step(values, step):
    window = window_of({RUNNING: values})
    grid = Grid.within(-1.0, float(len(values) - 1), step)
    found = gauge_curve(window, grid, "running")
    for moment, value in zip(grid.moments, found, strict=True):
        inside = [v for t, v in enumerate(values) if v is not None and moment - step < t <= moment]
        assert value == pytest.approx(
            sum(inside) / len(inside) if inside else math.nan, nan_ok=True
        )


@given(FIGURES, st.sampled_from([1.0, 3.0]))
def test_a_maximum_is_the_greatest_of_its_step(values, step):
    window = window_of({RUNNING: values})
    grid = Grid.within(-1.0, float(len(values) - 1), step)
    for moment, value in zip(
        grid.moments, gauge_curve(window, grid, "running", how="max"), strict=True
    ):
        inside = [v for t, v in enumerate(values) if v is not None and moment - step < t <= moment]
        assert value == pytest.approx(max(inside, default=math.nan), nan_ok=True)


@given(
    st.lists(st.integers(0, 50), min_size=2, max_size=60),
    st.sampled_from([1.0, 4.0]),
    st.integers(1, 10),
)
def test_a_rate_is_growth_over_time(steps, step, span):
    totals = np.cumsum(steps).astype(float).tolist()
    window = window_of({TOKENS: totals})
    grid = Grid.within(0.0, float(len(steps) - 1), step)
    for moment, value in zip(
        grid.moments, rate_curve(window, grid, float(span), "generation_tokens"), strict=True
    ):
        first = max(0, int(moment) - max(span, int(step)))
        assert value == pytest.approx((totals[int(moment)] - totals[first]) / (int(moment) - first))


def test_a_gap_has_no_rate_and_no_value():
    window = window_of(
        {
            TOKENS: [0.0, 5.0, None, None, None, 50.0, 52.0],
            RUNNING: [1.0, 1.0, None, None, None, 2.0, 2.0],
        }
    )
    grid = Grid.within(0.0, 6.0, 1.0)
    rates = rate_curve(window, grid, 3.0, "generation_tokens")
    assert rates.tolist() == pytest.approx([5.0, *[math.nan] * 4, 2.0], nan_ok=True)
    assert np.isnan(gauge_curve(window, grid, "running")).tolist() == [
        False,
        True,
        True,
        True,
        False,
        False,
    ]


def test_a_late_scrape_makes_no_hole_and_a_failed_one_does():
    times = [0.98, 2.02, 3.0, 4.0, 8.0]
    window = window_of({RUNNING: [1.0, 2.0, None, 4.0, 8.0]}, times=times)
    found = gauge_curve(window, Grid.within(0.0, 9.0, 1.0), "running")
    expected = [1.0, 1.0, 2.0, 4.0, 4.0, 4.0, math.nan, 8.0, 8.0]
    assert found.tolist() == pytest.approx(expected, nan_ok=True)
    assert gauge_curve(window, Grid(2.0, 1.0, 1), "running", how="max").tolist() == [1.0]


def test_a_row_stands_until_the_next_where_the_period_is_longer_than_a_step():
    window = window_of({RUNNING: [1.0, 2.0], TOKENS: [0.0, 50.0]}, times=[0.0, 5.1], period=5.0)
    grid = Grid.within(0.0, 20.0, 1.0)
    running = gauge_curve(window, grid, "running").tolist()
    assert running == pytest.approx([1.0] * 5 + [2.0] * 12 + [math.nan] * 3, nan_ok=True)
    rates = rate_curve(window, grid, 5.0, "generation_tokens")[5:17]
    assert rates == pytest.approx(50 / 5.1)


def minutes(rows, answers, *, times):
    """A window of minutes of `running`, lowest and highest one below and above."""
    values = np.array([[math.nan if row is None else row] for row in rows])
    return Window(
        Layout([RUNNING]),
        np.array(times),
        values,
        start=0.0,
        end=times[-1],
        period=60.0,
        spread=Spread(values - 1, values + 1, np.array(answers, float)),
    )


def test_a_mean_weighs_a_minute_by_its_answers():
    window = minutes([1.0, 5.0, 5.0], [60, 1, 1], times=[59.0, 60.0, 61.0])
    assert gauge_curve(window, Grid(120.0, 120.0, 1), "running").tolist() == [70 / 62]
    assert gauge_curve(window.since(60.0), Grid(120.0, 120.0, 1), "running").tolist() == [5.0]
    assert gauge_curve(window, Grid(120.0, 120.0, 1), "running", how="max").tolist() == [6.0]


def test_a_minute_that_is_missing_is_a_hole():
    window = minutes([1.0, 2.0], [60, 60], times=[59.0, 179.0])
    found = gauge_curve(window, Grid(60.0, 60.0, 3), "running").tolist()
    assert found == pytest.approx([1.0, math.nan, 2.0], nan_ok=True)


def test_no_ratio_and_no_percentile_is_drawn_into_a_gap():
    columns = {
        Series("prefix_hits", "m", "0"): [0.0, 1.0, None, 3.0],
        Series("prefix_queries", "m", "0"): [0.0, 2.0, None, 4.0],
        Series("ttft", "m", "0", "le=0.1"): [0.0, 1.0, None, 3.0],
        Series("ttft", "m", "0", "le=inf"): [0.0, 2.0, None, 4.0],
        Series("ttft", "m", "0", "sum"): [0.0, 0.2, None, 0.4],
    }
    window, grid = window_of(columns), Grid(1.0, 1.0, 3)
    ratios = ratio_curve(window, grid, 9.0, "prefix_hits", "prefix_queries")
    assert np.isnan(ratios).tolist() == [False, True, False]
    assert percentile_curve(window, grid, 9.0, "ttft", 0.5).count.tolist() == [2.0, 0.0, 4.0]


def test_an_engine_that_comes_back_makes_no_peak():
    other = Series("generation_tokens", "m", "1")
    window = window_of(
        {
            TOKENS: [10.0 * t for t in range(9)],
            other: [0.0, 10.0, *[None] * 5, 70.0, 80.0],
        }
    )
    grid = Grid.within(0.0, 8.0, 1.0)
    expected = [20.0, *[10.0] * 5, math.nan, 20.0]
    rates = rate_curve(window, grid, 1.0, "generation_tokens")
    assert rates.tolist() == pytest.approx(expected, nan_ok=True)
    assert window.increase("generation_tokens") == 160.0


def test_no_percentile_or_ratio_counts_what_came_while_its_series_was_away():
    away = {
        Series("ttft", "m", "0", "le=0.1"): [0.0, None, None, 90.0, 91.0],
        Series("ttft", "m", "0", "le=inf"): [0.0, None, None, 99.0, 101.0],
        Series("ttft", "m", "0", "sum"): [0.0, None, None, 50.0, 53.0],
        Series("prefix_hits", "m", "0"): [0.0, None, None, 9.0, 10.0],
        Series("prefix_queries", "m", "0"): [0.0, 1.0, 2.0, 3.0, 5.0],
        RUNNING: [1.0] * 5,
    }
    window, grid = window_of(away), Grid(4.0, 1.0, 1)
    assert percentile_curve(window, grid, 4.0, "ttft", 0.5).count.tolist() == [2.0]
    assert ratio_curve(window, grid, 4.0, "prefix_hits", "prefix_queries").tolist() == [0.5]
    assert window.percentile("ttft", 0.5).count == 101.0


def test_a_ratio_rests_with_what_it_divides_by():
    window = window_of(
        {
            Series("prefix_hits", "m", "0"): [0.0, 3.0, 3.0],
            Series("prefix_queries", "m", "0"): [0.0, 4.0, 4.0],
        }
    )
    found = ratio_curve(window, Grid.within(0.0, 2.0, 1.0), 1.0, "prefix_hits", "prefix_queries")
    assert found.tolist() == pytest.approx([0.75, math.nan], nan_ok=True)


def test_percentiles_look_back_over_their_span_only():
    window = window_of(
        {
            Series("ttft", "m", "0", "le=0.1"): [5.0, 6.0, 6.0, 6.0],
            Series("ttft", "m", "0", "le=inf"): [5.0, 6.0, 8.0, 8.0],
            Series("ttft", "m", "0", "sum"): [0.0, 0.1, 9.1, 9.1],
        }
    )
    grid = Grid.within(0.0, 3.0, 1.0)
    found = percentile_curve(window, grid, 1.0, "ttft", 0.5)
    assert found.value.tolist() == pytest.approx([0.05, 0.1, math.nan], nan_ok=True)
    assert found.count.tolist() == [1.0, 2.0, 0.0]
    assert percentile_curve(window, grid, 3.0, "ttft", 0.5).count.tolist() == [1.0, 3.0, 3.0]


def test_what_is_not_reported_is_no_curve():
    window = window_of({RUNNING: [1.0, 1.0]})
    found = percentile_curve(window, Grid.within(0.0, 1.0, 1.0), 1.0, "ttft", 0.5)
    assert np.isnan(found.value).all()
    assert found.count.tolist() == [0.0]


def test_a_curve_does_not_depend_on_where_its_window_begins():
    values = [float(v) for v in np.random.default_rng(1).integers(0, 9, 120).cumsum()]
    window = window_of({TOKENS: values})
    whole, tail = Grid.within(60.0, 119.0, 3.0), window.since(80.0)
    late = Grid.within(100.0, 119.0, 3.0)
    full = dict(
        zip(whole.moments, rate_curve(window, whole, 9.0, "generation_tokens"), strict=True)
    )
    part = rate_curve(tail, late, 9.0, "generation_tokens")
    assert part.tolist() == pytest.approx([full[moment] for moment in late.moments])


@pytest.mark.parametrize(
    ("end", "moments"), [(9.9, []), (10.0, [10.0]), (14.9, [10.0, 12.0, 14.0]), (-5.0, [])]
)
def test_a_grid_goes_on_where_the_last_one_ended(end, moments):
    grid = Grid.closed(10.0, end, 2.0)
    assert grid.moments.tolist() == moments
    assert grid.following == 10.0 + 2.0 * len(moments)
