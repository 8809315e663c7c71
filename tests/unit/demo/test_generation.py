"""Over real HTTP: text comes as a real server sends it, at the pace of the simulated scheduler."""

import asyncio
import json
import time
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.demo.demo import Demo
from lib.demo.roles import ROLES
from lib.demo.server import application
from tests.support.waiting import until
from tests.unit.demo.asking import recorded, value

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
QUESTION = [{"role": "user", "content": "Why does my queue grow?"}]
LONG = {"messages": QUESTION, "ignore_eos": True, "max_tokens": 3000, "stream": True}
RUNNING = "vllm:num_requests_running"
EVERYTHING = {"stream": True, "stream_options": {"include_usage": True}}


def asked(client: httpx.Client, path: str = CHAT, **fields) -> dict:
    body = {"messages": QUESTION, "temperature": 0, "max_tokens": 60, **fields}
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def streamed(client: httpx.Client, path: str = CHAT, **fields) -> list[dict]:
    body = {"messages": QUESTION, "temperature": 0, "max_tokens": 60, "stream": True, **fields}
    answer = client.post(path, json=body)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    *events, done, nothing = answer.text.split("\n\n")
    assert (done, nothing) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events]


def joined(events: list[dict], field: str = "content") -> str:
    deltas = [choice["delta"] for event in events for choice in event["choices"]]
    return "".join(delta.get(field) or "" for delta in deltas)


def shape(value):
    """Keys in their order and kinds of values; an element of a list stands for all like it."""
    if isinstance(value, dict):
        return [(key, shape(inner)) for key, inner in value.items()]
    if isinstance(value, list):
        kinds = [shape(one) for one in value]
        return [kind for place, kind in enumerate(kinds) if kind not in kinds[:place]]
    return type(value).__name__


@contextmanager
def talking(client: httpx.Client, **fields):
    """A long answer under way: the lines of its stream."""
    with client.stream("POST", CHAT, json={**LONG, **fields}) as answer:
        lines = answer.iter_lines()
        next(lines)
        yield lines


# `demo-hang` tells neither cached tokens nor times, as the recorded server did not.
@pytest.mark.parametrize(
    ("name", "path", "fields"),
    [
        ("chat", CHAT, {}),
        ("chat_token_ids", CHAT, {"return_token_ids": True, "return_prompt_text": True}),
        ("chat_logprobs", CHAT, {"logprobs": True, "top_logprobs": 2}),
        ("completion", COMPLETIONS, {"prompt": "Hello"}),
    ],
)
def test_a_whole_answer_has_the_recorded_shape(hanging, name, path, fields):
    assert shape(asked(hanging, path, **fields, max_tokens=4)) == shape(recorded(name))


@pytest.mark.parametrize(
    ("name", "path", "fields"),
    [
        ("chat_stream", CHAT, {}),
        ("chat_stream_usage", CHAT, EVERYTHING),
        (
            "chat_stream_continuous_usage",
            CHAT,
            {"stream_options": {"include_usage": True, "continuous_usage_stats": True}},
        ),
        (
            "chat_stream_token_ids_logprobs",
            CHAT,
            {"return_token_ids": True, "logprobs": True, "top_logprobs": 1},
        ),
        ("completion_stream", COMPLETIONS, {"prompt": "Hello", **EVERYTHING}),
    ],
)
def test_a_stream_has_the_recorded_shape(hanging, name, path, fields):
    # The recorded answers have two to three tokens; the kinds of chunks are what counts.
    assert shape(streamed(hanging, path, **fields, max_tokens=25)) == shape(recorded(name))


@pytest.mark.parametrize(
    ("name", "path", "fields"),
    [
        ("chat_max_tokens_0", CHAT, {"max_tokens": 0}),
        ("error_400_logprobs", COMPLETIONS, {"prompt": "x", "logprobs": 999}),
        ("error_400_max_tokens_too_long", CHAT, {"max_tokens": 999999}),
        (
            "error_400_prompt_too_long",
            CHAT,
            {"messages": [{"role": "user", "content": "hi " * 6000}]},
        ),
        ("error_400_stream_options", CHAT, {"stream_options": {"include_usage": True}}),
        ("error_400_temperature", CHAT, {"temperature": -1}),
        ("error_400_completion_empty", COMPLETIONS, {"prompt": ""}),
        ("error_404_model", CHAT, {"model": "nope"}),
    ],
)
def test_what_cannot_be_served_is_refused_in_the_recorded_words(chat, name, path, fields):
    answer = chat.post(path, json={"messages": QUESTION, "max_tokens": 4, **fields})
    assert answer.json() == recorded(name)
    assert answer.status_code == recorded(name)["error"]["code"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 4) | st.floats(-2, 2) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["type", "function", "name", "role"]), inner, max_size=3)
    ),
    max_leaves=5,
)
FIELDS = (
    *("messages", "prompt", "model", "max_tokens", "max_completion_tokens", "min_tokens", "n"),
    *("stop", "stream", "stream_options", "tools", "tool_choice", "logprobs", "top_logprobs"),
    *("response_format", "structured_outputs", "seed", "temperature", "top_p", "reasoning_effort"),
    *("chat_template_kwargs", "thinking_token_budget", "echo", "ignore_eos", "return_token_ids"),
)


