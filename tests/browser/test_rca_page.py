"""From a finding to its evidence to what changed, on the demo server under pressure."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.person import COLD_START, Person
from tests.support.browsing import shot, window
from tests.support.waiting import until

PRESSURE = "rca-cache?server=demo-pressure&window=5m"
FOUND = 90_000.0
"""Milliseconds until the demo server is under pressure for long enough to say so."""
RULE = "cache_full"


class Reader(Person):
    """Someone who reads a finding."""

    @property
    def finding(self):
        return self.page.locator(f'.vi-finding[data-rule="{RULE}"]')

    @property
    def evidence(self):
        """The small plots below it."""
        return self.finding.locator("section[data-evidence]")

    @property
    def toggle(self):
        return self.finding.get_by_role("button", name="Evidence")

    @property
    def tool(self):
        """The tab that is open below the view."""
        return self.page.locator('.st-key-rca-tools [role="tab"][aria-selected="true"]')

    @property
    def blocks(self):
        return self.page.locator('section[data-panel="cells"]')

    def query(self) -> dict[str, list[str]]:
        """What the address says now; Playwright's own idea of it waits for other calls."""
        return parse_qs(urlsplit(self.page.evaluate("location.href")).query)

    def opens_evidence(self) -> None:
        expect(self.finding).to_be_visible(timeout=FOUND)
        self.toggle.click()
        expect(self.evidence.first.locator("svg.main-svg").first).to_be_visible(timeout=COLD_START)


@pytest.fixture
def person(page, demo):
    return Reader(page, demo.url)


def test_a_finding_its_evidence_what_changed_and_the_same_link_for_somebody_else(
    person, browser, demo
):
    person.goes_to(PRESSURE)
    person.opens_evidence()
    expect(person.finding.locator("h2")).to_contain_text("KV cache")
    expect(person.finding.get_by_role("list", name="Chain")).to_contain_text("KV cache")
    until(lambda: person.query().get("finding") == [RULE], 10)
    shot(person.page, "finding")
    person.page.get_by_role("button", name="What changed").click()
    expect(person.tool).to_have_text("What changed", timeout=COLD_START)
    until(lambda: person.query().get("tool") == ["changes"], 20)
    assert person.query()["finding"] == [RULE]
    link = person.page.evaluate("location.href").removeprefix(f"{demo.url}/")
    shown = person.evidence.evaluate_all("plots => plots.map(one => one.ariaLabel)")
    with window(browser) as page:
        second = Reader(page, demo.url).goes_to(link)
        expect(second.toggle).to_have_attribute("aria-expanded", "true", timeout=COLD_START)
        expect(second.tool).to_have_text("What changed", timeout=COLD_START)
        assert second.evidence.evaluate_all("plots => plots.map(one => one.ariaLabel)") == shown


def test_evidence_shows_onset_and_threshold_names_the_metric_and_grows(person):
    person.goes_to(PRESSURE)
    person.opens_evidence()
    usage = person.finding.locator('section[data-evidence^="kv_usage"]')
    expect(usage.locator("svg.main-svg").first).to_be_visible(timeout=COLD_START)
    plot = usage.locator(".js-plotly-plot")
    lines = plot.evaluate("one => one.layout.shapes.map(line => line.line.dash ?? 'onset')")
    assert "3px,3px" in lines
    assert "onset" in lines
    expect(usage.locator("h3")).to_have_attribute("title", re.compile("kv_cache_usage_perc"))
    newest = "one => one.data[0].x.at(-1)"
    moment = plot.evaluate(newest)
    until(lambda: plot.evaluate(newest) >= moment + 4, 20, every=0.2)
    assert plot.evaluate("one => one.data[0].y.at(-1)") is not None
    person.toggle.click()
    expect(person.evidence).to_have_count(0)
    until(lambda: "finding" not in person.query(), 10)


def test_a_flag_is_copied_with_a_click(person):
    person.goes_to(PRESSURE)
    expect(person.finding).to_be_visible(timeout=FOUND)
    copy = person.finding.get_by_role("button", name="Copy --").first
    flag = copy.get_attribute("title").removeprefix("Copy ")
    expect(person.finding.locator("code").first).to_have_text(flag)
    copy.click()
    expect(person.finding.get_by_role("status").first).to_have_text("Copied")


def test_the_blocks_of_the_cache_are_a_picture_that_follows_the_server(person):
    person.goes_to(PRESSURE)
    canvas = person.blocks.locator("canvas")
    expect(canvas).to_have_attribute("aria-label", re.compile(r"^\d+ of 1199 used$"))
    before = canvas.evaluate("one => one.toDataURL()")
    until(lambda: canvas.evaluate("one => one.toDataURL()") != before, 60, every=0.5)
    expect(person.blocks).to_contain_text("1 cell = 1 block of 16 tokens")


def test_what_comes_next_is_a_line_whose_figures_say_how_they_were_made(person):
    person.goes_to(PRESSURE)
    outlook = person.page.get_by_role("region", name="What comes next")
    expect(outlook).to_contain_text(re.compile("KV cache full|No forecast"), timeout=COLD_START)
    assert all(outlook.locator("[title]").evaluate_all("all => all.map(one => one.title)"))


def test_a_link_to_a_finding_that_is_over_says_so(person):
    person.goes_to("rca-cache?server=demo-chat&window=1m&finding=no_such_rule")
    expect(person.findings).to_contain_text("(no such rule) is not there now", timeout=FOUND)
