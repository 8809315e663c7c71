"""What is sent is what was said and what was set, and nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.api import Route
from lib.api.errors import Unfit
from lib.api.generation import DEFAULT_TOKENS
from lib.chat.conversation import Image, Node, ToolCall
from lib.chat.parameters import offered
from lib.chat.request import from_tokens, request
from lib.chat.settings import Settings, Structured

ASKED = Node("1", None, "user", "Hi")
ANSWER = Node("2", "1", "assistant", "Hello", reasoning="hm", about={"ttft": 1}, open=True)
PICTURE = Image("a.png", "data:image/png;base64,iVBORw0KGgo=")
TOOLS = json.dumps([{"type": "function", "function": {"name": "time"}}])
CALL = Node("2", "1", "assistant", "", tools=(ToolCall("c", "time", '{"zone": "UTC"}'),))


def body(path=(ASKED,), settings=None, **options):
    return dict(request(path, settings or Settings(), "m", **options).body)


def test_without_settings_only_the_conversation_and_the_limit_are_sent():
    found = request((ASKED,), Settings(), "m")
    assert found.route is Route.CHAT
    messages = [{"role": "user", "content": "Hi"}]
    assert found.body == {"model": "m", "messages": messages, "max_tokens": DEFAULT_TOKENS}


def test_the_system_prompt_comes_first_and_reasoning_stays_behind():
    found = body((ASKED, ANSWER, Node("3", "2", "user", "More")), Settings(system="Be brief."))
    assert found["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "More"},
    ]


def test_pictures_are_parts_of_their_message():
    url = {"type": "image_url", "image_url": {"url": PICTURE.url}}
    with_text = Node("1", None, "user", "What?", images=(PICTURE, PICTURE))
    found = body((with_text,))["messages"][0]["content"]
    assert found == [{"type": "text", "text": "What?"}, url, url]
    assert body((Node("1", None, "user", images=(PICTURE,)),))["messages"][0]["content"] == [url]


def test_a_tool_call_and_its_result_are_sent_back():
    result = Node("3", "2", "tool", "12:00", call="c")
    found = body((ASKED, CALL, result), Settings(tools=TOOLS))
    assert found["messages"][1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c",
                    "type": "function",
                    "function": {"name": "time", "arguments": '{"zone": "UTC"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c", "content": "12:00"},
    ]
    assert found["tools"] == json.loads(TOOLS)
    assert "tool_choice" not in found


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("none", "none"),
        ("required", "required"),
        ("time", {"type": "function", "function": {"name": "time"}}),
    ],
)
def test_a_tool_can_be_forced_or_forbidden(typed, sent):
    assert body(settings=Settings(tools=TOOLS, tool_choice=typed))["tool_choice"] == sent
    assert "tool_choice" not in body(settings=Settings(tool_choice="required"))


def test_an_answer_is_continued_without_a_new_turn():
    found = body((ASKED, ANSWER), continuing=True)
    assert found["messages"][-1] == {"role": "assistant", "content": "Hello"}
    assert (found["add_generation_prompt"], found["continue_final_message"]) == (False, True)


def test_completions_are_one_text():
    settings = Settings(mode="completions", system="x", tools=TOOLS, template='{"a": 1}')
    found = request((ASKED, ANSWER), settings, "m", continuing=True)
    assert found.route is Route.COMPLETIONS
    assert found.body == {"model": "m", "prompt": "HiHello", "max_tokens": DEFAULT_TOKENS}


def test_probabilities_are_asked_for_by_id_in_the_words_of_each_mode():
    by_id = {"return_tokens_as_token_ids": True, "return_token_ids": True}
    chat = body(settings=Settings(logprobs=True, top=3))
    assert chat.items() >= {"logprobs": True, "top_logprobs": 3, **by_id}.items()
    text = body(settings=Settings(mode="completions", logprobs=True, top=3))
    assert text.items() >= {"logprobs": 3, **by_id}.items()
    assert "top_logprobs" not in text
    assert body(ids=True)["return_token_ids"] is True
    assert "logprobs" not in body(ids=True)


@pytest.mark.parametrize("release", ["0.12.0", "0.32.0", "1.0", "0.6.6.dev12+g1", "", None, "x"])
def test_a_form_goes_in_the_words_of_newer_releases(release):
    found = body(settings=Settings(structured=Structured("choice", "a\r\n\nb ")), release=release)
    assert found["structured_outputs"] == {"choice": ["a", "b "]}


@pytest.mark.parametrize("release", ["0.11.2", "0.6.6.post1", "v0.8.5"])
@pytest.mark.parametrize("kind", ["regex", "grammar"])
def test_a_form_goes_in_the_words_of_older_releases(release, kind):
    found = body(settings=Settings(structured=Structured(kind, "a+")), release=release)
    assert found[f"guided_{kind}"] == "a+"
    assert "structured_outputs" not in found


@pytest.mark.parametrize("release", ["0.6.6", "0.32.0"])
def test_a_schema_goes_as_every_release_reads_it(release):
    found = body(settings=Settings(structured=Structured("json", '{"a": 1}')), release=release)
    schema = {"name": "answer", "schema": {"a": 1}}
    assert found["response_format"] == {"type": "json_schema", "json_schema": schema}
    found = body(settings=Settings(structured=Structured("json_object", "")), release=release)
    assert found["response_format"] == {"type": "json_object"}


def test_the_seed_of_this_request_goes_before_that_of_the_settings():
    settings = Settings(parameters={"seed": "1"})
    assert body(settings=settings)["seed"] == 1
    assert body(settings=settings, seed=2)["seed"] == 2
    assert body(seed=0)["seed"] == 0


def test_extra_json_has_the_last_word():
    settings = Settings(parameters={"temperature": "1"}, extra='{"temperature": 0, "echo": true}')
    found = body(settings=settings)
    assert (found["temperature"], found["echo"]) == (0, True)


@pytest.mark.parametrize(
    ("path", "settings", "options", "words"),
    [
        ((), Settings(), {}, "nothing to send"),
        ((ASKED,), Settings(parameters={"top_p": "9"}), {}, "Top p is"),
        ((ASKED, ANSWER), Settings(), {}, "the model's"),
        ((ASKED,), Settings(), {"continuing": True}, "continued"),
        ((ASKED, CALL), Settings(), {"continuing": True}, "continued"),
        ((ASKED, Node("2", "1", "assistant")), Settings(), {"continuing": True}, "continued"),
        ((Node("1", None, "user"),), Settings(mode="completions"), {}, "no text"),
        (
            (Node("1", None, "user", "x", images=(PICTURE,)),),
            Settings(mode="completions"),
            {},
            "no pictures",
        ),
    ],
)
def test_what_cannot_be_sent_is_told_in_a_sentence(path, settings, options, words):
    with pytest.raises(Unfit) as caught:
        request(path, settings, "m", **options)
    assert words in caught.value.detail
    assert caught.value.detail.endswith(".")


def test_an_alternative_is_continued_by_exact_tokens():
    typed = {"max_tokens": "10", "min_tokens": "2", "temperature": "0.5", "reasoning_effort": "low"}
    typed |= {"truncate_prompt_tokens": "4"}
    settings = Settings(
        parameters=typed,
        system="x",
        tools=TOOLS,
        structured=Structured("regex", "a+"),
        logprobs=True,
        top=2,
        extra='{"response_format": {"type": "json_object"}, "user": "me"}',
    )
    found = from_tokens((1, 2), [3, 4, 5], 9, settings, "m", seed=6)
    assert found.route is Route.COMPLETIONS
    assert found.body == {
        "model": "m",
        "prompt": [1, 2, 3, 4, 5, 9],
        "max_tokens": 6,
        "min_tokens": 0,
        "temperature": 0.5,
        "seed": 6,
        "logprobs": 2,
        "return_tokens_as_token_ids": True,
        "return_token_ids": True,
        "user": "me",
    }


def test_an_alternative_at_the_limit_still_gets_a_token():
    settings = Settings(parameters={"max_tokens": "2"})
    assert from_tokens([1], [2, 3], 4, settings, "m").body["max_tokens"] == 1


def test_an_alternative_with_wrong_settings_is_not_sent():
    with pytest.raises(Unfit, match="Top p"):
        from_tokens([1], [], 4, Settings(parameters={"top_p": "9"}), "m")


VALUES = {"temperature": "0.5", "stop": "a\nb", "ignore_eos": "true", "seed": "3", "top_k": "5"}
SETTINGS = st.builds(
    Settings,
    mode=st.sampled_from(["chat", "completions"]),
    parameters=st.sets(st.sampled_from(sorted(VALUES))).map(
        lambda names: {name: VALUES[name] for name in names}
    ),
    logprobs=st.booleans(),
    system=st.sampled_from(["", "s"]),
)


@given(SETTINGS, st.text(min_size=1, max_size=20))
def test_only_what_is_set_is_sent(settings, text):
    path = (Node("1", None, "user", text),)
    found = body(path, settings)
    names = {one.name for one in offered(settings.mode)} & set(found)
    assert names == set(settings.parameters) | {"max_tokens"}
    assert body(path, settings) == found
    assert not {"stream", "stream_options", "n"} & set(found)
