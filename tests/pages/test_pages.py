"""Every page, with every kind of server there is: none, demo, down, hostile."""

import re

import pytest
from streamlit import config

from lib.ui.house import house
from tests.support.waiting import until

OVERVIEW, RCA = "pages/live/overview.py", "pages/live/rca_cache.py"
PAGES = [OVERVIEW, RCA]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_without_servers_says_what_to_do(dashboard, page):
    visit = dashboard().opens(page)
    assert not visit.app.exception
    if page == RCA:
        assert visit.app.title[0].value == "No servers yet"
        assert "VLLM_SERVERS" in visit.app.text[0].value
    else:
        assert visit.mounted("overview")["title"] == "Overview"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_with_demo_servers(dashboard, demo, page):
    visit = dashboard(INSPECTOR_DEMO_SERVERS=demo).opens(page)
    assert not visit.app.exception
    listed = visit.mounted("sidebar")["servers"]
    assert [server["name"] for server in listed] == [
        *("demo-chat", "demo-pressure", "demo-tutorial", "demo-hang", "demo-embed")
    ]
    assert all(server["simulated"] for server in listed)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_while_a_server_is_down(dashboard, down, page):
    visit = dashboard(VLLM_SERVERS=down).opens(page)
    assert not visit.app.exception

    def words():
        visit.app.run()
        assert not visit.app.exception
        return visit.mounted("sidebar")["servers"][0]["words"]

    until(lambda: words() == "Nothing listens", 30)


def test_the_address_says_which_server_and_window(dashboard, demo):
    visit = dashboard(INSPECTOR_DEMO_SERVERS=demo).opens(RCA, server="demo-tutorial", window="6h")
    data = visit.mounted("rca")
    assert data["server"] == "demo-tutorial"
    assert data["window"] == "6h"
    assert "server=demo-tutorial" in data["stream"]
    assert visit.mounted("sidebar")["current"] == "demo-tutorial"


def test_an_address_that_makes_no_sense_shows_what_there_is(dashboard, demo):
    visit = dashboard(INSPECTOR_DEMO_SERVERS=demo).opens(RCA, server="<b>no</b>", window="1y")
    assert not visit.app.exception
    assert visit.mounted("rca")["server"] == "demo-chat"
    assert visit.mounted("rca")["window"] == "30m"


def test_a_choice_outlives_a_change_of_page(dashboard, demo):
    visit = dashboard(INSPECTOR_DEMO_SERVERS=demo).opens(window="5m")
    assert visit.mounted("overview")["window"] == "5m"
    visit.app.switch_page(RCA).run()
    assert visit.mounted("rca")["window"] == "5m"


def test_a_click_on_a_server_opens_its_page(dashboard, demo):
    visit = dashboard(INSPECTOR_DEMO_SERVERS=demo).opens()
    visit.app.session_state["opening"] = "demo-hang"
    visit.app.run()
    assert not visit.app.exception
    assert visit.app.session_state["server"] == "demo-hang"


def test_each_run_mints_a_ticket_and_tells_no_key(dashboard, down):
    visit = dashboard(VLLM_SERVERS=down, VLLM_API_KEY="canary-key-9").opens(RCA)
    data = visit.mounted("rca")
    assert data["ticket"].count(".") == 1
    for element in visit.app.get("bidi_component"):
        assert "canary-key-9" not in element.proto.json


def test_the_servers_own_page_lists_what_it_told(dashboard, demo):
    visit = dashboard(INSPECTOR_DEMO_SERVERS=demo).opens(RCA, server="demo-tutorial")

    def titles():
        visit.app.run()
        return [section["title"] for section in visit.mounted("facts")["sections"]]

    wanted = {"Running configuration", "Statistics", "Cache statistics", "Traces"}
    until(lambda: wanted <= set(titles()), 40)
    assert not visit.app.exception


def test_a_server_of_this_machine_can_be_added_and_forgotten(dashboard, down):
    visit = dashboard().opens()
    name, address = visit.app.text_input
    name.set_value("mine")
    address.set_value(down.partition("=")[2])
    visit.app.button[0].click().run()
    assert not visit.app.exception
    assert [server.name for server in house().watched()] == ["mine"]
    visit.app.button(key="forget-mine").click().run()
    assert house().watched() == ()


@pytest.mark.parametrize(
    ("name", "address", "reason"),
    [
        ("x", "http://10.0.0.5:8000", "INSPECTOR_ALLOW_HOSTS"),
        ("x", "http://169.254.169.254/latest", ""),
        ("<img src=x>", "http://127.0.0.1:1", ""),
        ("x", "file:///etc/passwd", ""),
        ("", "", ""),
    ],
)
def test_what_may_not_be_added_is_refused_in_a_sentence(dashboard, name, address, reason):
    visit = dashboard().opens()
    first, second = visit.app.text_input
    first.set_value(name)
    second.set_value(address)
    visit.app.button[0].click().run()
    assert not visit.app.exception
    said = visit.app.error[0].value
    assert reason.replace("_", r"\_") in said
    assert not re.search(r"(?<!\\)[<!\[]", said), "Markdown or HTML that is not escaped"
    assert house().watched() == ()


def test_a_faulty_configuration_is_told_and_does_not_stop_the_page(dashboard, down, tmp_path):
    visit = dashboard(VLLM_SERVERS=down).opens()
    (tmp_path / "added.json").write_text("{")
    house().forget_servers()
    visit.app.run()
    assert not visit.app.exception
    assert "added.json" in house().banner()["text"]
    assert [server.name for server in house().watched()] == ["down"]


@pytest.fixture
def proxy_login():
    """Only those whom a proxy has let in, and says so in a header."""
    config.set_option("server.trustedUserHeaders", {"X-User": "proxy_user"})
    yield
    config.set_option("server.trustedUserHeaders", {})


def test_who_has_not_logged_in_sees_nothing_and_gets_no_ticket(dashboard, down, proxy_login):
    visit = dashboard(VLLM_SERVERS=down).opens()
    assert not visit.app.exception
    assert "logged in" in visit.app.text[0].value
    assert not visit.app.get("bidi_component")
    with pytest.raises(ValueError, match="Could not find a navigation page"):
        visit.app.switch_page(RCA)


def test_who_has_logged_in_sees_the_page(dashboard, down, proxy_login):
    visit = dashboard(VLLM_SERVERS=down)
    visit.app.user["proxy_user"] = "ann@example.org"
    visit.opens()
    assert not visit.app.exception
    assert visit.mounted("overview")["ticket"]
