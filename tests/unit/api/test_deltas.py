import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.api import (
    Delta,
    Event,
    Probability,
    Reply,
    TokenChoice,
    ToolCall,
    ToolPart,
    Usage,
    deltas,
    timing,
)

CHOICE = TokenChoice(Probability("a", -1.0), (Probability("b", -2.0),) * 20)


def replied(*events):
    reply = Reply()
    for event in events:
        reply.add(event)
    return reply


def said(at, content="", usage=None, **fields):
    return Event(at, "data", (Delta(content=content, **fields),), usage)


def test_parts_become_a_whole():
    reply = replied(
        Event(0.1, "data", (Delta(),), id="1", model="m", prompt_ids=(5, 6)),
        said(0.2, reasoning="Hm"),
        said(0.3, reasoning="m."),
        said(0.4, "Yes", ids=(1, 2)),
        said(0.5, "!", ids=(3,), finish="stop", stop="END"),
        Event(0.6, "data", usage=Usage(2, 3), fingerprint="f"),
        Event(0.7, "done"),
    )
    assert (reply.reasoning, reply.content, reply.ids) == ("Hmm.", "Yes!", [1, 2, 3])
    assert (reply.finish, reply.stop, reply.done) == ("stop", "END", True)
    assert (reply.id, reply.model, reply.fingerprint) == ("1", "m", "f")
    assert (reply.prompt_ids, reply.usage, len(reply.events)) == ((5, 6), Usage(2, 3), 7)


def test_an_end_that_was_told_is_not_taken_back():
    reply = replied(said(0.1, "a", finish="stop", stop=7), said(0.2), Event(0.3, "done"))
    assert (reply.finish, reply.stop) == ("stop", 7)


def test_tool_calls_grow_side_by_side():
    reply = replied(
        said(0, tools=(ToolPart(1, "b", "other", ""), ToolPart(0, "a", "find", '{"x"'))),
        said(0, tools=(ToolPart(0, arguments=": 1}"),)),
        said(0, tools=(ToolPart(1, "later", "later", "{}"),)),
    )
    assert reply.tools == [ToolCall("a", "find", '{"x": 1}'), ToolCall("b", "other", "{}")]


def test_choices_are_kept_apart():
    reply = replied(said(0, "a"), Event(0, "data", (Delta(1, "b", finish="length"), Delta(0, "c"))))
    assert (reply.choice(0).content, reply.choice(1).content) == ("ac", "b")
    assert (reply.finish, reply.choice(1).finish, reply.choice(7).content) == (None, "length", "")


def test_a_count_that_is_not_repeated_stays():
    first, later = Usage(9, 1, cached=4), Usage(9, 2)
    assert replied(said(0, usage=first), said(1, usage=later)).usage == Usage(9, 2, 4, None)


@given(st.lists(st.text(max_size=5)))
def test_looking_at_a_text_meanwhile_changes_nothing(parts):
    looked, left = Reply(), Reply()
    for number, part in enumerate(parts):
        looked.add(said(number, part))
        left.add(said(number, part))
        assert looked.content == "".join(parts[: number + 1])
    assert left.content == looked.content


def test_reasoning_and_tools_count_as_the_first_token_and_empty_deltas_do_not():
    time = timing(replied(said(1.0), said(2.0, reasoning="a"), said(4.0, "b"), Event(5.0, "done")))
    assert (time.ttft, time.first_answer, time.last, time.total) == (2.0, 4.0, 4.0, 5.0)
    called = timing(replied(said(1.0, tools=(ToolPart(0, name="f"),))))
    assert (called.ttft, called.first_answer) == (1.0, None)
    assert timing(replied(said(1.0, tools=(ToolPart(0, "id only"),)))).ttft is None


def test_tokens_are_counted_by_usage_then_by_ids_and_never_by_chunks():
    texts = (said(1.0, "a"), said(3.0, "bcd"))
    counted = timing(replied(*texts, Event(3.0, "data", usage=Usage(1, 5))))
    assert (counted.tokens, counted.tpot, counted.rate, counted.chunks) == (5, 0.5, 2.0, 2)
    assert counted.gaps == (2.0,)
    by_ids = timing(replied(said(1.0, "a", ids=(1,)), said(3.0, "bcd", ids=(2, 3, 4, 5))))
    assert (by_ids.tokens, by_ids.tpot) == (5, 0.5)
    assert timing(replied(said(1.0, "a"), said(2.0, "b")))[5:8] == (None, None, None)


def test_tokens_that_came_unseen_take_no_part_of_the_time_of_those_that_were_seen():
    hidden = said(9.0, "a", Usage(1, 401)), said(10.0, "b", Usage(1, 411))
    end = Event(10.0, "data", usage=Usage(1, 412))
    assert timing(replied(*hidden, end)).tpot == 0.1
    ids = said(8.0, ids=(1, 2, 3)), said(9.0, "a", ids=(4, 5)), said(10.0, "b", ids=(6, 7))
    assert timing(replied(*ids, said(10.0, ids=(8,)))).tpot == 0.5
    assert timing(replied(said(1.0, "a", Usage(1, 9)), said(2.0, "b", Usage(1, 9)))).tpot is None


@pytest.mark.parametrize("events", [(), (said(1.0, "a", Usage(1, 1)),), (Event(1.0, "comment"),)])
def test_what_cannot_be_told_is_none(events):
    time = timing(replied(*events))
    assert (time.tpot, time.rate, time.gaps) == (None, None, ())


def test_an_answer_in_one_piece_has_a_total_and_tokens_only():
    whole = Event(2.0, "whole", (Delta(content="all", finish="stop"),), Usage(1, 7))
    reply = replied(whole)
    time = timing(reply)
    assert (time.total, time.tokens, time.ttft, time.chunks) == (2.0, 7, None, 0)
    assert (reply.done, reply.streamed, reply.content) == (True, False, "all")


def test_a_long_answer_is_kept_in_part_and_timed_as_a_whole(monkeypatch):
    monkeypatch.setattr(deltas, "_MOST_EVENTS", 5)
    reply = replied(*(said(float(number), "x") for number in range(8)))
    assert (len(reply.events), reply.events_left_out) == (5, 3)
    assert (reply.content, len(timing(reply).gaps)) == ("x" * 8, 7)


def test_raw_lines_and_probabilities_are_bounded(monkeypatch):
    monkeypatch.setattr(deltas, "_MOST_RAW", 100)
    monkeypatch.setattr(deltas, "_MOST_PROBABILITIES", 50)
    reply = replied(*(said(0.0, choices=(CHOICE,))._replace(raw="r" * 40) for _ in range(4)))
    assert (len(reply.events), reply.events_left_out) == (2, 2)
    assert (len(reply.choices), reply.choice().choices_left_out) == (2, 2)
    assert not any(delta.choices for event in reply.events for delta in event.deltas)
    many = replied(*(said(0.0, index=index, choices=(CHOICE,)) for index in range(4)))
    assert sum(len(many.choice(index).choices) for index in range(4)) == 2
