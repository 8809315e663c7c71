"""The live pages on a real server under load, in a real browser."""

import re
import time

import pytest
from playwright.sync_api import expect

from tests.browser.person import Person
from tests.real.load import loaded
from tests.support import browsing
from tests.support.dashboard import dashboard
from tests.support.waiting import until


@pytest.fixture(scope="module")
def person(chat, tmp_path_factory):
    """Someone who watches the chat server, which has something to do."""
    with (
        dashboard(tmp_path_factory.mktemp("dashboard"), VLLM_SERVERS=f"chat={chat.url}") as started,
        loaded(chat.url, clients=12),
        browsing.chromium() as browser,
        browsing.window(browser) as page,
    ):
        yield Person(page, started.url)


def test_overview_shows_the_real_server_and_nothing_simulated(person):
    person.goes_to()
    expect(person.rows).to_have_count(1)
    row = person.row("chat")
    expect(row).to_contain_text("Busy", timeout=20_000)
    expect(row).to_contain_text("Qwen/Qwen2.5-7B-Instruct")
    expect(row).not_to_contain_text("simulated")
    expect(person.cell("chat", "KV blocks used")).to_contain_text(re.compile(r"\d+\s*/\s*39$"))
    browsing.shot(person.page, "real-overview")


def test_rca_cache_shows_its_blocks_and_latencies_as_they_change(person):
    person.goes_to("rca-cache?server=chat&window=1m")
    moment = person.last_moment()
    until(lambda: person.last_moment() >= moment + 10, 40, every=0.5)
    used = [value for value in person.plotted(0)[-10:] if value is not None]
    assert len(used) >= 9
    assert max(used) > 0
    assert abs(person.last_moment() - time.time()) < 5
    header = person.page.locator("header").filter(has_text="RCA")
    expect(header).to_contain_text("vLLM 0.32.0")
    expect(person.page.get_by_text("Not reported by this server")).to_be_visible()
    browsing.shot(person.page, "real-rca-cache")
