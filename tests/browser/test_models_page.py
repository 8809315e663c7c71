"""What a person does on the Models page: servers that hang, lose their list, or mean harm.

The demo servers run beside the dashboard, so that a test can reach them.
"""

import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.person import COLD_START, Person
from tests.support.browsing import shot, window
from tests.support.dashboard import dashboard
from tests.support.demos import demo_servers
from tests.support.faulty import FaultServer, answer, answer_json
from tests.support.hostile import TEXTS, images, page
from tests.support.waiting import until

TWICE, TIGHT, ADAPTER = (
    "demo/sentencepiece-7b",
    "demo/tekken-7b-tight",
    "demo/tekken-7b-tight-sql",
)


@pytest.fixture(scope="module")
def demos():
    """The demo servers: name and address of each."""
    with demo_servers() as listed:
        yield dict(place.split("=") for place in listed.split(","))


@pytest.fixture(scope="module")
def models(tmp_path_factory, demos):
    """A dashboard that watches them."""
    listed = ",".join(f"{name}={url}" for name, url in demos.items())
    with dashboard(tmp_path_factory.mktemp("models"), INSPECTOR_DEMO_SERVERS=listed) as started:
        yield started


@pytest.fixture
def person(page, models):
    return ModelsPerson(page, models.url)


@pytest.fixture
def hanging(demos):
    """What to tell the server that can be made to hang; put right again afterwards."""

    def tell(what: str, seconds: float) -> None:
        told = httpx.post(f"{demos['demo-hang']}/demo/{what}", json={"seconds": seconds})
        assert told.status_code == 200

    yield tell
    tell("hang", 0)
    tell("unlist", 0)


class ModelsPerson(Person):
    """Someone who looks at the Models page."""

    def opens(self, query: str = "") -> "ModelsPerson":
        self.page.goto(f"{self.url}/models{query}")
        expect(self.page.locator(".vm-card").first).to_be_visible(timeout=COLD_START)
        return self

    def card(self, model: str):
        return self.page.locator(f'.vm-card[data-model="{model}"]')

    @property
    def routing(self):
        return self.page.get_by_role("region", name="Where a request could go now")

    @property
    def ladder(self) -> list[str]:
        """The servers of the chosen model, best first."""
        names = "rows => rows.map(row => row.dataset.server)"
        return self.routing.locator("li[data-server]").evaluate_all(names)

    def sees_all_of(self, model: str):
        """Wait until all is known of a model that two demo servers serve: until then it grows."""
        card = self.card(model)
        expect(card).to_contain_text("2 servers differ in 4 things", timeout=COLD_START)
        return card

    def place(self, server: str):
        return self.routing.locator(f'li[data-server="{server}"]')


def test_each_model_is_one_card_with_its_servers_and_adapters(person):
    person.opens()
    expect(person.heading).to_have_text("Models")
    expect(person.page.locator(".vm-card")).to_have_count(4)
    expect(person.page.locator(".vi-head")).to_contain_text("4 models and 1 adapter")
    card = person.sees_all_of(TWICE)
    expect(card.locator("tbody tr")).to_have_count(2)
    expect(card).to_contain_text("Context length differs: 4 096 tokens on demo-hang; 8 192 tokens")
    expect(card.locator("tr[data-server=demo-tutorial] td.vm-fits")).to_have_text("5")
    expect(person.card(TIGHT).locator(".vm-adapters")).to_contain_text(ADAPTER)
    expect(card.locator("tr[data-server=demo-hang] .vm-state")).to_contain_text(
        re.compile("Busy|Healthy")
    )
    shot(person.page, "models")


def test_the_id_goes_into_the_clipboard(person):
    person.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    person.opens()
    person.card(TIGHT).get_by_role("button", name="Copy the id").first.click()
    until(lambda: person.page.evaluate("navigator.clipboard.readText()") == TIGHT, 10)


def test_the_model_is_chosen_and_kept_in_the_link(person, browser, models):
    person.opens()
    until(lambda: person.query().get("model") == [TWICE], 10)
    person.routing.get_by_label("Model").select_option(ADAPTER)
    until(lambda: person.ladder == ["demo-pressure"], 10)
    until(lambda: person.query().get("model") == [ADAPTER], 10)
    link = urlsplit(person.link()).query
    with window(browser) as other:
        second = ModelsPerson(other, models.url).opens(f"?{link}")
        expect(second.routing.get_by_label("Model")).to_have_value(ADAPTER)
        until(lambda: second.ladder == ["demo-pressure"], 10)


def test_a_link_with_a_server_marks_it_and_chooses_its_model(person):
    person.opens("?server=demo-chat")
    until(lambda: person.ladder == ["demo-chat"], 10)
    chosen = person.page.locator(".vm-servers tr[data-chosen]")
    expect(chosen).to_have_count(1)
    expect(chosen).to_have_attribute("data-server", "demo-chat")


def test_a_link_to_a_model_that_nobody_lists_says_so(person):
    person.opens("?model=%3Cimg%20src%3Dx%3E")
    expect(person.routing).to_contain_text("No server lists <img src=x>; this is for demo/")


def test_a_card_leads_to_health_with_its_server_chosen(person):
    person.opens()
    row = person.card(TIGHT).locator("tr[data-server=demo-pressure]")
    link = row.get_by_role("link", name="Health")
    address = urlsplit(link.get_attribute("href"))
    assert parse_qs(address.query) == {"server": ["demo-pressure"], "model": [TIGHT]}
    person.is_still()
    link.click()
    expect(person.heading).to_have_text("Health", timeout=COLD_START)
    person.page.wait_for_url(re.compile("/health"))
    until(lambda: person.query().get("server") == ["demo-pressure"], 15)


