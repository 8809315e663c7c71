import numpy as np
import pytest

from lib.health import State, Status
from lib.metrics import Layout, Sample, Series
from lib.watch.incidents import Incidents

BEGUN = 1_000_000.0


def sample(started=None, tokens=0.0):
    values = {Series("generation_tokens", "m", "0"): tokens}
    if started is not None:
        values[Series("process_start", "", "")] = BEGUN + started
    layout = Layout(sorted(values))
    return Sample(layout, np.array([values[one] for one in layout.series]))


def kinds(*steps):
    """The kinds of events that states, or (second, sample), one after the other bring about."""
    incidents, found = Incidents("chat"), []
    for number, step in enumerate(steps):
        at, what = (number, step) if isinstance(step, State) else step
        state = what if isinstance(what, State) else State.HEALTHY
        one = what if not isinstance(what, State) else None
        found += incidents.step(BEGUN + at, Status(state, BEGUN, "It is so."), one)
    return found


def told(*states):
    return [(event.kind, event.text) for event in kinds(*states)]


def test_down_and_up_are_told_however_it_fails():
    found = told(
        *(State.HEALTHY, State.FAILING, State.NOT_LISTENING, State.TIMED_OUT, State.FAULTY),
        *(State.LOADING, State.HEALTHY, State.BUSY),
    )
    assert found == [("down", "It is so."), ("up", "It answers again.")]


@pytest.mark.parametrize("state", [State.HUNG, State.LIVELOCKED, State.DENIED])
def test_a_bad_verdict_is_told_by_its_name_and_when_it_is_over(state):
    begin, end = told(State.BUSY, State.SUSPECT, state, state, State.QUIET)
    assert begin == (state.value.lower(), "It is so.")
    assert end[0] == "up"
    assert end[1] == ("It lets us in again." if state is State.DENIED else "It works again.")


def test_one_bad_verdict_after_another_is_told_without_a_recovery_between():
    found = told(State.HUNG, State.FAILING, State.TIMED_OUT, State.SUSPECT, State.HUNG, State.BUSY)
    assert [kind for kind, _ in found] == ["hung", "down", "hung", "up"]


@pytest.mark.parametrize("state", [s for s in State if s.tone.value != "bad"])
def test_what_is_not_bad_is_no_event(state):
    assert told(State.HEALTHY, state, State.HEALTHY) == []


@pytest.mark.parametrize("rest", [State.ASLEEP, State.PAUSED, State.NO_METRICS])
def test_who_rests_after_an_outage_is_up(rest):
    assert [kind for kind, _ in told(State.NOT_LISTENING, rest)] == ["down", "up"]


def test_a_start_that_was_seen_to_end_is_measured():
    away = State.NOT_LISTENING
    found = kinds((0, sample(-500)), (5, away), (41, away), (43, sample(7.4)), (44, sample(7.4)))
    assert [event.kind for event in found] == ["down", "up", "restarted", "loaded"]
    assert found[-1].text == "It was ready 36 s after its process started."
    assert found[-1].at == BEGUN + 43


def test_a_first_start_is_measured_when_it_began_under_our_eyes():
    away = State.NOT_LISTENING
    assert [event.kind for event in kinds((0, away), (30, sample(12)))] == ["down", "up", "loaded"]
    assert [event.kind for event in kinds((0, away), (30, sample(-9999)))] == ["down", "up"]


@pytest.mark.parametrize("started", [99.0, -90_000.0])
def test_a_start_by_another_clock_is_not_measured(started):
    away = State.NOT_LISTENING
    found = kinds((0, sample(-500)), (5, away), (43, sample(started)))
    assert [event.kind for event in found] == ["down", "up", "restarted"]


def test_the_same_process_after_an_outage_has_not_started():
    found = kinds((0, sample(-500)), (5, State.TIMED_OUT), (9, sample(-500.4)))
    assert [event.kind for event in found] == ["down", "up"]


def test_fallen_counters_tell_of_a_restart_where_no_start_time_does():
    assert [event.kind for event in kinds((0, sample(tokens=9)), (1, sample(tokens=3)))] == [
        "restarted"
    ]
    assert kinds((0, sample(tokens=9)), (1, sample(tokens=9))) == []
