"""Where the time went: phases without a gap, and pauses by what the server's figures show."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.api.deltas import Delta, Event, ServerTimes, Usage, timing
from lib.chat.waterfall import Moment, waterfall
from tests.unit.chat.said import data, reply, says, streamed

PAUSED = (0.5, 0.6, 0.7, 0.8, 3.0, 3.1, 3.2)
"""Between 0.8 and 3.0 nothing came."""


def fall(answer, *samples):
    return waterfall(answer, timing(answer), samples)


def kinds(found):
    return [one.kind for one in found.segments]


def paused(*samples):
    return fall(reply(*(says(at, "x") for at in PAUSED)), *samples).pauses[0].words


def test_an_ordinary_answer_waits_and_is_written():
    found = fall(streamed("a", "b", "c"))
    assert kinds(found) == ["wait", "answer", "end"]
    assert found.segments[0].end == 0.5
    assert found.marks == pytest.approx((0.5, 0.6, 0.7))
    assert "not told apart" in found.segments[0].words


def test_a_server_that_measures_has_its_queue_and_prefill_told_apart():
    found = fall(streamed("a", "b", times={"prefill": 0.2, "queue": 0.25}))
    assert kinds(found) == ["network", "queue", "prefill", "answer", "end"]
    assert [one.end for one in found.segments[:3]] == pytest.approx([0.05, 0.3, 0.5])


def test_a_server_that_knows_its_queue_only_leaves_the_network_in_the_prefill():
    found = fall(streamed("a", times={"queue": 0.25}))
    assert kinds(found)[:2] == ["queue", "prefill"]
    assert "network" in found.segments[1].words


def test_times_of_a_server_that_are_longer_than_ours_stay_inside():
    found = fall(streamed("a", "b", times={"prefill": 1.0, "queue": 8.0}))
    assert kinds(found) == ["queue", "answer", "end"]
    assert found.segments[0].end == 0.5


def test_others_that_waited_are_said_beside_the_wait():
    found = fall(streamed("a"), Moment(0.2, 4, 3), Moment(1.2, 4, 0))
    assert "3 requests waited" in found.segments[0].words
    assert "waited" not in fall(streamed("a"), Moment(0.2, 4, 0)).segments[0].words


def test_reasoning_tools_and_text_are_phases():
    answer = reply(
        says(0.1, reasoning="a"),
        says(0.2, reasoning="b"),
        says(0.3, "c"),
        says(0.4, tool=("f", "{")),
        says(0.5, tool=("", "}")),
    )
    assert kinds(fall(answer)) == ["wait", "reasoning", "answer", "tool"]


def test_an_answer_that_came_whole_is_one_wait():
    whole = Event(2.0, "whole", (Delta(content="hi"),), Usage(1, 1))
    found = fall(reply(whole))
    assert kinds(found) == ["wait"]
    assert found.segments[0].end == found.total == 2.0
    timed = fall(reply(whole._replace(times=ServerTimes(prefill=0.4, queue=0.1))))
    assert kinds(timed) == ["queue", "prefill", "answer"]


def test_the_pulse_of_a_batch_is_no_pause():
    assert fall(reply(*(says(n * 0.2, "x") for n in range(1, 9)))).pauses == ()
    slow = reply(*(says(float(n), "x") for n in range(1, 9)))
    assert fall(slow).pauses == ()
    uneven = reply(*(says(at, "x") for at in (1.0, 2.0, 3.0, 7.0, 8.0)))
    assert fall(uneven).pauses == ()  # four times as long as the others
    short = reply(*(says(at, "x") for at in (0.1, 0.11, 0.12, 0.3, 0.31)))
    assert fall(short).pauses == ()


def test_a_pause_is_a_phase_and_a_note():
    found = fall(reply(*(says(at, "x") for at in PAUSED)))
    assert kinds(found) == ["wait", "answer", "pause", "answer"]
    assert [(one.start, one.end) for one in found.pauses] == [(0.8, 3.0)]
    assert found.notes == (found.pauses[0].words,)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ([], "are not known"),
        ([Moment(0.2), Moment(1.2), Moment(2.2)], "are not known"),
        ([Moment(0.2, 3, 0), Moment(1.2, 3, 0), Moment(3.4, 3, 0)], "nothing in this server"),
        ([Moment(0.2, 3), Moment(1.2, 3, preemptions=2)], "2 preemptions on this server"),
        ([Moment(1.2, 3, swapped=1)], "1 request swapped out"),
        ([Moment(1.2, 3, kv=0.99, preemptions=0)], "KV cache of this server was 99"),
        ([Moment(0.2, 3), Moment(1.2, 7), Moment(9.0, 7)], "4 more requests began"),
        ([Moment(0.2, 3, preemptions=5), Moment(3.2, 3)], "nothing in this server"),
        ([Moment(1.2, 3, kv=0.6)], "nothing in this server"),
        ([Moment(1.2, 3), Moment(3.3, 3), Moment(4.3, 3, preemptions=2)], "nothing in this"),
        ([Moment(0.2, 3), Moment(3.3, 3, preemptions=1)], "1 preemption on this server"),
    ],
)
def test_a_pause_is_named_by_the_figures_of_its_own_seconds(samples, words):
    assert words in paused(*samples)


def test_the_requests_that_ran_meanwhile_are_told():
    answer = streamed("a", "b", "c", step=1.0)  # from 0.5 to 2.5
    assert "7 other requests" in fall(answer, Moment(0.6, 8), Moment(1.6, 3)).notes[0]
    assert "No other" in fall(answer, Moment(0.6, 1)).notes[0]
    assert fall(answer, Moment(0.6)).notes == ()
    # before and after, it may not be one of those that run
    assert "No other" in fall(answer, Moment(0.2, 50), Moment(0.6, 1), Moment(2.6, 9)).notes[0]
    assert fall(answer, Moment(0.2, 1), Moment(2.6, 1)).notes == ()


def test_of_two_gaps_one_can_be_a_pause():
    assert len(fall(reply(*(says(at, "x") for at in (0.1, 0.2, 9.0)))).pauses) == 1


def test_a_pause_is_as_long_as_its_words_say_in_a_very_long_answer(monkeypatch):
    monkeypatch.setattr("lib.chat.waterfall._MOST_SEGMENTS", 2)
    found = fall(reply(*(says(at, "x") for at in (*PAUSED, 9.0, 9.1))))
    kept = [(one.start, one.end) for one in found.segments if one.kind == "pause"]
    assert kept == [(one.start, one.end) for one in found.pauses]


def test_an_answer_of_which_nothing_came_has_no_phase():
    assert fall(reply()) == (0.0, (), (), (), ())


def test_a_very_long_answer_is_thinned_out_but_whole():
    parts = [
        says(n / 100, "x") if n % 2 else says(n / 100, reasoning="y") for n in range(1, 30_001)
    ]
    found = fall(reply(*parts))
    assert len(found.segments) <= 402
    assert len(found.marks) <= 20_000
    assert found.segments[-1].end == found.total == 300


MOMENTS = st.lists(st.floats(0, 500), min_size=1, max_size=40).map(sorted)
TIMES = st.none() | st.floats(-1, 600)
LOOKS = st.lists(
    st.builds(
        Moment,
        st.floats(-5, 600),
        *[st.none() | st.floats(0, 100)] * 5,
    ),
    max_size=20,
)


@given(MOMENTS, TIMES, TIMES, LOOKS, st.floats(0, 50))
def test_phases_follow_each_other_from_nothing_to_the_end(moments, prefill, queue, looks, rest):
    events = [says(at, "x" if n % 3 else "", "" if n % 3 else "y") for n, at in enumerate(moments)]
    events.append(data(moments[-1] + rest, times=ServerTimes(prefill=prefill, queue=queue)))
    found = fall(reply(*events), *looks)
    ends = [0.0, *(one.end for one in found.segments)]
    assert [one.start for one in found.segments] == ends[:-1]
    assert ends[-1] == found.total
    assert all(after > before for before, after in pairwise(ends))
    assert all(one.words for one in found.segments)
    for pause in found.pauses:
        assert pause.end - pause.start > 0.25
