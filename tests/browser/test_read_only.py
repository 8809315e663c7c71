"""A person clicks on everything there is, and no server is asked for anything but what is known.

A recorder stands before each server. What it must never see is a request that changes a server, or
one that no table of this project names.
"""

import re
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from lib.api import Control, Route, calls
from lib.api.surface import EVERY
from tests.browser.explorer_person import ExplorerPerson
from tests.browser.person import COLD_START, Person
from tests.support.browsing import window
from tests.support.dashboard import dashboard
from tests.support.demos import demo_servers
from tests.support.recorder import recorder
from tests.support.waiting import until

SERVERS = ("demo-chat", "demo-embed", "demo-tutorial")
PAGES = (
    "/",
    "/chat",
    "/embeddings",
    "/explorer",
    "/health",
    "/models",
    "/rca-cache",
    "/startup-log",
    "/tokenizer",
)
USED = {"/tokenizer": ["/tokenize"]}
"""What is asked for by a page alone."""
FEWEST, MOST = 3, 14
"""Clicks on a page."""
LOOKS, PATIENT = 3, 80
"""How often nothing new to click on is found before there is nothing; while there were too few."""
SPARED = r"Watch it|Forget|Add server|Log in|Copy|Clear caches|^\s*Open\s*$|Help for|crement"
"""What changes the dashboard's own list, or leaves it; and what only opens a list of choices."""
CLICK = """(spared) => {
  const done = window.clicked ??= {};
  const every = (kinds) => kinds.flatMap((one) => [...document.querySelectorAll(`[data-testid=stMain] ${one}`)]);
  // what turns to another part of the page comes last
  for (const one of every(["button:not([role])", "summary", "input[type=checkbox]", "[role=radio]", "[role=tab]"])) {
    const said = `${one.innerText} ${one.title} ${one.ariaLabel ?? ""}`;
    if (one.disabled || !one.checkVisibility() || new RegExp(spared, "i").test(said)) continue;
    const place = one.closest("[class*=st-key-]")?.className.match(/st-key-\\S+/)[0], group = one.closest("[role=group]")?.ariaLabel;
    const alike = done[[location.pathname, place, group, one.tagName, one.role]] ??= new Set();
    if (alike.has(said) || alike.size === (one.role ? 6 : 3)) continue;
    alike.add(said);
    one.click();
    return one.role ? "turned" : "clicked";
  }
  return null;
}"""  # noqa: E501
"""Clicks on the first thing that was not clicked on; null where there is none left."""


def allowed() -> list[tuple[str, re.Pattern[str]]]:
    """Method and path of all that may be sent: what may be used, and what only asks for it."""
    used = [(route.method, route.path) for route in Route]
    probes = [(one.method, one.path) for one in map(calls.probe, EVERY) if one.method != "WS"]
    parts = re.compile(r"\\\{\w+\\\}")
    return [
        (method, re.compile(parts.sub("[^/]+", re.escape(path)))) for method, path in used + probes
    ]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A dashboard whose servers stand behind recorders, by name."""
    with ExitStack() as stack:
        listed = stack.enter_context(demo_servers())
        urls = dict(one.split("=", 1) for one in listed.split(","))
        tapes = {name: stack.enter_context(recorder(urls[name])) for name in SERVERS}
        servers = ",".join(f"{name}={tape.url}" for name, tape in tapes.items())
        data = tmp_path_factory.mktemp("recorded")
        started = stack.enter_context(dashboard(data, VLLM_SERVERS=servers))
        yield started, tapes


def seen(tapes):
    return [(name, one.method, one.path) for name, tape in tapes.items() for one in tape.seen]


def strange(tapes):
    """What was asked that no table names."""
    return [one for one in dict.fromkeys(seen(tapes)) if not is_allowed(*one[1:])]


def pages(page, url):
    """The paths of the pages that the navigation offers."""
    page.goto(url)
    links = page.locator("[data-testid=stSidebarNav] a")
    expect(links.nth(len(PAGES) - 1)).to_be_attached(timeout=COLD_START)
    return set(links.evaluate_all("links => links.map(one => one.pathname)"))


def goes(page, address):
    """Open a page by its address."""
    page.goto(address)
    person = Person(page, address)
    expect(person.heading).to_be_visible(timeout=COLD_START)
    person.is_still()


def clicks_everything(page, address):
    """Every button, tab, fold and choice of a page, and back whenever one leads away.

    How many that were; what comes by a click is clicked on too.
    """
    goes(page, address)
    clicked, looks = 0, 0
    while clicked < MOST and looks < (LOOKS if clicked >= FEWEST else PATIENT):
        did = page.evaluate(CLICK, SPARED)
        clicked, looks = (clicked + 1, 0) if did else (clicked, looks + 1)
        page.wait_for_timeout(30 if did else 250)  # until what a click begins has begun
        if did != "clicked":
            Person(page, address).is_still()
        if urlsplit(page.url).path != urlsplit(address).path:
            goes(page, address)
    return clicked


def is_allowed(method, path):
    return any(method == one and form.fullmatch(path) for one, form in allowed())


def test_the_list_itself_lets_nothing_through_that_changes_a_server():
    assert is_allowed("POST", "/tokenize")
    assert is_allowed("GET", "/v1/responses/resp_1")
    assert is_allowed("HEAD", "/sleep")  # asks whether it is there
    for route in EVERY:
        if not isinstance(route, Route):
            assert not is_allowed("POST", route.path)
    assert not is_allowed("DELETE", "/v1/models")
    assert not is_allowed("GET", "/v1/models/unknown")


@pytest.fixture(scope="module")
def page(browser):
    """One window for all: what it has loaded once, it need not load again."""
    with window(browser) as page:
        yield page


def test_every_page_of_the_navigation_is_clicked_through(recorded, page):
    started, _ = recorded
    assert pages(page, started.url) == set(PAGES)


@pytest.mark.parametrize("path", PAGES)
def test_clicking_through_a_page_asks_for_nothing_but_what_is_known(recorded, page, path):
    started, tapes = recorded
    server = "demo-embed" if path == "/embeddings" else "demo-chat"
    clicked = clicks_everything(page, f"{started.url}{path}?server={server}")
    assert strange(tapes) == []
    assert clicked >= FEWEST
    asked = {"/metrics/", "/v1/models", "/health", "/openapi.json", *USED.get(path, ())}
    until(lambda: asked <= {path for _, _, path in seen(tapes)})


def test_exploring_asks_whether_routes_are_there_and_uses_none(recorded, page):
    started, tapes = recorded
    changing = {route.path for route in EVERY if not isinstance(route, Route)}
    for name in SERVERS:
        person = ExplorerPerson(page, started.url).opens(f"?server={name}")
        person.checks_exposure()
        tape = tapes[name]
        asked = {(one.method, one.path) for one in tape.seen}
        assert any(path in changing for _, path in asked) or name == "demo-tutorial"
        assert not [one for one in asked if one[1] in changing and one[0] != "HEAD"]
    assert strange(tapes) == []


def test_what_changes_a_server_cannot_be_sent_from_the_page(recorded, page):
    started, tapes = recorded
    person = ExplorerPerson(page, started.url).opens("?server=demo-chat")
    for route in (Control.SCALE, Control.SLEEP):
        person.chooses(route.title)
        expect(person.send).to_have_count(0)
    changing = (Control.SCALE.path, Control.SLEEP.path)
    assert {method for _, method, path in seen(tapes) if path in changing} <= {"HEAD"}
