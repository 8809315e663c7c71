import numpy as np
import pytest

from lib.health import State, Tracker, Trouble
from lib.metrics import Layout, Sample, Series

TIMEOUT = Trouble("timeout", "It did not answer in time.")


DENIED = Trouble("denied", "The key was refused.")


def sample(running=0.0, waiting=0.0, tokens=0.0, awake=1.0, usage=0.5, beside=None):
    values = {
        Series("running", "m", "0"): running,
        Series("waiting", "m", "0"): waiting,
        Series("kv_usage", "m", "0"): usage,
        Series("generation_tokens", "m", "0"): tokens,
        Series("sleep_state", "m", "0", "awake"): awake,
    }
    if beside is not None:
        values |= {
            Series("running", "m", "1"): 3.0,
            Series("generation_tokens", "m", "1"): beside,
        }
    layout = Layout(sorted(values))
    return Sample(layout, np.array([values[series] for series in layout.series]))


def states(*scrapes):
    """The state after each scrape, one a second; None is a failed one."""
    tracker = Tracker()
    found = []
    for at, scrape in enumerate(scrapes):
        found.append(tracker.step(100.0 + at, scrape, None if scrape else TIMEOUT))
    return found


def test_three_failures_make_it_down_and_two_answers_up():
    found = states(sample(), None, None, None, sample(), sample())
    assert [status.state for status in found] == [
        State.IDLE,
        State.FAILING,
        State.FAILING,
        State.DOWN,
        State.DOWN,
        State.IDLE,
    ]
    assert found[3].since == 101.0


def test_a_single_missed_scrape_is_no_outage():
    assert [status.state for status in states(sample(), None, sample())][-1] is State.IDLE


def test_an_answer_among_failures_does_not_bring_it_up():
    assert all(
        status.state is State.DOWN
        for status in states(None, None, None, sample(), None, sample())[2:]
    )


def test_a_busy_engine_that_moves_is_serving_since_it_began():
    found = states(sample(), *(sample(running=2.0, tokens=float(n)) for n in range(20)))
    assert found[-1].state is State.SERVING
    assert found[-1].since == 101.0


def test_a_busy_engine_that_stands_still_is_quiet_then_stalled_and_never_serving():
    found = states(sample(running=2.0, tokens=5.0), *[sample(running=2.0, tokens=5.0)] * 30)
    assert [status.state for status in found[3:10]] == [State.QUIET] * 7
    assert {status.state for status in found[10:]} == {State.STALLED}
    assert found[-1].since == 100.0
    assert "30 s" in found[-1].reason


def test_requests_that_only_wait_also_stall():
    assert states(*[sample(waiting=1.0)] * 15)[-1].state is State.STALLED


def test_a_long_prompt_that_takes_blocks_is_progress():
    steps = [sample(running=1.0, usage=n / 100) for n in range(30)]
    assert states(*steps)[-1].state is State.SERVING


def test_one_engine_that_stands_still_is_seen_beside_one_that_works():
    found = states(*(sample(running=2.0, beside=float(n)) for n in range(12)))
    assert found[-1].state is State.STALLED
    assert found[-1].since == 100.0
    assert found[-1].reason.startswith("Engine 0: 2 requests")


def test_an_engine_that_rests_beside_one_that_works_is_well():
    found = states(*(sample(beside=float(n)) for n in range(12)))
    assert (found[-1].state, found[-1].reason) == (State.SERVING, "3 running.")


def test_an_engine_that_tells_no_counter_is_not_called_stalled():
    layout = Layout([Series("running", "m", "0"), Series("waiting", "m", "0")])
    found = states(*[Sample(layout, np.array([np.nan, 2.0]))] * 15)
    assert (found[-1].state, found[-1].reason) == (State.SERVING, "Requests wait.")


def test_after_refused_keys_one_failure_is_no_outage():
    tracker = Tracker()
    for at in range(5):
        tracker.step(100.0 + at, None, DENIED)
    assert tracker.status.since == 100.0
    for at in (105.0, 106.0):
        assert tracker.step(at, None, TIMEOUT) == (State.FAILING, 105.0, TIMEOUT.sentence)
    tracker.step(107.0, None, DENIED)
    assert tracker.step(108.0, None, TIMEOUT).state is State.FAILING


def test_an_idle_engine_never_stalls():
    assert {status.state for status in states(*[sample()] * 100)} == {State.IDLE}


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_clock_that_is_set_stalls_nobody(jump):
    tracker = Tracker()
    for at in (100.0, 101.0, 102.0 + jump, 103.0 + jump):
        status = tracker.step(at, sample(running=1.0), None)
    assert status.state is State.SERVING


def test_progress_ends_a_stall_at_once():
    found = states(*[sample(running=1.0)] * 15, sample(running=1.0, tokens=1.0))
    assert [found[-2].state, found[-1].state] == [State.STALLED, State.SERVING]


def test_a_sleeping_engine_is_asleep():
    assert states(sample(awake=0.0))[-1].state is State.ASLEEP


def test_a_refused_key_is_named_at_once_and_is_no_outage():
    status = Tracker().step(0.0, None, DENIED)
    assert (status.state, status.reason) == (State.DENIED, "The key was refused.")


def test_a_page_without_engine_figures_is_not_called_healthy():
    empty = Sample(Layout([Series("process_start", "", "")]), np.array([1.0]))
    assert Tracker().step(0.0, empty, None).state is State.NO_METRICS


@pytest.mark.parametrize("state", list(State))
def test_only_serving_and_idle_look_good(state):
    assert (state.tone.value == "good") == (state in {State.SERVING, State.IDLE})


def test_the_worst_comes_first():
    assert State.DOWN.rank == 0
    assert State.STALLED.rank < State.QUIET.rank < State.SERVING.rank < State.IDLE.rank
