import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lib.health import State, Status, Trouble
from lib.metrics import GAP_PERIODS
from lib.watch.block import Block
from lib.watch.pace import LONGEST_PAUSE
from lib.watch.record import Tick
from lib.watch.verdicts import UNSEEN, reach_of, stretches
from tests.support.ticks import START, tick

DOWN = {state for state in State if state.is_down}


def said(second, state, reason="So it is."):
    """A tick in a state; one that is down has no sample."""
    whole = tick(second)
    sample = None if state in DOWN else whole.sample
    refused = Trouble("timeout", reason) if state in DOWN else None
    status = Status(state, START, reason)
    return Tick(whole.server, whole.at, whole.mono, 0.01, status, sample, refused)


def seen(rows, start=0.0, end=None, *, minutes=False, period=1.0):
    """Stretches of (second, state), seconds counted from START."""
    blocks = Block.of([said(*row) for row in rows])
    if minutes:
        blocks = [block.by_minute() for block in blocks]
    end = rows[-1][0] + 1.0 if end is None else end
    found = stretches(blocks, start=START + start, end=START + end, period=period)
    return [(one.state, one.start - START, one.end - START) for one in found]


def run(state, first, last, step=1.0):
    return [(second, state) for second in np.arange(first, last, step).tolist()]


def test_equal_states_in_a_row_are_one_stretch():
    rows = [*run(State.HEALTHY, 0, 5), *run(State.HUNG, 5, 9), *run(State.BUSY, 9, 12)]
    assert seen(rows) == [(State.HEALTHY, 0, 5), (State.HUNG, 5, 9), (State.BUSY, 9, 12)]


def test_where_nobody_looked_nobody_knows():
    rows = [*run(State.BUSY, 3, 6), *run(State.BUSY, 20, 22)]
    assert seen(rows, 0, 30) == [
        (State.UNKNOWN, 0, 3),
        (State.BUSY, 3, 6),
        (State.UNKNOWN, 6, 20),
        (State.BUSY, 20, 22),
        (State.UNKNOWN, 22, 30),
    ]
    assert seen([(0, State.BUSY)], 100, 110) == [(State.UNKNOWN, 100, 110)]
    assert stretches([], start=0.0, end=9.0, period=1.0) == [(State.UNKNOWN, 0.0, 9.0, UNSEEN)]


def test_one_late_reading_is_no_gap():
    assert seen([(0, State.BUSY), (2.4, State.BUSY)], end=3) == [(State.BUSY, 0, 3)]
    assert len(seen([(0, State.BUSY), (2.6, State.BUSY)], end=3)) == 3


def test_the_pause_after_failures_is_no_gap():
    rows = [(0, State.TIMED_OUT), (LONGEST_PAUSE + 2, State.TIMED_OUT)]
    assert seen(rows, end=20) == [(State.TIMED_OUT, 0, 20)]
    assert seen([(0, State.TIMED_OUT), (40, State.BUSY)], end=41)[1] == (State.UNKNOWN, 1, 40)


def test_what_was_said_before_the_span_tells_what_was_so_at_its_begin():
    rows = [*run(State.HUNG, 0, 8), *run(State.BUSY, 8, 12)]
    assert seen(rows, 5.5, 11.0) == [(State.HUNG, 5.5, 8), (State.BUSY, 8, 11)]
    assert reach_of(1.0) == GAP_PERIODS + LONGEST_PAUSE


def test_the_reason_is_the_one_at_the_begin_of_a_stretch():
    rows = [
        said(0, State.BUSY, "3 running."),
        said(1, State.HUNG, "No token for 25 s."),
        said(2, State.HUNG, "No token for 26 s."),
        said(3, State.TIMED_OUT, "No answer."),
    ]
    found = stretches(Block.of(rows), start=START, end=START + 4, period=1.0)
    assert [one.reason for one in found] == ["", "No token for 25 s.", "No answer."]


def test_a_minute_is_what_it_was_at_its_worst():
    rows = [*run(State.BUSY, 0, 100), *run(State.HUNG, 100, 103), *run(State.BUSY, 103, 240)]
    assert seen(rows, 0, 240, minutes=True) == [
        (State.BUSY, 0, 60),
        (State.HUNG, 60, 120),
        (State.BUSY, 120, 240),
    ]


def test_the_worse_of_two_parts_of_a_minute_is_told():
    parts = [run(State.BUSY, 0, 20), run(State.HUNG, 20, 40), run(State.BUSY, 40, 60)]
    blocks = [one.by_minute() for part in parts for one in Block.of([said(*row) for row in part])]
    found = stretches(blocks, start=START, end=START + 60, period=1.0)
    assert [one.state for one in found] == [State.HUNG]


def test_minutes_without_a_row_are_unknown_and_seconds_follow_them():
    minutes = [*run(State.BUSY, 0, 120), *run(State.HUNG, 300, 360)]
    blocks = [one.by_minute() for one in Block.of([said(*row) for row in minutes])]
    blocks += Block.of([said(*row) for row in run(State.BUSY, 360, 380)])
    found = stretches(blocks, start=START, end=START + 380, period=1.0)
    assert [(one.state, one.start - START) for one in found] == [
        (State.BUSY, 0),
        (State.UNKNOWN, 120),
        (State.HUNG, 300),
        (State.BUSY, 360),
    ]


def test_after_the_clock_went_back_the_new_hour_replaces_the_old():
    before = [said(second, State.HUNG) for second in range(10)]
    after = [
        Tick(one.server, START + 4 + i, one.mono + 10, 0.01, one.status, one.sample)
        for i, one in enumerate(said(second, State.BUSY) for second in range(6))
    ]
    found = stretches(Block.of([*before, *after]), start=START, end=START + 10, period=1.0)
    assert [(one.state, one.start - START) for one in found] == [(State.HUNG, 0), (State.BUSY, 4)]


def test_a_state_of_another_release_is_unknown():
    (block,) = Block.of([said(0, State.BUSY)])
    renamed = Block(**{**vars(block), "notes": (("STALLED", "", ""),)})
    (found,) = stretches([renamed], start=START, end=START + 1, period=1.0)
    assert found.state is State.UNKNOWN


eighths = st.integers(0, 3200).map(lambda number: number / 8)  # the clock can tell them apart
moments = st.lists(eighths, min_size=1, max_size=40, unique=True).map(sorted)


@given(moments, st.tuples(eighths, eighths).map(sorted), st.data())
def test_stretches_tile_the_span_in_order_and_say_what_the_rows_say(times, span, data):
    states = data.draw(st.lists(st.sampled_from(State), min_size=len(times), max_size=len(times)))
    rows = list(zip(times, states, strict=True))
    found = seen(rows, *span)
    assert [first for _, first, _ in found] == sorted({first for _, first, _ in found})
    assert [span[0], *(last for *_, last in found)] == [*(first for _, first, _ in found), span[1]]
    assert all(one[0] is not other[0] for one, other in itertools.pairwise(found))
    for at, state in rows:
        assert all(one is state for one, first, last in found if first <= at < last)


@given(st.lists(st.sampled_from(State), min_size=1, max_size=300))
def test_no_minute_is_better_than_its_worst_second(states):
    rows = list(enumerate(states))
    minutes = seen(rows, minutes=True)
    for begin in range(0, len(states), 60):
        worst = min(states[begin : begin + 60], key=lambda state: state.rank)
        said_at = [state for state, first, last in minutes if first <= begin < last]
        assert said_at == [worst]
