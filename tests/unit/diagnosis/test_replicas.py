import numpy as np
import pytest

from lib.diagnosis import Context, Severity, diagnose
from tests.unit.diagnosis.beside import beside, buckets, findings
from tests.unit.diagnosis.busy import after, busy

LATE = after(1_500, 1.2, 0.25)
HOLDS = {"running": after(1_300, 24, 8), "kv_usage": after(1_300, 0.88, 0.4)}


def peers(**windows):
    return Context(peers=windows)


def test_a_replica_with_late_first_tokens_is_out_of_line():
    others = peers(b=busy(seed=2), c=busy(seed=3))
    finding = findings(busy(ttft=LATE), others)["replica_apart"]
    assert finding.severity is Severity.WATCH
    assert finding.since == pytest.approx(1_530, abs=40)
    assert finding.headline == "This server is far slower than the 2 others"
    assert finding.chain[0].figure.endswith(" elsewhere")
    assert [rival.name for rival in finding.rivals] == ["more load"]


def test_more_load_is_not_ruled_out_where_more_runs():
    others = peers(b=busy(seed=2), c=busy(seed=3))
    finding = findings(busy(ttft=LATE, running=15), others)["replica_apart"]
    assert finding.headline.startswith("This server is far slower")
    assert finding.rivals == ()


def test_a_replica_with_far_more_to_do_is_found_and_the_others_are_not():
    much = busy(
        **HOLDS, finished__stop=after(1_300, 5, 2), generation_tokens=after(1_300, 1e3, 500)
    )
    little = [busy(seed=seed, kv_usage=0.4) for seed in (2, 3)]
    finding = findings(much, peers(b=little[0], c=little[1]))["replica_loaded"]
    assert finding.headline == "This server has far more to do than the 2 others"
    assert [one.label for one in finding.chain] == [
        *("Running", "KV cache", "Requests that came", "Tokens written"),
    ]
    assert "router" in finding.remedy
    assert "replica_loaded" not in findings(little[0], peers(a=much, c=little[1]))


def test_a_replica_that_is_sent_as_much_and_holds_more_is_slow_not_preferred():
    others = peers(**{name: busy(seed=seed, kv_usage=0.4) for name, seed in (("b", 2), ("c", 3))})
    finding = findings(busy(**HOLDS), others)["replica_loaded"]
    assert finding.headline == (
        "This server holds far more requests than the 2 others, though as much comes in"
    )
    assert "hardware" in finding.detail
    assert "GPU" in finding.remedy
    assert {rival.name for rival in finding.rivals} == {
        *("requests that came", "prompt tokens", "tokens written"),
    }


def test_requests_that_pile_up_came_too():
    piles = busy(**HOLDS, waiting=after(1_300, lambda t: np.maximum(0.0, t - 1_300), 0))
    others = peers(**{name: busy(seed=seed, kv_usage=0.4) for name, seed in (("b", 2), ("c", 3))})
    finding = findings(piles, others)["replica_loaded"]
    assert finding.headline == "This server has far more to do than the 2 others"
    assert finding.chain[-1].figure == "3 / s, 2 / s elsewhere"


def test_where_no_work_is_told_nobody_says_who_is_to_blame():
    without = ("finished", "prompt_tokens", "generation_tokens")
    others = peers(b=busy(seed=2, kv_usage=0.4, without=without))
    finding = findings(busy(**HOLDS, without=without), others)["replica_loaded"]
    assert finding.headline == "This server holds far more requests than the other"
    assert len(finding.remedies) == 2


def test_a_cache_that_is_full_of_too_many_requests_is_no_finding_of_its_own():
    full = {"running": after(1_300, 24, 8), "kv_usage": after(1_300, 0.97, 0.4)}
    full |= {"preemptions": after(1_300, 0.3, 0), "waiting": after(1_300, 4, 0)}
    others = peers(**{name: busy(seed=seed, kv_usage=0.4) for name, seed in (("b", 2), ("c", 3))})
    found = findings(busy(**full), others)
    assert list(found) == ["replica_loaded"]
    assert "KV cache full" in found["replica_loaded"].merged


def test_late_first_tokens_do_not_explain_the_full_cache_that_makes_them():
    full = {"kv_usage": after(1_300, 0.97, 0.5), "ttft": after(1_300, 1.2, 0.25)}
    full |= {"preemptions": after(1_300, 0.3, 0), "waiting": after(1_300, 4, 0)}
    others = peers(**{name: busy(seed=seed, kv_usage=0.7) for name, seed in (("b", 2), ("c", 3))})
    assert next(iter(findings(busy(**full), others))) == "cache_full"


@pytest.mark.parametrize(
    "otherwise",
    [
        {},
        {"ttft": after(1_500, 0.4, 0.25)},
        {"running": 24},
        {"kv_usage": 0.89},
        {"running": 24, "kv_usage": lambda t: 0.7 + 0.1 * np.sin(t / 90)},
        {"running": 15, "kv_usage": 0.93},
    ],
    ids=[
        "alike",
        "later",
        "more, with room",
        "fuller",
        "more, a little fuller",
        "fuller, some more",
    ],
)
def test_a_replica_that_differs_a_little_is_in_line(otherwise):
    others = peers(b=busy(seed=2), c=busy(seed=3))
    found = findings(busy(**otherwise), others)
    assert not {"replica_apart", "replica_loaded"} & found.keys()


def test_of_two_replicas_the_slower_is_found():
    other = busy(seed=2)
    found = findings(busy(ttft=LATE), peers(b=other))["replica_apart"]
    assert found.headline == "This server is far slower than the other"
    assert "replica_apart" not in findings(other, peers(b=busy(ttft=LATE)))


def test_a_late_call_or_two_of_a_handful_are_no_slow_replica():
    edges = (0.1, 0.25, 0.5, 1, 2.5, 5)
    usual, late = (
        buckets(busy(without=("ttft",)), "ttft", lambda t: 1.0 * (t % 25 == 0), value, edges)
        for value in (0.2, after(1_760, 2.0, 0.2))
    )
    assert "replica_apart" not in findings(late, peers(b=usual))


def test_an_engine_with_far_more_to_do_than_the_other_is_found_by_its_name():
    both = beside(busy(running=6, kv_usage=0.3), engine="1", running=20, kv_usage=0.8)
    much = beside(both, engine="1", prompt_tokens=4_000)
    finding = findings(much)["replica_loaded"]
    assert finding.headline == "Engine 1 has far more to do than the other"
    alike = beside(busy(), engine="1", running=9, kv_usage=0.6)
    assert not {"replica_apart", "replica_loaded"} & findings(alike).keys()


def test_an_engine_with_late_first_tokens_is_found():
    edges = (0.1, 0.25, 0.5, 1, 2.5, 5)
    both = beside(busy(), engine="1", running=9, kv_usage=0.6)
    both = buckets(both, "ttft", 2, 2.0, edges, engine="1")
    assert findings(both)["replica_apart"].headline.startswith("Engine 1 is far slower")


def test_a_server_without_replicas_is_not_held_against_any():
    unchecked = diagnose(busy()).unchecked
    alone = "no other server of this model is watched"
    assert f"As fast as its replicas: {alone}" in unchecked
    assert f"No more to do than its replicas: {alone}" in unchecked