@given(
    path=st.sampled_from([CHAT, COMPLETIONS]),
    fields=st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4),
)
@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_whatever_is_sent_is_served_or_refused(chat, path, fields):
    body = {"messages": QUESTION, "prompt": "Hello", "max_tokens": 1} | fields
    if body["max_tokens"] is None:  # with no end either, it writes for minutes, as it should
        body.pop("ignore_eos", None)
    assert chat.post(path, json=body).status_code in {200, 400, 404}


def test_missing_messages_are_refused_in_the_recorded_words(chat):
    assert chat.post(CHAT, json={"model": "x"}).status_code == 404
    missing = chat.post(CHAT, json={"max_tokens": 4})
    assert missing.json() == recorded("error_400_chat_no_messages")


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 2},
        {"messages": []},
        {"messages": [1]},
        {"max_tokens": "x"},
        {"temperature": "x"},
        {"temperature": 3},
        {"top_p": 0},
        {"top_k": -2},
        {"seed": 1.5},
        {"stop": 4},
        {"top_logprobs": 3},
        {"tools": []},
        {"tools": 5},
        {"tools": [{"type": "function", "function": {}}]},
        {"tool_choice": "required"},
        {"response_format": {"type": "json_schema"}},
        {"structured_outputs": {"choice": ["a"], "regex": "b"}},
        {"structured_outputs": {"json": {"type": "nope"}}},
        {"chat_template": "{{ x }}"},
        {"continue_final_message": True},
    ],
    ids=json.dumps,
)
def test_a_bad_value_is_refused_before_it_costs_a_seat(chat, fields):
    answer = chat.post(CHAT, json={"messages": QUESTION, "max_tokens": 4, **fields})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_a_stream_says_what_the_whole_answer_says(chat):
    whole = asked(chat, return_token_ids=True)
    events = streamed(chat, return_token_ids=True, **EVERYTHING)
    choice = whole["choices"][0]
    assert joined(events) == choice["message"]["content"]
    ids = [
        token for event in events for one in event["choices"] for token in one.get("token_ids", [])
    ]
    assert ids == choice["token_ids"]
    assert events[0]["prompt_token_ids"] == whole["prompt_token_ids"]
    last = events[-1]["usage"]
    assert last["completion_tokens"] == len(ids) == whole["usage"]["completion_tokens"]
    assert events[-2]["choices"][0]["finish_reason"] == choice["finish_reason"]


def test_ids_and_text_are_those_of_the_tokenizer(servers):
    for name in ("demo-chat", "demo-hang"):
        client = servers[name]
        whole = asked(client, return_token_ids=True, return_prompt_text=True)
        tokens = client.post("/tokenize", json={"messages": QUESTION}).json()["tokens"]
        assert whole["prompt_token_ids"] == tokens
        ids = whole["choices"][0]["token_ids"]
        text = client.post("/detokenize", json={"tokens": ids}).json()["prompt"]
        assert text.removesuffix("</s>") == whole["choices"][0]["message"]["content"]


def test_tokens_come_one_by_one_at_the_pace_of_the_engine(chat):
    moments = []
    with talking(chat, max_tokens=30) as lines:
        moments += [time.perf_counter() for line in lines if line.startswith("data: {")]
    gaps = [after - before for before, after in pairwise(moments)]
    assert len(gaps) >= 15  # where this machine is slow two steps come as one
    assert 0.5 < sum(gaps) < 10  # thirty steps of at least 26 ms


def test_a_real_request_is_counted_among_the_others(hanging):
    before = {name: value(hanging, name) for name in ("http_requests_total", RUNNING)}
    with talking(hanging):
        until(lambda: value(hanging, "vllm:prompt_tokens_total") > 0)
    asked(hanging, max_tokens=3)
    assert value(hanging, "http_requests_total") > before["http_requests_total"]
    lengths = "vllm:request_params_max_tokens_bucket"
    assert value(hanging, lengths) > 0


