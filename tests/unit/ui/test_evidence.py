import numpy as np
import pytest

from lib.diagnosis import Curve, Diagnosis, Finding, How, Link, Severity, points
from lib.metrics import Grid
from lib.ui import evidence
from lib.ui.board import curve_key, finding_of
from tests.unit.ui.scene import PAGE, START, Readings, engines, moved, server

GROWING = [moved(PAGE, 1 + number / 100) for number in range(90)]


def link(curve: Curve | None, **more) -> Link:
    told = {"figure": "1", "threshold": "", "window": "now"} | more
    return Link(curve.quantity if curve else "kv_usage", "A link", curve=curve, **told)


def finding(*curves: Curve, rule: str = "rule") -> Finding:
    chain = tuple(link(curve) for curve in curves)
    return Finding(rule, 1, Severity.BAD, "Bad", "It is bad", "", START, chain)


def diagnosis(*findings: Finding) -> Diagnosis:
    return Diagnosis(findings, (), ())


def window(bodies=GROWING):
    feed = Readings(server(), bodies)
    return feed.window(server().id, START, START + len(bodies) - 1)


def plot(curve: Curve, bodies=GROWING, step: float = 1.0):
    seen = window(bodies)
    grid = Grid.within(seen.start, seen.end, step)
    return evidence.plots(evidence.curves_of(diagnosis(finding(curve))), seen, grid)[
        curve_key(curve)
    ]


def test_a_curve_that_several_links_name_is_sent_once():
    usage, waiting = Curve("kv_usage", How.MAX), Curve("waiting", How.GAUGE)
    curves = evidence.curves_of(diagnosis(finding(usage, waiting), finding(usage, rule="other")))
    assert list(curves.values()) == [usage, waiting]


def test_another_threshold_is_the_same_curve_and_stands_at_its_link():
    low, high = (Curve("kv_usage", How.MAX, limit=limit) for limit in (0.5, 0.9))
    assert len(evidence.curves_of(diagnosis(finding(low, high)))) == 1
    told = [one["limit"] for one in finding_of(finding(low, high))["chain"]]
    assert told == [0.5, 0.9]


def test_a_link_that_no_curve_shows_is_told_without_one():
    one = Finding("rule", 1, Severity.BAD, "Bad", "It is bad", "", START, (link(None),))
    assert evidence.curves_of(diagnosis(one)) == {}
    assert finding_of(one)["chain"][0]["curve"] is None


def test_the_points_are_those_that_the_rule_saw():
    curve = Curve("itl", How.PERCENTILE, q=0.99, span=30)
    seen = window()
    grid = Grid.within(seen.start, seen.end, 5.0)
    drawn = plot(curve, step=5.0)["data"]["value"]
    wanted = [None if np.isnan(one) else one for one in points(curve, seen, grid)]
    assert drawn == pytest.approx(wanted, rel=1e-3)
    assert any(one is not None for one in drawn)


def test_points_that_come_later_continue_those_that_are_drawn():
    curves = {"a": Curve("generation_tokens", How.RATE), "b": Curve("kv_usage", How.MAX)}
    seen = window()
    whole = Grid.within(seen.end - 30, seen.end, 2.0)
    first = Grid(whole.first, 2.0, 10)
    rest = Grid.closed(first.following, seen.end, 2.0)
    later = evidence.values(curves, seen, rest)
    drawn = evidence.plots(curves, seen, first)
    for key, plot in evidence.plots(curves, seen, whole).items():
        joined = drawn[key]["data"]["value"] + later[f"{key}.value"]
        assert joined == plot["data"]["value"]


@pytest.mark.parametrize(
    ("curve", "unit", "words"),
    [
        (Curve("kv_usage", How.MAX), "ratio", "vllm:kv_cache_usage_perc"),
        (Curve("waiting", How.GAUGE), "count", "mean over 1\u202fs"),
        (Curve("preemptions", How.RATE), "rate", "per second over the last 5\u202fs"),
        (Curve("prefix_hits", How.RATIO, to="prefix_queries", span=60), "ratio", "as a share of"),
        (Curve("ttft", How.PERCENTILE, q=0.95, span=60), "duration", "p95 of what was counted"),
        (Curve("queue_time", How.MEAN, span=60), "duration", "in the last 60\u202fs"),
        (Curve("finished", How.SHARE, part="length", span=60), "ratio", "(finished_reason length)"),
    ],
)
def test_each_kind_of_curve_has_its_unit_and_says_where_it_comes_from(curve, unit, words):
    made = plot(curve)
    assert made["write"] == unit
    assert words in made["how"].replace("1\u202fmin", "60\u202fs")
    assert made["curves"][0]["how"] == made["how"]


def test_every_way_of_computing_a_curve_can_be_drawn():
    for how in How:
        quantity = {How.PERCENTILE: "ttft", How.MEAN: "ttft"}.get(how, "prefix_hits")
        made = plot(Curve(quantity, how, to="prefix_queries", q=0.5))
        assert len(made["data"]["value"]) == 89


def test_a_tooltip_says_how_engines_are_put_together():
    two = [engines(PAGE, PAGE)] * 5
    assert "of any engine" in plot(Curve("kv_usage", How.MAX), two)["how"]
    assert "of 2 engines" in plot(Curve("waiting", How.GAUGE), two)["how"]
    assert "engine" not in plot(Curve("waiting", How.GAUGE))["how"]


def test_a_hundred_curves_are_not_sent():
    many = [Curve("ttft", How.PERCENTILE, q=number / 100) for number in range(100)]
    assert len(evidence.curves_of(diagnosis(finding(*many)))) == evidence.MOST


def test_foreign_words_in_a_link_are_one_short_line():
    told = link(None, figure="x\n\u202e" * 500)
    one = Finding("rule", 1, Severity.BAD, "Bad", "It is bad", "", START, (told,))
    figure = finding_of(one)["chain"][0]["figure"]
    assert len(figure) <= 120
    assert figure.isprintable()


def test_the_name_of_an_engine_in_a_headline_is_one_short_line():
    one = Finding("hung", 11, Severity.BAD, "Bad", f"Engine {'x' * 900}\n\u202e hangs", "", START)
    headline = finding_of(one)["headline"]
    assert len(headline) <= 300
    assert headline.isprintable()
