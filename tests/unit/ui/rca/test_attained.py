import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.diagnosis.attainment import Attainment, Burn
from lib.ui.rca.attained import Objective, percent, summary

GOAL = Objective("ttft", 1.0, 0.99)
EXACT = (1.0, 1.0)


def told(low, point=None, high=None, *burns, n=1_000.0, edges=EXACT):
    found = Attainment(
        low, low if point is None else point, low if high is None else high, n, edges
    )
    return summary(GOAL, found, burns)


def burnt(rate, span=300.0, seen=None):
    return Burn(span, span if seen is None else seen, rate, rate, rate, 50.0)


@pytest.mark.parametrize(
    ("bounds", "tone", "end"),
    [
        ((0.995, 0.996, 0.999), "good", "the goal of 99 % is met"),
        ((0.95, 0.96, 0.98), "bad", "the goal of 99 % is missed"),
        ((0.98, 0.985, 0.995), "watch", "whether that is 99 %, the buckets do not tell"),
        ((0.99, 0.99, 0.99), "good", "the goal of 99 % is met"),
    ],
)
def test_a_goal_is_judged_by_what_is_sure(bounds, tone, end):
    answer = told(*bounds, edges=(0.75, 1.5))
    assert answer["tone"] == tone
    assert answer["sentence"].endswith(end)
    assert "750–1500 ms" in answer["more"][0] or "0.75–1.5" in answer["more"][0]


@pytest.mark.parametrize(
    ("quantity", "words"),
    [
        ("ttft", "requests had their first token within 250 ms"),
        ("itl", "output events came within 250 ms of the one before"),
        ("tpot", "requests took at most 250 ms for a token"),
        ("e2e", "requests were finished within 250 ms"),
        ("queue_time", "requests left the queue within 250 ms"),
    ],
)
def test_each_latency_has_its_sentence(quantity, words):
    found = Attainment(0.9, 0.9, 0.9, 40.0, (0.25, 0.25))
    answer = summary(Objective(quantity, 0.25, 0.9), found, ())
    assert answer["sentence"] == f"90.0 % of 40 {words}; the goal of 90 % is met"
    assert "exact" in answer["more"][0]


def test_beyond_the_last_edge_the_page_says_so():
    assert "above the last edge, 40 s" in told(0.9, 0.9, 1.0, edges=(40.0, math.inf))["more"][0]


def test_nothing_counted_and_not_reported_are_no_shares():
    assert told(math.nan, n=0.0)["sentence"] == "Nothing was counted in that time"
    answer = summary(GOAL, None, ())
    assert answer["sentence"] == "This server does not report that latency"
    assert answer["tiles"] == answer["remarks"] == []


@pytest.mark.parametrize(
    ("burns", "tone", "words"),
    [
        ((burnt(20), burnt(15, 3_600.0)), "bad", "Worth waking somebody: 20 × over 5"),
        ((burnt(20), burnt(15, 3_600.0, 200.0)), "watch", "As far as was seen"),
        ((burnt(20), burnt(3, 3_600.0)), "note", "Burn is"),
        ((burnt(2), burnt(2, 3_600.0), burnt(1.2, 259_200.0)), "watch", "Worth a ticket: 1.2 ×"),
        ((burnt(2), burnt(2, 3_600.0), burnt(1.2, 259_200.0, 9e4)), "note", "Burn is"),
        ((burnt(math.nan), burnt(math.nan, 3_600.0)), "note", "Burn is"),
    ],
)
def test_an_alarm_is_told_as_the_practice_has_it(burns, tone, words):
    first = told(0.9, None, None, *burns)["remarks"][0]
    assert first["tone"] == tone
    assert first["text"].startswith(words)


def test_a_burn_over_a_part_says_how_much_was_seen_and_is_not_red():
    whole, part = told(0.9, None, None, burnt(20), burnt(20, 3_600.0, 120.0))["tiles"][2:]
    assert (whole["tone"], part["tone"]) == ("bad", "")
    assert whole["value"] == "20 ×"
    assert part["label"].endswith("(2\N{NARROW NO-BREAK SPACE}min seen)")


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.972, "97.2 %"),
        (0.57, "57.0 %"),
        (1.0, "100 %"),
        (0.99999999, "99.999 %"),
        (0.9995, "99.950 %"),
        (0.991, "99.10 %"),
        (0.0, "0.0 %"),
        (math.nan, "–"),
    ],
)
def test_all_but_one_are_not_all(share, words):
    assert percent(share) == words


@given(st.floats(0, 1))
def test_a_share_is_never_told_larger_than_it_is(share):
    assert float(percent(share).removesuffix(" %")) <= 100 * share + 1e-4
