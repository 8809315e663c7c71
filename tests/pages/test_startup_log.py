"""The Start-up log page run headless: what it makes of a log, and what it keeps of it."""

import json

import pytest

from lib.logs import read_log
from lib.ui.logs.example import EXAMPLE_SERVER, example
from tests.support.processes import ROOT
from tests.support.waiting import until

PAGE = "pages/lab/startup_log.py"
RECORDED = (ROOT / "tests" / "recordings" / "startup_log.txt").read_bytes()
FAILED = (ROOT / "tests" / "unit" / "logs" / "v0_10_failed.txt").read_bytes()


class Person:
    """A session on the page."""

    def __init__(self, visit):
        self.visit = visit.opens(PAGE)
        self.app = visit.app
        self.sound()

    def sound(self):
        assert not self.app.exception, [one.value for one in self.app.exception]
        return self

    def pastes(self, content):
        self.app.text_area(key="log-text").set_value(content.decode()).run()
        self.app.button(key="log-go").click().run()
        return self.sound()

    def opens(self, tab):
        self.app.session_state["log-tabs"] = tab
        self.app.run()
        return self.sound()

    def views(self, view):
        every = (json.loads(one.proto.json) for one in self.app.get("bidi_component"))
        return [data for data in every if data["view"] == view]

    def list(self, label):
        return next(data["rows"] for data in self.views("said") if data["label"] == label)

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
    assert not any("\n" in row["code"] for row in rows)


def test_the_text_is_not_kept_once_it_is_read(person):
    person.pastes(RECORDED)
    assert person.app.text_area(key="log-text").value == ""
    assert "log" not in str(person.app.query_params)


def test_a_failed_start_says_why_and_what_to_do(person):
    person.pastes(FAILED)
    assert person.summary["tone"] == "bad"
    assert "did not start: the longest request does not fit" in person.summary["sentence"]
    assert "--max-model-len" in " ".join(person.summary["more"])
    first = person.list("Warnings and errors")[0]
    assert first["tone"] == "bad"
    assert "131072" in first["code"]


def test_arguments_are_explained_and_keys_hidden(person):
    person.pastes(FAILED)
    person.opens("Arguments")
    rows = {row["code"]: row["text"] for row in person.list("Arguments")}
    assert "--max-model-len 8192" in rows
    assert rows["--api-key [hidden]"].startswith("Requests must bring this key")
    assert "sesame" not in str(person.views("said"))


def test_routes_lead_to_the_explorer_of_the_server_that_has_them(person):
    person.app.session_state["server"] = "demo-chat"
    person.pastes(RECORDED)
    person.opens("Routes")
    rows = {row["code"]: row for row in person.list("Routes")}
    assert rows["POST /tokenize"]["href"] == "explorer?server=demo-chat&route=POST+%2Ftokenize"
    assert rows["GET POST /ping"]["text"]
    unknown = [code for code, row in rows.items() if not row["text"]]
    assert unknown == []


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
        return found if any(name.endswith(" routes") for name in found) else None

    found = until(rows, 20)
    assert {row[0]: row for row in found.values() if row[3].startswith("differ")} == {}
    for what in ("release", "model", "tokens that fit into the KV cache"):
        assert found[what][3] == "agree", found[what]


def test_another_server_differs(person):
    person.pastes(RECORDED)
    person.app.session_state["server"] = "demo-chat"
    person.opens("Compare with a server")
    (table,) = [one for one in person.views("table") if one["header"][0] == "What"]
    assert table["rows"][0][3].startswith("differ")


def test_a_text_that_is_no_log_is_said_to_be_none(person):
    person.pastes(b"Dear diary,\n<b>nothing</b> happened.\n")
    assert "No line of this" in person.summary["sentence"]


def test_a_large_log_is_read_beside_the_page(person):
    line = b"(A pid=1) INFO 11-22 11:59:25 [a.py:1] vLLM API server version 0.11.0\n"
    person.pastes(line * 20_000)
    job = person.app.session_state["vector-jobs"]["log"]
    until(lambda: not job.is_running, 30)
    person.app.run()
    assert person.summary["sentence"].startswith("vLLM 0.11.0 is still starting")
    assert job.result is None


def test_the_example_is_a_log_of_its_own_words():
    log = read_log(example())
    assert not log.cut
    assert {one.is_known for one in log.remarks} == {True}
    assert all(one.what for one in log.arguments)
