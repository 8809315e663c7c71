"""What is missing or at odds in a stream."""

import pytest

from lib.api.deltas import Delta, Event, Usage
from lib.chat.integrity import integrity
from tests.unit.chat.said import data, reply, says, streamed


def told(answer, **more):
    return " ".join(note.text for note in integrity(answer, **more))


def test_a_whole_stream_is_told_nothing():
    assert integrity(streamed("a", "b", "c")) == ()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (streamed("a\ufffd", "\ufffdb"), "2 characters arrived as U+FFFD"),
        (reply(says(0.1, "a", finish="stop", usage=Usage(1, 1)), done=False), "without [DONE]"),
        (streamed("a", usage=None), "no usage"),
        (streamed("a", finish=None), "never said why"),
        (
            reply(says(0.1, "a", ids=(1, 2), finish="stop", usage=Usage(1, 3))),
            "3 tokens but told 2",
        ),
        (streamed("a", "", "", "b", usage=Usage(1, 2)), "2 chunks brought nothing"),
        (streamed("a", "b", usage=Usage(1, 9)), "4.5 tokens came per chunk"),
    ],
)
def test_what_is_amiss_is_told(answer, words):
    assert words in told(answer)


def test_an_answer_that_was_stopped_need_not_end():
    assert told(reply(says(0.1, "a"), done=False), stopped=True) == ""
    assert "U+FFFD" in told(reply(says(0.1, "\ufffd"), done=False), stopped=True)


def test_an_answer_that_came_whole_has_no_stream():
    whole = Event(1.0, "whole", (Delta(content="hi", finish="stop"),), Usage(1, 9))
    assert integrity(reply(whole)) == ()


def test_the_role_the_end_and_the_counts_are_no_empty_chunks():
    ends = reply(
        data(0.1, Delta()),
        says(0.2, "a"),
        data(0.3, Delta(finish="stop")),
        data(0.4, usage=Usage(1, 1)),
    )
    assert told(ends) == ""


def test_nothing_at_all_is_no_stream():
    assert integrity(reply()) == ()
