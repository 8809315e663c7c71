"""A conversation is a tree: nothing that was said is lost, and a file of one is judged."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.chat.conversation import (
    MOST_NODES,
    Conversation,
    Image,
    Node,
    ToolCall,
    Unreadable,
    as_markdown,
    read,
    trouble,
)

PICTURE = "data:image/png;base64,iVBORw0KGgo="


def said(*texts, conversation=None, parent=None):
    """A line of turns under `parent`; each id is its text."""
    conversation = conversation or Conversation()
    for number, text in enumerate(texts):
        role = "assistant" if number % 2 else "user"
        conversation = conversation.add(Node(text, parent, role, text))
        parent = text
    return conversation


def ids(conversation):
    return [node.id for node in conversation.path()]


@st.composite
def trees(draw):
    """Any tree, with any leaf: each message answers any earlier one, or begins."""
    count = draw(st.integers(0, 12))
    conversation = Conversation()
    for number in range(count):
        parent = draw(st.none() | st.sampled_from(sorted(conversation.nodes) or [None]))
        node = Node(
            str(number),
            parent,
            draw(st.sampled_from(["user", "assistant", "tool", "system"])),
            draw(st.text(max_size=20)),
            reasoning=draw(st.sampled_from(["", "hm"])),
            tools=draw(st.sampled_from([(), (ToolCall("1", "f", "{}"),)])),
            images=draw(st.sampled_from([(), (Image("a.png", PICTURE),)])),
            about=draw(st.sampled_from([{}, {"ttft": 0.5, "notes": ["a"]}])),
            open=draw(st.booleans()),
        )
        conversation = conversation.add(node)
    if count:
        leaf = draw(st.sampled_from(sorted(conversation.nodes)))
        conversation = Conversation(conversation.nodes, leaf)
    return conversation


def test_the_path_leads_from_the_first_message_to_the_leaf():
    assert ids(said("a", "b", "c")) == ["a", "b", "c"]
    assert Conversation().path() == ()


def test_an_edit_is_a_branch_and_the_old_text_stays():
    before = said("a", "b", "c", "d")
    after = before.edited("c", "better", id="e")
    assert ids(after) == ["a", "b", "e"]
    assert after.siblings("e") == ("c", "e")
    assert [after.nodes[name].text for name in ("c", "e")] == ["c", "better"]
    assert ids(before) == ["a", "b", "c", "d"]


def test_the_first_message_can_be_edited_too():
    after = said("a", "b").edited("a", "other", id="x")
    assert ids(after) == ["x"]
    assert after.children(None) == ("a", "x")


def test_an_edited_answer_loses_the_figures_of_the_old_text_and_can_be_continued():
    answer = Node("b", "a", "assistant", "b", reasoning="hm", about={"ttft": 1})
    after = said("a").add(answer).edited("b", "mine", id="c")
    found = after.nodes["c"]
    assert (dict(found.about), found.reasoning, found.open) == ({}, "", True)
    assert not said("a").edited("a", "x", id="y").nodes["y"].open


def test_going_back_to_a_branch_shows_its_newest_end():
    tree = said("x", conversation=said("a", "b", "c"), parent="b")
    tree = said("late", conversation=tree, parent="c")
    other = said("p", conversation=tree, parent="x")
    assert ids(other.selected("c")) == ["a", "b", "c", "late"]
    assert ids(other.selected("b")) == ["a", "b", "x", "p"]


def test_removing_a_message_removes_what_answers_it_and_shows_what_is_left():
    tree = said("c2", "d2", conversation=said("a", "b", "c", "d"), parent="b")
    assert ids(tree.without("c2")) == ["a", "b", "c", "d"]
    assert ids(tree.selected("c").without("d2")) == ["a", "b", "c", "d"]
    assert tree.without("a") == Conversation()
    assert ids(said("r", conversation=said("a", "b")).without("r")) == ["a", "b"]


def test_a_message_is_replaced_in_its_place():
    tree = said("a", "b", "c")
    after = tree.replaced(Node("b", "a", "assistant", "longer"))
    assert ids(after) == ["a", "b", "c"]
    assert after.nodes["b"].text == "longer"
    with pytest.raises(ValueError, match="place"):
        tree.replaced(Node("b", "c", "assistant"))


@pytest.mark.parametrize(
    "node",
    [
        Node("a", None, "user"),
        Node("", None, "user"),
        Node("x", "?", "user"),
        Node("x", None, "root"),
    ],
)
def test_a_message_that_does_not_fit_is_not_added(node):
    with pytest.raises(ValueError, match=r"id|answers|role"):
        said("a").add(node)


@given(trees())
def test_a_file_of_a_conversation_gives_it_back(tree):
    written = json.dumps(tree.as_data())
    assert read(json.loads(written)) == tree


@given(trees(), st.data())
def test_every_step_keeps_the_tree_whole(tree, data):
    if not tree.nodes:
        return
    name = data.draw(st.sampled_from(sorted(tree.nodes)))
    steps = [tree.selected(name), tree.without(name), tree.edited(name, "new", id="new")]
    for after in steps:
        seen = set()
        for node in after.nodes.values():
            assert node.parent is None or node.parent in seen
            seen.add(node.id)
        assert after.leaf in seen or (not seen and after.leaf is None)
    chosen, without, _ = steps
    assert chosen.children(chosen.leaf) == ()
    assert name in ids(chosen)
    assert all(name not in [node.id for node in tree.path_to(one)] for one in without.nodes)
    assert tree.siblings(name).count(name) == 1


def test_unknown_fields_of_a_file_are_left_out():
    found = read({"nodes": [{"id": "a", "role": "user", "text": "x", "evil": 1}], "more": 2})
    assert found == said("a").replaced(Node("a", None, "user", "x"))


def test_a_leaf_that_is_not_there_is_the_last_message():
    assert read({"nodes": [{"id": "a", "role": "user"}], "leaf": "?"}).leaf == "a"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "no list"),
        ({"nodes": {}}, "no list"),
        ({"nodes": [3]}, "Message 1 .* no object"),
        ({"nodes": [{"id": 3, "role": "user"}]}, "id is no text"),
        ({"nodes": [{"id": "x" * 300, "role": "user"}]}, "too long"),
        ({"nodes": [{"id": "a", "role": "user"}] * 2}, "Message 2 .* taken"),
        ({"nodes": [{"id": "a", "role": "user", "parent": "b"}]}, "not there"),
        ({"nodes": [{"id": "a", "role": "root"}]}, "role"),
        ({"nodes": [{"id": "a", "role": "user", "text": 3}]}, "text is no text"),
        ({"nodes": [{"id": "a", "role": "user", "tools": "x"}]}, "tools"),
        ({"nodes": [{"id": "a", "role": "user", "tools": [{}] * 65}]}, "more than 64"),
        ({"nodes": [{"id": "a", "role": "user", "about": {"x": float("nan")}}]}, "plain JSON"),
    ],
)
def test_a_file_that_is_no_conversation_is_refused_in_a_sentence(value, why):
    with pytest.raises(Unreadable, match=why) as caught:
        read(value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    "url",
    [
        "http://inside.example/secret.png",
        "file:///etc/passwd",
        "data:text/html;base64,PHNjcmlwdD4=",
        "data:image/svg+xml;base64,PHN2Zz4=",
        "data:image/png;base64,!!",
        PICTURE + "\n",
    ],
)
def test_a_picture_that_would_be_fetched_or_run_is_refused(url):
    node = {"id": "a", "role": "user", "images": [{"name": "x", "url": url}]}
    with pytest.raises(Unreadable, match="picture"):
        read({"nodes": [node]})


def test_a_conversation_is_bounded():
    many = [{"id": str(number), "role": "user"} for number in range(MOST_NODES + 1)]
    long = [{"id": "a", "role": "user", "text": "é" * 1_000_001}]
    picture = "data:image/png;base64," + "A" * 3_000_000
    images = [{"id": str(at), "role": "user", "images": [{"url": picture}]} for at in range(2)]
    for nodes, why in ((many, "500 messages"), (long, "2 MB"), (images, "6 MB")):
        with pytest.raises(Unreadable, match=why):
            read({"nodes": nodes})
    assert trouble(read({"nodes": many[:-1]})) == ""


def test_half_characters_become_whole_ones():
    assert read({"nodes": [{"id": "a", "role": "user", "text": "x\ud800"}]}).path()[0].text == "x�"


def test_in_markdown_every_text_stands_in_a_fence_that_it_cannot_end():
    hostile = "````\n![x](http://evil.example/?q=1)\n<script>x</script>\n````"
    node = Node("b", "a", "assistant", hostile, reasoning="hm", server="s1", model="m`1")
    written = as_markdown(said("a").add(node))
    fence = None
    for line in written.splitlines():
        if fence is None and line.startswith("```"):
            fence = line.removesuffix("text")
        elif line == fence:
            fence = None
        elif fence is None:
            assert "evil" not in line
            assert "script" not in line
    assert fence is None
    assert hostile in written
    assert written.index("hm") < written.index("evil")
