"""What a person does on the Health page, on the demo servers and on one that dies."""

import re
import signal

import pytest
from playwright.sync_api import expect

from lib.demo.roles import ROLES
from tests.browser.person import COLD_START, Person
from tests.support.browsing import shot, window
from tests.support.dashboard import dashboard
from tests.support.faulty import FaultServer, answer_json, recorded
from tests.support.ports import free_ports
from tests.support.processes import running
from tests.support.waiting import until

LATENCY = re.compile(r"\d\s?(ms|s)")
FIT = re.compile("Healthy|Busy")


@pytest.fixture
def person(page, demo):
    return Person(page, demo.url)


def test_health_is_found_and_says_that_a_fit_server_is_fit(person):
    person.goes_to()
    person.is_still()
    person.page.get_by_test_id("stSidebarNavItems").get_by_role("link", name="Health").click()
    expect(person.heading).to_have_text("Health", timeout=COLD_START)
    person.sees_figures()
    expect(person.verdict).to_contain_text(FIT)
    expect(person.verdict).to_contain_text("Passed, checked at", timeout=40_000)
    expect(person.page.locator(".vi-strip[data-server]")).to_have_count(5)
    for name in ("demo-chat", "demo-pressure", "demo-tutorial", "demo-hang", "demo-embed"):
        expect(person.stretches(name, "good").first).to_be_attached()
        expect(person.timeline(name)).to_contain_text("watched")
    expect(person.timeline("demo-tutorial")).to_contain_text("uptime not reported")
    expect(person.timeline("demo-chat")).to_contain_text(re.compile(r"up \d+"))


def test_each_check_has_a_result_a_latency_and_a_curve(person):
    person.goes_to("health?server=demo-chat&window=1m")
    for check in ("connect", "health", "ready", "version", "models", "metrics"):
        row = person.check("demo-chat", check)
        expect(row).to_contain_text("passed", timeout=40_000)
        expect(row).to_contain_text(LATENCY)
    expect(person.check("demo-chat", "progress")).to_contain_text("passed")
    expect(person.check("demo-chat", "inference")).to_contain_text("Only on request")
    person.panels.first.scroll_into_view_if_needed()
    until(lambda: any(value is not None for value in person.plotted()), 30)
    assert person.panels.count() >= 6
    shot(person.page, "health")


def test_two_servers_are_chosen_and_the_link_shows_both_to_somebody_else(person, browser, demo):
    person.goes_to("health?server=demo-chat&window=5m")
    person.timeline("demo-tutorial").get_by_role("checkbox").check()
    expect(person.checks("demo-tutorial")).to_be_visible()
    until(lambda: person.query().get("servers") == ["demo-chat,demo-tutorial"])
    person.track("demo-hang").click()
    expect(person.checks("demo-hang")).to_be_visible()
    person.track("demo-chat").click()
    expect(person.checks("demo-chat")).to_have_count(0)
    until(lambda: person.query().get("servers") == ["demo-tutorial,demo-hang"])
    assert person.query().get("server") == ["demo-tutorial"]
    with window(browser) as page:
        second = Person(page, demo.url)
        second.goes_to(person.link())
        expect(second.checks("demo-hang")).to_be_visible()
        assert sorted(second.chosen()) == ["demo-hang", "demo-tutorial"]
        expect(second.page.locator("header")).to_contain_text(["demo-tutorial"])
    person.page.reload()
    person.sees_figures()
    expect(person.checks("demo-hang")).to_be_visible()
    assert sorted(person.chosen()) == ["demo-hang", "demo-tutorial"]


def test_the_last_server_stays_chosen(person):
    person.goes_to("health?server=demo-chat&window=5m")
    expect(person.checks("demo-chat")).to_be_visible()
    person.track("demo-chat").click()
    expect(person.page.get_by_text("One server stays chosen")).to_be_visible()
    assert person.chosen() == ["demo-chat"]


def test_under_the_cursor_and_by_arrow_keys_a_strip_says_what_was_then(person):
    person.goes_to("health?server=demo-chat&window=1m")
    expect(person.timeline("demo-chat")).to_contain_text("watched")
    person.page.mouse.move(0, 0)
    person.track("demo-chat").focus()
    person.page.keyboard.press("ArrowLeft")
    facts = person.timeline("demo-chat").locator(".vi-strip-facts")
    expect(facts).to_contain_text(re.compile(r"\d\d:\d\d:\d\d to "))
    expect(person.timeline("demo-tutorial").locator(".vi-strip-facts")).to_contain_text(
        re.compile("to |nobody looked", re.IGNORECASE)
    )
    person.page.keyboard.press("Escape")
    expect(facts).to_contain_text("watched")


