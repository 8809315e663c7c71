import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.diagnosis.forecast import between, forecasts
from tests.unit.diagnosis.invented import window_of

QUIET = {
    "kv_usage": 0.6,
    "waiting": 0.0,
    "running": 8.0,
    "finished": lambda t: 2.0 * t,
    "preemptions": 0.0,
}


def made(seconds=300, silent=(), without=(), **figures):
    known = {name: one for name, one in (QUIET | figures).items() if name not in without}
    window = window_of(known, seconds=seconds, silent=silent)
    cache, queue, drain, wait, oldest = forecasts(window)
    return {"cache": cache, "queue": queue, "drain": drain, "wait": wait, "oldest": oldest}


# ── The cache ──


def test_the_time_to_a_full_cache_is_what_is_left_over_the_slope():
    cache = made(kv_usage=lambda t: 0.6 + 0.0005 * t)["cache"]
    left = 1 - (0.6 + 0.0005 * 299)
    assert cache.value == pytest.approx(left / 0.0005, rel=0.02)
    assert cache.low <= cache.value <= cache.high
    assert (cache.words, cache.unit) == ("8.3 – 8.4 min", "s")
    assert "vllm:kv_cache_usage_perc" in cache.how
    assert "+3.0 points / min" in cache.how


def test_a_noisy_rise_is_a_range():
    rng = np.random.default_rng(3)
    cache = made(kv_usage=lambda t: 0.6 + 0.001 * t + rng.normal(scale=0.02))["cache"]
    assert cache.low < (1 - 0.899) / 0.001 < cache.high
    assert "–" in cache.words


@pytest.mark.parametrize(
    ("usage", "why"),
    [
        (0.7, "no clear rise"),
        (lambda t: 0.7 + 0.1 * math.sin(t), "no clear rise"),
        (lambda t: 0.9 - 0.0005 * t, "it falls"),
        (lambda t: 0.001 * t, "only 30% of it is used"),
        (0.0, "hardly any of it is used"),
        (lambda t: 0.6 + 0.00001 * t, "more than an hour away, if ever"),
    ],
)
def test_what_does_not_rise_has_no_time(usage, why):
    cache = made(kv_usage=usage)["cache"]
    assert (cache.refused, cache.value, cache.words) == (why, None, "")


def test_a_cache_at_its_ceiling_is_not_forecast():
    cache = made(kv_usage=lambda t: min(1.0, 0.6 + 0.002 * t))["cache"]
    assert (cache.words, cache.value, cache.refused) == ("already at the ceiling", 0.0, "")


# ── The queue ──


def test_a_queue_that_grows_does_not_drain():
    found = made(waiting=lambda t: t / 20)
    assert found["queue"].value == pytest.approx(3.0, rel=0.05)
    assert found["queue"].unit == "requests/min"
    assert found["queue"].words.startswith("+3.0 / min")
    assert found["drain"].words == "does not drain"


def test_a_queue_that_shrinks_is_empty_when_the_pace_has_taken_it_away():
    found = made(waiting=lambda t: max(0.0, 100 - t / 4))
    assert found["queue"].value == pytest.approx(-15.0, rel=0.05)
    assert found["drain"].value == pytest.approx((100 - 299 / 4) * 4, rel=0.05)
    assert "\N{MINUS SIGN}15 / min" in found["queue"].words


def test_requests_that_only_move_from_the_queue_into_the_batch_are_not_done():
    found = made(waiting=lambda t: max(0.0, 100 - t / 4), running=lambda t: 8 + t / 4)
    assert found["queue"].value < 0
    assert found["drain"].words == "does not drain"


def test_a_queue_that_only_swings_has_no_trend():
    found = made(waiting=lambda t: 20 + 5 * math.sin(t / 3))
    assert found["queue"].refused.startswith("no clear trend")
    assert found["drain"].refused.startswith("no clear trend")
    assert made(waiting=5.0)["queue"].refused == "level"


def test_nothing_waits_nothing_drains_and_a_new_request_waits_not():
    found = made()
    refused = {found[what].refused for what in ("drain", "oldest", "wait")}
    assert refused == {"nothing waits"}
    assert found["wait"].value is None


def test_a_new_request_waits_for_the_admissions_of_those_before_it():
    found = made(waiting=30.0)["wait"]
    assert found.value == pytest.approx(15.0, rel=0.02)
    assert found.low < 15.0 < found.high
    assert found.words == "14 – 17 s"


def test_whoever_fills_an_empty_seat_was_admitted():
    found = made(waiting=30.0, running=lambda t: t / 10, finished=0.0)["wait"]
    assert found.value == pytest.approx(300.0, rel=0.02)


def test_who_is_preempted_comes_in_again_before_the_new_ones():
    churning = made(waiting=30.0, preemptions=lambda t: 5.0 * t)["wait"]
    assert churning.value == pytest.approx(15.0, rel=0.02)


def test_where_none_is_admitted_there_is_a_least_wait_only():
    found = made(waiting=30.0, finished=7.0)["wait"]
    assert found.value == math.inf
    assert found.high is None
    assert found.words.startswith("more than ")
    assert found.words.endswith(": none was admitted")


