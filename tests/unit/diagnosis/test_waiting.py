from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.diagnosis.finding import Finding, Severity
from lib.diagnosis.waiting import by_cause
from tests.unit.diagnosis.beside import beside
from tests.unit.diagnosis.invented import window_of

FINDING = Finding("cache_full", 1, Severity.BAD, "", "", "", 0.0)
BUSY = {"kv_usage": 0.6, "waiting": 12.0, "running": 8.0, "preemptions": 0.0}


def causes(findings=(), seconds=120, silent=(), without=(), **figures):
    figures = {
        ("waiting_by_reason", name) if name in ("capacity", "deferred", "odd") else name: one
        for name, one in (BUSY | figures).items()
        if name not in without
    }
    return by_cause(window_of(figures, seconds=seconds, silent=silent), findings)


def counted(*args, **figures):
    return {one.name: one.count for one in causes(*args, **figures)}


def moving(t):
    return 8.0 + (t // 10) % 5


@pytest.mark.parametrize(
    ("figures", "name"),
    [
        ({"kv_usage": 0.97}, "KV cache"),
        ({"preemptions": lambda t: t / 2}, "KV cache"),
        ({}, "seat limit"),
        ({"running": lambda t: 8.0 + (t // 10) % 2}, "seat limit"),
        ({"running": moving}, "next step"),
        ({"running": 0.0}, "nobody is admitted"),
        ({"waiting": lambda t: 12.0 if t >= 110 else 0.0}, "next step"),
        ({"without": ("kv_usage", "preemptions", "running")}, "next step"),
    ],
)
def test_all_wait_for_what_is_short(figures, name):
    (only,) = causes(**figures)
    assert (only.name, only.count, only.share) == (name, 12, 1.0)
    assert only.sentence.startswith("12 wait ")
    assert "vllm:num_requests_waiting" in only.how


def test_steps_that_are_full_of_prompts_are_the_prefill_budget():
    steps = {("step_tokens", "sum"): lambda t: 2_000.0 * t, ("step_tokens", "le=inf"): lambda t: t}
    figures = BUSY | steps | {"running": moving}
    assert [one.name for one in by_cause(window_of(figures, seconds=120))] == ["prefill budget"]


def test_a_cache_that_filled_within_the_minute_shares_with_the_seats():
    shared = counted(kv_usage=lambda t: 0.97 if t >= 90 else 0.5)
    assert shared == {"KV cache": 6, "seat limit": 6}


def test_who_is_deferred_waits_for_no_capacity():
    shared = counted(capacity=9.0, deferred=3.0)
    assert shared == {"seat limit": 9, "deferred": 3}
    assert counted(capacity=0.0, deferred=40.0) == {"deferred": 12}
    assert counted(odd=2.0) == {"seat limit": 10, "odd": 2}


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        (1, "KV cache"),
        (3, "seat limit"),
        (4, "prefill budget"),
        (11, "engine stands still"),
        (12, "nobody is admitted"),
        (29, "server asleep or paused"),
    ],
)
def test_a_finding_knows_better(pattern, name):
    assert counted([replace(FINDING, pattern=pattern)], running=moving) == {name: 12}
    assert counted([replace(FINDING, pattern=7)], running=moving) == {"next step": 12}


def test_the_surest_of_several_findings_counts():
    found = [replace(FINDING, pattern=pattern) for pattern in (3, 1, 11)]
    assert counted(found) == {"engine stands still": 12}


OTHER = {"kv_usage": 0.1, "waiting": 4.0, "running": 2.0}


def of_engines(findings, *, zero=BUSY, one=OTHER):
    """What each waits for where engine 0 and engine 1 are these."""
    both = beside(window_of(zero, seconds=120), engine="1", **one)
    return {cause.name: cause for cause in by_cause(both, findings)}


@pytest.mark.parametrize(
    ("rule", "pattern", "name"),
    [
        ("hung", 11, "engine stands still"),
        ("cache_full", 1, "KV cache"),
        ("engine_asleep", 29, "server asleep or paused"),
    ],
)
def test_what_is_wrong_with_one_engine_holds_up_nobody_at_another(rule, pattern, name):
    found = replace(FINDING, rule=rule, pattern=pattern, engines=(("m", "1"),))
    causes = of_engines([found])
    assert {one.name: one.count for one in causes.values()} == {"seat limit": 12, name: 4}
    assert causes[name].share == 0.25
    assert causes[name].how.endswith("shared out by the finding above")
    assert causes["seat limit"].how.endswith("shared out by each moment of the last minute")
    of_both = of_engines([replace(found, engines=())])
    assert {one.name: one.count for one in of_both.values()} == {name: 16}


def test_each_engine_says_its_own_figures():
    causes = of_engines([], one=OTHER | {"kv_usage": 0.96})
    assert causes["seat limit"].sentence.startswith("12 wait for a seat: 8 run")
    assert causes["KV cache"].sentence == "4 wait for KV blocks: 96% of the cache is in use."
    causes = of_engines([])
    assert causes["seat limit"].sentence.startswith("16 wait for a seat: 10 run")


def test_who_is_deferred_is_deferred_at_an_engine():
    one = OTHER | {"waiting_by_reason__deferred": 9.0, "waiting_by_reason__capacity": 0.0}
    causes = of_engines([], one=one)
    assert {name: cause.count for name, cause in causes.items()} == {
        "seat limit": 12,
        "deferred": 4,
    }


@given(
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(0, 60),
    st.lists(st.sampled_from([0.3, 0.92, 1.0]), min_size=12, max_size=12),
    st.lists(st.integers(0, 9), min_size=12, max_size=12),
)
@settings(max_examples=60, deadline=None)
def test_the_causes_add_up_to_all_who_wait(waiting, deferred, odd, usage, running):
    found = causes(
        waiting=float(waiting),
        deferred=float(deferred),
        odd=float(odd),
        kv_usage=lambda t: usage[int(t) // 10],
        running=lambda t: float(running[int(t) // 10]),
    )
    assert sum(one.count for one in found) == waiting
    assert all(one.count > 0 for one in found)
    assert sum(one.share for one in found) == pytest.approx(1.0 if waiting else 0.0)
    assert [one.count for one in found] == sorted((one.count for one in found), reverse=True)


def test_where_none_waits_or_nobody_knows_there_is_no_cause():
    assert causes(waiting=0.0) == ()
    assert causes(without=("waiting",)) == ()
    assert causes(seconds=0) == ()
    assert causes(silent=range(100, 120)) == ()
    assert counted(silent=range(110, 120)) == {"seat limit": 12}


def test_one_who_waits_is_told_so():
    (only,) = causes(waiting=1.0, kv_usage=1.0)
    assert only.sentence == "1 waits for KV blocks: 100% of the cache is in use."
    (only,) = causes(waiting=1.0, running=1.0)
    assert only.sentence == "1 waits for a seat: 1 runs, and no more did in the last minute."
