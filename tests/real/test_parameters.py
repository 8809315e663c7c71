"""Every parameter of the table is one that the real server knows, reads and accepts."""

import httpx
import pytest

from lib.chat.conversation import Node, ToolCall
from lib.chat.parameters import PARAMETERS, known, offered, server_defaults
from lib.chat.request import from_tokens, request
from lib.chat.settings import KINDS, MODES, Settings, Structured, problems
from tests.real.vllm import CHAT

PATH = (Node("1", None, "user", "Count to three."),)
TYPED = {
    "temperature": "0.2",
    "top_p": "0.9",
    "top_k": "20",
    "min_p": "0.05",
    "seed": "-7",
    "max_tokens": "3",
    "min_tokens": "1",
    "stop": "END\n###",
    "stop_token_ids": "151643, 151645",
    "include_stop_str_in_output": "true",
    "ignore_eos": "true",
    "presence_penalty": "-2",
    "frequency_penalty": "2",
    "repetition_penalty": "1.1",
    "bad_words": "bad\nworse",
    "logit_bias": '{"100": 5, "200": -100.0}',
    "allowed_token_ids": "100, 200, 300",
    "skip_special_tokens": "false",
    "spaces_between_special_tokens": "false",
    "reasoning_effort": "low",
    "thinking_token_budget": "16",
    "include_reasoning": "false",
    "parallel_tool_calls": "false",
    "add_special_tokens": "true",
    "truncate_prompt_tokens": "4",
    "truncation_side": "left",
    "priority": "1",
    "cache_salt": "mine",
    "stream_interval": "2",
}
NEEDS_A_FLAG = {"thinking_token_budget": "reasoning"}
"""What this server refuses for want of a flag, and a word of its refusal."""
TOOLS = '[{"type": "function", "function": {"name": "time", "parameters": {"type": "object"}}}]'
FORMS = {
    "json": '{"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}',
    "json_object": "",
    "regex": "[a-c]{2}",
    "choice": "yes\nno",
    "grammar": 'root ::= "a" | "b"',
}


@pytest.fixture(scope="module")
def server(chat):
    with httpx.Client(base_url=chat.url, timeout=120, trust_env=False) as client:
        yield client


def sent(server, generation):
    return server.post(generation.route.path, json=generation.body)


def settings(mode, **typed):
    return Settings(mode=mode, parameters={"max_tokens": "2", **typed})


def test_every_parameter_has_a_value_here():
    assert set(TYPED) == {one.name for one in PARAMETERS}


def test_the_server_describes_every_parameter_and_its_defaults_are_those_of_the_table(server):
    openapi = server.get("/openapi.json").json()
    for mode in MODES:
        assert known(openapi, mode) == {one.name for one in offered(mode)}
        told = server_defaults(None, openapi, mode)
        for one in PARAMETERS:
            if one.name in told and one.name != "add_special_tokens":
                assert told[one.name] == one.default, one.name
        assert told["add_special_tokens"] == ("false" if mode == "chat" else "true")


@pytest.mark.parametrize("mode", MODES)
def test_every_changed_value_is_accepted(server, mode):
    for one in offered(mode):
        asked = settings(mode, **{one.name: TYPED[one.name]})
        assert problems(asked) == {}
        answer = sent(server, request(PATH, asked, CHAT))
        if word := NEEDS_A_FLAG.get(one.name):
            assert answer.status_code == 400, one.name
            assert word in answer.json()["error"]["message"]
        else:
            assert answer.status_code == 200, (one.name, answer.text)


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [
        (one.name, one.least, one.most)
        for one in PARAMETERS
        if one.kind == "number" or one.name in ("top_k", "seed")
    ],
)
def test_the_limits_of_a_number_are_those_of_the_server(server, name, lowest, highest):
    for limit in (lowest, highest):
        asked = settings("chat", **{name: repr(limit)})
        answer = sent(server, request(PATH, asked, CHAT))
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind])
def test_every_form_binds_the_answer(server, mode, kind):
    asked = Settings(mode=mode, parameters={"max_tokens": "40"}, structured=_form(kind))
    answer = sent(server, request(PATH, asked, CHAT, release="0.32.0"))
    assert answer.status_code == 200, answer.text
    choice = answer.json()["choices"][0]
    text = choice["message"]["content"] if mode == "chat" else choice["text"]
    assert text.lstrip()[:1] in {"json": "{", "json_object": "{", "choice": "yn"}.get(kind, "abc")


def _form(kind):
    return Structured(kind, FORMS[kind])


def test_an_answer_is_continued_and_branched_from_by_its_tokens(server):
    asked = Settings(parameters={"max_tokens": "4"}, logprobs=True, top=3)
    first = sent(server, request(PATH, asked, CHAT, seed=1)).json()
    choice = first["choices"][0]
    ids, top = choice["token_ids"], choice["logprobs"]["content"][2]["top_logprobs"]
    other = int(top[-1]["token"].removeprefix("token_id:"))
    branch = from_tokens(first["prompt_token_ids"], ids[:2], other, asked, CHAT)
    answer = sent(server, branch).json()
    assert answer["choices"][0]["prompt_token_ids"] == [*first["prompt_token_ids"], *ids[:2], other]
    assert answer["usage"]["completion_tokens"] == 1

    said = Node("2", "1", "assistant", "One, two,")
    more = request((*PATH, said), asked, CHAT, continuing=True)
    continued = sent(server, more).json()
    whole = sent(server, request(PATH, asked, CHAT)).json()
    added = continued["usage"]["prompt_tokens"] - whole["usage"]["prompt_tokens"]
    assert 2 <= added <= 6


def test_a_tool_and_its_result_are_understood(server):
    asked = Settings(tools=TOOLS, tool_choice="none", parameters={"max_tokens": "2"})
    call = Node("2", "1", "assistant", "", tools=(ToolCall("c1", "time", '{"zone": "UTC"}'),))
    result = Node("3", "2", "tool", "12:00", call="c1")
    answer = sent(server, request((*PATH, call, result), asked, CHAT, ids=True))
    assert answer.status_code == 200, answer.text
    told = server.post("/detokenize", json={"tokens": answer.json()["prompt_token_ids"]}).json()
    for part in ('"zone": "UTC"', "<tool_response>\n12:00", "# Tools"):
        assert part in told["prompt"]


@pytest.mark.parametrize("choice", ["time", "auto"])
def test_tools_that_no_parser_reads_are_refused_by_the_name_of_the_flag(server, choice):
    asked = Settings(tools=TOOLS, tool_choice=choice)
    answer = sent(server, request(PATH, asked, CHAT))
    assert answer.status_code == 400
    assert "--tool-call-parser" in answer.json()["error"]["message"]
