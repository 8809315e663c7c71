"""The Tokenizer page on two real tokenizers: Qwen2.5 (byte-level, NFC) and MiniLM (WordPiece)."""

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.tokenizer_person import TokenizerPerson
from tests.real.vllm import CHAT, EMBED, serving
from tests.support import browsing
from tests.support.dashboard import dashboard

TYPED = "你好 🎉👩\u200d👦 cafe\u0301"


@pytest.fixture(scope="module")
def embed(tmp_path_factory):
    with serving("embed", log=tmp_path_factory.mktemp("embed") / "vllm.log") as server:
        yield server


@pytest.fixture(scope="module")
def person(chat, embed, tmp_path_factory):
    """Someone who watches both."""
    servers = f"chat={chat.url},embed={embed.url}"
    with (
        dashboard(tmp_path_factory.mktemp("dashboard"), VLLM_SERVERS=servers) as started,
        browsing.chromium() as browser,
        browsing.window(browser) as page,
    ):
        yield TokenizerPerson(page, started.url)


def ids_of(server, model, text):
    """What the server itself answers."""
    body = {"model": model, "prompt": text}
    answer = httpx.post(f"{server.url}/tokenize", json=body, timeout=20, trust_env=False)
    return [str(one) for one in answer.json()["tokens"]]


def test_qwen_draws_whole_characters_and_says_what_it_normalised(person, chat):
    person.opens("?server=chat")
    person.types(TYPED)
    groups = person.groups()
    assert "".join(text for text, _ in groups) == TYPED
    assert ("👩\u200d👦", 4) in groups
    expect(person.page.locator(".vi-line")).to_contain_text("NFC")
    assert person.ids.all_text_contents() == ids_of(chat, CHAT, TYPED)
    browsing.shot(person.page, "real-tokenizer-qwen")


def test_another_server_keeps_the_text_and_marks_what_it_adds(person, embed):
    person.opens("?server=embed")
    person.types("unhappiness 你好")
    texts = [text for text, _ in person.groups()]
    assert texts[0] == "[CLS]"
    assert texts[-1] == "[SEP]"
    assert person.ids.all_text_contents() == ids_of(embed, EMBED, "unhappiness 你好")
    browsing.shot(person.page, "real-tokenizer-minilm")


def test_the_chat_template_shows_its_overhead(person):
    person.opens("?server=chat&mode=chat")
    person.sees_answer()
    expect(person.figure("of the template")).to_have_text(re.compile(r"[1-9]\d*"), timeout=20_000)
    assert "<|im_start|>" in "".join(text for text, _ in person.groups())
    browsing.shot(person.page, "real-tokenizer-chat")
