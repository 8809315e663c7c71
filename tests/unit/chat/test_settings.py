"""What is set is read tolerantly, told in sentences where it is wrong, and never in a link."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.chat.parameters import PARAMETERS
from lib.chat.settings import (
    KINDS,
    Settings,
    Structured,
    changed,
    from_query,
    problems,
    read,
    to_query,
)

TOOL = {"type": "function", "function": {"name": "time", "parameters": {"type": "object"}}}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from([*Settings().as_data(), "unknown"])
TYPED = st.dictionaries(
    st.sampled_from([one.name for one in PARAMETERS]), st.text(min_size=1, max_size=9)
)


@st.composite
def any_settings(draw):
    return Settings(
        mode=draw(st.sampled_from(["chat", "completions"])),
        system=draw(st.text(max_size=9)),
        parameters={one.name: text for one in PARAMETERS if (text := draw(TYPED).get(one.name))},
        extra=draw(st.sampled_from(["", '{"a": 1}', "{"])),
        structured=Structured(draw(st.sampled_from(sorted(KINDS))), draw(st.text(max_size=9))),
        tools=draw(st.sampled_from(["", json.dumps([TOOL]), "[]", "{"])),
        tool_choice=draw(st.sampled_from(["auto", "none", "required", "time", "other"])),
        template=draw(st.sampled_from(["", '{"enable_thinking": false}', "[1]"])),
        logprobs=draw(st.booleans()),
        top=draw(st.integers(0, 20)),
    )


@given(any_settings())
def test_what_is_told_to_the_browser_is_read_back(settings):
    assert read(json.loads(json.dumps(settings.as_data()))) == settings


@given(any_settings())
def test_anything_that_is_set_can_be_judged_and_named(settings):
    assert all(sentence.endswith(".") for sentence in problems(settings).values())
    assert all(0 < len(words) < 120 for words in changed(settings))


@given(st.dictionaries(FIELDS, ANYTHING) | ANYTHING)
def test_anything_may_come_from_a_browser(value):
    found = read(value, Settings(system="kept"))
    assert read(found.as_data()) == found
    assert 0 <= found.top <= 20


@pytest.mark.parametrize(
    "nonsense",
    [None, [], {"mode": "x"}, {"system": 3}, {"logprobs": 1}, {"top": True}, {"structured": 1}],
)
def test_what_is_unfit_changes_nothing(nonsense):
    before = Settings(mode="completions", system="kept", top=3)
    assert read(nonsense, before) == before


def test_unknown_and_empty_parameters_are_left_out():
    told = {"temperature": "0.2", "top_p": "", "evil": "1", "seed": 3}
    assert read({"parameters": told}).parameters == {"temperature": "0.2"}


def test_values_of_the_other_mode_are_neither_sent_nor_complained_about():
    typed = {"reasoning_effort": "huge", "temperature": "0.2"}
    settings = Settings(mode="completions", parameters=typed, tools="{", template="{")
    assert settings.values == {"temperature": 0.2}
    assert problems(settings) == {}
    assert set(problems(replace(settings, mode="chat"))) == {
        "reasoning_effort",
        "tools",
        "template",
    }


@pytest.mark.parametrize(
    ("settings", "field", "words"),
    [
        (Settings(parameters={"top_p": "7"}), "top_p", "Top p is above 0"),
        (Settings(extra="[1]"), "extra", "one JSON object"),
        (Settings(extra="{"), "extra", "no JSON"),
        (Settings(extra='{"x": NaN}'), "extra", "NaN"),
        (Settings(extra='{"stream": false}'), "extra", "cannot set stream"),
        (Settings(extra='{"stream_options": null}'), "extra", "cannot set stream_options"),
        (Settings(extra='{"model": "x"}'), "extra", "cannot set model"),
        (Settings(extra='{"messages": []}'), "extra", "cannot set messages"),
        (Settings(extra='{"prompt": "x"}'), "extra", "cannot set prompt"),
        (Settings(extra='{"n": 2}'), "extra", "cannot set n"),
        (Settings(tools="{}"), "tools", "JSON list"),
        (Settings(tools="[]"), "tools", "JSON list"),
        (Settings(tools='[{"type": "function"}]'), "tools", "Tool 1 is no function"),
        (Settings(tools='[{"function": {"name": "a b"}}]'), "tools", "Tool 1 is no function"),
        (Settings(tools=json.dumps([TOOL]), tool_choice="x"), "tool_choice", "none of the tools"),
        (Settings(template="3"), "template", "one JSON object"),
        (Settings(structured=Structured("json", "")), "structured", "JSON schema) is empty"),
        (Settings(structured=Structured("json", "[]")), "structured", "one JSON object"),
        (Settings(structured=Structured("regex", " ")), "structured", "is empty"),
        (Settings(structured=Structured("choice", "\n")), "structured", "is empty"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(settings, field, words):
    found = problems(settings)
    assert list(found) == [field]
    assert words in found[field]
    assert found[field].endswith(".")


def test_one_answer_may_be_asked_for_explicitly():
    assert Settings(extra='{"n": 1, "user": "x"}').further() == {"n": 1, "user": "x"}


def test_the_words_under_an_answer_name_what_was_changed():
    settings = Settings(
        system="Be brief.",
        parameters={"temperature": "0.2", "stop": "END\n###", "top_p": "wrong"},
        structured=Structured("regex", "a+"),
        tools=json.dumps([TOOL, TOOL]),
        tool_choice="required",
        template='{"enable_thinking": false}',
        extra='{"user": "me"}',
        logprobs=True,
    )
    assert changed(settings) == (
        "system prompt",
        "temperature 0.2",
        "stop strings END ###",
        "regular expression",
        "2 tools (required)",
        "template: enable_thinking",
        "extra: user",
        "probabilities with 5 alternatives",
    )
    assert changed(Settings()) == ()


@given(any_settings())
def test_a_link_brings_back_numbers_and_choices_and_no_text(settings):
    query = to_query(settings)
    found = from_query(query)
    linked = {one.name for one in PARAMETERS if one.short}
    assert (found.mode, found.logprobs) == (settings.mode, settings.logprobs)
    assert {
        name: text.strip()
        for name, text in settings.parameters.items()
        if name in linked and text.strip()
    } == dict(found.parameters)
    assert from_query(to_query(found)) == found
    private = replace(settings, system="", extra="", tools="", template="", structured=Structured())
    assert to_query(private) == query
    shorts = {one.short for one in PARAMETERS if one.short}
    assert set(query) <= {"mode", "logprobs"} | shorts


def test_what_a_link_says_wrongly_is_told_like_what_is_typed():
    found = from_query({"temp": "9", "mode": "evil", "logprobs": "99", "max": "20"})
    assert set(problems(found)) == {"temperature"}
    assert (found.mode, found.top, found.values) == ("chat", 20, {"max_tokens": 20})


def test_a_link_goes_over_what_was_set_before():
    before = Settings(system="kept", parameters={"temperature": "1", "top_p": "0.5"})
    found = from_query({"temp": "0.2"}, before)
    assert found.system == "kept"
    assert found.parameters == {"temperature": "0.2", "top_p": "0.5"}
