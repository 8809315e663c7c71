"""What a person does in the API Explorer: looks for a route, tries it, looks at the answer."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.explorer_person import ExplorerPerson
from tests.browser.person import COLD_START
from tests.support.browsing import shot, window

SAID = """() => {
    window.said = [];
    new MutationObserver((records) => records
        .filter(({ target }) => target.role === "status" && target.closest(".vx-tried"))
        .forEach(({ target }) => window.said.push(target.innerText))
    ).observe(document.body, { childList: true, subtree: true });
}"""
"""Remembers what comes into the region that is read out, once that is there."""


@pytest.fixture(scope="module")
def page(browser):
    """One window for all: what it has loaded once, it need not load again."""
    with window(browser) as page:
        yield page


@pytest.fixture
def person(page, demo):
    return ExplorerPerson(page, demo.url)


def test_a_route_is_found_tried_and_sent_again(person):
    person.opens()
    person.filters("token text")
    assert "POST /tokenize" in person.shown()
    assert "GET /version" not in person.shown()
    expect(person.page).to_have_url(re.compile(r"filter=token\+text"))
    person.chooses("POST /tokenize")
    expect(person.send).to_contain_text("Send · uses processor time", timeout=COLD_START)
    person.page.get_by_role("textbox", name="prompt").fill("one <b>two</b>")
    person.sends()
    expect(person.answer).to_contain_text("200 OK")
    expect(person.answer.locator(".vx-tree")).to_contain_text("max_model_len")
    person.tab("Sent").click()
    expect(person.answer.locator("pre")).to_contain_text("one <b>two</b>")
    person.tab("Headers").click()
    expect(person.answer.locator("dl")).to_contain_text("application/json")
    assert "one" not in person.page.url.partition("?")[2]
    person.sends_again()
    expect(person.sent).to_have_count(2)
    expect(person.page.get_by_role("textbox", name="prompt")).to_have_value("one <b>two</b>")
    shot(person.page, "explorer")


def test_every_answer_is_read_out(person):
    person.opens()
    person.chooses("GET /version")
    person.page.evaluate(SAID)
    for n in (1, 2):
        person.sends()
        person.page.wait_for_function("n => window.said.length >= n", arg=n, timeout=COLD_START)
    said = person.page.evaluate("window.said")
    assert all(one.startswith("200 OK") and "GET /version" in one for one in said)


def test_a_route_is_opened_by_a_key_while_text_is_marked(person):
    person.opens()
    person.chooses("GET /version")
    person.sends()
    person.answer.evaluate("answer => getSelection().selectAllChildren(answer)")
    other = person.row("POST /tokenize")
    other.locator(".vx-what").dispatch_event("click")  # as at the end of marking its own text
    other.get_by_role("button").focus()
    expect(other).not_to_have_attribute("aria-current", "true")
    person.page.keyboard.press("Enter")
    expect(other).to_have_attribute("aria-current", "true", timeout=COLD_START)


def test_an_absent_route_says_so_beside_an_open_one_too(person):
    person.opens()
    absent, here = person.row("POST /v1/embeddings"), person.row("POST /tokenize")
    expect(absent.locator(".vx-note")).to_contain_text(re.compile("^not here.+--runner pooling"))
    person.chooses("GET /version")
    expect(absent.get_by_text("not here", exact=True)).to_be_visible()
    expect(absent.locator(".vx-note bdi")).to_be_hidden()
    expect(here.get_by_text("not here")).to_have_count(0)
    absent.scroll_into_view_if_needed()
    shot(person.page, "explorer-absent")


def test_a_link_opens_the_same_route_for_somebody_else(person, browser, demo):
    person.opens()
    person.chooses("GET /version")
    expect(person.page).to_have_url(re.compile(r"route=GET\+%2Fversion"), timeout=COLD_START)
    link = person.page.url
    with window(browser) as other_page:
        other = ExplorerPerson(other_page, demo.url)
        other_page.goto(link)
        other.sees_routes()
        expect(other.row("GET /version")).to_have_attribute("aria-current", "true")
        other.sends()
        expect(other.answer).to_contain_text("0.32.0")


def test_the_exposure_check_names_the_worst(person):
    person.opens()
    table = person.checks_exposure()
    expect(table.locator("tbody tr").first).to_contain_text("answers without a key")
    expect(table).to_contain_text("/v1/chat/completions")
    shot(person.page, "exposure")


def test_nothing_is_wider_than_a_narrow_window(browser, demo):
    with window(browser, width=800, dark=True) as page:
        person = ExplorerPerson(page, demo.url).opens("?server=demo-embed&route=POST /rerank")
        person.sends()
        expect(person.answer).to_contain_text("200 OK")
        assert page.evaluate("document.documentElement.scrollWidth") <= 800
        assert person.answer.bounding_box()["width"] > 380
        shot(page, "explorer-800-dark")