def test_pointing_at_one_of_many_strips_moves_nothing_under_the_pointer(browser, tmp_path, steady):
    many = ",".join(f"s{number}={steady.url}" for number in range(12))
    with dashboard(tmp_path, VLLM_SERVERS=many) as started, window(browser) as page:
        person = Person(page, started.url).goes_to("health?server=s0&window=1m")
        expect(person.verdict).to_contain_text("Passed, checked at", timeout=COLD_START)
        for number in range(12):
            person.timeline(f"s{number}").scroll_into_view_if_needed()
            expect(person.stretches(f"s{number}", "good").first).to_be_attached()
        person.pauses()  # other news may move a row: what is asked is what pointing does
        before = person.track("s9").bounding_box()
        person.track("s9").hover()
        facts = person.timeline("s9").locator(".vi-strip-facts")
        expect(facts).to_contain_text(re.compile("to now|nobody looked", re.IGNORECASE))
        assert person.track("s9").bounding_box() == before


def test_a_click_in_the_sidebar_keeps_the_page(person):
    person.goes_to("health?server=demo-chat&window=5m")
    servers = person.page.get_by_role("navigation", name="Servers")
    servers.get_by_role("link", name=re.compile("demo-tutorial")).click()
    expect(person.checks("demo-tutorial")).to_be_visible()
    expect(person.heading).to_have_text("Health")
    until(lambda: person.query().get("server") == ["demo-tutorial"])


def test_checks_are_asked_on_request(person):
    person.goes_to("health?server=demo-chat&window=5m")
    person.page.get_by_role("button", name="Check now").click()
    said = person.checks("demo-chat")
    expect(said).to_contain_text(
        re.compile(r"Asked on request at \d\d:\d\d:\d\d: \d+ passed"), timeout=20_000
    )


def test_a_token_is_made_on_request(person):
    person.goes_to("health?server=demo-chat&window=5m")
    table = person.checks("demo-chat")
    expect(table).to_contain_text("Costs demo-chat one request")
    button = table.get_by_role("button", name="Run inference check")
    expect(button).to_be_enabled(timeout=20_000)
    button.click()
    expect(table.locator(".vi-token")).to_contain_text("one token from demo/", timeout=60_000)
    expect(person.check("demo-chat", "inference")).to_contain_text("passed")


def test_the_model_of_a_link_is_the_one_to_be_asked(person):
    person.goes_to("health?server=demo-pressure&model=demo/tekken-7b-tight-sql&window=5m")
    models = person.checks("demo-pressure").get_by_role("combobox")
    expect(models).to_have_value("demo/tekken-7b-tight-sql", timeout=20_000)
    person.goes_to("health?server=demo-pressure&model=gone&window=5m")
    expect(models).to_have_value("demo/tekken-7b-tight", timeout=20_000)


def test_recipes_for_probes_hold_the_servers_address(person):
    person.goes_to("health?server=demo-tutorial&window=5m")
    tabs = person.page.get_by_role("tab")
    expect(tabs.nth(5)).to_be_visible(timeout=COLD_START)
    tabs.filter(has_text=re.compile("token", re.IGNORECASE)).first.click()
    code = person.page.get_by_role("tabpanel").locator("code").filter(visible=True).first
    expect(code).to_contain_text("http://127.0.0.1:")


HEALTH = """window.EventSource = class { addEventListener() {} close() {} };
window.Plotly = {};
window.view = new module.Health(root, { data, send: (...what) => window.told.push(what) })"""


def given(*chosen, window="1m"):
    """What the script gives the view."""
    windows = [{"key": key, "label": key, "words": key} for key in ("1m", "5m", "30m")]
    addresses = {"stream": "inspector/nowhere?a=b", "ticket": "t", "plotly": "inspector/nothing"}
    said = {"title": "Health", "model": "", "window": window, "windows": windows}
    return said | addresses | {"chosen": list(chosen)}


def news(*order, chosen=("a",)):
    """What a tick brings of the servers a, b and c, ten seconds after the first was seen."""
    verdict = {"tone": "good", "words": "Healthy", "since": 0, "text": "", "finds": None}
    said = {"now": 1060, "at": 1060, "period": 1, "banner": None, "rows": [[]] * len(chosen)}
    said |= {"states": dict.fromkeys("abc", verdict), "order": order, "chosen": chosen}
    told = {"at": None, "passed": [], "failed": []}
    said |= {"verdicts": [verdict] * len(chosen), "checked": [told] * len(chosen)}
    return said | {"strips": [], "events": []}