def test_a_server_that_hangs_falls_behind_and_then_out(person, hanging):
    person.opens(f"?model={TWICE}")
    hanging("hang", 90)
    until(lambda: person.ladder == ["demo-tutorial", "demo-hang"], 30)
    expect(person.place("demo-hang")).to_contain_text(
        re.compile("in doubt|not now"), timeout=30_000
    )
    expect(person.place("demo-hang")).to_contain_text("Hung:", timeout=40_000)
    expect(person.routing).to_contain_text("1 of 2 servers could take it")
    expect(person.place("demo-tutorial")).to_contain_text("of its KV cache is free")
    shot(person.page, "models-hung")
    hanging("hang", 0)
    expect(person.place("demo-hang")).not_to_contain_text("Hung:", timeout=30_000)


def test_an_empty_list_is_said_to_be_trouble(person, hanging):
    hanging("unlist", 90)
    person.opens()
    trouble = person.page.get_by_role("region", name="Lists in trouble")
    expect(trouble).to_contain_text("demo-hang: its list of models is empty", timeout=45_000)
    expect(trouble).to_contain_text("What to do:")
    expect(person.card(TWICE).locator("tbody tr")).to_have_count(1)
    hanging("unlist", 0)
    expect(trouble).not_to_contain_text("demo-hang", timeout=30_000)
    expect(person.card(TWICE).locator("tbody tr")).to_have_count(2)


def test_rows_stay_the_same_elements_while_figures_move(person):
    person.opens(f"?model={TWICE}")
    person.sees_all_of(TWICE)
    expect(person.page.locator(".vm-cards")).not_to_contain_text("its routes do not tell")
    person.routing.get_by_label("Model").focus()
    mine = "all => all.forEach(one => { one.dataset.mine = 'yes'; })"
    parts = person.page.locator(".vm-ladder li, .vm-card, .vm-state, .vm-answers details")
    parts.evaluate_all(mine)
    figures = person.routing.locator(".vm-why")
    seen = {tuple(figures.all_inner_texts())}
    until(lambda: seen.add(tuple(figures.all_inner_texts())) or len(seen) > 2, 30, every=0.2)
    assert person.page.locator("[data-mine]").count() == parts.count()
    expect(person.routing.get_by_label("Model")).to_be_focused()


def test_a_list_is_shown_as_it_came_when_it_is_opened(person):
    person.opens()
    details = person.page.locator("details[data-list=demo-pressure]")
    details.locator("summary").click()
    expect(details.locator("pre")).to_contain_text('"object": "list"')
    expect(details.locator("pre")).to_contain_text(ADAPTER)
    expect(details).to_have_attribute("open", "")


@pytest.mark.parametrize(("width", "dark"), [(1440, True), (800, False), (800, True)])
def test_narrow_and_dark_windows_show_everything_without_sideways_scrolling(
    browser, models, width, dark
):
    with window(browser, width=width, dark=dark) as page:
        ModelsPerson(page, models.url).opens()
        wide = page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
        assert wide <= 0
        inner = "all => all.every(one => one.scrollWidth <= one.clientWidth + 1)"
        assert page.locator(".vm-card .vi-scroll").evaluate_all(inner)
        shot(page, f"models-{width}-{'dark' if dark else 'light'}")


# ── Servers that mean harm ──


@pytest.fixture
def evil(tmp_path):
    """A dashboard with one server whose names are hostile, and one that lists too much."""
    with FaultServer() as server:
        names = (*TEXTS, *images(f"{server.url}/pixel"), "", "y" * 1_000_000)
        cards = [{"id": name, "root": name, "owned_by": name, "parent": name} for name in names]
        many = [{"id": f"many-{number}", "max_model_len": 8} for number in range(10_000)]
        metrics = answer(page(TEXTS), kind="text/plain")
        for name, listed in (("evil", cards), ("many", many)):
            server[f"/{name}/v1/models"] = answer_json({"data": listed})
            server[f"/{name}/metrics"] = server[f"/{name}/metrics/"] = metrics
            server[f"/{name}/version"] = answer_json({"version": TEXTS[1]})
        listed = ",".join(f"{name}={server.url}/{name}" for name in ("evil", "many"))
        with dashboard(tmp_path, VLLM_SERVERS=listed) as started:
            started.server = server
            yield started


def test_hostile_and_endless_lists_are_text_and_leave_the_page_usable(evil, page):
    person = ModelsPerson(page, evil.url).opens()
    expect(page.locator("body")).to_contain_text("many lists 10", timeout=COLD_START)
    expect(page.locator(".vm-cards")).to_contain_text("<img src=x onerror=alert(1)>")
    expect(page.locator(".vm-cards")).to_contain_text("(no name)")
    main = page.locator(".stMain").first
    assert main.locator("img, script, iframe, object, embed, [onerror], [onload]").count() == 0
    assert main.locator("[href^='javascript:' i]").count() == 0
    words = main.inner_text()
    assert "\u202e" not in words
    assert "\x1b" not in words
    assert page.locator(".vm-card").count() < 200
    long = page.locator(".vm-id code", has_text="yyyyyyyyyy").first
    assert len(long.inner_text()) <= 160
    person.routing.get_by_label("Model").select_option("many-0")
    until(lambda: person.ladder == ["many"], 10)
    page.locator("details[data-list=evil] summary").click()
    came = page.locator("details[data-list=evil] pre")
    expect(came).to_contain_text("<script>alert(1)</script>", timeout=COLD_START)
    assert not any(seen.path.startswith("/pixel") for seen in evil.server.seen)
