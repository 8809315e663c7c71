"""What an answer is made of: the same for the same request, ended for one reason, cut exactly."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.demo import tokenizers
from lib.demo.answers import Answer, answer
from lib.demo.replies import Fields
from lib.demo.roles import ROLES, Role
from lib.demo.wishes import Wish, chat_wish, completion_wish

ROLE = {role.name: role for role in ROLES}
CHAT, THINKER, TUTORIAL, PIECES = (
    ROLE[f"demo-{name}"] for name in ("chat", "pressure", "tutorial", "hang")
)
TOOLS = [
    {"type": "function", "function": {"name": "get_time", "description": "the time of day"}},
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "weather in a city",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            },
        },
    },
]


def wished(role: Role = CHAT, content: object = "Why does my queue grow?", **fields) -> Wish:
    messages = [{"role": "user", "content": content}]
    body = {"model": role.model, "messages": messages, "temperature": 0, **fields}
    return chat_wish(Fields(body), role, tokenizers.load(role.tokenizer))


def made(role: Role = CHAT, content: object = "Why does my queue grow?", **fields) -> Answer:
    return answer(wished(role, content, **fields), tokenizers.load(role.tokenizer))


def said(one: Answer, part: str = "content") -> str:
    return "".join(text for kind, text in one.between(0, len(one.ids)) if kind == part)


def test_the_same_request_has_the_same_answer():
    assert made().ids == made().ids == made(seed=7).ids
    warm = [made(temperature=0.8, seed=seed).ids for seed in (1, 1, 2)]
    assert warm[0] == warm[1] != warm[2]
    assert len({made(temperature=0.8).ids for _ in range(4)}) > 1
    assert made().ids != made(content="Why is it slow?").ids


def test_the_answer_takes_up_what_was_asked():
    assert said(made(content="Why does my queue grow?")).startswith(
        "About “Why does my queue grow”"
    )
    assert said(made(content="为什么我的队列变长?")).startswith("关于“为什么我的队列变长”")
    assert said(made(content='Repeat exactly: "a 🎉 b".')) == "a 🎉 b"
    assert said(made(content="Say: Is it?")) == "Is it?"
    assert said(made(content="Count from 3 to 6, please")) == "3, 4, 5, 6"


def test_an_answer_that_ends_by_itself_ends_with_the_end_token():
    one = made()
    end = tokenizers.load("tekken").end
    assert (one.finish, one.stop, one.ids[-1], one.ids.count(end)) == ("stop", None, end, 1)
    assert said(one) == one.text


@pytest.mark.parametrize("limit", [1, 2, 7, 30])
def test_the_limit_cuts_the_answer(limit):
    one, whole = made(max_tokens=limit), made()
    assert (one.finish, one.ids) == ("length", whole.ids[:limit])
    assert whole.text.startswith(said(one))


def test_a_stop_string_ends_the_answer_before_it():
    asked = "Count from 1 to 30"
    one = made(content=asked, stop=["nowhere", " 12"])
    assert (said(one), one.finish, one.stop) == (
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,",
        "stop",
        " 12",
    )
    kept = made(content=asked, stop=" 12", include_stop_str_in_output=True)
    assert said(kept) == said(one) + " 12"
    assert kept.ids == one.ids
    assert made(content=asked, stop="30", max_tokens=4).finish == "length"


def test_the_end_can_be_ignored_and_put_off():
    assert len(made(ignore_eos=True, max_tokens=900).ids) == 900
    longer = made(content="Repeat: hi", min_tokens=50, max_tokens=400)
    assert 50 <= len(longer.ids) <= 400
    assert said(longer).startswith("hi")


def test_a_cut_answer_is_taken_up_inside_its_sentence():
    before = "About “x”: Averages hide the slow ones: the 95th perc"
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": before}]
    fields = {"continue_final_message": True, "add_generation_prompt": False}
    assert said(made(messages=messages, **fields)).startswith("entile says what people feel. ")
    finished = [messages[0], {"role": "assistant", "content": "It is so."}]
    assert said(made(messages=finished, **fields)).startswith(" ")


@pytest.mark.parametrize("role", [CHAT, PIECES])
def test_an_answer_goes_on_from_its_own_tokens(role):
    tokenizer = tokenizers.load(role.tokenizer)
    wish = wished(role)
    whole = answer(wish, tokenizer)
    kept = [*wish.prompt, *whole.ids[:25]]
    fields = Fields({"prompt": kept, "max_tokens": 200, "temperature": 0})
    branch = answer(completion_wish(fields, role, tokenizer), tokenizer)
    before = whole.text[: whole.known[25]]
    sentence = whole.text[len(before) :].split(". ")[0]
    assert sentence
    assert said(branch).startswith(sentence)


@pytest.mark.parametrize("role", [CHAT, PIECES, THINKER, TUTORIAL])
@given(
    content=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
    cuts=st.lists(st.integers(0, 200), max_size=6),
    thinks=st.booleans(),
)
@settings(deadline=None, max_examples=40)
def test_pieces_make_up_the_whole_however_it_is_cut(role, content, cuts, thinks):
    one = made(role, content, chat_template_kwargs={"enable_thinking": thinks}, max_tokens=150)
    edges = [0, *sorted(cut for cut in cuts if cut < len(one.ids)), len(one.ids)]
    for part in ("thought", "content"):
        joined = "".join(
            text
            for first, last in pairwise(edges)
            for kind, text in one.between(first, last)
            if kind == part
        )
        assert joined == said(one, part)
        assert "\ufffd" not in joined


def test_thoughts_come_first_and_can_be_left_out_or_cut():
    one = made(THINKER)
    kinds = [kind for kind, _ in one.between(0, len(one.ids))]
    assert kinds == ["hidden", "thought", "hidden", "content"]
    assert said(one, "thought").startswith("The question is about")
    assert 0 < one.count("thought") < len(one.ids)
    for fields in (
        {"chat_template_kwargs": {"enable_thinking": False}},
        {"reasoning_effort": "none"},
    ):
        assert said(made(THINKER, **fields), "thought") == ""
    assert made(THINKER, reasoning_effort="high").count("thought") > one.count("thought")
    assert made(THINKER, thinking_token_budget=5).count("thought") == 5


def test_the_tool_that_fits_is_called_with_arguments_that_fit():
    one = made(content="What is the weather in Kyoto?", tools=TOOLS)
    assert said(one, "call") == "get_weather"
    assert json.loads(said(one, "arguments")).keys() == {"city", "days"}
    assert said(one) == ""
    named = {"type": "function", "function": {"name": "get_time"}}
    timed = made(tools=TOOLS, tool_choice=named)
    assert (said(timed, "call"), said(timed, "arguments")) == ("get_time", "{}")
    assert said(made(tools=TOOLS, tool_choice="none"), "call") == ""


def test_after_a_tool_s_result_the_model_speaks():
    messages = [
        {"role": "user", "content": "What time is it?"},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "tool_call_id": "1", "content": "noon"},
    ]
    assert said(made(messages=messages, tools=TOOLS), "call") == ""
    assert "noon" in said(made(messages=messages, tools=TOOLS))


def test_a_name_is_told_at_once_and_its_arguments_as_they_come():
    one = made(content="weather?", tools=TOOLS)
    steps = [list(one.between(place, place + 1)) for place in range(len(one.ids))]
    named = [place for place, step in enumerate(steps) if ("call", "get_weather") in step]
    written = one.text.index("get_weather") + len("get_weather")
    assert one.known[named[0]] < written <= one.known[named[0] + 1]
    names = [text for step in steps for kind, text in step if kind == "call"]
    parts = [text for step in steps for kind, text in step if kind == "arguments"]
    assert names == ["get_weather"]
    assert len(parts) > 5


def test_what_a_release_does_not_know_it_does_not_heed():
    old = made(TUTORIAL, guided_choice=["left"], structured_outputs={"choice": ["right"]})
    assert said(old) == "left"
    new = made(CHAT, guided_choice=["left"], structured_outputs={"choice": ["right"]})
    assert said(new) == "right"
    assert not wished(TUTORIAL, return_token_ids=True).tell_ids
    assert wished(CHAT, return_token_ids=True).tell_ids


def test_a_wish_is_all_that_an_answer_depends_on():
    wish, tokenizer = wished(), tokenizers.load("tekken")
    assert answer(replace(wish, stream=True), tokenizer) == answer(wish, tokenizer)
