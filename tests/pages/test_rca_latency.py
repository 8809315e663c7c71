"""The tools Latency and SLO of RCA / Cache, headless: real figures, and what stands for none."""

import json
import math
import time

from lib.ui.house import house
from tests.support.headless import Headless
from tests.support.waiting import until

RCA = "pages/live/rca_cache.py"


class Person(Headless):
    """A session on RCA / Cache with a tool open."""

    def __init__(self, visit, **query):
        super().__init__(visit.opens(RCA, **query))

    @property
    def answer(self):
        return next(one for one in self.views("summary") if one["sentence"])

    @property
    def query(self):
        """What the address is told to say."""
        return next(one["query"] for one in self.views("summary") if one.get("query"))

    def captions(self):
        return " ".join(one.value for one in self.app.caption).replace("\\", "")

    def plots(self):
        return [json.loads(one.proto.spec) for one in self.app.get("plotly_chart")]

    def types(self, name, text):
        self.app.text_input(key=name).input(text).run()
        return self.sound()


def has_counted(name):
    """Whether its readings hold answers that began and others that ended."""
    server, now = house().named(name), time.time()
    window = house().feed.window(server.id, now - 60, now)
    found = [window.percentile(quantity, 0.5) for quantity in ("ttft", "e2e")]
    return all(one is not None and one.count > 3 for one in found)


def test_both_tools_tell_what_a_busy_server_took(dashboard, demo):
    visit = dashboard(INSPECTOR_DEMO_SERVERS=demo).opens()
    until(lambda: has_counted("demo-chat"), 60, every=0.5)
    latencies_have_bounds_phases_a_heat_map_and_a_link(visit)
    an_objective_is_judged_by_bounds_and_kept_in_the_link(visit)


def latencies_have_bounds_phases_a_heat_map_and_a_link(visit):
    page = Person(visit, server="demo-chat", window="1m", tool="latency")
    (table,) = page.views("table")
    assert table["header"] == ["", "Mean", "p50", "p90", "p95", "p99", "n"]
    first = table["rows"][0]
    assert first[0] == ["TTFT", "time to first token", "vllm:time_to_first_token_seconds"]
    value, bounds, _ = first[2]
    assert value.endswith("s")
    assert "–" in bounds
    bars, heat = page.plots()
    assert [one["name"] for one in bars["data"]] == ["queue", "prefill", "decode"]
    assert heat["data"][0]["type"] == "heatmap"
    assert "Of " in page.captions()
    assert page.query == dict.fromkeys(page.query) | {"tool": "latency"}

    now = time.time()
    page.types("latency-from", "20 s ago")
    assert "(20" in page.captions()
    assert page.query["from"].endswith("Z")
    page.types("latency-from", f"{now + 3_600:.0f}")
    assert "not after now" in page.captions()
    assert not page.views("table")
    page.types("latency-from", "1 h ago").types("latency-to", "2 h ago")
    assert "not before the second" in page.captions()
    page.types("latency-from", "3 h ago")
    assert "Nothing is known of that time" in page.app.text[-1].value


def an_objective_is_judged_by_bounds_and_kept_in_the_link(visit):
    page = Person(visit, server="demo-chat", window="1m", tool="slo", target="20 s", goal="90")
    assert "within 20 s; the goal of 90 % is met" in page.answer["sentence"]
    assert page.answer["tone"] == "good"
    tiles = {one["label"].partition(" (")[0] for one in page.answer["tiles"]}
    assert {"within the target", "burn over 5\N{NARROW NO-BREAK SPACE}min"} <= tiles
    page.types("slo-target", "1 ms")
    assert page.answer["tone"] == "bad"
    assert page.query["target"] == "1 ms"
    assert page.query["goal"] == "90"
    page.types("slo-goal", "100")
    assert "a share below all" in page.captions()


def test_without_answers_there_are_no_figures_and_nonsense_in_a_link_is_not_followed(
    dashboard, down
):
    visit = dashboard(VLLM_SERVERS=down)
    page = Person(visit, tool="latency")
    assert "Nothing is known of that time" in page.app.text[-1].value
    wrong = {"from": "<b>", "to": "9" * 30, "heat": "x", "target": "-1", "goal": str(math.pi * 1e9)}
    page = Person(visit, tool="slo", latency="e2e' or 1", **wrong)
    assert "does not report" in page.answer["sentence"]
    assert page.query["target"] == "1 s"
    assert not page.plots()
