"""Why an answer ended, and what to do about it."""

import pytest

from lib.api.deltas import Usage
from lib.chat.coach import coach
from tests.unit.chat.said import reply, says, streamed


def told(answer, **values):
    return " ".join(note.text for note in coach(answer, values))


@pytest.mark.parametrize(
    ("answer", "values", "words"),
    [
        (streamed("a", "b", finish="length"), {"max_tokens": 2}, "cut at max_tokens (2)"),
        (streamed("a", finish="length"), {}, "cut at the number of tokens allowed"),
        (streamed("a", finish="length"), {"max_tokens": 50}, "the context is full"),
        (streamed("a", finish="length", usage=None), {"max_tokens": 50}, "cut at max_tokens (50)"),
        (streamed("a"), {}, "ended it by itself"),
        (streamed("a", stop=7), {}, "token 7, one of the model's own"),
        (streamed("a", stop=7), {"stop_token_ids": [7]}, "token 7, which was asked for"),
        (streamed("a", stop=7), {"stop_token_ids": 7}, "token 7, one of the model's own"),
        (streamed("a", stop="#"), {}, "stop text “#”."),
        (streamed("a", stop="#"), {"include_stop_str_in_output": True}, "part of the text"),
        (streamed("a", finish="abort"), {}, "stopped on the server"),
        (streamed("a", finish="repetition"), {}, "repeated itself"),
        (streamed("a", finish="content_filter"), {}, "“content_filter”"),
        (streamed(), {}, "The answer is empty: the model's first token"),
        (streamed(stop="#"), {}, "the stop text came first"),
    ],
)
def test_each_end_has_its_words(answer, values, words):
    assert words in told(answer, **values)


def test_reasoning_that_took_all_tokens_is_told():
    answer = reply(says(0.1, reasoning="well", finish="length", usage=Usage(5, 9)))
    assert "reasoning took all of max_tokens (9)" in told(answer, max_tokens=9)
    assert coach(answer, {})[0].tone == "bad"


def test_reasoning_without_an_answer_is_told():
    assert "ended after thinking" in told(reply(says(0.1, reasoning="well", finish="stop")))


def test_thinking_in_the_text_names_the_flag_that_is_missing():
    assert "--reasoning-parser" in told(streamed("<think>hm</think>", "4"))
    parsed = reply(says(0.1, reasoning="hm"), says(0.2, "it wrote <think>", finish="stop"))
    assert "--reasoning-parser" not in told(parsed)


def test_a_call_in_the_text_names_the_flag_that_is_missing():
    assert "--tool-call-parser" in told(streamed('<tool_call>{"name": "f"}</tool_call>'))


def test_a_tool_is_asked_for_and_its_arguments_are_looked_at():
    good = reply(says(0.1, tool=("f", '{"a": 1}'), finish="tool_calls"))
    assert "paste its result" in told(good)
    assert "no JSON object" not in told(good)
    bad = reply(says(0.1, tool=("f", '{"a": '), finish="length"))
    assert "arguments for f are no JSON object" in told(bad)


@pytest.mark.parametrize("unit", ["ha", "I am a bird. ", "\nno", "x"])
def test_an_answer_that_repeats_itself_to_its_end_is_told(unit):
    assert "repeats" in told(streamed("Once more: ", unit * 200, finish="length"))


@pytest.mark.parametrize("text", ["-" * 500, " " * 500, "ha " * 5, "one two three " * 3, ""])
def test_a_line_or_a_refrain_is_no_repetition(text):
    assert "repeats" not in told(streamed("a", text, finish="length"))


def test_an_answer_that_goes_on_is_told_nothing():
    assert told(reply(says(0.1, "well"), done=False)) == ""
