"""The figures of an answer: what is counted from what, and what is not known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.api.deltas import Delta, Event, ServerTimes, Usage, timing
from lib.chat.figures import figures, reasoning_words, short
from tests.unit.chat.said import data, reply, says, streamed


def told(answer, **more):
    return {one.key: one for one in figures(answer, timing(answer), **more)}


def test_the_times_are_those_of_the_first_real_piece_and_of_tokens():
    found = told(streamed("a", "b", "c", "d", "e"))
    assert found["ttft"].number == 0.5
    assert found["tpot"].number == pytest.approx(0.1)
    assert found["rate"].value == "10.0"
    assert found["total"].number == pytest.approx(1.0)
    assert (found["prompt"].number, found["tokens"].number) == (20, 5)


def test_what_the_cache_held_is_not_reported_or_a_number():
    silent = told(streamed("a", usage=Usage(64, 1)))["cached"]
    assert (silent.value, silent.number) == ("not reported", None)
    none = told(streamed("a", usage=Usage(64, 1, 0)))["cached"]
    assert (none.value, none.number) == ("0", 0)
    half = told(streamed("a", usage=Usage(64, 1, 32)))["cached"]
    assert "50" in half.hint
    assert "--enable-prompt-tokens-details" in silent.hint
    stopped = told(reply(says(0.5, "a", usage=Usage(64, 1)), done=False))["cached"]
    assert stopped.value == "not reported"
    assert "did not come to its end" in stopped.hint


def test_the_server_s_own_times_stand_beside_ours():
    found = told(streamed("a", "b", times={"prefill": 0.25, "queue": 0.2}))
    assert found["server_ttft"].number == 0.45
    assert found["queue"].number == 0.2
    assert "50 ms are the network" in found["ttft"].hint.replace("\u202f", " ")
    late = told(streamed("a", times={"prefill": 0.8, "queue": 0.1}))["ttft"].hint
    assert "counts otherwise" in late
    assert "server_ttft" not in told(streamed("a"))


def test_the_context_is_a_share_and_the_blocks_are_whole():
    answer = streamed("a", usage=Usage(90, 7))
    found = told(answer, limit=100, block_tokens=16)
    assert found["context"].number == 0.97
    assert found["context"].tone == "watch"
    assert found["blocks"].number == 7
    unknown = told(answer)
    assert (unknown["context"].value, unknown["blocks"].value) == ("–", "–")


@given(st.integers(1, 10**6), st.integers(1, 10**5), st.integers(1, 1024))
def test_no_token_is_without_a_block_and_no_block_without_a_token(prompt, tokens, block):
    answer = streamed("a", usage=Usage(prompt, tokens))
    blocks = told(answer, block_tokens=block)["blocks"].number
    assert (blocks - 1) * block < prompt + tokens <= blocks * block


def test_reasoning_has_tokens_and_time_of_its_own():
    answer = reply(
        says(0.5, reasoning="let", ids=(1,)),
        says(1.5, reasoning=" me see", ids=(2, 3)),
        says(2.0, "42", ids=(4,), finish="stop"),
    )
    assert reasoning_words(answer) == "3 tokens, 1.50\u202fs"
    found = told(answer)
    assert found["reasoning"].number == 3
    assert found["first_answer"].number == 2.0
    assert "reasoning" not in told(streamed("a"))


def test_an_answer_that_began_before_its_reasoning_has_no_negative_time():
    answer = reply(says(0.5, "x"), says(1.0, reasoning="let"), says(3.0, reasoning=" me"))
    assert reasoning_words(answer) == "2.00\u202fs"


def test_without_usage_the_prompt_is_counted_by_its_ids():
    found = told(reply(says(0.5, "a", prompt_ids=(1, 2, 3), ids=(4,))), limit=8)
    assert (found["prompt"].number, found["context"].number) == (3, 0.5)


def test_the_server_s_count_of_reasoning_goes_before_ours():
    answer = reply(says(0.5, reasoning="x", ids=(1,)), data(0.6, usage=Usage(5, 9, None, 8)))
    assert reasoning_words(answer).startswith("8 tokens")


def test_reasoning_that_cannot_be_counted_is_not_guessed():
    answer = reply(says(0.5, reasoning="let"), says(0.9, reasoning=" me"), says(1.0, "x"))
    assert reasoning_words(answer) == "500\u202fms"
    assert told(answer)["reasoning"].number is None
    mixed = says(0.5, "42", reasoning="let me", ids=(1, 2, 3))
    assert told(reply(mixed))["reasoning"].number is None


@pytest.mark.parametrize(
    ("finish", "tone"), [("stop", "good"), ("length", "watch"), ("abort", "bad"), ("odd", "watch")]
)
def test_an_end_has_its_tone(finish, tone):
    assert told(streamed("a", finish=finish))["finish"].tone == tone


def test_the_stop_that_was_met_is_named():
    assert "###" in told(streamed("a", stop="###"))["finish"].hint
    assert "151645" in told(streamed("a", stop=151645))["finish"].hint


def test_an_answer_that_came_whole_has_a_total_and_tokens_only():
    answer = reply(Event(2.0, "whole", (Delta(content="hi", finish="stop"),), Usage(9, 4)))
    found = told(answer)
    assert [found[key].value for key in ("ttft", "tpot", "rate")] == ["–", "–", "–"]
    assert (found["total"].number, found["tokens"].number) == (2.0, 4)
    assert "whole" in found["ttft"].hint


def test_an_answer_of_which_nothing_came_has_no_figures():
    found = figures(reply(), timing(reply()))
    assert {one.number for one in found} == {None}
    assert {one.value for one in found} == {"–", "not reported"}
    assert short(found) == ""


def test_the_line_under_an_answer_has_what_is_known():
    answer = streamed("a", "b", "c")
    line = short(figures(answer, timing(answer)))
    assert line == "TTFT 500\u202fms · 10.0 tokens/s · 3 tokens · stop"
    only = reply(says(0.5, "a"))
    assert short(figures(only, timing(only))) == "TTFT 500\u202fms"


def test_what_a_server_calls_its_end_is_one_plain_line():
    value = told(streamed("a", finish="x\u202e\n" * 99))["finish"].value
    assert len(value) <= 30
    assert value.isprintable()


def test_times_of_a_server_need_not_be_whole():
    answer = streamed("a", times={"mean_itl": 0.01})
    assert answer.times == ServerTimes(mean_itl=0.01)
    assert "server_ttft" not in told(answer)
