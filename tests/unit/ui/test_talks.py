from dataclasses import replace

import pytest

from lib.api import generation
from lib.api.deltas import Delta, Event, Reply
from lib.chat.conversation import Conversation, Node
from lib.ui import talks
from lib.ui.answering import Run
from lib.ui.talks import Talk, Talks
from tests.unit.ui.chat.speaking import server_at


def run(content="", *, state="done", sentence=""):
    asked = generation.chat("m", [{"role": "user", "content": "hi"}])
    made = Run("r", server_at("http://127.0.0.1:9"), asked, 1.0)
    made.reply = Reply()
    if content:
        event = Event(0.1, "data", (Delta(content=content),))
        made.reply.add(event)
        made.hear(event)
    made.end(state, sentence)
    return made


def talk_with(answer=None):
    talk = Talk("t")
    talk.put(Conversation().add(Node("u", None, "user", "hi")))
    talk.put(talk.conversation.add(answer or Node("a", "u", "assistant")))
    talk.begun("a", "r")
    return talk


def settle(talk, run, draft="hi"):
    talk.settle("a", run, lambda run, node: {"figures": [len(node.text)]}, draft)


def test_a_token_is_minted_and_found_again():
    kept = Talks()
    talk = kept.new()
    assert len(talk.tab) == 22
    assert kept.get(talk.tab) is talk
    for wrong in ("", None, 7, "x" * 22, talk.tab + "x"):
        assert kept.get(wrong) is None


def test_the_longest_unused_is_forgotten(monkeypatch):
    monkeypatch.setattr(talks, "_KEPT", 2)
    kept = Talks()
    first, second = kept.new(), kept.new()
    kept.get(first.tab)
    third = kept.new()
    assert kept.get(second.tab) is None
    assert kept.get(first.tab) is first
    assert kept.get(third.tab) is third


def test_one_in_which_nothing_was_said_is_forgotten_first(monkeypatch):
    monkeypatch.setattr(talks, "_KEPT", 2)
    kept = Talks()
    spoken = kept.new()
    spoken.put(Conversation().add(Node("u", None, "user", "hi")))
    silent = kept.new()
    newest = kept.new()
    assert kept.get(silent.tab) is None
    assert kept.get(spoken.tab) is spoken
    assert kept.get(newest.tab) is newest


def test_a_finished_answer_is_put_in_its_place():
    talk = talk_with()
    settle(talk, run("hello"))
    node = talk.conversation.nodes["a"]
    assert (node.text, node.about["state"], node.about["figures"]) == ("hello", "done", [5])
    assert not talk.writing
    assert node.open


def test_an_answer_that_goes_on_is_put_behind_what_stood_there():
    talk = talk_with(Node("a", "u", "assistant", "one "))
    settle(talk, run("two"))
    assert talk.conversation.nodes["a"].text == "one two"


def test_a_refused_one_is_taken_back_with_what_was_typed():
    talk = talk_with()
    settle(talk, run(state="failed", sentence="Nothing listens."))
    assert not talk.conversation.nodes
    assert (talk.notice.tone, talk.notice.text, talk.notice.draft) == (
        "bad",
        "Nothing listens.",
        "hi",
    )


def test_a_refused_new_answer_leaves_the_old_one():
    talk = talk_with(Node("old", "u", "assistant", "before"))
    talk.put(talk.conversation.add(Node("a", "u", "assistant")))
    settle(talk, run(state="failed", sentence="no"), draft="")
    assert [node.id for node in talk.conversation.path()] == ["u", "old"]


def test_a_refused_continuation_leaves_what_stood_there():
    talk = talk_with(Node("a", "u", "assistant", "kept"))
    settle(talk, run(state="failed", sentence="no"), draft="")
    node = talk.conversation.nodes["a"]
    assert (node.text, node.about["state"], node.about["trouble"]) == ("kept", "failed", "no")


def test_one_that_breaks_in_the_middle_stays_with_its_trouble():
    talk = talk_with()
    settle(talk, run("half", state="failed", sentence="It stopped."))
    node = talk.conversation.nodes["a"]
    assert (node.text, node.about["trouble"]) == ("half", "It stopped.")
    assert talk.notice is None


def test_an_answer_whose_message_is_gone_is_let_go():
    talk = talk_with()
    talk.put(talk.conversation.without("u"))
    settle(talk, run("late"))
    assert not talk.conversation.nodes


def test_what_was_stopped_before_it_began_says_so():
    talk = talk_with()
    settle(talk, run(state="stopped"))
    assert talk.conversation.nodes["a"].about["trouble"] == "Stopped before the first word."
    talk = talk_with()
    settle(talk, run("one", state="stopped"))
    assert talk.conversation.nodes["a"].about["trouble"] == ""


def test_what_is_too_large_is_told_and_not_kept():
    talk = talk_with()
    settle(talk, run("x" * 2_100_000))
    assert talk.conversation.nodes["a"].text == ""
    about = talk.conversation.nodes["a"].about
    assert about["state"] == "stopped"  # and not "streaming" for ever
    assert "at most 2 MB" in about["trouble"]
    long = replace(talk.conversation.nodes["u"], text="x" * 2_100_000)
    changed = talk.conversation.replaced(long)
    with pytest.raises(ValueError, match="at most 2 MB"):
        talk.put(changed)
