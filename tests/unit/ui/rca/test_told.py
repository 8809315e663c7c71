import math

import pytest

from lib.diagnosis.changes import Difference, Shift, Side, Verdict
from lib.diagnosis.measures import MEASURES
from lib.ui.rca.told import Told, changed_rows, differing, steady, summary
from lib.ui.rca.written import figure, moved, times

BY_NAME = {one.name: one for one in MEASURES}


def shift(name, was, now, verdict=Verdict.CHANGED, counted=None):
    sides = [Side(one, 0.0, 12 if one is not None else 0, counted) for one in (was, now)]
    return Shift(BY_NAME[name], *sides, verdict, None)


def told(*figures, words=(), restarted=False, servers=False):
    return Told("then", "now", figures, words, restarted, servers)


SAME = Difference("Release", "release", "0.3", "0.3")
TURNED = Difference("Configuration", "cache_dtype", "auto", "")


def test_the_answer_names_the_largest_change_and_parts_work_from_server():
    found = summary(
        told(
            shift("preemptions", 0.0, 0.62),
            shift("itl_p99", 0.05, 0.28),
            shift("finished", 2.0, 2.1, Verdict.STEADY),
            words=[SAME],
        )
    )
    assert found["sentence"] == "2 of 3 figures changed, most of all Preemptions: 0 / s → 0.62 / s"
    assert found["more"] == [
        "The workload is as before; how the server copes with it changed.",
        "Release, models and configuration agree.",
    ]


def test_another_workload_is_told_first():
    found = summary(told(shift("prompt_p95", 200.0, 900.0), shift("finished", 2.0, 1.0)))
    assert (
        found["more"][0]
        == "The workload changed: Prompt length p95 4.50 ×, Requests finished −50 %."
    )


def test_of_a_workload_that_is_not_reported_nothing_is_said():
    found = summary(told(shift("waiting", 0.0, 9.0), shift("finished", 1.0, 1.0, Verdict.FEW)))
    assert found["more"][0] == "Of the workload nothing is known."


def test_nothing_changed_is_an_answer():
    steady_one = shift("waiting", 0.0, 0.0, Verdict.STEADY)
    assert summary(told(steady_one))["sentence"] == "Nothing changed: the one figure is as before"
    assert "differs" in summary(told(steady_one, servers=True))["sentence"]


def test_too_little_is_told_apart_from_nothing():
    few = shift("waiting", 0.0, 0.0, Verdict.FEW)
    found = summary(told(few))
    assert (found["tone"], found["tiles"], found["more"]) == ("watch", [], [])
    mixed = summary(told(few, shift("running", 1.0, 1.0, Verdict.STEADY)))
    assert mixed["remarks"][0]["text"].startswith("1 more figure has too few")


def test_other_settings_and_a_new_start_are_named():
    found = summary(told(shift("waiting", 0, 9), words=[SAME, *[TURNED] * 5], restarted=True))
    assert found["more"][-1] == (
        "Differing: cache_dtype, cache_dtype, cache_dtype and 2 more."
        " The process was started anew in between."
    )
    assert [one["value"] for one in found["tiles"]] == ["1", "5", "yes"]
    assert differing(told(words=[SAME, TURNED])) == [("cache_dtype", "auto", "–")]


def test_rows_have_a_bar_by_size_and_a_hint_with_the_metric():
    rows = changed_rows(told(shift("ttft_p95", 0.2, 3.2, counted=7)), ["12:00"])
    assert rows[0]["cells"] == ["Time to first token p95", "200\u202fms", "3.20\u202fs", "12:00"]
    assert rows[0]["value"] == "16.0 ×"
    assert rows[0]["share"] == pytest.approx(1.0, abs=0.02)
    assert rows[0]["hint"].endswith("n = 7 and 7")
    assert "time_to_first_token" in rows[0]["hint"]
    two = changed_rows(told(shift("waiting", 1, 4), servers=True), ["–"])
    assert len(two[0]["cells"]) == 3


def test_the_rest_says_why_it_is_not_among_the_changed():
    rows = steady(
        told(shift("waiting", 1, 1, Verdict.STEADY), shift("rss", None, 5e8, Verdict.NEW))
    )
    assert [row[3] for row in rows] == ["as before", "not reported before"]
    assert rows[1][1] == "–"


@pytest.mark.parametrize(
    ("multiple", "text"),
    [(2.8, "2.80 ×"), (41.0, "41.0 ×"), (1.45, "+45 %"), (0.36, "−64 %"), (1.0, "±0 %")],
)
def test_a_multiple_is_written_so_that_it_is_read_at_once(multiple, text):
    assert times(multiple) == text


def test_from_nothing_there_is_no_multiple():
    assert moved(shift("waiting", 0.0, 4.0)) == "from 0"
    assert moved(shift("waiting", None, 4.0)) == "–"
    assert moved(shift("waiting", 0.02, 23.0)) == "from 0.02"
    assert moved(shift("waiting", 0.5, 0.1)) == "−80 %"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("waiting", 3.0, "3.00"),
        ("waiting", 30.4, "30"),
        ("rss", 1.2e9, "1.2\u202fGB"),
        ("kv_usage", 0.5, "50\u202f%"),
        ("finished", 2.5, "2.50 / s"),
        ("ttft_p50", 0.1, "100\u202fms"),
        ("ttft_p50", math.nan, "–"),
        ("ttft_p50", None, "–"),
    ],
)
def test_a_figure_has_its_unit(name, value, text):
    assert figure(BY_NAME[name], value) == text
