"""What a person does on the two live pages, on the demo servers, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.person import COLD_START, Person
from tests.support.browsing import shot, window
from tests.support.waiting import until


@pytest.fixture
def person(page, demo):
    return Person(page, demo.url)


def test_overview_shows_every_demo_server_and_says_that_it_is_simulated(person):
    person.goes_to()
    expect(person.heading).to_have_text("Overview")
    expect(person.rows).to_have_count(5)
    names = person.rows.evaluate_all("rows => rows.map(row => row.dataset.server)")
    assert set(names) == {"demo-chat", "demo-pressure", "demo-tutorial", "demo-hang", "demo-embed"}
    for name in names:
        expect(person.row(name)).to_contain_text("simulated")
    shot(person.page, "overview")


def test_overview_changes_by_itself(person):
    person.goes_to()
    tokens = person.cell("demo-chat", "Tokens / s")
    seen = {tokens.inner_text()}

    def changed_twice():
        seen.add(tokens.inner_text())
        return len(seen) >= 3

    until(changed_twice, 30, every=0.2)


def test_a_click_opens_the_server_and_the_link_says_which(person):
    person.goes_to()
    person.is_still()
    person.page.get_by_role("link", name="demo-pressure", exact=True).click()
    expect(person.heading).to_have_text("RCA / Cache", timeout=COLD_START)
    person.page.wait_for_url(re.compile("rca-cache"))
    assert person.query()["server"] == ["demo-pressure"]
    person.sees_figures()
    expect(person.page.locator("header")).to_contain_text(["demo-pressure"])


def test_curves_grow_each_second_without_being_drawn_anew(person):
    person.goes_to("rca-cache?server=demo-chat&window=1m")
    first = person.last_moment()
    plot = person.panels.first.locator(".js-plotly-plot svg.main-svg").first
    plot.evaluate("drawing => { drawing.dataset.mine = 'yes'; }")
    until(lambda: person.last_moment() >= first + 5, 30, every=0.2)
    assert plot.get_attribute("data-mine") == "yes"
    shot(person.page, "rca-cache")


def test_a_paused_page_stands_still_and_loses_nothing(person, browser, demo):
    person.goes_to("rca-cache?server=demo-chat&window=5m")
    person.last_moment()
    person.pauses()
    held = person.last_moment()
    clock = person.page.evaluate("Date.now()")
    until(lambda: person.page.evaluate("Date.now()") > clock + 4000, 10, every=0.2)
    assert person.last_moment() == held
    person.resumes()
    until(lambda: person.last_moment() >= held + 8, 30, every=0.2)
    shown = during(person.points(), held)
    with window(browser) as page:  # who never paused has the same holes, if any
        second = Person(page, demo.url).goes_to(person.link())
        assert shown == during(second.points(), held)


def during(points, held):
    """The values that are drawn for the moments of the pause."""
    found = {moment: value for moment, value in points.items() if held <= moment <= held + 4}
    return {moment: value for moment, value in found.items() if value is not None}


def test_the_window_is_chosen_and_kept_in_the_link(person):
    person.goes_to("rca-cache?server=demo-chat&window=1m")
    assert len(person.plotted()) == 60
    person.chooses_window("5 m")
    until(lambda: len(person.plotted()) == 150, 20)
    until(lambda: person.query().get("window") == ["5m"], 10)
    person.page.reload()
    person.sees_figures()
    expect(person.window_button("5 m")).to_have_attribute("aria-pressed", "true")


def test_the_same_link_shows_a_second_person_the_same(person, browser, demo):
    person.goes_to("rca-cache?server=demo-tutorial&window=1m")
    person.chooses_window("30 m")
    until(lambda: person.query().get("window") == ["30m"], 10)
    link = person.link()
    with window(browser) as page:
        second = Person(page, demo.url).goes_to(link)
        expect(second.heading).to_have_text("RCA / Cache")
        expect(second.page.locator("header")).to_contain_text(["demo-tutorial"])
        expect(second.window_button("30 m")).to_have_attribute("aria-pressed", "true")
        titles = "panels => panels.map(panel => panel.getAttribute('aria-label'))"
        assert second.panels.evaluate_all(titles) == person.panels.evaluate_all(titles)


def test_pressure_is_told_in_words(person):
    person.goes_to("rca-cache?server=demo-pressure&window=5m")
    expect(person.findings).not_to_contain_text("Nothing wrong", timeout=60_000)
    expect(person.findings.get_by_role("heading").first).to_be_visible()


def test_a_zoom_stays_while_figures_tick(person):
    person.goes_to("rca-cache?server=demo-chat&window=5m")
    person.last_moment()
    box = person.panels.first.locator(".nsewdrag").bounding_box()
    mouse = person.page.mouse
    mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 40)
    mouse.down()
    mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 40, steps=5)
    mouse.up()
    reset = person.page.get_by_role("button", name="Reset zoom")
    expect(reset).to_be_visible()
    shown = "plot => plot.layout.xaxis.range"
    plot = person.panels.first.locator(".js-plotly-plot")
    zoomed, moment = plot.evaluate(shown), person.last_moment()
    until(lambda: person.last_moment() >= moment + 3, 20, every=0.2)
    assert plot.evaluate(shown) == zoomed
    reset.click()
    until(lambda: plot.evaluate(shown) != zoomed, 10)


@pytest.mark.parametrize("path", ["", "rca-cache?server=demo-pressure&window=5m"])
@pytest.mark.parametrize(("width", "dark"), [(1440, True), (800, False), (800, True)])
def test_narrow_and_dark_windows_show_everything_without_sideways_scrolling(
    browser, demo, path, width, dark
):
    with window(browser, width=width, dark=dark) as page:
        Person(page, demo.url).goes_to(path)
        wide = page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
        assert wide <= 0
        ground = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
        assert ground == ("rgb(16, 19, 23)" if dark else "rgb(251, 251, 250)")
        kind = "rca-cache" if path else "overview"
        shot(page, f"{kind}-{width}-{'dark' if dark else 'light'}")


def test_nothing_can_be_pressed_before_it_has_its_place(page, demo):
    """A press is lost where the head of the page comes between pointer down and up."""
    held = []

    def hold(route):
        held.append(route)

    page.route("**/inspector/assets/**/live.js", hold)
    with page.expect_request("**/live.js"):
        page.goto(f"{demo.url}/startup-log")
    button = page.locator(".st-key-log-go button")
    expect(button).to_be_attached(timeout=COLD_START)
    expect(button).to_be_hidden()
    held[0].continue_()
    expect(button).to_be_visible()
    place = button.bounding_box()
    expect(page.get_by_role("heading", name="Start-up log")).to_be_visible()
    assert button.bounding_box() == place


def test_a_live_view_whose_script_is_gone_says_so(browser, demo):
    page = browser.new_page()
    page.route("**/inspector/assets/**/live.js", lambda route: route.abort())
    page.goto(demo.url)
    expect(page.get_by_text("Reload this page").first).to_be_visible(timeout=COLD_START)
    page.close()


SENDINGS = """window.page = { data, send: (...what) => window.told.push(what) };
window.view = new module.Sendings(root, page)"""


def sent(name, **told):
    row = {"id": name, "route": f"GET /{name}", "server": "s", "tone": "good", "words": "200"}
    return row | {"at": 1000, "seconds": "1 ms", "again": "Costs nothing", "barred": ""} | told


def test_a_press_on_what_was_sent_is_not_lost_to_an_answer(draws):
    running = sent("b", at=None, seconds="", tone="off", words="asking …")
    page = draws("explorer.js", SENDINGS, {"rows": [sent("a"), running], "shown": "b"})
    rows = page.locator("tbody tr")
    again, show = (rows.nth(0).get_by_role("button", name=one) for one in ("Send again", "GET /a"))
    update = "news => view.update(news)"
    again.hover()
    page.mouse.down()
    page.evaluate(update, {"rows": [sent("a"), sent("b")], "shown": "b"})
    page.mouse.up()
    ((kind, (name, _)),) = page.evaluate("window.told")
    assert (kind, name) == ("again", "a")
    cells = [one.strip() for one in rows.nth(1).locator("td").all_inner_texts()]
    assert cells[3:5] == ["200", "1 ms"]
    show.hover()
    page.mouse.down()
    page.evaluate(update, {"rows": [sent("a"), sent("b", words="404")], "shown": "a"})
    page.mouse.up()
    assert page.evaluate("window.told.at(-1)") == ["show", "a"]
    assert [one.get_attribute("aria-current") for one in rows.all()] == ["true", None]
    barred = sent("a", again="", barred="It is not watched any more.")
    page.evaluate(update, {"rows": [barred], "shown": ""})
    assert rows.count() == 1
    assert again.count() == 0
    assert "It is not watched any more." in rows.nth(0).inner_text()


OVERVIEW = """window.EventSource = class { addEventListener() {} close() {} };
window.view = new module.Overview(root, { data, send: (...what) => window.told.push(what) })"""


def test_no_server_goes_away_from_under_a_pressed_pointer(draws):
    given = {"title": "Overview", "window": "1m", "windows": [], "stream": "inspector/nowhere?a=b"}
    page = draws("overview.js", OVERVIEW, given | {"ticket": "t", "expected": 1, "target": "rca"})
    rows = [{"name": name, "simulated": False} for name in "abc"]
    fixed = {"now": 1000, "banner": None, "servers": None}
    frame = {"bins": 60, "words": "", "label": "", "foot": "", "columns": {}, "line": "Three"}
    page.evaluate("news => view.frame(news)", fixed | frame | {"rows": rows, "order": [*"abc"]})
    order = (
        "[...document.querySelectorAll('tr[data-server]')].map(row => row.innerText[0]).join('')"
    )
    assert page.evaluate(order) == "abc"
    page.get_by_role("link", name="b", exact=True).hover()
    page.mouse.down()
    page.evaluate("news => view.tick(news)", fixed | {"rows": [], "order": [*"cab"]})
    assert page.evaluate(order) == "abc"
    page.mouse.up()
    assert page.evaluate("window.told") == [["open", "b"]]
    page.evaluate("news => view.tick(news)", fixed | {"rows": []})
    assert page.evaluate(order) == "cab"
    page.evaluate("news => view.tick(news)", fixed | {"rows": [], "order": [*"bca"]})
    expect(page.get_by_role("link", name="b", exact=True)).to_be_focused()
    assert page.evaluate(order) == "bca"
