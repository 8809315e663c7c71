"""The Start-up log page run headless: what it makes of a log, and what it keeps of it."""

import json
from threading import Event, current_thread

import pytest

from lib.logs import Live, Reader
from lib.ui.logs import beside
from lib.ui.logs.example import EXAMPLE_SERVER
from lib.ui.plain import count, escaped
from tests.support.headless import Headless
from tests.support.processes import ROOT
from tests.support.waiting import until

PAGE = "pages/lab/startup_log.py"
RECORDED = (ROOT / "tests" / "recordings" / "startup_log.txt").read_bytes()
FAILED = (ROOT / "tests" / "unit" / "logs" / "v0_10_failed.txt").read_bytes()
WHAT = ("release", "model", "tokens that fit into the KV cache")


class Person(Headless):
    """A session on the page."""

    def __init__(self, visit):
        super().__init__(visit.opens(PAGE))

    def pastes(self, content):
        self.app.text_area(key="log-text").set_value(content.decode()).run()
        self.app.button(key="log-go").click().run()
        return self.sound()

    def drops(self, name, content):
        self.app.session_state["log-source"] = "File"
        self.app.run()
        self.app.file_uploader[0].upload(name, content).run()
        return self.sound()

    def opens(self, tab):
        self.app.session_state["log-tabs"] = tab
        self.app.run()
        return self.sound()

    def list(self, label):
        return next(data["rows"] for data in self.views("said") if data["label"] == label)

    @property
    def title(self):
        (title,) = (one.label for one in self.app.expander if one.label.startswith("Log"))
        return title.replace("\\", "")

    @property
    def jobs(self):
        return list(self.app.session_state["jobs"].values())

    @property
    def summary(self):
        return self.views("summary")[0]

    def texts(self):
        return " ".join(one.value for one in [*self.app.text, *self.app.caption])


@pytest.fixture
def person(dashboard, demo):
    kept = [one for one in demo.split(",") if one.startswith(("demo-pressure", "demo-chat"))]
    return Person(dashboard(INSPECTOR_DEMO_SERVERS=",".join(kept)))


def test_it_needs_no_server(dashboard):
    person = Person(dashboard())
    person.pastes(RECORDED)
    assert person.summary["tone"] == "good"
    person.opens("Compare with a server")
    assert "No server is watched" in person.texts()


def test_a_pasted_log_is_told_in_a_sentence_and_explained(person):
    person.pastes(RECORDED)
    assert person.summary["sentence"] == (
        "vLLM 0.32.0 serves Qwen/Qwen2.5-7B-Instruct on http://127.0.0.1:8000: ready, 36.0"
        "\N{NARROW NO-BREAK SPACE}s after its first line."
    )
    assert [one["name"] for one in person.views("milestones")[0]["rows"]][-1] == "ready"
    rows = person.list("Known lines")
    assert len(rows) > 20
    assert all(row["text"] for row in rows)
    assert person.app.text_area(key="log-text").value == "", "it is not kept once it is read"
    assert "11:59" not in str(person.app.query_params)


def test_every_tab_says_its_part_of_a_log(person):
    person.app.session_state["server"] = "demo-chat"
    person.pastes(FAILED)
    assert person.summary["tone"] == "bad"
    assert "131072" in person.list("Warnings and errors")[0]["code"]
    person.opens("Arguments")
    assert "--api-key [hidden]" in {row["code"] for row in person.list("Arguments")}
    assert "sesame" not in str(person.views("said") + person.views("facts"))
    person.opens("Routes")
    assert "no list of routes" in person.texts()
    person.opens("Statistics")
    assert "No line of statistics" in person.texts()
    person.opens("Processes and requests")
    assert person.views("table")[0]["rows"][0][:2] == ["APIServer", "77"]
    person.opens("Compare with a server")
    (table,) = person.views("table")
    assert table["rows"][0][3][0] == "differ"


def test_what_is_in_the_way_of_a_comparison_is_shown_as_it_is_written(person, monkeypatch):
    said = "it said [look](http://evil) *now* :red[x]"
    monkeypatch.setattr(beside, "_live", lambda _server: (Live(), said))
    person.pastes(RECORDED)
    person.opens("Compare with a server")
    assert escaped(said) in [one.value for one in person.app.caption]


