from types import SimpleNamespace

import pytest

from lib.api import generation
from lib.api.excess import Excess
from lib.ui.answering import Run
from lib.ui.chat import remedy
from tests.unit.ui.chat.speaking import server_at


def failed(excess, content="hi"):
    asked = generation.chat("m", [{"role": "user", "content": content}])
    run = Run("r", server_at("http://127.0.0.1:9"), asked, 1.0, sentence="As the server said.")
    run.refused = SimpleNamespace(excess=excess)
    return run


@pytest.fixture
def counts(monkeypatch):
    """A tokenizer that counts; what it was asked is kept."""
    asked = []

    def with_count(number):
        def count(source):
            asked.append(source)
            return number

        served = SimpleNamespace(tokenizer=SimpleNamespace(count=count))
        home = SimpleNamespace(tokenizers=SimpleNamespace(of=lambda *_: served))
        monkeypatch.setattr(remedy, "house", lambda: home)
        return asked

    return with_count


def test_what_the_server_counted_exactly_is_not_counted_again(counts):
    asked = counts(1)
    words = remedy.sentence(failed(Excess(4096, 4000, 512)))
    assert words == (
        "The prompt has 4,000 tokens and the answer may have 512; the model's context holds 4,096"
        " in all. Cut 416 tokens of the conversation, or lower max tokens to 96."
    )
    assert asked == []


def test_where_it_counts_no_further_its_tokenizer_is_asked(counts):
    asked = counts(9000)
    words = remedy.sentence(failed(Excess(4096, 4097, 512, exact=False)))
    assert "The prompt has 9,000 tokens" in words
    assert words.endswith("Cut 5,416 tokens of the conversation.")
    assert asked[0].messages == [{"role": "user", "content": "hi"}]


def test_nobody_waits_for_the_count_of_a_very_long_talk(counts):
    asked = counts(90_000)
    words = remedy.sentence(failed(Excess(4096, 4097, 512, exact=False), content="x " * 100_000))
    assert "at least 4,097 tokens" in words
    assert asked == []


def test_a_picture_is_counted_by_the_server_only(counts):
    asked = counts(9000)
    parts = [{"type": "text", "text": "x"}]
    words = remedy.sentence(failed(Excess(4096, 4097, None, exact=False), content=parts))
    assert "at least 4,097 tokens" in words
    assert "Cut at least 1 token of" in words
    assert asked == []


@pytest.mark.parametrize("excess", [None, Excess(None, 7, 3)])
def test_without_numbers_the_servers_sentence_stands(excess):
    assert remedy.sentence(failed(excess)) == "As the server said."
