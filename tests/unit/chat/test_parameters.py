"""What is typed for a parameter is sent as vLLM reads it, or told in a sentence."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.chat.parameters import PARAMETERS, known, offered, read_values, server_defaults

NAMES = [one.name for one in PARAMETERS]


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("temperature", " 0.2 ", 0.2),
        ("temperature", "1", 1.0),
        ("temperature", "2", 2.0),
        ("temperature", "0", 0.0),
        ("top_p", "1e-3", 0.001),
        ("top_k", "-1", -1),
        ("seed", "-9223372036854775808", -(2**63)),
        ("max_tokens", "1,024", 1024),
        ("stop", "END\r\n ###\n", ["END", " ###"]),
        ("stop", '["\\n\\n", "[x]"]', ["\n\n", "[x]"]),
        ("stop", "[INST]", ["[INST]"]),
        ("stop", "a\u2028b", ["a\u2028b"]),
        ("stop_token_ids", "1, 2 3\n4", [1, 2, 3, 4]),
        ("allowed_token_ids", "[7,8]", [7, 8]),
        ("ignore_eos", "True", True),
        ("skip_special_tokens", "off", False),
        ("logit_bias", '{"1234": 5, "99": -100.0}', {"1234": 5, "99": -100.0}),
        ("reasoning_effort", " low ", "low"),
        ("cache_salt", " mine ", " mine "),
    ],
)
def test_what_is_typed_is_read(name, typed, value):
    values, problems = read_values({name: typed})
    assert problems == {}
    assert values == {name: value}
    assert type(values[name]) is type(value)


@pytest.mark.parametrize(
    ("name", "typed", "sentence"),
    [
        ("temperature", "3", "Temperature is from 0 to 2."),
        ("temperature", "-1", "Temperature is from 0 to 2."),
        ("temperature", "nan", "Temperature is a number from 0 to 2."),
        ("temperature", "1e999", "Temperature is a number from 0 to 2."),
        ("temperature", "０.5", "Temperature is a number from 0 to 2."),
        ("top_p", "0", "Top p is above 0 and at most 1."),
        ("seed", "1.5", "Seed is a whole number from -9,223"),
        ("seed", "9223372036854775808", "Seed is from"),
        ("max_tokens", "0", "Max tokens is from 1 to 131,072."),
        ("max_tokens", "9" * 5000, "Max tokens is a whole number"),
        ("stop", "[1]", "Stop strings are texts"),
        ("stop", "[]", "Stop strings are texts"),
        ("stop", "a\nb\nc\nd\ne", "Stop strings are at most 4."),
        ("stop_token_ids", "1, x", "Stop token ids are token ids"),
        ("stop_token_ids", "-1", "Stop token ids are token ids"),
        ("stop_token_ids", "9999999999", "Stop token ids are from 0 to"),
        ("ignore_eos", "perhaps", "Ignore the end token is true or false."),
        ("logit_bias", "[]", "Logit bias is a JSON object"),
        ("logit_bias", '{"a": 1}', "Logit bias is a JSON object"),
        ("logit_bias", '{"1": true}', "Logit bias is a JSON object"),
        ("logit_bias", '{"1": NaN}', "Logit bias is a JSON object"),
        ("logit_bias", '{"1": 101}', "Logit bias is from -100 to 100."),
        ("reasoning_effort", "huge", "Reasoning effort is one of none, minimal"),
        ("cache_salt", "x" * 1025, "Cache salt has at most 1,024 characters."),
    ],
)
def test_what_cannot_be_sent_is_told_in_a_sentence(name, typed, sentence):
    values, problems = read_values({name: typed})
    assert values == {}
    assert problems[name].startswith(sentence)
    assert problems[name].endswith(".")


def test_what_is_empty_or_unknown_is_not_sent():
    assert read_values({"temperature": " ", "top_p": "", "n": "3", "stream": "true"}) == ({}, {})


def test_the_least_length_is_not_above_the_greatest():
    _, problems = read_values({"min_tokens": "9", "max_tokens": "3"})
    assert problems == {"min_tokens": "Min tokens is more than max tokens, which is 3."}
    _, problems = read_values({"min_tokens": "513"})
    assert problems == {"min_tokens": "Min tokens is more than max tokens, which is 512."}
    assert read_values({"min_tokens": "512"})[1] == {}


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=40)))
def test_whatever_is_typed_is_a_value_or_a_problem(typed):
    values, problems = read_values(typed)
    told = {name for name, text in typed.items() if text.strip()}
    assert told - {"min_tokens"} <= {*values, *problems} <= told
    assert not set(values) & set(problems)
    json.dumps(values, allow_nan=False)


@given(st.floats(0, 2))
def test_a_number_is_read_as_it_is_written(number):
    assert read_values({"temperature": repr(number)})[0] == {"temperature": number}


def test_the_table_is_in_order():
    assert len(set(NAMES)) == len(NAMES)
    shorts = [one.short for one in PARAMETERS if one.short]
    assert len(set(shorts)) == len(shorts)
    for one in PARAMETERS:
        assert one.default, one.name
        assert one.tip.endswith("."), one.name
        assert (one.kind == "list") == bool(one.items), one.name
        if one.kind in ("number", "integer"):
            assert one.least is not None, one.name
            assert one.most is not None, one.name
            assert one.step, one.name
        json.dumps(one.as_data())
    assert "n" not in NAMES


def test_no_address_carries_words_of_a_person():
    free = {one.name for one in PARAMETERS if one.kind == "text" and not one.choices}
    free |= {one.name for one in PARAMETERS if one.items == "text" or one.kind == "json"}
    assert free == {"stop", "bad_words", "logit_bias", "cache_salt"}
    assert all(not one.short for one in PARAMETERS if one.name in free)


def test_completions_have_no_parameters_of_chats():
    names = {one.name for one in offered("completions")}
    assert "temperature" in names
    assert not names & {"reasoning_effort", "include_reasoning", "parallel_tool_calls"}
    assert len(offered("chat")) == len(PARAMETERS)


def described(**defaults):
    listed = {name: {"default": value} for name, value in defaults.items()}
    return {"components": {"schemas": {"ChatCompletionRequest": {"properties": listed}}}}


def test_a_server_tells_what_it_does_unless_told():
    openapi = described(ignore_eos=False, priority=0, max_tokens=16, model="x", stop=[])
    assert server_defaults(None, openapi, "chat") == {"ignore_eos": "false", "priority": "0"}
    assert server_defaults(None, openapi, "completions") == {}
    own = {"temperature": 0.7, "top_k": 20, "model": 3, "top_p": None}
    config = {"override_generation_config": own, "generation_config": "auto"}
    info = {"vllm_config": {"model_config": config}}
    assert server_defaults(info, None, "chat") == {"temperature": "0.7", "top_k": "20"}


def test_without_the_models_own_defaults_the_neutral_ones_hold():
    config = {"generation_config": "vllm", "override_generation_config": {"temperature": 0.3}}
    found = server_defaults({"vllm_config": {"model_config": config}}, None, "chat")
    assert found["temperature"] == "0.3"
    assert (found["top_p"], found["top_k"], found["min_p"]) == ("1", "all", "0")


@pytest.mark.parametrize("told", [None, [], "x", {"vllm_config": "text"}, {"components": {"a": 1}}])
def test_a_server_that_tells_nothing_leaves_all_open(told):
    assert server_defaults(told, told, "chat") == {}
    assert known(told, "chat") is None


def test_what_a_release_does_not_know_is_told_apart():
    assert known(described(temperature=None, evil=1), "chat") == {"temperature"}
    assert known(described(temperature=None), "completions") is None
