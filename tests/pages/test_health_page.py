"""The Health page as Streamlit runs it: which servers it shows, what its buttons ask."""

from types import SimpleNamespace

import pytest

from lib.health import State
from lib.ui import fitness
from lib.ui.house import house
from tests.support.waiting import until

HEALTH, RCA = "pages/live/health.py", "pages/live/rca_cache.py"


class Presses:
    """Writes down what would be asked."""

    def __init__(self) -> None:
        self.asked = []

    def look(self, server) -> None:
        self.asked.append(server.name)

    def infer(self, server, model, state) -> None:
        self.asked.append((server.name, model, state))

    def close(self) -> None:
        pass


def answered(name: str) -> list[str]:
    """The models of a server that the page asks for its recipes, once they have come."""
    server = house().named(name)
    return until(lambda: list(house().models(server)), 20)


def test_without_servers_it_says_what_to_do(dashboard):
    visit = dashboard().opens(HEALTH)
    assert not visit.app.exception
    assert visit.app.title[0].value == "No servers yet"


def test_it_shows_the_selected_server_and_recipes_for_it(dashboard, demo):
    visit = dashboard(INSPECTOR_DEMO_SERVERS=demo).opens(HEALTH, server="demo-tutorial")
    assert not visit.app.exception
    assert answered("demo-tutorial")
    visit.app.run()
    assert visit.mounted("health")["chosen"] == ["demo-tutorial"]
    assert visit.mounted("sidebar")["target"] == "health"
    assert len(visit.app.tabs) >= 6
    address = house().named("demo-tutorial").url
    assert any(address in code.value for code in visit.app.code)
    assert "demo-tutorial" in visit.app.caption[0].value.replace("\\", "")


@pytest.mark.parametrize(
    ("query", "chosen"),
    [
        ({}, ["demo-chat"]),
        ({"servers": "demo-hang,demo-tutorial"}, ["demo-hang", "demo-tutorial"]),
        (
            {"server": "demo-tutorial", "servers": "demo-hang,demo-tutorial"},
            ["demo-tutorial", "demo-hang"],
        ),
        ({"server": "demo-chat", "servers": "demo-hang"}, ["demo-chat"]),
        ({"server": "demo-chat", "servers": "<b>,,demo-chat,demo-chat"}, ["demo-chat"]),
    ],
)
def test_a_link_says_which_servers_are_compared(dashboard, demo, query, chosen):
    visit = dashboard(INSPECTOR_DEMO_SERVERS=demo).opens(HEALTH, **query)
    assert not visit.app.exception
    assert answered(chosen[0])
    assert visit.mounted("health")["chosen"] == chosen


def test_no_more_than_six_are_compared(dashboard, demo):
    address = demo.partition(",")[0].partition("=")[2]
    names = [f"s{number}" for number in range(9)]
    servers = ",".join(f"{name}={address}" for name in names)
    visit = dashboard(VLLM_SERVERS=servers).opens(HEALTH, servers=",".join(names))
    assert answered("s0")
    assert visit.mounted("health")["chosen"] == names[:6]


def test_the_sidebar_keeps_a_page_of_one_server_and_overview_leads_to_rca(dashboard, demo):
    visit = dashboard(INSPECTOR_DEMO_SERVERS=demo).opens(HEALTH, server="demo-chat")
    visit.app.session_state["opening"] = "demo-hang"
    visit.app.run()
    assert answered("demo-chat")
    assert answered("demo-hang")
    assert visit.mounted("health")["chosen"] == ["demo-hang"]
    visit.app.switch_page(RCA).run()
    assert visit.mounted("rca")["server"] == "demo-hang"
    assert visit.mounted("sidebar")["target"] == "rca-cache"


def test_an_unknown_model_or_server_is_not_asked_for_a_token(dashboard, demo, monkeypatch):
    visit = dashboard(INSPECTOR_DEMO_SERVERS=demo).opens(HEALTH, server="demo-chat")
    assert not visit.app.exception
    server = house().named("demo-chat")
    model = answered("demo-chat")[0]
    made = Presses()
    house().pressing = made
    monkeypatch.setattr(fitness.shell, "chosen_servers", lambda: (server,))
    for told in (
        ["demo-chat", "no such model"],
        ["demo-hang", model],
        ["nobody", model],
        [model],
        None,
        {"a": 1},
        [["demo-chat"], model],
    ):
        monkeypatch.setattr(fitness.st, "session_state", {"live": SimpleNamespace(infer=told)})
        fitness.infer()
    assert made.asked == []
    monkeypatch.setattr(
        fitness.st, "session_state", {"live": SimpleNamespace(infer=["demo-chat", model])}
    )
    fitness.infer()
    ((name, asked, state),) = made.asked
    assert (name, asked) == ("demo-chat", model)
    assert isinstance(state, State)