def window_of(*order, **changes):
    """The first event: three servers, fit for as long as they were watched."""
    fit = [[1000, 1030, "good", "Healthy", ""], [1030, 1060, "good", "Busy", ""]]
    facts = {"up": 0, "up_words": "", "restarts": [], "share": "100 %", "watched": "1 min"}
    names = [{"name": name, "simulated": False, "facts": facts, "parts": fit} for name in "abc"]
    span = {"start": 1000, "step": 1, "size": 60, "span": 60, "panels": [], "most": 3}
    return news(*order, **changes) | span | {"strips": names}


@pytest.fixture
def view(draws):
    """The view by itself: the test says when the script and the stream have something to say."""
    page = draws("health.js", HEALTH, given("a"))
    page.evaluate("frame => window.view.frame(frame)", window_of(*"abc"))
    return Person(page, "")


def order(person):
    return person.page.locator(".vi-strip[data-server]").evaluate_all(
        "rows => rows.map(row => row.dataset.server).join('')"
    )


def test_an_older_word_of_the_script_takes_no_choice_back(view):
    says = "data => window.view.update(data)"
    view.track("b").click()
    view.track("a").click()
    assert view.page.evaluate("window.told") == [["chosen", "a,b"], ["chosen", "b"]]
    for older in (given("a"), given("a", "b"), given("b")):
        view.page.evaluate(says, older)
        assert view.query()["server"] == ["b"]
        assert "servers" not in view.query()
        assert view.chosen() == ["b"]
    view.page.evaluate(says, given("c"))  # chosen in the sidebar
    assert view.query()["server"] == ["c"]
    view.window_button("30m").click()
    view.window_button("5m").click()
    for older, chosen in (("1m", "5m"), ("30m", "5m"), ("5m", "5m"), ("30m", "30m")):
        view.page.evaluate(says, given("c", window=older))
        expect(view.window_button(chosen)).to_have_attribute("aria-pressed", "true")
        assert view.query()["window"] == [chosen]


def test_who_walks_through_a_strip_goes_on_while_others_change_their_places(view):
    facts = view.timeline("b").locator(".vi-strip-facts")
    expect(facts).to_contain_text("watched")
    view.track("b").focus()
    view.page.keyboard.press("ArrowLeft")
    expect(facts).to_contain_text("Busy")
    for now in ("cba", "bca", "acb"):
        view.page.evaluate("tick => window.view.tick(tick)", news(*now))
        assert order(view) == now
        expect(view.track("b")).to_be_focused()
        expect(facts).to_contain_text("Busy")
    view.page.keyboard.press("ArrowLeft")
    expect(facts).to_contain_text("Healthy")
    view.page.keyboard.press("Escape")
    expect(facts).to_contain_text("watched")


def test_no_strip_goes_away_from_under_a_pressed_pointer(view):
    view.track("b").hover()
    view.page.mouse.down()
    tick = "tick => window.view.tick(tick)"
    view.page.evaluate(tick, news(*"cab"))
    assert order(view) == "abc"
    view.page.mouse.up()
    assert view.page.evaluate("window.told") == [["chosen", "a,b"]]
    view.page.evaluate(tick, {**news(), "order": None})
    assert order(view) == "cab"


AXIS = "[...view.timeline.times.children].map(one => one.getBoundingClientRect().right)"
SWEEP = """news => {
  const body = document.querySelector(".vi-health"), seen = [];
  for (let late = 0; late < 60; late += 0.05) {
    view.tick({ ...news, now: news.now + late });
    seen.push([body.scrollWidth - body.clientWidth, Math.max(...%s), body.getBoundingClientRect().right]);
  }
  return seen;
}"""  # noqa: E501


@pytest.mark.parametrize("width", [800, 1440])
def test_a_time_that_would_stand_beside_the_timeline_is_left_out(view, width):
    view.page.set_viewport_size({"width": width, "height": 900})
    root = view.page.locator(".vi")
    root.evaluate("root => { root.style.width = 'auto'; }")
    seen = view.page.evaluate(SWEEP % AXIS, news(*"abc"))
    assert {wider for wider, _, _ in seen} == {0}
    assert max(right - end for _, right, end in seen) <= 0
    assert max(right - end for _, right, end in seen) > -2, "where there is room it stands"


