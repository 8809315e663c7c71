"""Health and Models on two real servers of one model: a token, a hang, and how they differ."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.person import Person
from tests.real.load import loaded
from tests.real.vllm import CHAT, serving
from tests.support import browsing
from tests.support.dashboard import dashboard

HANG_SEEN = 40_000.0
"""Milliseconds: a hang is called so after 25 s, on a page that is a second behind."""


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    """A second server of the chat model, with more KV cache blocks."""
    log = tmp_path_factory.mktemp("twin") / "vllm.log"
    with serving("chat", "--num-gpu-blocks-override", "80", log=log) as server:
        yield server


@pytest.fixture(scope="module")
def person(chat, twin, tmp_path_factory):
    """Someone who watches both."""
    servers = f"chat={chat.url},twin={twin.url}"
    with (
        dashboard(tmp_path_factory.mktemp("dashboard"), VLLM_SERVERS=servers) as started,
        browsing.chromium() as browser,
        browsing.window(browser) as page,
    ):
        yield Person(page, started.url)


def test_one_real_token_is_asked_for_and_timed(person):
    person.goes_to("health?server=twin&window=1m")
    table = person.checks("twin")
    button = table.get_by_role("button", name="Run inference check")
    expect(button).to_be_enabled(timeout=60_000)
    button.click()
    row = person.check("twin", "inference")
    expect(row).to_contain_text("passed", timeout=30_000)
    expect(row).to_contain_text(CHAT)


def test_an_engine_that_hangs_and_goes_on_is_followed_by_the_page(person, chat):
    person.goes_to("health?server=chat&window=5m")
    expect(person.check("chat", "health")).to_contain_text("passed", timeout=60_000)
    with loaded(chat.url, clients=4):
        expect(person.verdict).to_contain_text("Busy", timeout=30_000)
        with chat.engine_stopped():
            expect(person.verdict).to_contain_text("Hung", timeout=HANG_SEEN)
            expect(person.verdict).to_contain_text("/health still passes")
            expect(person.check("chat", "progress")).to_contain_text("failed")
            expect(person.check("chat", "health")).to_contain_text("passed")
            browsing.shot(person.page, "real-health-hung")
        expect(person.verdict).to_contain_text("Busy", timeout=20_000)
    expect(person.stretches("chat", "bad").first).to_be_attached()


def test_models_tells_how_two_servers_of_one_model_differ(person):
    person.page.goto(f"{person.url}/models?model={CHAT}")
    card = person.page.locator(f'.vm-card[data-model="{CHAT}"]')
    expect(card).to_contain_text("chat", timeout=30_000)
    expect(card).to_contain_text("twin")
    expect(card).to_contain_text(re.compile(r"Number of KV blocks differs: 40 on chat; 80 on twin"))
    expect(person.page.get_by_text("2 of 2 servers could take it")).to_be_visible(timeout=30_000)
    browsing.shot(person.page, "real-models")
