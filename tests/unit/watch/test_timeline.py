import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.metrics import Grid, Series, gauge_curve, rate_curve
from lib.watch.block import Block
from lib.watch.timeline import ascending, window_of
from tests.support.ticks import OTHER_LAYOUT, START, tick, ticks

TOKENS = Series("generation_tokens", "m", "0")


def window(rows, start=START, end=START + 10_000.0):
    return window_of(Block.of(rows), start=start, end=end, period=1.0)


def test_rows_keep_their_order_and_failures_are_gaps():
    found = window([tick(0), tick(1, failed=True), tick(2)])
    assert found.times.tolist() == [START, START + 1, START + 2]
    assert found.answered.tolist() == [True, False, True]
    assert found.lows is found.values


def test_both_ends_of_the_span_belong_to_it():
    assert len(window(ticks(10), START + 2, START + 5)) == 4


def test_nothing_known_is_an_empty_window():
    found = window([])
    assert len(found) == 0
    assert found.layout.series == ()


def test_layouts_are_joined_by_series():
    found = window([tick(0), tick(1, of=OTHER_LAYOUT)])
    column = found.layout.column[Series("running", "n", "0")]
    assert np.isnan(found.values[0, column])
    assert np.isfinite(found.values[1, column])
    assert found.values[1, found.layout.column[TOKENS]] == 10.0


def test_minutes_before_seconds_have_extremes_and_seconds_their_own_values():
    (minutes,) = (block.by_minute() for block in Block.of(ticks(120)))
    (seconds,) = Block.of(ticks(5, first=120))
    found = window_of([minutes, seconds], start=START, end=START + 200, period=60.0)
    running = found.layout.column[Series("running", "m", "0")]
    assert len(found) == 7
    assert found.lows[0, running] < found.values[0, running] < found.highs[0, running]
    assert found.lows[-1, running] == found.highs[-1, running] == found.values[-1, running]
    assert found.increase("generation_tokens") == 124 * 10.0 - 59 * 10.0


def test_a_rate_over_minutes_is_right_beside_one_that_ended_in_failures():
    (minutes,) = (
        block.by_minute() for block in Block.of([tick(i, failed=90 <= i < 120) for i in range(240)])
    )
    found = window_of([minutes], start=START, end=START + 240, period=60.0)
    rates = rate_curve(found, Grid(START + 120, 60.0, 3), 60.0, "generation_tokens")
    assert rates.tolist() == [10.0, 10.0, 10.0]


def test_a_mean_over_minutes_and_seconds_is_that_of_the_answers():
    rows = [tick(i, failed=90 <= i < 110) for i in range(185)]
    seconds = window_of(Block.of(rows), start=START, end=START + 240, period=1.0)
    minutes = [*(b.by_minute() for b in Block.of(rows[:180])), *Block.of(rows[180:])]
    found = window_of(minutes, start=START, end=START + 240, period=60.0)
    grid = Grid(START + 184, 185.0, 1)
    assert gauge_curve(found, grid, "running") == pytest.approx(
        gauge_curve(seconds, grid, "running")
    )


def test_after_the_clock_went_back_the_new_hour_replaces_the_old():
    before = ticks(100)
    after = [tick(100 + i, at=START + 40 + i) for i in range(30)]
    found = window([*before, *after])
    assert found.times.tolist() == [START + i for i in range(70)]
    tokens = found.values[:, found.layout.column[TOKENS]]
    assert tokens[39] == 390.0
    assert tokens[40] == 1000.0
    assert (found.growth("generation_tokens")[1:] >= 0).all()


def test_a_clock_that_jumps_ahead_and_back_leaves_no_negative_step():
    ahead = [tick(10 + i, at=START + 3600 + i) for i in range(5)]
    found = window([*ticks(10), *ahead, *ticks(10, first=15)])
    assert found.times.tolist() == [START + i for i in (*range(10), *range(15, 25))]


@given(st.lists(st.floats(0, 1e9)))
def test_what_is_kept_ascends_and_ends_with_the_last(times):
    kept = np.array(times)[ascending(np.array(times))]
    assert (np.diff(kept) > 0).all()
    assert not times or kept[-1] == times[-1]


@given(st.lists(st.floats(0, 1e9), unique=True))
def test_ascending_times_are_all_kept(times):
    assert ascending(np.array(sorted(times))).all()