# ── The oldest ──


@st.composite
def queues(draw):
    """A first-come queue in time: arrivals, admissions, preemptions, ends in each second."""
    seats = draw(st.integers(1, 6))
    events = draw(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=90, max_size=140))
    return seats, events


@given(queues())
@settings(max_examples=30, deadline=None)
def test_the_oldest_wait_lies_between_its_bounds(queue):
    seats, events = queue
    waiting, running, finished, preempted = [], 0, 0, 0
    rows = []
    for second, (arrive, end, preempt) in enumerate(events):
        done = min(end, running)
        running, finished = running - done, finished + done
        while waiting and running < seats:
            waiting.pop(0)
            running += 1
        pushed = min(preempt, running) if preempt == 3 else 0
        running, preempted = running - pushed, preempted + pushed
        waiting = [second] * pushed + waiting + [second] * arrive
        rows.append((len(waiting), running, finished, preempted))
    names = ("waiting", "running", "finished", "preemptions")
    figures = {n: (lambda t, i=i: rows[int(t)][i]) for i, n in enumerate(names)}
    found = made(seconds=len(rows), **figures)["oldest"]
    if not waiting:
        assert found.refused == "nothing waits"
        return
    truth = len(rows) - 1 - min(waiting)
    assert found.low <= truth
    assert found.high is None or truth <= found.high


def test_a_queue_that_nobody_leaves_is_as_old_as_its_beginning():
    found = made(waiting=lambda t: 5.0 if t >= 100 else 0.0, finished=0.0)["oldest"]
    assert found.value == 199.0
    assert found.high == 200.0
    assert found.words == "at least 3.3 min"


def test_after_a_restart_nobody_has_waited_longer_than_it():
    restarted = made(
        waiting=lambda t: 50.0 if t < 200 else 4.0,
        running=8.0,
        finished=lambda t: 1_000.0 if t < 200 else 1.0,
        process_start=lambda t: 0.0 if t < 200 else 195.0,
    )["oldest"]
    assert restarted.value == 99.0


@pytest.mark.parametrize(("at", "words"), [(270, ""), (200, "3.2 – 5.1 s")])
def test_what_a_restart_took_along_was_not_sent_back_to_the_queue(at, words):
    wait = made(
        waiting=lambda t: 30.0 if t < at else 2.0,
        running=lambda t: 60.0 if t < at else 5.0,
        finished=lambda t: 1_000.0 + 0.5 * t if t < at else 0.5 * (t - at),
        process_start=lambda t: 0.0 if t < at else at - 5.0,
    )["wait"]
    assert wait.words == words
    assert wait.refused == ("" if words else "needs 60 s of readings")


# ── When nothing is said ──


def test_what_is_not_reported_is_named():
    found = made(without=("waiting", "kv_usage"))
    assert found["queue"].refused == "this server does not report vllm:num_requests_waiting"
    assert "vllm:kv_cache_usage_perc" in found["cache"].refused
    assert "request_success_total" in made(without=("finished",))["wait"].refused


@pytest.mark.parametrize(
    ("seconds", "silent", "why"),
    [
        (40, (), "needs 60 s of readings"),
        (300, range(280, 300), "the server has not answered lately"),
        (300, range(300), "the server has not answered lately"),
        (0, (), "the server has not answered lately"),
    ],
)
def test_too_little_or_nothing_lately_is_no_ground(seconds, silent, why):
    for one in made(seconds=seconds, silent=silent, waiting=5.0).values():
        assert one.refused.startswith(why)
        assert (one.value, one.low, one.high, one.words) == (None, None, None, "")


def test_what_is_told_no_more_is_not_forecast_from_what_it_was():
    def told(t):
        return 3.0 if t < 270 else math.nan

    for one in made(waiting=told, running=told, kv_usage=told).values():
        assert one.refused.startswith("this server has not told vllm:")
    shortly = made(waiting=lambda t: 3.0 if t < 290 else math.nan)
    assert shortly["oldest"].refused == "too few readings in the last 2 min"


def test_a_short_silence_changes_little():
    found = made(waiting=lambda t: t / 20, silent=range(220, 240))["queue"]
    assert found.value == pytest.approx(3.0, rel=0.05)


def test_each_says_how_it_was_computed():
    for figures in ({}, {"waiting": lambda t: t / 20}, {"without": ("waiting",)}):
        for one in made(**figures).values():
            assert "vllm:" in one.how
            assert bool(one.refused) != bool(one.words)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (180.0, 360.0, "3 – 6 min"),
        (40.0, 70.0, "40 – 70 s"),
        (8_000.0, 10_900.0, "2.2 – 3 h"),
        (61.0, 61.2, "about 61 s"),
        (240.0, math.inf, "4 min or more"),
        (600.0, 9_000.0, "10 min or more"),
    ],
)
def test_a_range_is_told_in_one_unit(low, high, words):
    assert between(low, high) == words