def test_a_client_that_goes_away_frees_its_seat(hanging):
    hanging.post("/demo/restart")  # an idle engine: nobody else comes and goes for a moment
    with talking(hanging), talking(hanging):
        until(lambda: value(hanging, RUNNING) >= 2)
        held = value(hanging, RUNNING)
        blocks = value(hanging, "vllm:kv_cache_usage_perc")
        assert blocks > 0
    left = time.perf_counter()
    until(lambda: value(hanging, RUNNING) <= held - 2)
    assert time.perf_counter() - left < 1.0


def test_a_client_that_does_not_wait_for_a_whole_answer_frees_its_seat(hanging):
    hanging.post("/demo/restart")
    body = {**LONG, "stream": False}
    with pytest.raises(httpx.ReadTimeout):
        hanging.post(CHAT, json=body, timeout=0.5)
    left = time.perf_counter()
    until(lambda: value(hanging, RUNNING) == 0)
    assert time.perf_counter() - left < 1.0


def test_an_engine_that_hangs_sends_no_token_until_it_is_over(hanging):
    with talking(hanging) as lines:
        begun = time.perf_counter()
        hanging.post("/demo/hang", json={"seconds": 2.0})
        # What was on its way before it hung is read first.
        until(lambda: next(lines).startswith("data: {") and time.perf_counter() - begun > 1.0)
        assert time.perf_counter() - begun > 1.9


def test_a_restart_cuts_an_answer_off(hanging):
    with talking(hanging) as lines:
        hanging.post("/demo/restart")
        with pytest.raises(httpx.RemoteProtocolError):
            list(lines)
    assert asked(hanging, max_tokens=3)["usage"]["completion_tokens"] == 3


def test_the_second_time_a_prompt_is_found_in_the_cache(chat):
    long = [{"role": "user", "content": f"{time.time_ns()} " + "blocks of a cache " * 30}]

    def cached():
        usage = asked(chat, messages=long, max_tokens=2)["usage"]
        return usage["prompt_tokens_details"]["cached_tokens"], usage["prompt_tokens"]

    assert cached()[0] == 0
    found, prompt = cached()
    assert found % 16 == 0
    assert prompt - 32 <= found < prompt


def test_a_server_without_the_flag_tells_no_cached_tokens_and_no_times(chat, hanging):
    assert asked(hanging)["usage"]["prompt_tokens_details"] is None
    assert asked(hanging)["metrics"] is asked(chat)["metrics"] is None


def test_one_server_thinks_and_tells_its_own_times(servers):
    pressure = servers["demo-pressure"]
    begun = time.perf_counter()
    events = streamed(pressure, thinking_token_budget=12, max_tokens=40, **EVERYTHING)
    took = 1000 * (time.perf_counter() - begun)
    assert joined(events, "reasoning").startswith("The question is about")
    assert "<think>" not in joined(events)
    last = events[-1]
    assert last["usage"]["completion_tokens_details"]["reasoning_tokens"] == 12
    times = last["metrics"]
    parts = ("time_to_first_token_ms", "generation_time_ms", "queue_time_ms")
    assert 0 < sum(times[part] for part in parts) < took
    assert times["mean_itl_ms"] > 20
    hidden = asked(pressure, max_tokens=8, include_reasoning=False, return_token_ids=True)
    assert hidden["choices"][0]["message"]["reasoning"] is None
    assert hidden["choices"][0]["token_ids"] is None


def test_a_tool_call_is_streamed_in_parts(chat):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": schema}}]
    events = streamed(chat, tools=tools)
    calls = [
        call
        for event in events
        for choice in event["choices"]
        for call in choice["delta"].get("tool_calls", [])
    ]
    assert calls[0]["function"] == {"name": "get_weather"}
    assert calls[0]["id"].startswith("chatcmpl-tool-")
    arguments = "".join(call["function"].get("arguments", "") for call in calls)
    assert json.loads(arguments) == {"city": "Why does my queue grow?"}
    assert events[-1]["choices"][0]["finish_reason"] == "tool_calls"
    message = asked(chat, tools=tools)["choices"][0]["message"]
    assert message["content"] is None
    assert message["tool_calls"][0]["function"]["arguments"] == arguments