def test_times_have_their_places_when_the_timeline_becomes_narrower(view):
    view.page.evaluate("tick => view.tick(tick)", news(*"abc") | {"now": 1081})
    before = view.page.evaluate(AXIS)
    view.page.locator(".vi").evaluate("root => { root.style.width = '500px'; }")
    until(lambda: len(view.page.evaluate(AXIS)) < len(before))
    body = view.page.locator(".vi-health")
    assert body.evaluate("body => body.scrollWidth - body.clientWidth") == 0


@pytest.fixture
def steady():
    """A server that generates one token when it is asked for one."""
    models = {"object": "list", "data": [{"id": "tiny", "object": "model", "root": "tiny"}]}
    choice = {"index": 0, "text": "!", "finish_reason": "length"}
    answers = {
        "/health": answer_json(None),
        "/openapi.json": recorded("openapi.json"),
        "/version": answer_json({"version": "0.32.0"}),
        "/v1/models": answer_json(models),
        "/metrics*": recorded("metrics.txt"),
        "POST /v1/completions": answer_json(
            {"choices": [choice], "usage": {"completion_tokens": 1}}
        ),
    }
    with FaultServer(answers) as server:
        yield server


@pytest.fixture
def demo_command():
    """How a process of demo servers is started on the same ports each time; and its first port."""
    ports = free_ports(len(ROLES))
    told = ",".join(str(port) for port in ports)
    return ["python", "-m", "lib.demo", "--ports", told], ports[0]


def test_a_server_dies_and_comes_back_while_the_page_is_open(
    browser, tmp_path, steady, demo_command
):
    command, port = demo_command
    servers = f"victim=http://127.0.0.1:{port},steady={steady.url}"
    first = running(command, log=tmp_path / "first.log")
    watching = dashboard(tmp_path, VLLM_SERVERS=servers)
    with first as process, watching as started, window(browser) as page:
        person = Person(page, started.url).goes_to("health?server=victim&window=5m")
        expect(person.verdict).to_contain_text(FIT, timeout=30_000)
        expect(person.check("victim", "connect")).to_contain_text("passed", timeout=30_000)
        process.signal_all(signal.SIGKILL)
        expect(person.verdict).to_contain_text("Nothing listens")
        expect(person.verdict).to_contain_text("What to do")
        expect(person.stretches("victim", "bad").first).to_be_attached()
        expect(person.check("victim", "connect")).to_contain_text("failed")
        asks_for_one_token(person, steady)
        with running(command, log=tmp_path / "second.log") as second:
            second.ready_when(second.output, 30)
            person.track("victim").click()
            connects = person.check("victim", "connect")
            expect(connects).to_contain_text("passed", timeout=COLD_START)
            expect(person.timeline("victim")).to_contain_text("1 restart", timeout=COLD_START)
            of_victim = page.get_by_role("region", name="Reasons").locator("tr", has_text="victim")
            expect(of_victim.filter(has_text="restarted")).to_have_count(1)
            down = page.get_by_role("rowheader", name="down", exact=True)
            expect(of_victim.filter(has=down)).to_have_count(1)
            shot(page, "health-after-a-restart")


def asks_for_one_token(person: Person, steady: FaultServer) -> None:
    """Choose the steady server instead, press its button, and see one request and its answer."""
    person.track("steady").click()
    person.track("victim").click()
    expect(person.checks("victim")).to_have_count(0)
    table = person.checks("steady")
    button = table.get_by_role("button", name="Run inference check")
    expect(button).to_be_enabled(timeout=20_000)
    asked = [seen for seen in steady.seen if seen.path == "/v1/completions"]
    assert asked == [], "nobody has pressed yet"
    button.click()
    told = table.locator(".vi-token")
    expect(told).to_contain_text("one token from", timeout=30_000)
    expect(told).to_contain_text(LATENCY)
    expect(person.check("steady", "inference")).to_contain_text("passed")
    asked = [seen for seen in steady.seen if seen.path == "/v1/completions"]
    assert [seen.json["model"] for seen in asked] == ["tiny"]


@pytest.mark.parametrize(("width", "dark"), [(1440, True), (800, False), (800, True)])
def test_narrow_and_dark_windows_show_everything_without_sideways_scrolling(
    browser, demo, width, dark
):
    with window(browser, width=width, dark=dark) as page:
        path = "health?server=demo-hang&servers=demo-hang,demo-pressure,demo-tutorial&window=5m"
        person = Person(page, demo.url).goes_to(path)
        expect(person.checks("demo-tutorial")).to_be_visible()
        wide = page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
        assert wide <= 0
        inner = page.locator(".vi-health").evaluate("view => view.scrollWidth - view.clientWidth")
        assert inner <= 0
        shot(page, f"health-{width}-{'dark' if dark else 'light'}")
