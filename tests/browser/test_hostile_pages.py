"""A person's browser and servers that mean harm: on every page their text stays text."""

import json
import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.person import COLD_START, Person
from tests.support.browsing import Witness
from tests.support.dashboard import dashboard
from tests.support.faulty import MODES, FaultServer, answer, answer_json, closed_port, recorded
from tests.support.hostile import TEXTS, images, page
from tests.support.waiting import until

CANARY = "sk-canary-51d27f3a9c"


def hostile(names):
    """Every route that a page asks, with these names wherever a text may stand."""
    paths = ("/v1/models", "/server_info", "/debug/config", "/debug/stats", "/debug/traces")
    document = {"names": list(names), "deep": {name: {name: name} for name in names}}
    flat = dict(zip(names, names, strict=True))
    return {
        "/evil/metrics": answer(page(names), kind="text/plain"),
        "/evil/metrics/": answer(page(names), kind="text/plain"),
        "/evil/version": answer_json({"version": " ".join(names)}),
        "/evil/v1/models": answer_json({"data": [{"id": name, "root": name} for name in names]}),
        "/evil/openapi.json": answer_json({"paths": {path: {"get": {}} for path in paths}}),
        "/evil/server_info": answer_json(document),
        "/evil/debug/config": answer_json(flat),
        "/evil/debug/stats": answer_json(flat),
        "/evil/debug/traces": answer_json({"traces": [flat]}),
    }


@pytest.fixture(scope="module")
def evil(tmp_path_factory):
    """A dashboard that watches servers which mean harm, and one that does not."""
    data = tmp_path_factory.mktemp("evil")
    with FaultServer() as server, closed_port() as closed:
        names = (*TEXTS, *images(f"{server.url}/pixel"))
        server.behaviours |= hostile(names)
        server.behaviours |= {"/good*": recorded("metrics.txt"), "/html*": MODES["html"]()}
        urls = {name: f"{server.url}/{name}" for name in ("evil", "good", "html")}
        listed = ",".join(f"{name}={url}" for name, url in (urls | {"closed": closed}).items())
        with dashboard(data, VLLM_SERVERS=listed, VLLM_API_KEY=CANARY) as started:
            started.server = server
            yield started


@pytest.fixture(params=["with our policy", "without any policy"])
def visit(request, browser, evil):
    """A window that writes down what it sees; the second time nothing but our sinks protects it."""
    witness, frames, dialogs = Witness(), [], []
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, bypass_csp=request.param.startswith("without")
    )
    context.on("request", witness.request)
    context.on("console", witness.console)
    context.on("weberror", lambda failed: witness.error(failed.error))
    window = context.new_page()
    window.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))

    def received(frame):  # Playwright writes a mark on what it is given, which a method takes not
        frames.append(frame)

    window.on("websocket", lambda plug: plug.on("framereceived", received))
    person = Person(window, evil.url)
    person.frames, person.dialogs = frames, dialogs
    yield person
    markup = window.content()
    context.close()
    assert dialogs == []
    assert witness.left == []
    assert witness.complaints == []
    assert [seen.path for seen in evil.server.seen if seen.path.startswith("/pixel")] == []
    assert CANARY not in markup
    assert not any(CANARY.encode() in raw(frame) for frame in frames)


def raw(frame):
    return frame if isinstance(frame, bytes) else str(frame).encode()


MARKUP = "iframe, object, embed, video, audio, picture, base, meta[http-equiv=refresh i]"


def harmless(person):
    """Nothing of a server's has become an element."""
    main = person.page.locator("section.main, .stMain").first
    assert main.locator(MARKUP).count() == 0
    assert main.locator("img, script, [onerror], [onload], [href^='javascript:' i]").count() == 0


def test_overview_shows_hostile_names_as_text(visit):
    visit.page.goto(visit.url)
    visit.sees_figures()
    expect(visit.row("evil")).to_contain_text("<script>alert(1)</script>", timeout=COLD_START)
    harmless(visit)
    expect(visit.row("good")).to_contain_text("Healthy")
    expect(visit.row("html")).to_contain_text("Wrong protocol", timeout=COLD_START)
    expect(visit.row("closed")).to_contain_text("Nothing listens", timeout=COLD_START)
    titles = visit.row("closed").locator("[title]").evaluate_all("all => all.map(e => e.title)")
    assert any(title.startswith("Nothing listens at") for title in titles)


def test_hostile_names_do_not_spoil_the_list(visit):
    visit.page.goto(visit.url)
    visit.sees_figures()
    expect(visit.row("evil")).to_contain_text("<script>alert(1)</script>", timeout=COLD_START)
    words = visit.row("evil").inner_text()
    assert "\x1b" not in words
    assert "\u202e" not in words
    assert visit.row("evil").bounding_box()["height"] < 120


def test_the_servers_page_shows_hostile_documents_as_text(visit):
    visit.page.goto(f"{visit.url}/rca-cache?server=evil&window=1m")
    visit.sees_figures()
    facts = visit.page.locator("details.vi-facts")
    expect(facts.first).to_be_attached(timeout=COLD_START)
    shown = visit.page.locator("details.vi-facts[data-title='Server info'] pre")
    expect(shown).to_contain_text("<img src=x onerror=alert(1)>", timeout=COLD_START)
    harmless(visit)
    visit.page.locator("details.vi-facts summary").evaluate_all(
        "all => all.forEach(e => e.click())"
    )
    harmless(visit)


def test_a_link_with_a_hostile_server_shows_another_one(visit):
    for name in ("<img src=x onerror=alert(1)>", "[a](javascript:alert(1))", "../x", "__proto__"):
        query = str(httpx.QueryParams({"server": name, "window": name}))
        visit.page.goto(f"{visit.url}/rca-cache?{query}")
        visit.sees_figures()
        harmless(visit)
        assert name not in visit.page.locator("header").first.inner_text()


def test_no_stream_holds_the_key_or_opens_without_its_ticket(visit, evil):
    addresses = []
    visit.page.on("request", lambda request: addresses.append(request.url) or None)
    visit.page.goto(f"{visit.url}/rca-cache?server=evil&window=1m")
    visit.sees_figures()
    address = until(lambda: next((url for url in addresses if "/inspector/live" in url), ""), 10)
    assert httpx.get(re.sub("ticket=[^&]*", "", address), trust_env=False).status_code == 401
    with httpx.stream("GET", address, trust_env=False, timeout=10) as stream:
        lines = stream.iter_lines()
        events = [line for line in (next(lines) for _ in range(9)) if line.startswith("data: ")]
    assert events
    for event in events:
        assert CANARY not in event
        json.loads(event.removeprefix("data: "))
    host = {"host": "evil.example"}
    assert httpx.get(address, headers=host, trust_env=False).status_code == 403
