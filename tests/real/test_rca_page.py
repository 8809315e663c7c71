"""RCA / Cache on a real server: from a finding to its evidence, what changed, and somebody else."""

import re
import time

import pytest
from playwright.sync_api import expect

from tests.browser.person import COLD_START
from tests.browser.rca_person import Reader
from tests.real.load import loaded
from tests.support import browsing
from tests.support.dashboard import dashboard
from tests.support.waiting import until

PAGE = "rca-cache?server=chat&window=5m"
RULE = "cache_full"
FOUND = 120_000.0
"""Milliseconds: a cache is called full after 30 s, and the page looks again every 18 s at most."""
REST = 75.0
"""Seconds of readings before the load, so that there is a before."""


@pytest.fixture(scope="module")
def started(chat, tmp_path_factory):
    with dashboard(tmp_path_factory.mktemp("rca"), VLLM_SERVERS=f"chat={chat.url}") as started:
        yield started


@pytest.fixture(scope="module")
def browser():
    with browsing.chromium() as browser:
        yield browser


def test_a_finding_its_evidence_what_changed_and_the_same_link_for_somebody_else(
    chat, started, browser
):
    with browsing.window(browser) as page, browsing.window(browser) as other:
        person = Reader(page, started.url, RULE).goes_to(PAGE)
        begun = time.time()
        until(lambda: time.time() - begun > REST, REST + 5)
        expect(person.findings).to_contain_text("Nothing wrong")
        with loaded(chat.url, clients=40):
            person.opens_evidence(FOUND)
            reads(person)
            link = asks_what_changed(person)
            browsing.shot(person.page, "real-rca")
            second = Reader(other, started.url, RULE).goes_to(link)
            expect(second.toggle).to_have_attribute("aria-expanded", "true", timeout=COLD_START)
            expect(second.tool).to_have_text("What changed", timeout=COLD_START)
            until(lambda: set(second.shown_evidence()) & set(person.shown_evidence()), 20)
            assert second.query()["a"] == person.query()["a"]


def reads(person):
    """What the page says of forty requests on forty blocks."""
    expect(person.finding.locator("h2")).to_contain_text("KV cache")
    expect(person.finding.get_by_role("list", name="Chain")).to_contain_text("KV cache")
    expect(person.finding).to_contain_text(re.compile(r"Since \d\d:\d\d:\d\d"))
    assert {"3px,3px", "onset"} <= set(person.drawn("kv_usage"))
    expect(person.blocks.locator("canvas")).to_have_attribute(
        "aria-label", re.compile("of 39 used")
    )
    expect(person.outlook).to_contain_text(re.compile("A new request waits|No forecast of"))
    expect(person.outlook).to_contain_text("KV blocks")


def asks_what_changed(person):
    """The tool has its answer: more waits, and nothing else was started. The link to it."""
    person.page.get_by_role("button", name="What changed").click()
    expect(person.tool).to_have_text("What changed", timeout=COLD_START)
    answer = person.page.get_by_text(re.compile(r"\d+ of \d+ figures changed, most of all"))
    expect(answer).to_be_visible(timeout=COLD_START)
    expect(person.page.get_by_text("Release, models and configuration agree")).to_be_visible()
    until(lambda: person.query().get("tool") == ["changes"] and person.query().get("a"), 20)
    assert person.query()["finding"] == [RULE]
    return person.link()
