"""The Chat page's lanes run headless: who is asked, whose answer stands where, what is refused."""

from itertools import count

import pytest

from lib.ui.house import house
from tests.pages.test_chat_page import Tab, opens_tool
from tests.support.waiting import until

_seqs = count(100)


@pytest.fixture
def tab(dashboard, demo):
    return Tab(dashboard(INSPECTOR_DEMO_SERVERS=demo), server="demo-chat")


def test_lanes_are_asked_at_once_and_compared(tab):
    opens_tool(tab, "Side by side")
    data = tab.visit.mounted("lanes")
    assert [one["server"] for one in data["lanes"]] == ["demo-chat", "demo-chat"]
    lanes = [
        {"server": "demo-chat", "model": "demo/tekken-7b", "overrides": "max tokens 8"},
        {"server": "demo-hang", "model": "", "overrides": "temperature 0, max=6"},
    ]
    runs = [tab.run(), tab.run()]
    act = {"kind": "run", "seq": 1, "lanes": lanes, "text": "hello", "runs": runs}
    tab.visit.app.session_state["lanes-acts"] = [act]
    tab.visit.app.run()
    until(lambda: all(house().answers.get(run).is_over for run in runs), 60)
    tab.visit.app.run()
    data = tab.visit.mounted("lanes")
    assert [one["state"] for one in data["runs"]] == ["done", "done"]
    assert all(one["text"] for one in data["runs"])
    assert data["figures"]["header"][1:3] == ["A demo-chat", "B demo-hang"]
    assert data["diff"]
    assert data["words"].startswith("A and B ")


def asks_lanes(tab, lanes, runs, *, kind):
    """What lanes show when they are asked, or changed."""
    act = {"kind": kind, "seq": next(_seqs), "lanes": lanes, "text": "hello", "runs": runs}
    tab.visit.app.session_state["lanes-acts"] = [act]
    tab.visit.app.run()
    if kind == "run":
        until(lambda: all(house().answers.get(run).is_over for run in runs), 60)
        tab.visit.app.run()
    assert not tab.visit.app.exception
    return tab.visit.mounted("lanes")


def test_each_answer_stays_with_its_lane(tab):
    opens_tool(tab, "Side by side")
    asked = [("demo-chat", 4), ("demo-hang", 5), ("demo-tutorial", 6)]
    lanes = [{"server": one, "model": "", "overrides": f"max={n}"} for one, n in asked]
    runs = [tab.run() for _ in lanes]
    data = asks_lanes(tab, lanes, runs, kind="run")
    assert [one["run"] for one in data["runs"]] == runs
    texts = [one["text"] for one in data["runs"]]
    data = asks_lanes(tab, [lanes[0], lanes[2]], [runs[0], runs[2]], kind="lanes")
    assert [one["text"] for one in data["runs"]] == [texts[0], texts[2]]
    assert data["figures"]["header"][1:3] == ["A demo-chat", "B demo-tutorial"]
    changed = [lanes[0] | {"server": "demo-hang"}, lanes[2], lanes[1]]
    data = asks_lanes(tab, changed, [runs[0], runs[2], ""], kind="lanes")
    assert data["figures"]["header"][1:3] == ["A demo-chat", "B demo-tutorial"]  # who was asked
    assert data["runs"][2] is None


def test_a_lane_shows_no_other_tab_s_answer(tab):
    run = tab.run()
    tab.acts("send", run=run, text="my secret question")
    tab.ends(run)
    other = Tab(type(tab.visit)(), server="demo-chat")
    opens_tool(other, "Side by side")
    lanes = [{"server": "demo-chat", "model": "", "overrides": "max=4"}]
    for kind in ("lanes", "run"):
        data = asks_lanes(other, lanes, [run], kind=kind)
        assert not any(data["runs"])


def test_lanes_are_asked_under_proper_names_only(tab):
    opens_tool(tab, "Side by side")
    lanes = [{"server": "demo-chat", "model": "", "overrides": "max=4"}]
    for seq, runs in enumerate((None, [""], [["x"]], ["a b"], ["x", "y"], ["x" * 65]), 1):
        act = {"kind": "run", "seq": seq, "lanes": lanes, "text": "hello", "runs": runs}
        tab.visit.app.session_state["lanes-acts"] = [act]
        tab.visit.app.run()
        assert not tab.visit.app.exception
        assert tab.visit.mounted("lanes")["runs"] == []


@pytest.mark.parametrize(
    ("typed", "words"),
    [("hotness 3", "is no parameter"), ("temperature", "is no parameter"), ("temp 9", "is from")],
)
def test_what_a_lane_cannot_set_is_one_sentence(tab, typed, words):
    opens_tool(tab, "Side by side")
    lanes = [{"server": "demo-chat", "model": "", "overrides": typed}]
    act = {"kind": "run", "seq": 1, "lanes": lanes, "text": "hello", "runs": ["x"]}
    tab.visit.app.session_state["lanes-acts"] = [act]
    tab.visit.app.run()
    data = tab.visit.mounted("lanes")
    assert words in data["lanes"][0]["problem"]
    assert data["runs"] == []
