import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.api import Reason, Route, Unfit, chat, completion, judged

HI = [{"role": "user", "content": "Hi"}]
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 2_000_000}}


def refused(route=Route.CHAT, **fields):
    body = {"model": "m", "messages": HI} if route is Route.CHAT else {"model": "m", "prompt": "a"}
    with pytest.raises(Unfit) as caught:
        judged(route, {**body, **fields})
    assert caught.value.reason is Reason.CALLER
    return caught.value.detail


def test_a_chat_and_a_text_become_bodies():
    assert chat("m", HI, temperature=0.5).body == {
        "model": "m",
        "messages": HI,
        "temperature": 0.5,
        "max_tokens": 512,
    }
    assert completion("m", (1, 2), max_tokens=3).body == {
        "model": "m",
        "prompt": [1, 2],
        "max_tokens": 3,
    }
    assert completion("m", "text").route is Route.COMPLETIONS


def test_a_limit_under_its_other_name_is_a_limit():
    assert "max_tokens" not in chat("m", HI, max_completion_tokens=9).body


def test_what_was_typed_is_not_in_the_repr():
    assert "Hi" not in repr(chat("m", HI))


def test_what_is_changed_later_is_not_sent():
    messages = [dict(HI[0])]
    made = chat("m", messages)
    messages[0]["content"] = "other"
    messages.append({})
    assert made.body["messages"] == HI


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("value", [0, -1, 131_073, 1.5, "5", True, math.nan])
def test_an_answer_has_a_limit(name, value):
    assert name in refused(**{name: value})


@pytest.mark.parametrize(
    ("name", "most"), [("n", 8), ("top_logprobs", 20), ("prompt_logprobs", 20)]
)
def test_what_multiplies_the_work_is_bounded(name, most):
    assert judged(Route.CHAT, {"model": "m", "messages": HI, name: most})
    for value in (most + 1, -1, "2", 1.0):
        assert f"{most}" in refused(**{name: value})


def test_the_logprobs_of_completions_are_a_number_and_of_chats_a_switch():
    assert chat("m", HI, logprobs=True)
    assert completion("m", "a", logprobs=20)
    assert "20" in refused(Route.COMPLETIONS, logprobs=21)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_are_finite_wherever_they_stand(value):
    assert "finite" in refused(temperature=value)
    assert "finite" in refused(extra={"deep": [{"er": value}]})


@pytest.mark.parametrize("name", ["stream", "stream_options"])
def test_how_it_is_sent_is_not_the_callers_choice(name):
    assert name in refused(**{name: True})


@pytest.mark.parametrize("prompt", [None, [], [-1], [1.0], [True], [2**31], ["a"], [[1]], 5])
def test_a_prompt_is_a_text_or_tokens(prompt):
    assert "prompt" in refused(Route.COMPLETIONS, prompt=prompt)


@pytest.mark.parametrize(
    "fields", [{"model": ""}, {"model": None}, {"messages": []}, {"messages": 1}]
)
def test_a_model_and_messages_are_needed(fields):
    assert refused(**fields)


def test_no_other_route_generates():
    assert "/tokenize" in refused(Route.TOKENIZE)


def test_a_long_text_is_refused_and_a_large_picture_is_not():
    assert "1,000,000" in refused(messages=[{"role": "user", "content": "é" * 500_001}])
    assert "1,000,000" in refused(Route.COMPLETIONS, prompt="a" * 1_000_001)
    assert chat("m", [{"role": "user", "content": [PICTURE, {"type": "text", "text": "What?"}]}])


def test_what_is_nested_without_end_is_refused():
    deep: list = []
    deep.append(deep)
    assert "nested" in refused(extra=deep)
    assert "name" in refused(extra={1: 2})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_is_asked_is_judged_in_words(value):
    body = {"model": "m", "messages": HI, "max_tokens": 5, "extra": value}
    if "nan" in repr(value) or "inf" in repr(value):
        with contextlib.suppress(Unfit):
            assert judged(Route.CHAT, body).body["extra"] == value
    else:
        assert judged(Route.CHAT, body).body["extra"] == value
