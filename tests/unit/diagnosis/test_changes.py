import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.diagnosis.changes import (
    SLICES,
    Side,
    Verdict,
    differences,
    is_restarted,
    shifts,
    slices,
)
from lib.diagnosis.measures import MEASURES, PARTS, measures_of
from lib.metrics import BY_NAME, Layout, Series, Window
from tests.unit.diagnosis.invented import window_of

ONSET, SPAN = 900, 600
EDGES = (0.1, 0.25, 0.5, 1.0, math.inf)


def steps(before, after, *, at=ONSET):
    return lambda t: before if t < at else after


def counter(rate_before, rate_after, *, at=ONSET):
    return lambda t: rate_before * min(t, at) + rate_after * max(0.0, t - at)


def histogram(name, seconds_before, seconds_after, *, per_second=2.0, at=ONSET):
    """Cumulative buckets of values that all equal one figure, then another."""

    def bucket(edge):
        def count(t):
            told = per_second * min(t, at) if seconds_before <= edge else 0.0
            return told + (per_second * max(0.0, t - at) if seconds_after <= edge else 0.0)

        return count

    found = {(name, f"le={edge:g}"): bucket(edge) for edge in EDGES}
    sums = counter(per_second * seconds_before, per_second * seconds_after, at=at)
    return found | {(name, "sum"): sums}


def changed(figures, *, seconds=ONSET + SPAN, silent=(), whole=True):
    window = window_of(figures, seconds=seconds, silent=silent)
    before, after = window.since(ONSET - SPAN, ONSET), window.since(ONSET, ONSET + SPAN)
    between = window.since(ONSET, ONSET + SPAN) if whole else None
    return {one.measure.name: one for one in shifts(before, after, whole=between)}


# ── Figures ──


def test_a_figure_that_moved_is_changed_since_it_left_its_range():
    shift = changed({"waiting": lambda t: 0.0 if t < 1_000 else 20.0})["waiting"]
    assert shift.verdict is Verdict.CHANGED
    assert (shift.before.middle, shift.after.middle) == (0.0, 20.0)
    assert shift.since == pytest.approx(1_000, abs=15)
    assert shift.times is None


def test_a_figure_that_fell_is_changed_since_it_fell():
    def falls(t):
        return 60.0 if t < 1_000 or 1_100 < t < 1_110 else 2.0

    shift = changed({"running": lambda t: 20.0 if t < ONSET else falls(t)})["running"]
    assert (shift.verdict, shift.times) == (Verdict.CHANGED, 0.1)
    assert shift.since == pytest.approx(1_000, abs=15)


def test_a_rate_is_the_mean_so_that_bursts_count():
    bursts = {"preemptions": lambda t: 0.0 if t < ONSET else 30.0 * ((t - ONSET) // 200)}
    shift = changed(bursts)["preemptions"]
    assert shift.verdict is Verdict.CHANGED
    assert shift.after.middle == pytest.approx(60 / SPAN, rel=0.2)


def test_a_percentile_moves_with_its_bucket_and_tells_how_much_it_counted():
    shift = changed(histogram("ttft", 0.2, 0.7))["ttft_p95"]
    assert shift.verdict is Verdict.CHANGED
    assert 0.1 < shift.before.middle <= 0.25
    assert 0.5 < shift.after.middle <= 1.0
    assert shift.times == pytest.approx(shift.after.middle / shift.before.middle)
    assert shift.after.counted == pytest.approx(2.0 * SPAN, rel=0.02)


@pytest.mark.parametrize(
    ("before", "after"),
    [(10.0, 11.9), (0.0, 0.9), (100.0, 100.0), (4.0, 3.3)],
)
def test_a_small_move_is_as_before(before, after):
    assert changed({"running": steps(before, after)})["running"].verdict is Verdict.STEADY


def test_a_move_within_the_usual_spread_is_as_before():
    def wild(t):
        return 10.0 + 8.0 * math.sin(t / 37.0) + (4.0 if t >= ONSET else 0.0)

    assert changed({"running": wild})["running"].verdict is Verdict.STEADY
    assert changed({"running": lambda t: wild(t) + (30.0 if t >= ONSET else 0.0)})[
        "running"
    ].verdict is (Verdict.CHANGED)


def test_the_changed_come_first_the_largest_on_top_and_down_counts_as_up():
    figures = {
        "waiting": steps(0.0, 50.0),
        "running": steps(8.0, 2.0),
        "kv_usage": steps(0.5, 0.52),
        "generation_tokens": counter(100.0, 150.0),
    }
    found = list(changed(figures).values())
    assert [one.measure.name for one in found] == [
        *("waiting", "running", "generation_rate", "kv_usage")
    ]
    assert found[1].size == pytest.approx(math.log2(9 / 3))


def test_few_readings_say_nothing():
    figures = {"waiting": steps(0.0, 50.0)}
    silent = range(ONSET + 100, ONSET + SPAN)
    assert changed(figures, silent=silent)["waiting"].verdict is Verdict.FEW


def test_what_is_reported_on_one_side_only_is_new_or_gone():
    born = changed({"waiting": 1.0, "rejections": lambda t: math.nan if t < ONSET else t})
    assert born["rejections"].verdict is Verdict.NEW
    dead = changed({"waiting": 1.0, "swapped": lambda t: math.nan if t > ONSET else 1.0})
    assert dead["swapped"].verdict is Verdict.GONE
    assert born["rejections"].size == 0.0


def test_two_servers_have_no_moment_of_crossing():
    assert changed({"waiting": steps(0.0, 50.0)}, whole=False)["waiting"].since is None


def test_a_slice_holds_nothing_of_another():
    window = window_of({"generation_tokens": counter(0.0, 7.0)}, seconds=ONSET + SPAN)
    (measure,) = [one for one in MEASURES if one.name == "generation_rate"]
    after = slices(measure, window.since(ONSET, ONSET + SPAN))
    assert len(after) == SLICES
    assert np.allclose(after, 7.0)


def test_by_the_minute_the_slices_are_no_shorter_than_a_minute():
    window = window_of({"running": steps(4.0, 40.0)}, seconds=ONSET + SPAN, period=60.0)
    (shift,) = shifts(window.since(300, ONSET - 1), window.since(ONSET, ONSET + SPAN))
    assert shift.verdict is Verdict.CHANGED
    assert shift.after.slices == pytest.approx(10, abs=1)


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0, 100), st.floats(0, 100), st.sampled_from([0.0, 0.5, 5.0]), st.integers(0, 1_000)
)
def test_a_change_there_is_one_back(before, after, noise, seed):
    generator = np.random.default_rng(seed)
    jitter = generator.normal(0.0, noise, ONSET + SPAN)
    there = changed({"waiting": lambda t: steps(before, after)(t) + jitter[int(t)]})["waiting"]
    back = changed({"waiting": lambda t: steps(after, before)(t) + jitter[int(t)]})["waiting"]
    assert there.size == pytest.approx(back.size, abs=1.0)
    if there.verdict is Verdict.CHANGED:
        assert abs(there.after.middle - there.before.middle) >= 1.0
        assert there.since is None or ONSET <= there.since <= ONSET + SPAN


