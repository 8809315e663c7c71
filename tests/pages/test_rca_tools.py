"""The tools under RCA / Cache, headless, on servers that are away and whose history is on file."""

import time
from contextlib import ExitStack, closing

import pytest

from lib.metrics import Layout, Series
from lib.ui import house as houses
from lib.ui.rca import compare, tools
from lib.ui.rca.moments import iso
from lib.watch.database import FILE_NAME
from lib.watch.store import Event, Store
from tests.pages.conftest import Visit
from tests.support.faulty import closed_port
from tests.support.headless import Headless
from tests.support.processes import ROOT
from tests.support.ticks import tick

RCA = "pages/live/rca_cache.py"
SECONDS, ONSET = 1_200, 600
"""How much is on file, and how long ago `chat` got worse."""
NAMES = ("running", "waiting", "kv_usage", "preemptions", "generation_tokens")


def layout(model, **labels):
    columns = [Series(name, model, "0") for name in NAMES]
    return Layout(sorted([*columns, Series("process_start", "", "")]), [labels])


def ticks(server, model, *, now, worse, **labels):
    """A tick a second; `worse` ones wait and preempt since the onset."""
    of = layout(model, **labels)
    for second in range(SECONDS):
        bad = max(0, second - (SECONDS - ONSET)) if worse else 0
        figures = {
            "running": 8.0 + (8.0 if bad else 0.0),
            "waiting": min(40.0, bad),
            "kv_usage": 1.0 if bad else 0.5,
            "preemptions": 0.5 * bad,
            "generation_tokens": 100.0 * second,
            "process_start": 5.0,
        }
        values = [figures[series.quantity] for series in of.series]
        yield tick(second, server=server, at=now - SECONDS + second, values=values, of=of)


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """Three servers that are away: `chat` got worse, `peer` and `third` did not."""
    now, folder = float(int(time.time())), tmp_path_factory.mktemp("history")
    away = ExitStack()
    urls = {name: away.enter_context(closed_port()) for name in ("chat", "peer", "third", "new")}
    with closing(Store(folder / FILE_NAME)) as store:
        for name in ("chat", "peer", "third"):
            server = f"{name} {urls[name]}"
            labels = {"block_size": "16", "cache_dtype": "fp8" if name == "peer" else "auto"}
            rows = ticks(server, "m", now=now, worse=name == "chat", **labels)
            happened = [Event(now - 300, server, "down", "Nothing listens.")]
            store.append(list(rows), happened if name == "chat" else [])
            store.seal(server)
    with away, pytest.MonkeyPatch.context() as patch:
        patch.setenv("INSPECTOR_DATA", str(folder))
        patch.setenv("VLLM_SERVERS", ",".join(f"{name}={url}" for name, url in urls.items()))
        patch.chdir(ROOT)
        houses._house.clear()
        yield now
        for one in houses._house:
            one.close()
        houses._house.clear()


@pytest.fixture
def recorded(history):
    """A session of its own; the house is that of all of them."""
    return Tools(Visit(), history)


class Tools(Headless):
    """A session on the page."""

    def __init__(self, visit, now):
        super().__init__(visit)
        self.now = now

    def opens(self, server="chat", **query):
        self.visit.opens(RCA, server=server, **query)
        return self.sound()

    def ago(self, seconds):
        return iso(self.now - seconds)

    @property
    def answer(self):
        return next(one for one in self.views("summary") if one["sentence"])

    @property
    def linked(self):
        """What the address is told, without what it is rid of."""
        (query,) = [one["query"] for one in self.views("summary") if "query" in one]
        return {name: value for name, value in query.items() if value is not None}

    def labels(self):
        every = [*self.app.selectbox, *self.app.text_input, *self.app.multiselect]
        return {one.label for one in every}

    def changes(self, **query):
        return self.opens(tool="changes", **query)


# ── The frame ──


def test_without_a_wish_the_configuration_is_open_and_no_other_tool_works(recorded):
    recorded.opens()
    assert recorded.views("facts")
    assert recorded.linked == {}
    assert not {"First moment", "Figure"} & recorded.labels()


@pytest.mark.parametrize("name", [tool.name for tool in tools.TOOLS])
def test_each_tool_opens_by_its_link_also_where_nothing_is_known(recorded, name):
    recorded.opens(server="new", tool=name)
    titles = {tool.name: tool.title for tool in tools.TOOLS}
    assert recorded.app.session_state["rca-tools"] == titles[name]
    is_default = name == tools.DEFAULT.name
    assert recorded.linked.get("tool") == (None if is_default else name)


def test_a_link_to_no_tool_opens_the_first(recorded):
    recorded.opens(tool="<b>no</b>")
    assert recorded.views("facts")


def test_a_button_of_the_live_view_opens_a_tool(recorded, monkeypatch):
    recorded.opens()
    tools.open_named("nothing of the kind")
    recorded.app.session_state["rca-tools"] = "What changed"
    recorded.app.run()
    assert recorded.sound().linked["tool"] == "changes"


# ── What changed ──