def test_statistics_are_plotted(person):
    person.app.session_state["log-source"] = "Example"
    person.app.run()
    person.app.button(key="log-example").click().run()
    person.opens("Statistics")
    (plot,) = person.app.get("plotly_chart")
    traces = json.loads(plot.proto.spec)["data"]
    assert [one["name"] for one in traces] == [
        "prompt",
        "generation",
        "running",
        "waiting",
        "preemptions",
        "KV cache in use",
        "prefix cache hits",
    ]
    assert "an idle engine prints none" in person.texts()


def test_the_example_agrees_with_the_server_that_it_stands_for(person):
    person.app.session_state["log-source"] = "Example"
    person.app.run()
    person.app.button(key="log-example").click().run()
    person.app.session_state["server"] = EXAMPLE_SERVER
    person.opens("Compare with a server")

    def rows():
        person.app.run()
        tables = [one for one in person.views("table") if one["header"][0] == "What"]
        found = {row[0]: row for row in tables[0]["rows"]}
        told = [found.get(what, [""] * 4)[3][0] for what in WHAT]
        return found if "not judged" not in told and any("routes" in one for one in found) else None

    found = until(rows, 20)
    assert {row[0]: row for row in found.values() if row[3][0] == "differ"} == {}
    assert [found[what][3][0] for what in WHAT] == ["agree"] * 3


def test_a_small_file_is_read_at_once_and_forgotten(person):
    person.drops("small.log", FAILED)
    assert person.summary["tone"] == "bad"
    assert person.title.startswith("Log: small.log, ")
    assert person.app.file_uploader[0].value is None
    person.drops("next.log", RECORDED)
    assert person.summary["tone"] == "good"
    assert person.title.startswith("Log: next.log, ")


LINE = b"(A pid=1) INFO 11-22 11:59:25 [a.py:1] vLLM API server version 0.11.0\n"


@pytest.mark.parametrize("newer", [RECORDED, LINE * 30_000], ids=["at once", "beside the page"])
def test_a_log_never_stands_under_the_name_of_another(person, newer, monkeypatch):
    go, feed = Event(), Reader.feed

    def waits_beside_the_page(*given):
        assert not current_thread().name.startswith("embedding") or go.wait(30)
        feed(*given)

    monkeypatch.setattr(Reader, "feed", waits_beside_the_page)
    person.drops("older.log", LINE * 20_000)
    person.drops("newer.log", newer)
    go.set()
    until(lambda: not any(job.is_running for job in person.jobs), 30)
    for _ in range(2):
        person.app.run()
        person.sound()
        assert person.title == f"Log: newer.log, {count(len(newer.splitlines()))} lines"


@pytest.mark.parametrize(("times", "blank"), [(20_000, 0), (1, 100_000)], ids=["long", "blank"])
def test_a_large_log_is_read_beside_the_page(person, times, blank):
    person.pastes(LINE * times + b"\n" * blank)
    (job,) = person.jobs
    until(lambda: not job.is_running, 30)
    person.app.run()
    assert person.summary["sentence"].startswith("vLLM 0.11.0 is still starting")
    assert job.result is None


def test_a_new_start_is_marked_in_the_statistics(person):
    def of(second, message):
        return f"(A pid=1) INFO 11-22 11:59:{second} [a.py:1] {message}\n"

    line = "Engine 000: Avg prompt throughput: 1.0 tokens/s, Running: 1 reqs"
    started = "vLLM API server version 0.32.0"
    lines = (of("00", started), of(10, line), of(20, line), of(25, started), of(30, line))
    person.pastes("".join(lines).encode())
    person.opens("Statistics")
    (plot,) = person.app.get("plotly_chart")
    figure = json.loads(plot.proto.spec)
    assert {one["x0"][5:19] for one in figure["layout"]["shapes"]} == {"11-22T11:59:25"}
    assert figure["data"][0]["y"] == [1, 1, None, 1]
    assert "A dotted line is a new start of the server." in person.texts()