def test_noise_alone_is_hardly_ever_a_change():
    found = 0
    for seed in range(60):
        jitter = np.random.default_rng(seed).normal(20.0, 6.0, ONSET + SPAN)
        shift = changed({"waiting": lambda t, jitter=jitter: jitter[int(t)]})["waiting"]
        found += shift.verdict is Verdict.CHANGED
    assert found == 0


def test_empty_windows_have_no_figures():
    nothing = Window(Layout(()), np.empty(0), np.empty((0, 0)), start=0, end=600, period=1.0)
    assert shifts(nothing, nothing) == ()
    assert is_restarted(nothing, nothing) is None
    told = window_of({"waiting": 1.0}, seconds=600)
    (shift,) = shifts(nothing, told)
    assert shift.verdict is Verdict.NEW
    assert shift.before == Side(None, None, 0, None)


# ── The table ──


def test_every_figure_names_what_it_is_read_from():
    names = [one.name for one in MEASURES]
    assert len(set(names)) == len(names)
    for one in MEASURES:
        assert one.curve.quantity in BY_NAME
        assert not one.curve.to or one.curve.to in BY_NAME
        assert one.least > 0
        assert BY_NAME[one.curve.quantity].source in one.source


def test_figures_with_parts_are_one_for_each_and_not_without_end():
    few = Layout([Series("finished", "m", "0", part) for part in ("stop", "length")])
    assert [one.label for one in measures_of([few])] == [
        *("Requests finished", "Finished by length", "Finished by stop")
    ]
    many = Layout([Series("finished", "m", "0", f"p{n}") for n in range(100)])
    assert len(measures_of([many])) == PARTS + 1
    assert measures_of([]) == ()


def test_shares_of_reasons_are_told_from_their_number():
    figures = {
        ("finished", "stop"): counter(2.0, 2.0),
        ("finished", "length"): counter(0.0, 2.0),
    }
    found = changed(figures)
    assert found["reason_length"].after.middle == pytest.approx(0.5, abs=0.02)
    assert found["reason_stop"].times == pytest.approx(0.5, abs=0.02)
    assert found["finished"].times == pytest.approx(2.0, rel=0.02)


# ── What it runs ──


def layout(*models, **labels):
    return Layout([Series("running", model, "0") for model in models], [labels] if labels else [])


def test_what_differs_comes_before_what_is_the_same():
    then = layout("a", block_size="16", cache_dtype="auto", gone="x")
    now = layout("a", "b", block_size="16", cache_dtype="fp8", new="y")
    found = [(one.name, one.then, one.now) for one in differences(then, now) if not one.is_same]
    assert found == [
        *(("models", "a", "a, b"), ("cache_dtype", "auto", "fp8")),
        *(("gone", "x", ""), ("new", "", "y")),
    ]
    assert [one.name for one in differences(then, now) if one.is_same] == ["block_size"]
    assert all(one.is_same for one in differences(now, now))


def test_engines_that_differ_show_each_value():
    both = Layout([], [{"num_gpu_blocks": "10"}, {"num_gpu_blocks": "12"}, {}])
    (found,) = [one for one in differences(both, both) if one.name == "num_gpu_blocks"]
    assert found.then == "10, 12"


def test_another_start_is_a_restart():
    for first, second in itertools.product((5.0, 5.4, 700.0), repeat=2):
        windows = [window_of({"process_start": one}, seconds=10) for one in (first, second)]
        assert is_restarted(*windows) is (abs(first - second) > 1.0)
    nothing = window_of({"waiting": 0.0}, seconds=10)
    assert is_restarted(nothing, nothing) is None