def test_a_link_shows_what_changed_between_its_two_moments(recorded):
    told = {"a": recorded.ago(ONSET), "b": recorded.ago(0), "span": "5"}
    recorded.changes(**told)
    sentence = recorded.answer["sentence"]
    assert sentence.startswith("4 of 5 figures changed, most of all Waiting")
    assert (
        "The workload is as before; how the server copes with it changed."
        in recorded.answer["more"]
    )
    (figures,) = recorded.views("ranks")
    assert {row["cells"][0] for row in figures["rows"]} == {
        *("Running", "Waiting", "KV cache use", "Preemptions")
    }
    since = tuple(iso(recorded.now - ONSET + late)[11:16] for late in (-5, 0, 5))  # a step
    assert any(row["cells"][-1].startswith(since) for row in figures["rows"])
    assert recorded.linked == {"tool": "changes", **told}
    tables = recorded.views("table")
    assert any(row[1:] == ["down", "Nothing listens."] for one in tables for row in one["rows"])


def test_the_same_span_twice_is_as_before(recorded):
    recorded.changes(a=recorded.ago(ONSET + 300), b=recorded.ago(ONSET), span="5")
    assert recorded.answer["sentence"] == "Nothing changed: all 5 figures are as before"


def test_without_a_wish_it_takes_what_there_is_and_the_link_keeps_it(recorded):
    recorded.changes()
    assert recorded.linked.keys() == {"tool", "a", "b", "span"}
    before = recorded.linked
    recorded.app.run()
    assert recorded.sound().linked == before


def test_a_moment_that_is_none_is_said(recorded):
    recorded.changes(a=recorded.ago(ONSET), b=recorded.ago(0), span="5")
    recorded.app.text_input(key="changes-a").set_value("soon").run()
    assert "Not a moment" in recorded.sound().app.warning[0].value
    recorded.app.text_input(key="changes-a").set_value("now").run()
    assert "not before the second" in recorded.sound().app.warning[0].value
    recorded.app.text_input(key="changes-a").set_value("15 min ago").run()
    assert recorded.sound().answer["sentence"].startswith("4 of 5 figures changed")
    settled = recorded.app.text_input(key="changes-a").value
    assert settled.startswith("20")
    recorded.app.run()
    assert recorded.sound().app.text_input(key="changes-a").value == settled


def test_a_moment_that_nobody_watched_is_said(recorded):
    recorded.changes(a=recorded.ago(90_000), b=recorded.ago(0), span="10")
    assert recorded.answer["sentence"] == "There are too few readings to compare"
    assert "10 min until" in recorded.app.caption[-1].value


def test_two_servers_are_held_against_each_other(recorded):
    recorded.changes(b=recorded.ago(0), span="5", **{"with": "peer"})
    assert recorded.answer["sentence"].startswith("4 of 5 figures differ")
    assert recorded.linked == {"tool": "changes", "b": recorded.ago(0), "span": "5", "with": "peer"}
    rows = [row for one in recorded.views("table") for row in one["rows"]]
    assert ["cache_dtype", "fp8", "auto"] in rows
    recorded.app.selectbox(key="changes-with").select_index(0).run()
    assert "with" not in recorded.sound().linked


def test_a_press_takes_its_moments(recorded):
    recorded.changes(a=recorded.ago(ONSET), b=recorded.ago(0), span="5")
    recorded.app.button_group(key="changes-go").select("Half an hour ago").run()
    recorded.sound()
    assert recorded.linked["a"] != recorded.ago(ONSET)
    assert recorded.linked["span"] == "10"


# ── Compare servers ──


def test_the_servers_of_the_same_model_are_compared_and_the_worst_is_named(recorded):
    recorded.opens(tool="compare", of="waiting", among="chat,peer,third")
    assert recorded.answer["tone"] == "watch"
    assert recorded.answer["sentence"].startswith(
        "chat is out of line: Waiting 40 against the median"
    )
    assert len(recorded.app.get("plotly_chart")) == 1
    assert recorded.linked == {"tool": "compare", "of": "waiting", "among": "chat,peer,third"}


def test_at_first_those_of_the_same_model_are_compared(recorded, monkeypatch):
    models = {"chat": {"m"}, "peer": {"m", "n"}, "third": {"n"}}
    monkeypatch.setattr(compare, "_models", lambda server: models.get(server.name, set()))
    recorded.opens(tool="compare")
    assert recorded.linked["among"] == "chat,peer"
    recorded.app.session_state["server"] = "third"
    recorded.app.run()
    assert recorded.sound().linked["among"] == "third,peer"


def test_values_are_shown_as_they_are_on_demand(recorded):
    recorded.opens(tool="compare", of="running", among="chat,peer,third")
    recorded.app.toggle(key="compare-raw").set_value(True).run()
    assert recorded.sound().linked["raw"] == "1"


def test_a_figure_that_is_nothing_everywhere_has_no_multiples(recorded):
    recorded.opens(tool="compare", of="waiting", among="peer,third")
    assert any("no multiples" in one.value for one in recorded.app.caption)
    assert recorded.answer["sentence"] == "Both agree: Waiting"


def test_alone_there_is_nothing_to_compare_with(recorded):
    recorded.opens(tool="compare", among="chat", of="no such figure")
    assert any("second server" in one.value for one in recorded.app.text)
    assert recorded.linked["of"] == "running"
