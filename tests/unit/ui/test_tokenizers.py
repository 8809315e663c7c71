"""What is remembered of tokenizers: for a while, within bounds, and never another's."""

import pytest

from lib.servers import Server, Source, normal_url
from lib.ui import tokenizers
from lib.ui.tokenizers import Answers, Tokenizers
from tests.support.ports import free_port


@pytest.fixture
def asking():
    made = Tokenizers({})
    yield made
    made.close()


def a_server(name):
    return Server(name, normal_url(f"http://127.0.0.1:{free_port()}"), None, Source.ENVIRONMENT)


def asked(answers, keys, size=1):
    """Which of the keys were really asked for."""
    found = []
    for key in keys:
        assert answers.get(key, size, lambda key=key: found.append(key) or key) == key
    return "".join(found)


def test_the_same_is_asked_once():
    assert asked(Answers(), "abab") == "ab"


def test_the_least_used_is_forgotten_first(monkeypatch):
    monkeypatch.setattr(tokenizers, "_KEPT", 2)
    assert asked(Answers(), "abacab") == "abcb"


def test_no_more_characters_are_kept_than_allowed(monkeypatch):
    monkeypatch.setattr(tokenizers, "_KEPT_CHARACTERS", 10)
    assert asked(Answers(), "aabbab", size=5) == "ab"
    assert asked(Answers(), "aabbab", size=6) == "abab"


def test_an_old_answer_is_asked_for_again_and_counted_once(monkeypatch):
    monkeypatch.setattr(tokenizers, "_KEPT_CHARACTERS", 10)
    answers = Answers()
    assert asked(answers, "ab", size=5) == "ab"
    monkeypatch.setattr(tokenizers, "_KEPT_SECONDS", 0.0)
    assert asked(answers, "abab", size=5) == "abab"
    monkeypatch.setattr(tokenizers, "_KEPT_SECONDS", 60.0)
    assert asked(answers, "ab", size=5) == ""


def test_a_failure_is_not_remembered():
    answers = Answers()
    with pytest.raises(ZeroDivisionError):
        answers.get("a", 1, lambda: 1 // 0)
    assert asked(answers, "a") == "a"


def test_servers_and_models_have_answers_of_their_own(asking):
    one, other = a_server("one"), a_server("other")
    served = [asking.of(one, "m"), asking.of(one, "n"), asking.of(other, "m")]
    for number, each in enumerate(served):
        assert each.remembered("key", 1, lambda number=number: number) == number
    assert [each.remembered("key", 1, lambda: -1) for each in served] == [0, 1, 2]


def test_models_named_anew_each_time_are_forgotten(asking, monkeypatch):
    monkeypatch.setattr(tokenizers, "_MOST_SERVED", 3)
    server = a_server("one")
    first = asking.of(server, "0")
    for number in range(1, 4):
        asking.of(server, str(number))
    assert asking.of(server, "3") is asking.of(server, "3")
    assert asking.of(server, "0") is not first