def test_probabilities_go_with_the_tokens(chat):
    whole = asked(chat, logprobs=True, top_logprobs=4, return_token_ids=True, max_tokens=300)
    choice = whole["choices"][0]
    entries = choice["logprobs"]["content"]
    assert len(entries) == len(choice["token_ids"])
    told = b"".join(bytes(entry["bytes"]) for entry in entries).decode()
    assert told.removesuffix("</s>") == choice["message"]["content"]
    for entry in entries:
        top = entry["top_logprobs"]
        assert top[0] == {key: entry[key] for key in ("token", "logprob", "bytes")}
        assert len({one["token"] for one in top}) == len(top) == 4
        shares = [one["logprob"] for one in top]
        assert shares == sorted(shares, reverse=True)
        assert max(shares) < 0
    named = asked(
        chat, logprobs=True, top_logprobs=1, return_tokens_as_token_ids=True, max_tokens=1
    )
    entry = named["choices"][0]["logprobs"]["content"][0]
    assert entry["token"] == f"token_id:{choice['token_ids'][0]}"


def test_a_character_of_several_tokens_comes_whole(chat):
    messages = [{"role": "user", "content": "Repeat: 🎉👩‍👩‍👧‍👦𓀀"}]
    events = streamed(chat, messages=messages, logprobs=True)
    assert joined(events) == "🎉👩‍👩‍👧‍👦𓀀"
    assert "\ufffd" not in json.dumps(events, ensure_ascii=False)
    assert any(event["choices"][0]["delta"].get("content") == "" for event in events[1:])


def test_an_echo_puts_the_prompt_before_the_text(chat):
    fields = {"prompt": "Hello world", "echo": True, "logprobs": 1, "max_tokens": 3}
    choice = asked(chat, COMPLETIONS, **fields)["choices"][0]
    logprobs = choice["logprobs"]
    assert choice["text"].startswith("Hello world")
    assert logprobs["token_logprobs"][0] is logprobs["top_logprobs"][0] is None
    assert [len(top) for top in logprobs["top_logprobs"][1:]] == [1] * (len(logprobs["tokens"]) - 1)
    assert "".join(logprobs["tokens"]) == "<s>" + choice["text"]
    ends = [
        at + len(text) for at, text in zip(logprobs["text_offset"], logprobs["tokens"], strict=True)
    ]
    assert ends[:-1] == logprobs["text_offset"][1:]
    events = streamed(chat, COMPLETIONS, **fields)
    assert "".join(event["choices"][0]["text"] for event in events) == choice["text"]


def test_a_full_queue_refuses_in_its_own_words():
    role = replace(ROLES[0], limits=replace(ROLES[0].limits, max_queued=0))

    async def refused() -> httpx.Response:
        transport = httpx.ASGITransport(application(Demo(role, past=0.0)))
        async with httpx.AsyncClient(transport=transport, base_url="http://demo") as client:
            return await client.post(CHAT, json={"messages": QUESTION})

    answer = asyncio.run(refused())
    assert answer.status_code == 503
    assert answer.json()["error"]["message"].startswith("The engine is currently busy")


def test_the_tutorial_server_speaks_as_its_release_did(tutorial):
    model = "demo/sentencepiece-7b"
    whole = asked(tutorial, model=model, return_token_ids=True)
    assert whole.keys() == {
        *("id", "object", "created", "model", "choices", "usage", "prompt_logprobs")
    }
    assert whole["choices"][0]["message"].keys() == {"role", "content", "tool_calls"}
    options = {"include_usage": True, "continuous_usage_stats": True}
    events = streamed(tutorial, model=model, stream_options=options)
    assert [event for event in events if "usage" in event] == events[-1:]
    thinking = {"enable_thinking": True}
    thoughts = streamed(tutorial, model=model, max_tokens=12, chat_template_kwargs=thinking)
    assert joined(thoughts, "reasoning_content").startswith("The question")
    assert asked(tutorial, COMPLETIONS, model=model, prompt="Hello")["choices"][0]["text"]


def test_the_tutorial_server_refuses_in_the_words_of_its_release(tutorial):
    fields = {"model": "demo/sentencepiece-7b", "messages": QUESTION, "max_tokens": 9000}
    long = tutorial.post(CHAT, json=fields).json()
    assert long["object"] == "error"
    assert "in the messages, 9000 in the completion" in long["message"]
    tools = [{"type": "function", "function": {"name": "f"}}]
    auto = tutorial.post(CHAT, json={**fields, "max_tokens": 4, "tools": tools})
    assert "--enable-auto-tool-choice" in auto.json()["message"]
    assert tutorial.post(CHAT, json={"messages": QUESTION}).json()["param"] == "body.model"


def test_an_adapter_answers_by_its_own_name(servers):
    adapter = "demo/tekken-7b-tight-sql"
    whole = asked(servers["demo-pressure"], model=adapter, max_tokens=2)
    assert whole["model"] == adapter
