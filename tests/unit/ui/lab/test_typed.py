"""What a browser or an address may say about what is typed."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from lib.ui.lab.typed import LONGEST, MESSAGES, Message, Typed, linked, read

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["text", "messages", "is_chat", "special", "generation", "continued", "tools", "cost"]
)


def test_what_was_typed_is_taken_over():
    told = {"text": "x", "is_chat": True, "messages": [{"role": "user", "content": "y"}]}
    found = read(told, Typed())
    assert (found.text, found.is_chat, found.messages) == ("x", True, (Message("user", "y"),))


def test_what_is_no_text_changes_nothing():
    before = Typed(text="kept")
    for nonsense in (None, 3, "x", [], {"text": 3}, {"is_chat": "yes"}, {"messages": "x"}):
        assert read(nonsense, before) == before


def test_foreign_roles_and_endless_texts_are_left_out():
    rows = [{"role": "root", "content": "x"}, {"role": "user"}, 3]
    rows += [{"role": "user", "content": "y"}] * 200
    found = read({"messages": rows, "text": "x" * (LONGEST + 5)}, Typed())
    assert len(found.messages) == MESSAGES - 3
    assert len(found.text) == LONGEST


@given(st.dictionaries(NAMES, ANYTHING))
def test_whatever_a_browser_sends_gives_something_that_can_be_drawn(told):
    found = read(told, Typed())
    assert isinstance(found.text, str)
    assert isinstance(found.trouble, str)
    assert found.price is None or found.price >= 0
    assert found.as_data()["text"] == found.text


def test_an_address_says_the_same():
    query = {"mode": "chat", "text": "t", "chat": '[{"role":"user","content":"c"}]', "special": "0"}
    query |= {"tools": '[{"type":"function"}]', "arguments": '{"thinking":false}'}
    found = read(linked(query), Typed())
    assert found.is_chat
    assert found.text == "t"
    assert found.messages == (Message("user", "c"),)
    assert found.special is False
    assert (found.tools, found.arguments) == ('[{"type":"function"}]', '{"thinking":false}')
    assert read(linked({"chat": "[{"}), Typed()) == Typed()
    assert linked({}) == {}


def test_a_price_is_read_or_is_none():
    assert Typed(cost="0,6").price == Decimal("0.6")
    assert Typed(cost="a lot").price is None
    assert Typed(cost=" ").price is None


def test_why_a_chat_cannot_be_asked_is_said():
    chat = Typed(is_chat=True)
    assert chat.trouble == ""
    assert "at least one" in read({"messages": []}, chat).trouble
    assert "JSON" in read({"tools": "[{"}, chat).trouble
    assert "list" in read({"tools": "{}"}, chat).trouble
    assert "object" in read({"arguments": "[]"}, chat).trouble
    assert "either" in read({"continued": True}, chat).trouble
    assert read({"tools": "[{", "is_chat": False}, chat).trouble == ""


def test_a_chat_is_asked_as_it_was_typed():
    told = {"arguments": '{"enable_thinking": false}', "generation": False}
    found = read(told, Typed(is_chat=True)).chat()
    assert found.template_arguments == {"enable_thinking": False}
    assert found.add_generation_prompt is False
    assert [one["role"] for one in found.messages] == ["system", "user"]
