"""Each verdict, with a near miss beside it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.health import HUNG_AFTER, QUIET_AFTER, SUSPECT_AFTER, State, Tracker, Trouble
from lib.health.verdicts import HEARD_FOR, LIVELOCKED_AFTER, LONGEST_PATIENCE
from lib.metrics import Glance, Layout, Reader, Sample, Series
from tests.unit.health.scrapes import outcome, scrape, verdicts
from tests.unit.metrics.scrapes import recorded

STILL = scrape(running=2.0, generation_tokens=5.0)


def states(scrapes, **more):
    return [one.state for one in verdicts(scrapes, **more)]


# ── Down and up ──


def test_three_failures_make_it_down_and_two_answers_up():
    found = verdicts([scrape(), None, None, None, scrape(), scrape()])
    assert [one.state for one in found] == [
        State.HEALTHY,
        State.FAILING,
        State.FAILING,
        State.TIMED_OUT,
        State.TIMED_OUT,
        State.HEALTHY,
    ]
    assert found[3].since == 101.0


def test_a_single_missed_scrape_is_no_outage():
    assert states([scrape(), None, scrape()])[-1] is State.HEALTHY


def test_an_answer_among_failures_does_not_bring_it_up():
    found = states([None, None, None, scrape(), None, scrape()])
    assert set(found[2:]) == {State.TIMED_OUT}


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("not listening", State.NOT_LISTENING),
        ("unknown host", State.UNKNOWN_HOST),
        ("timeout", State.TIMED_OUT),
        ("tls", State.TLS_FAILED),
        ("wrong scheme", State.WRONG_PROTOCOL),
        ("html", State.WRONG_PROTOCOL),
        ("not metrics", State.WRONG_PROTOCOL),
        ("not http", State.WRONG_PROTOCOL),
        ("engine dead", State.ENGINE_DEAD),
        ("server error", State.FAULTY),
        ("no route", State.UNREACHABLE),
        ("unforeseen", State.UNREACHABLE),
    ],
)
def test_each_kind_of_outage_has_its_name(kind, state):
    found = verdicts([Trouble(kind, "Why.")] * 3)
    assert (found[-1].state, found[-1].reason) == (state, "Why.")
    assert found[0].state is State.FAILING


def test_an_outage_that_changes_its_kind_goes_on():
    closed, silent = Trouble("closed", "It broke."), Trouble("not listening", "Nothing listens.")
    found = verdicts([scrape(), closed, closed, closed, silent])
    assert [one.state for one in found[3:]] == [State.UNREACHABLE, State.NOT_LISTENING]
    assert found[-1].since == 101.0


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("key needed", State.DENIED),
        ("key refused", State.DENIED),
        ("loading", State.LOADING),
        ("scaling", State.LOADING),
    ],
)
def test_what_a_server_says_of_itself_is_believed_at_once_and_is_no_outage(kind, state):
    tracker = Tracker()
    said = Trouble(kind, "It says so.")
    assert {one.state for one in verdicts([said] * 5, tracker=tracker)} == {state}
    assert tracker.step(105.0, None, None).state is State.FAILING


# ── At work ──


def test_a_busy_engine_that_moves_is_busy_since_it_began():
    moving = [scrape(running=2.0, waiting=1.0, generation_tokens=float(n)) for n in range(40)]
    found = verdicts([scrape(), *moving])
    assert (found[-1].state, found[-1].since) == (State.BUSY, 101.0)
    assert found[-1].reason == "2 running, 1 waiting."


def test_an_idle_engine_is_healthy_for_ever():
    assert set(states([scrape()] * 200)) == {State.HEALTHY}


@pytest.mark.parametrize(
    "name", ["metrics.txt", "metrics_running_2.txt", "metrics_small_cache.txt"]
)
def test_a_recorded_page_is_well_and_a_glance_says_the_same(name):
    body = recorded(name)
    found = verdicts([Reader().read(body)]), verdicts([Glance.at(body)])
    assert found[0] == found[1]
    assert found[0][0].state in {State.BUSY, State.HEALTHY}


# ── Hung ──


def test_a_busy_engine_that_stands_still_is_quiet_then_suspect_then_hung():
    found = verdicts([STILL] * 40)
    changes = [n for n in range(1, 40) if found[n].state is not found[n - 1].state]
    assert changes == [QUIET_AFTER, SUSPECT_AFTER, HUNG_AFTER]
    assert [found[n].state for n in (0, *changes)] == [
        State.BUSY,
        State.QUIET,
        State.SUSPECT,
        State.HUNG,
    ]
    assert found[-1].since == 100.0
    assert "39 s" in found[-1].reason
    assert "py-spy" in found[-1].remedy


def test_one_request_is_told_as_one():
    assert verdicts([scrape(running=1.0)] * 30)[-1].reason.startswith("1 request, but")


def test_a_hung_engine_is_found_within_thirty_seconds():
    assert states([STILL] * 31)[30] is State.HUNG


def test_that_health_still_passes_is_part_of_the_evidence():
    found = verdicts([STILL] * 30, heard={20: [outcome("HEALTH", True, 119.9)]})
    assert found[-1].reason.endswith("/health still passes.")
    assert "/health" not in verdicts([STILL] * 30)[-1].reason


@pytest.mark.parametrize("moved", ["generation_tokens", "prompt_tokens", "steps", "kv_usage"])
def test_anything_that_moves_is_progress(moved):
    row = [scrape(running=1.0, **{moved: n / 100}) for n in range(40)]
    assert set(states(row)) == {State.BUSY}


def test_progress_ends_a_hang_at_once():
    found = states([*[STILL] * 40, scrape(running=2.0, generation_tokens=6.0)])
    assert found[-2:] == [State.HUNG, State.BUSY]


def test_a_long_prefill_is_allowed_for():
    slow = scrape(running=1.0, prefills={"10": 3.0, "20": 4.0, "30": 5.0, "inf": 5.0})
    found = states([slow] * 60)
    assert (found[44], found[45]) == (State.SUSPECT, State.HUNG)


def test_prefills_that_were_short_change_nothing():
    quick = scrape(running=1.0, prefills={"0.3": 5.0, "20": 5.0, "inf": 5.0})
    assert states([quick] * 30)[int(HUNG_AFTER)] is State.HUNG


def test_patience_has_an_end():
    endless = scrape(running=1.0, prefills={"480": 0.0, "inf": 5.0})
    found = states([endless] * 70)
    assert found.index(State.HUNG) == LONGEST_PATIENCE


def test_one_engine_that_hangs_is_seen_beside_one_that_works():
    found = verdicts(
        [scrape(engines=2, running=2.0, generation_tokens=(5.0, float(n))) for n in range(30)]
    )
    assert found[-1].state is State.HUNG
    assert found[-1].reason.startswith("Engine 0: 2 requests")


def test_one_engine_that_hangs_is_seen_beside_one_whose_queue_is_young():
    row = [
        scrape(running=(2.0, 0.0), waiting=(0.0, float(n > 25)), kv_usage=(0.5, 0.0))
        for n in range(30)
    ]
    assert states(row)[-1] is State.HUNG


def test_an_engine_that_rests_beside_one_that_works_is_well():
    row = [scrape(running=(0.0, 3.0), generation_tokens=(5.0, float(n))) for n in range(30)]
    assert verdicts(row)[-1][::2] == (State.BUSY, "3 running.")


def test_an_engine_that_tells_no_counter_is_not_called_hung():
    layout = Layout([Series("running", "m", "0"), Series("waiting", "m", "0")])
    row = [Sample(layout, np.array([np.nan, 2.0]))] * 40
    assert set(states(row)) == {State.BUSY}


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_clock_that_is_set_hangs_nobody(jump):
    tracker = Tracker()
    for at in (100.0, 101.0, 102.0 + jump, 103.0 + jump):
        status = tracker.step(at, STILL, None)
    assert status.state is State.BUSY


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_after_a_clock_is_set_checks_are_heard_again(jump):
    tracker = Tracker()
    tracker.heard([outcome("MODELS", True, 100.0)])
    tracker.step(100.0, scrape(), None)
    tracker.heard([outcome("MODELS", False, 101.0 + jump, kind="key refused")])
    assert tracker.step(101.0 + jump, scrape(), None).state is State.DENIED


# ── Livelocked ──

BLOCKED = scrape(waiting=3.0, kv_usage=0.0)


def test_a_queue_whose_head_never_starts_is_livelocked():
    found = verdicts([BLOCKED] * 40)
    first = [one.state for one in found].index(State.LIVELOCKED)
    assert first == LIVELOCKED_AFTER
    assert {one.state for one in found[first:]} == {State.LIVELOCKED}
    assert found[-1].since == 100.0
    assert "3 waiting and none running for 39 s" in found[-1].reason


def test_a_livelock_is_seen_though_the_engine_makes_empty_steps():
    row = [scrape(waiting=3.0, kv_usage=0.0, steps=float(n)) for n in range(20)]
    assert states(row)[-1] is State.LIVELOCKED


def test_deferred_requests_are_told():
    row = [scrape(waiting=2.0, kv_usage=0.0, deferred=2.0)] * 20
    assert "a grammar" in verdicts(row)[-1].reason
    assert "a grammar" not in verdicts([BLOCKED] * 20)[-1].reason


@pytest.mark.parametrize(
    "near",
    [
        {"running": 1.0, "waiting": 3.0, "kv_usage": 0.0},
        {"waiting": 3.0, "kv_usage": 0.02},
        {"waiting": 3.0, "kv_usage": None},
    ],
)
def test_what_only_resembles_a_livelock_is_a_hang(near):
    assert State.LIVELOCKED not in states([scrape(**near)] * 40)
    assert states([scrape(**near)] * 40)[-1] is State.HUNG


def test_a_queue_that_waits_a_moment_is_no_livelock():
    row = [scrape(waiting=1.0, kv_usage=0.0)] * 14 + [scrape(running=1.0, kv_usage=0.1)]
    assert State.LIVELOCKED not in states(row)


def test_an_idle_server_with_an_empty_cache_is_no_livelock():
    assert set(states([scrape(kv_usage=0.0)] * 40)) == {State.HEALTHY}


# ── What the checks say ──


def test_a_dead_engine_beats_fresh_metrics_after_three_answers():
    dead = {n: [outcome("HEALTH", False, 100.0 + n, kind="engine dead")] for n in range(5, 9)}
    found = states([scrape()] * 9, heard=dead)
    assert found[4:] == [State.HEALTHY, State.FAILING, State.FAILING, *[State.ENGINE_DEAD] * 2]


def test_health_that_passes_again_ends_it():
    said = {n: [outcome("HEALTH", n > 3, 100.0 + n, kind="engine dead")] for n in range(1, 6)}
    assert states([scrape()] * 6, heard=said)[3:] == [State.ENGINE_DEAD, *[State.HEALTHY] * 2]


def test_health_that_is_slow_is_not_dead():
    slow = {n: [outcome("HEALTH", False, 100.0 + n, kind="timeout")] for n in range(9)}
    assert set(states([scrape()] * 9, heard=slow)) == {State.HEALTHY}


@pytest.mark.parametrize("kind", ["key needed", "key refused", "forbidden"])
def test_a_key_that_only_the_list_of_models_asks_for_is_refused(kind):
    found = verdicts([scrape()] * 2, heard={1: [outcome("MODELS", False, 101.0, kind=kind)]})
    assert (found[1].state, found[1].reason) == (State.DENIED, "It said so.")


def test_a_list_of_models_that_fails_otherwise_refuses_no_key():
    slow = {1: [outcome("MODELS", False, 101.0, kind="timeout")]}
    assert states([scrape()] * 2, heard=slow)[1] is State.HEALTHY


def test_a_server_without_a_model_is_loading():
    said = {1: [outcome("READY", False, 101.0, kind="not ready")]}
    assert states([scrape()] * 2, heard=said)[1] is State.LOADING


def test_what_was_said_is_believed_for_a_while_only():
    said = {1: [outcome("READY", False, 101.0, kind="not ready")]}
    found = states([scrape()] * 60, heard=said)
    last = len(found) - 1 - found[::-1].index(State.LOADING)
    assert last == 1 + HEARD_FOR


@pytest.mark.parametrize(("kind", "state"), [("asleep", State.ASLEEP), ("paused", State.PAUSED)])
def test_an_engine_that_rests_is_neither_hung_nor_livelocked(kind, state):
    said = {n: [outcome("ENGINE", True, 100.0 + n, kind=kind)] for n in range(0, 40, 5)}
    assert set(states([BLOCKED] * 40, heard=said)) == {state}


def test_one_that_says_both_is_asleep_where_its_metrics_say_so():
    both = {0: [outcome("ENGINE", True, 100.0, kind="asleep")]}
    assert states([scrape(awake=0.0)], heard=both) == [State.ASLEEP]
    assert states([scrape(awake=1.0)], heard=both) == [State.PAUSED]


def test_a_sleeping_engine_is_asleep_and_one_of_two_is_not():
    assert states([scrape(awake=0.0)]) == [State.ASLEEP]
    assert states([scrape(engines=2, awake=(1.0, 0.0))]) == [State.HEALTHY]


def test_an_idle_engine_that_does_not_answer_its_own_question_hangs():
    silent = {n: [outcome("ENGINE", False, 100.0 + n, kind="timeout")] for n in range(0, 40, 5)}
    found = verdicts([scrape()] * 40, heard=silent)
    assert found[0].state is State.SUSPECT
    assert [one.state for one in found].index(State.HUNG) == HUNG_AFTER
    assert found[-1].since == 100.0


def test_an_engine_that_makes_tokens_is_not_hung_for_answering_no_question():
    silent = {n: [outcome("ENGINE", False, 100.0 + n, kind="timeout")] for n in range(0, 60, 5)}
    row = [scrape(running=2.0, generation_tokens=float(n)) for n in range(60)]
    assert set(states(row, heard=silent)) == {State.SUSPECT}


def test_one_question_without_an_answer_is_no_hang_however_long_ago():
    silent = {0: [outcome("ENGINE", False, 100.0, kind="timeout")]}
    assert State.HUNG not in states([scrape()] * 60, heard=silent)


def test_an_engine_whose_question_fails_otherwise_is_no_hang():
    broken = {n: [outcome("ENGINE", False, 100.0 + n, kind="server error")] for n in range(40)}
    assert set(states([scrape()] * 40, heard=broken)) == {State.HEALTHY}


def test_requests_that_the_engine_does_not_report_are_suspect():
    load = {n: [outcome("LOAD", True, 100.0 + n, figure=2.0)] for n in range(0, 40, 5)}
    found = states([scrape()] * 40, heard=load)
    assert found.index(State.SUSPECT) == SUSPECT_AFTER
    assert State.HUNG not in found


@pytest.mark.parametrize("counter", ["prompt_tokens", "steps"])
def test_a_load_that_is_done_in_single_steps_is_not_suspect(counter):
    load = {n: [outcome("LOAD", True, 100.0 + n, figure=2.0)] for n in range(0, 40, 5)}
    row = [scrape(**{counter: float(n // 4)}) for n in range(40)]
    assert set(states(row, heard=load)) == {State.HEALTHY}


def test_a_load_that_was_not_asked_again_is_not_suspect():
    load = {0: [outcome("LOAD", True, 100.0, figure=2.0)]}
    assert set(states([scrape()] * 40, heard=load)) == {State.HEALTHY}


@pytest.mark.parametrize("figure", [0.0, -3.0, None])
def test_a_load_of_nothing_is_not_suspect(figure):
    load = {n: [outcome("LOAD", True, 100.0 + n, figure=figure)] for n in range(0, 40, 5)}
    assert set(states([scrape()] * 40, heard=load)) == {State.HEALTHY}


def test_a_load_that_the_engine_reports_too_is_not_suspect():
    load = {n: [outcome("LOAD", True, 100.0 + n, figure=2.0)] for n in range(0, 40, 5)}
    row = [scrape(running=2.0, generation_tokens=float(n)) for n in range(40)]
    assert set(states(row, heard=load)) == {State.BUSY}


def test_metrics_that_fail_beside_a_passing_health_are_missing_metrics():
    absent = Trouble("route not offered", "It does not offer /metrics.")
    found = verdicts([absent] * 8, heard={4: [outcome("HEALTH", True, 103.5)]})
    assert found[3].state is State.WRONG_PROTOCOL
    assert found[-1].state is State.NO_METRICS
    assert "does not offer /metrics" in found[-1].reason


ABSENT = Trouble("route not offered", "It does not offer /metrics.")
PASSING = {n: [outcome("HEALTH", True, 99.5 + n)] for n in range(4, 60, 5)}


def test_a_server_without_metrics_is_not_down_for_one_health_that_is_slow():
    slow = PASSING | {30: [outcome("HEALTH", False, 130.0, kind="timeout")]}
    found = verdicts([ABSENT] * 60, heard=slow | {31: [outcome("HEALTH", True, 131.0)]})
    assert [one.state for one in found[29:32]] == [
        State.NO_METRICS,
        State.FAILING,
        State.NO_METRICS,
    ]
    assert (found[30].since, found[31].since) == (130.0, 100.0)


def test_a_server_without_metrics_is_down_since_it_is_and_not_since_it_has_none():
    gone = {34: [outcome("HEALTH", None, 133.5)]}
    heard = {n: said for n, said in PASSING.items() if n < 34} | gone
    found = verdicts([ABSENT] * 34 + [Trouble("not listening", "Nothing.")] * 4, heard=heard)
    assert [one.state for one in found[33:37]] == [
        State.NO_METRICS,
        State.FAILING,
        State.FAILING,
        State.NOT_LISTENING,
    ]
    assert found[-1].since == 134.0


def test_checks_that_failed_thrice_bring_a_server_without_metrics_down():
    closed = [outcome("CONNECT", False, 131.0 + n, kind="not listening") for n in range(3)]
    heard = PASSING | {34: [*closed, outcome("HEALTH", None, 133.0)]}
    found = verdicts([ABSENT] * 35, heard=heard)
    assert (found[-1].state, found[-1].reason) == (State.NOT_LISTENING, "It said so.")
    heard = PASSING | {34: [*closed[1:], outcome("HEALTH", None, 133.0)]}
    assert states([ABSENT] * 35, heard=heard)[-1] is State.FAILING


def test_a_reading_that_is_missed_makes_a_hang_no_better():
    found = verdicts([STILL] * 30 + [None] + [STILL] * 2)
    assert {(one.state, one.since) for one in found[26:]} == {(State.HUNG, 100.0)}


def test_a_health_that_passed_before_it_failed_proves_nothing():
    found = states([scrape(), None, None, None], heard={0: [outcome("HEALTH", True, 99.9)]})
    assert found[-1] is State.TIMED_OUT


def test_a_page_without_engine_figures_is_not_called_healthy():
    empty = Sample(Layout([Series("process_start", "", "")]), np.array([1.0]))
    assert states([empty]) == [State.NO_METRICS]


# ── Progress as a check ──


@pytest.mark.parametrize(
    ("row", "passed", "words"),
    [
        ([scrape()] * 30, True, "nothing has to move"),
        ([scrape(running=1.0, generation_tokens=float(n)) for n in range(30)], True, "move"),
        ([STILL] * 30, False, "no token and no engine step for 29 s"),
        ([BLOCKED] * 30, False, "no token and no engine step for 29 s"),
        ([scrape(waiting=3.0, kv_usage=0.0, steps=float(n)) for n in range(30)], False, "none run"),
        ([scrape(running=1.0, generation_tokens=None)] * 30, None, "neither tokens nor steps"),
        ([None], None, "No reading"),
    ],
)
def test_progress_is_told(row, passed, words):
    tracker = Tracker()
    verdicts(row, tracker=tracker)
    assert tracker.progress.passed is passed
    assert words in tracker.progress.words


# ── The table ──


@pytest.mark.parametrize("state", list(State))
def test_only_busy_and_healthy_look_good(state):
    assert (state.tone.value == "good") == (state in {State.BUSY, State.HEALTHY})


@pytest.mark.parametrize("state", list(State))
def test_a_state_is_found_by_its_name(state):
    assert State.named(state.name) is state


def test_a_state_of_another_release_is_unknown():
    assert State.named("GONE") is State.UNKNOWN


def test_the_worst_comes_first():
    row = [State.HUNG, State.ENGINE_DEAD, State.DENIED, State.SUSPECT, State.QUIET, State.BUSY]
    assert sorted(set(row), key=lambda state: state.rank) == row
    assert max(State, key=lambda state: state.rank) is State.HEALTHY


SCRAPES = st.one_of(
    st.none(),
    st.builds(Trouble, st.sampled_from(["tls", "loading", "key refused", "odd"]), st.just("Why.")),
    st.builds(
        scrape,
        running=st.sampled_from([0.0, 2.0, None]),
        waiting=st.sampled_from([0.0, 1.0]),
        kv_usage=st.sampled_from([0.0, 0.5]),
        generation_tokens=st.sampled_from([1.0, 2.0]),
        awake=st.sampled_from([0.0, 1.0]),
    ),
)
HEARD = st.dictionaries(
    st.integers(0, 39),
    st.lists(
        st.builds(
            outcome,
            st.sampled_from(["HEALTH", "READY", "MODELS", "ENGINE", "LOAD"]),
            st.sampled_from([True, False, None]),
            st.floats(90.0, 140.0),
            kind=st.sampled_from(
                ["", "engine dead", "timeout", "key refused", "not ready", "paused"]
            ),
            figure=st.sampled_from([None, 0.0, 3.0]),
        ),
        max_size=3,
    ),
)


@given(st.lists(SCRAPES, max_size=40), HEARD)
def test_whatever_comes_a_verdict_has_a_reason_and_a_past(row, heard):
    for number, one in enumerate(verdicts(row, heard=heard)):
        assert one.reason
        assert one.since <= 140.0
        if one.state is State.HEALTHY:
            assert row[number] is not None
