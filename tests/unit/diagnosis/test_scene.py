import math

import numpy as np
import pytest

from lib.diagnosis import Context, Curve, How, points
from lib.diagnosis.scene import Scene, last, trailing
from tests.unit.diagnosis.beside import beside
from tests.unit.diagnosis.busy import after, busy

USAGE = Curve("kv_usage", How.MAX)
RUNNING = Curve("running", How.GAUGE)
T = 1_200


def scene(**otherwise):
    return Scene(busy(**otherwise), Context())


def test_before_an_onset_is_the_median_and_how_far_values_are_from_it():
    one = scene(running=after(T, 30, lambda t: 8 + t // 5 % 3))
    base = one.before(RUNNING, T)
    assert base.median == pytest.approx(9, abs=0.2)
    assert base.deviation <= 1
    assert base.is_left_by(30)
    assert not base.is_left_by(10)


def test_before_is_not_known_where_too_little_was_seen():
    assert scene().before(RUNNING, 100.0) is None
    assert scene(silent=range(600)).before(RUNNING, 650.0) is None


def test_only_half_an_hour_counts_as_before():
    one = scene(seconds=5_000, running=lambda t: np.where(t < 3_000, 40, 8))
    assert one.before(RUNNING, 4_990).median == 8


def test_a_change_is_dated_by_its_first_moment_and_measured_by_what_was_before():
    change = scene(running=after(T, 30, 10)).changed(RUNNING, times=2.0)
    assert change.since == pytest.approx(T, abs=5)
    assert (change.base.median, change.now) == (10, 30)
    down = scene(running=after(T, 4, 10)).changed(RUNNING, by=-5)
    assert (down.since, down.now) == (pytest.approx(T, abs=5), 4)


@pytest.mark.parametrize(
    "running",
    [
        after(T, 19, 10),
        after(1_820, 30, 10),
        lambda t: np.where((t > T) & (t < 1_500), 30, 10),
        lambda t: 10 + 20 * (t // 60 % 2),
        10,
    ],
)
def test_what_is_small_young_over_or_usual_is_no_change(running):
    assert scene(running=running).changed(RUNNING, times=2.0) is None


def test_a_change_within_what_is_usual_is_none():
    noise = np.random.default_rng(3).exponential(10, 1_860)
    assert scene(running=lambda t: noise + (t > T) * 7).changed(RUNNING, times=1.5) is None


def test_of_a_window_of_two_minutes_no_change_is_told():
    assert scene(seconds=100, running=after(50, 30, 10)).changed(RUNNING, times=2.0) is None


def test_the_first_crossing_is_looked_for_about_the_onset_and_twice_in_a_row():
    one = scene(running=lambda t: np.where((t > 600) & (t < 700), 30, 0) + (t > T) * 30)
    over = one.curve(RUNNING) > 20
    assert one.crossed(over, T) == pytest.approx(T, abs=10)
    assert one.crossed(over, 650) == pytest.approx(605, abs=5)
    assert one.crossed(over & False, T) is None
    alone = np.zeros(one.grid.size, bool)
    alone[-3] = True
    assert one.crossed(alone, 0) is None


def test_percentiles_and_means_of_a_few_values_are_not_told():
    high = Curve("ttft", How.PERCENTILE, q=0.95, span=60.0)
    assert np.isfinite(scene().curve(high)[-1])
    few = scene(ttft=(0.05, 0.25))
    assert np.isnan(few.curve(high)).all()
    assert np.isfinite(points(high, few.window, few.grid)[-1])


def test_requests_that_wait_for_room_are_told_from_deferred_ones():
    one = scene(waiting=5, waiting_by_reason__capacity=2, waiting_by_reason__deferred=3)
    assert one.queued[-1] == 2
    assert scene(waiting=5, without=("waiting_by_reason",)).queued[-1] == 5


def test_each_engine_is_looked_at_alone_with_what_the_process_tells():
    both = beside(busy(running=8, kv_usage=0.4), engine="1", running=3, kv_usage=0.9, process_cpu=1)
    first, second = Scene(both, Context()).engines
    assert (last(first.usage), last(second.usage)) == (0.4, 0.9)
    assert (last(first.running), last(second.running)) == (8, 3)
    assert first.tells("process_cpu")
    assert second.tells("process_cpu")
    alone = scene()
    assert alone.engines == (alone,)


def test_words_are_what_the_engines_say():
    one = scene(configs=[{"cache_dtype": "auto"}, {"cache_dtype": "fp8"}, {}])
    assert one.words("cache_dtype") == {"auto", "fp8"}


def test_a_label_is_the_least_number_of_the_engines():
    configs = [{"kv_cache_max_concurrency": "4.5"}, {"kv_cache_max_concurrency": "1.5"}]
    assert scene(configs=configs).label("kv_cache_max_concurrency") == 1.5
    for nothing in ({}, {"kv_cache_max_concurrency": "None"}, {"kv_cache_max_concurrency": "inf"}):
        assert scene(configs=[nothing]).label("kv_cache_max_concurrency") is None


def test_resting_is_asleep_or_paused():
    assert not scene().is_resting
    assert scene(sleep_state__awake=0).is_resting
    assert Scene(busy(), Context(paused=True)).is_resting
    assert not scene(without=("sleep_state",)).is_resting


def test_figures_since_a_moment():
    one = scene(running=after(T, 30, 10), preemptions=after(T, 0.5, 0))
    curve = one.curve(RUNNING)
    assert (one.lowest(curve, T + 5), one.highest(curve, 0)) == (30, 30)
    assert one.rate("preemptions", T) == pytest.approx(0.5, rel=0.02)
    assert one.mean("prompt_length", T) == pytest.approx(850, rel=0.1)
    assert one.mean("queue_time", T) is None
    assert math.isnan(one.highest(curve, 1e9))


@pytest.mark.parametrize("since", [0.0, 700.5, T, 1_858.0, 1_859.0, 5_000.0])
def test_growth_since_a_moment_is_that_of_the_window_since_then(since):
    one = scene(preemptions=lambda t: t % 7, silent=[3, *range(1_000, 1_030), 1_500])
    part = one.window.since(since)
    assert one.increase("preemptions", since) == part.increase("preemptions")
    assert one.rate("preemptions", since) == part.rate("preemptions")
    assert one.increase("spec", since) is None


def test_each_curve_is_the_figure_that_it_names():
    one = scene(prefix_hits=500, waiting_by_reason__capacity=3)
    told = {
        Curve("kv_usage", How.GAUGE): (0.6, 0.2),
        Curve("preemptions", How.RATE, span=15.0): (0, 0.01),
        Curve("prompt_tokens", How.RATE, span=60.0): (2_000, 0.02),
        Curve("prefix_hits", How.RATIO, to="prefix_queries", span=60.0): (0.25, 0.05),
        Curve("prompt_tokens_by_source", How.SHARE, part="local_compute", span=60.0): (0.5, 0.05),
        Curve("prompt_length", How.MEAN, span=60.0): (866, 0.05),
        Curve("waiting_by_reason", How.GAUGE, part="capacity"): (3, 0.01),
    }
    for curve, (value, off) in told.items():
        assert last(one.curve(curve)) == pytest.approx(value, rel=off, abs=1e-9), curve
    assert one.curve(USAGE) is one.curve(USAGE)


def test_a_window_shorter_than_a_minute_has_no_trailing_mean():
    assert np.isnan(trailing(np.ones(3), 12)).all()
    assert np.isnan(trailing(np.empty(0), 12)).all()
    assert trailing(np.array([1.0, np.nan, 3.0]), 2)[1:].tolist() == [1.0, 3.0]
