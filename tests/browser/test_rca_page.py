"""From a finding to its evidence to what changed, on the demo server under pressure."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.person import COLD_START
from tests.browser.rca_person import Reader
from tests.support.browsing import shot, window
from tests.support.waiting import until

PRESSURE = "rca-cache?server=demo-pressure&window=5m"
FOUND = 90_000.0
"""Milliseconds until the demo server is under pressure for long enough to say so."""
RULE = "cache_full"


@pytest.fixture
def person(page, demo):
    return Reader(page, demo.url, RULE)


def test_a_finding_its_evidence_what_changed_and_the_same_link_for_somebody_else(
    person, browser, demo
):
    person.goes_to(PRESSURE)
    person.opens_evidence(FOUND)
    expect(person.finding.locator("h2")).to_contain_text("KV cache")
    expect(person.finding.get_by_role("list", name="Chain")).to_contain_text("KV cache")
    until(lambda: person.query().get("finding") == [RULE], 10)
    shot(person.page, "finding")
    person.page.get_by_role("button", name="What changed").click()
    expect(person.tool).to_have_text("What changed", timeout=COLD_START)
    until(lambda: person.query().get("tool") == ["changes"], 20)
    assert person.query().get("finding") == [RULE]
    link = person.link()
    with window(browser) as page:
        second = Reader(page, demo.url, RULE).goes_to(link)
        expect(second.toggle).to_have_attribute("aria-expanded", "true", timeout=COLD_START)
        expect(second.tool).to_have_text("What changed", timeout=COLD_START)
        assert person.shown_evidence()
        until(lambda: second.shown_evidence() == person.shown_evidence(), 20)


def test_evidence_shows_onset_and_threshold_names_the_metric_and_grows(person):
    person.goes_to(PRESSURE)
    person.opens_evidence(FOUND)
    usage = person.finding.locator('section[data-evidence^="kv_usage"]')
    expect(usage.locator("svg.main-svg").first).to_be_visible(timeout=COLD_START)
    plot = usage.locator(".js-plotly-plot")
    assert {"3px,3px", "onset"} <= set(person.drawn("kv_usage"))
    expect(usage.locator("h3")).to_have_attribute("title", re.compile("kv_cache_usage_perc"))
    newest = "one => one.data[0].x.at(-1)"
    moment = plot.evaluate(newest)
    until(lambda: plot.evaluate(newest) >= moment + 4, 20, every=0.2)
    until(lambda: plot.evaluate("one => one.data[0].y.at(-1)") is not None)
    person.toggle.click()
    expect(person.evidence).to_have_count(0)
    until(lambda: "finding" not in person.query(), 10)


def test_an_open_plot_stays_while_everything_under_it_is_sent_anew(person):
    person.goes_to(PRESSURE)
    person.opens_evidence(FOUND)
    proof = person.finding.locator('section[data-evidence^="kv_usage"]').element_handle()
    flag = person.finding.locator(".vi-flag button").first.element_handle()
    points = 'one => one.querySelector(".js-plotly-plot").data[0].x.length'
    before = proof.evaluate(points)
    person.chooses_window("1 m")
    until(lambda: proof.evaluate(points) < before, 20)
    assert proof.evaluate("one => one.isConnected")
    assert flag.evaluate("one => one.isConnected")


def test_a_flag_is_copied_with_a_click(person):
    person.goes_to(PRESSURE)
    expect(person.finding).to_be_visible(timeout=FOUND)
    person.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    flag = person.finding.locator(".vi-flag code").first
    person.finding.get_by_role("button", name="Copy --").first.click()
    until(lambda: person.copied().startswith("--"), 10)
    assert person.copied().split()[0] == flag.inner_text().split()[0]


def test_the_blocks_of_the_cache_are_a_picture_that_follows_the_server(person):
    person.goes_to(PRESSURE)
    canvas = person.blocks.locator("canvas")
    expect(canvas).to_have_attribute("aria-label", re.compile(r"^\d+ of 1199 used$"))
    before = canvas.evaluate("one => one.toDataURL()")
    until(lambda: canvas.evaluate("one => one.toDataURL()") != before, 60, every=0.5)
    expect(person.blocks).to_contain_text("1 cell = 1 block of 16 tokens")


def test_what_comes_next_is_a_line_whose_figures_say_how_they_were_made(person):
    person.goes_to(PRESSURE)
    outlook = person.outlook
    expect(outlook).to_contain_text(re.compile("KV cache|No forecast"), timeout=COLD_START)
    told = outlook.locator("[title]").evaluate_all("all => all.map(one => one.title)")
    assert told
    assert all(told)
    assert not re.search("undefined|null|NaN", outlook.inner_text())


def test_the_blocks_stand_third_after_the_cache_and_the_requests(person):
    person.goes_to("rca-cache?server=demo-chat&window=1m")
    expect(person.blocks).to_be_visible(timeout=COLD_START)
    shown = person.panels.evaluate_all("all => all.map(one => one.ariaLabel)")
    assert shown[:3] == ["KV blocks", "Requests waiting and running", "KV blocks now"]


def test_the_keyboard_opens_evidence_walks_its_plots_and_reaches_the_tools(person):
    person.goes_to(PRESSURE)
    expect(person.finding).to_be_visible(timeout=FOUND)
    keys = person.page.keyboard
    person.toggle.focus()
    keys.press("Enter")
    expect(person.toggle).to_have_attribute("aria-expanded", "true")
    expect(person.toggle).to_be_focused()
    keys.press("Tab")
    plot = person.evidence.first.locator(".vi-plot")
    expect(plot).to_be_focused()
    keys.press("ArrowLeft")
    expect(person.evidence.first.locator(".vi-now")).to_contain_text(re.compile(r"at \d\d:\d\d"))
    person.page.get_by_role("button", name="What changed").focus()
    keys.press("Enter")
    expect(person.tool).to_have_text("What changed", timeout=COLD_START)


def test_a_link_to_a_finding_that_is_over_says_so(person):
    person.goes_to("rca-cache?server=demo-chat&window=1m&finding=no_such_rule")
    expect(person.findings).to_contain_text("(no such rule) is not there now", timeout=FOUND)
