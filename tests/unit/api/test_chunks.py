import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.api.answers import Raw
from lib.api.chunks import MOST_RAW, read_chunk, read_whole
from lib.api.deltas import Delta, Probability, Reply, ServerTimes, TokenChoice, ToolPart, Usage
from lib.api.errors import Reason, Unfit
from lib.api.sse import Framing
from tests.support.faulty import RECORDINGS


def streamed(name):
    reply = Reply()
    for frame in Framing().feed((RECORDINGS / name).read_bytes()):
        if frame.text != b"[DONE]":
            reply.add(read_chunk(frame.text, 0.0))
    return reply


def chunk(**fields):
    return read_chunk(json.dumps({"choices": [], **fields}).encode(), 1.5)


def delta(**fields):
    (found,) = chunk(choices=[{"index": 0, **fields}]).deltas
    return found


def whole(name):
    return read_whole(Raw(200, {}, (RECORDINGS / name).read_bytes()))


def test_a_recorded_chat_stream_is_read():
    reply = streamed("chat_stream_continuous_usage.txt")
    assert reply.content == "يتها\nيتها"
    assert (reply.usage, reply.finish) == (Usage(30, 3), "length")
    assert (reply.id, reply.model) == ("chatcmpl-9e7de99daea132d5", "Qwen/Qwen2.5-7B-Instruct")
    assert reply.fingerprint == "vllm-0.32.0-bc444d37"
    assert [event.usage.completion for event in reply.events] == [0, 1, 2, 3, 3]


def test_a_recorded_stream_with_probabilities_is_read():
    reply = streamed("chat_stream_token_ids_logprobs.txt")
    assert (reply.ids, reply.prompt_ids[:2], len(reply.prompt_ids)) == (
        [133624, 198],
        (151644, 8948),
        30,
    )
    first, _ = reply.choices
    assert first.chosen == Probability("يتها", -11.931214332580566, 133624, "يتها".encode())
    assert first.top[0].bytes_ == "يتها".encode()


def test_a_recorded_completion_stream_is_read():
    reply = streamed("completion_stream.txt")
    assert (reply.content, reply.usage) == (" rend bagi rend", Usage(1, 3))


def test_whole_answers_are_read_alike():
    event = whole("chat_logprobs.json")
    assert (event.kind, event.usage) == ("whole", Usage(30, 2))
    (said,) = event.deltas
    assert (said.content, said.finish, len(said.choices)) == ("يتها\n", "length", 2)
    assert [one.token for one in said.choices[0].top] == ["يتها", "AYS"]


def test_an_echoed_prompt_has_a_first_token_without_a_probability():
    (said,) = whole("completion_logprobs_echo.json").deltas
    first, second, *_ = said.choices
    assert first == TokenChoice(Probability("Hello", None))
    assert second.chosen == Probability(" world", -11.931230545043945)
    assert [one.token for one in second.top] == [" world", " rend", "HR"]


@pytest.mark.parametrize(
    "told",
    [
        {"reasoning": "Hm"},
        {"reasoning_content": "Hm"},
        {"reasoning": "Hm", "reasoning_content": "Hm"},
        {"reasoning": None, "reasoning_content": "Hm"},
    ],
)
def test_reasoning_is_read_under_both_of_its_names(told):
    assert delta(delta=told).reasoning == "Hm"


def test_tool_calls_are_read_in_parts_and_whole():
    call = {"index": 2, "id": "a", "function": {"name": "f", "arguments": "{"}}
    assert delta(delta={"tool_calls": [call]}).tools == (ToolPart(2, "a", "f", "{"),)
    assert delta(delta={"tool_calls": [{"index": 1, "function": None}]}).tools == (ToolPart(1),)
    unnumbered = [{"function": {"name": "f"}}, {"function": {"name": "g"}}]
    assert [one.index for one in delta(message={"tool_calls": unnumbered}).tools] == [0, 1]


def test_of_very_many_tool_calls_the_first_are_read():
    calls = [{"index": 0, "function": {"arguments": "x"}}] * 1_000
    assert len(delta(delta={"tool_calls": calls}).tools) == 128


def test_sparse_chunks_are_read():
    assert (chunk().deltas, chunk(usage=None).usage) == ((), None)
    assert read_chunk(b'{"usage": {"prompt_tokens": 3}}', 0).usage == Usage(3)
    assert delta(delta={}) == delta(delta=None) == Delta()
    assert delta(text="x").content == "x"


def test_what_only_describes_is_left_out_where_it_is_odd():
    odd = {
        "token_ids": [1, -1],
        "logprobs": {
            "content": [5, {"token": 5, "logprob": "x", "bytes": [300], "top_logprobs": 1}]
        },
        "finish_reason": 7,
        "stop_reason": [1],
        "delta": {"content": "x"},
    }
    assert delta(**odd) == Delta(content="x", choices=(TokenChoice(Probability("", None)),))
    usage = {"prompt_tokens": -1, "completion_tokens": "2", "prompt_tokens_details": []}
    assert chunk(usage=usage).usage == Usage()
    assert chunk(usage={"prompt_tokens": True, "completion_tokens": 2.0}).usage == Usage()
    assert chunk(usage=[], metrics="x", id=5, prompt_token_ids="x")[3:7] == (None, None, None, "")


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"null",
        b'{"choices": {}}',
        b'{"choices": [1]}',
        b'{"choices": [{"delta": []}]}',
        b'{"choices": [{"delta": {"content": 5}}]}',
        b'{"choices": [' + b"{}," * 64 + b"{}]}",
        b'{"choices": [{"index": -1, "delta": {}}]}',
        b'{"choices": [{"index": 1000000, "delta": {}}]}',
        b'{"choices": [{"delta": {"tool_calls": [{"index": 1e9}]}}]}',
        b'{"choices": [{"delta": {"tool_calls": [5]}}]}',
    ],
)
def test_text_that_is_none_is_refused(body):
    with pytest.raises(Unfit) as caught:
        read_chunk(body, 0)
    assert caught.value.reason is Reason.WRONG_SHAPE


def test_an_answer_in_one_piece_has_a_choice():
    with pytest.raises(Unfit, match="empty"):
        read_whole(Raw(200, {}, b'{"choices": []}'))


def test_tokens_that_are_named_by_their_ids():
    told = {"token": "token_id:17", "logprob": -0.5, "bytes": [240, 159]}
    other = {"token": "token_id:18", "logprob": -9999.0, "bytes": list(b"token_id:18")}
    found = delta(delta={}, logprobs={"content": [{**told, "top_logprobs": [other]}]})
    assert found.choices == (
        TokenChoice(Probability("�", -0.5, 17, b"\xf0\x9f"), (Probability("", -9999.0, 18),)),
    )
    named = {
        "tokens": ["token_id:17"],
        "token_logprobs": [-1],
        "top_logprobs": [{"token_id:9": -2}],
    }
    assert delta(text="a", logprobs=named).choices == (
        TokenChoice(Probability("", -1.0, 17), (Probability("", -2.0, 9),)),
    )


def test_ids_are_joined_to_probabilities_only_where_each_has_one():
    row = {"token": "a", "logprob": -1.0}
    assert delta(token_ids=[7], logprobs={"content": [row]}).choices[0].chosen.id == 7
    assert delta(token_ids=[7, 8], logprobs={"content": [row]}).choices[0].chosen.id is None


@pytest.mark.parametrize("number", [10**400, -(10**400), -1e300])
def test_a_probability_beyond_every_bound_is_not_told(number):
    rows = [{"token": "a", "logprob": number}]
    assert delta(delta={}, logprobs={"content": rows}).choices[0].chosen.logprob is None


def test_the_servers_own_times_become_seconds():
    told = {
        "time_to_first_token_ms": 120,
        "generation_time_ms": 900.5,
        "queue_time_ms": 40,
        "mean_itl_ms": 8,
        "tokens_per_second": 33.3,
    }
    assert chunk(metrics=told).times == ServerTimes(0.12, 0.9005, 0.04, 0.008, 33.3)
    assert chunk(metrics={"queue_time_ms": 0}).times == ServerTimes(queue=0.0)


def test_details_of_usage_are_read():
    told = {
        "prompt_tokens": 9,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    assert chunk(usage=told).usage == Usage(9, 5, 0, 3)


def test_names_of_a_server_are_cleaned_and_bounded():
    found = chunk(id="a\x1b[31m\u202e" + "x" * 5000, model="m\n" * 300)
    assert "\x1b" not in found.id
    assert max(len(found.id), len(found.model)) <= 200
    assert len(chunk(extra="y" * 9000).raw) == MOST_RAW


FIELDS = "delta text message index token_ids logprobs finish_reason stop_reason prompt_token_ids"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(FIELDS.split(), JSON),
    ),
    JSON,
    JSON,
)
def test_whatever_a_choice_holds_it_is_read_or_refused(choice, usage, metrics):
    try:
        event = chunk(choices=[choice], usage=usage, metrics=metrics)
    except Unfit as unfit:
        event = unfit
    assert isinstance(event, Unfit) or len(event.deltas) == 1
