import pytest

from lib.diagnosis import Context, Severity, diagnose
from tests.unit.diagnosis.beside import beside, findings
from tests.unit.diagnosis.busy import after, busy

TAIL = {"ttft": lambda t: 0.2 + (t % 8 == 0) * 4.0}


def held(**more):
    """Three requests are held back from second 1,200 on, while the cache has room."""
    figures = {
        "waiting": after(1_200, 3, 0),
        "waiting_by_reason__capacity": 0,
        "waiting_by_reason__deferred": after(1_200, 3, 0),
    }
    return busy(**(figures | more))


def rules(window, context=None):
    return [one.rule for one in diagnose(window, context).findings]


def test_what_is_held_back_with_nothing_else_to_wait_for_waits_for_a_grammar():
    (finding,) = diagnose(held(**TAIL)).findings
    assert (finding.rule, finding.pattern, finding.severity) == ("grammar", 14, Severity.WATCH)
    assert finding.since == pytest.approx(1_200, abs=5)
    assert {"adapters", "KV from elsewhere"} <= {rival.name for rival in finding.rivals}
    assert "inferred" in finding.detail


def test_counters_of_an_external_cache_that_stand_at_0_are_no_transfers():
    window = held(**TAIL)
    assert {"external_prefix_queries", "external_prefix_hits"} <= window.layout.quantities
    assert rules(window) == ["grammar"]
    assert rules(held(external_prefix_queries=after(600, 0, 100), **TAIL)) == ["deferred"]


def test_what_is_done_about_it_is_about_what_may_be_waited_for():
    def flags(window):
        return [remedy.flag for remedy in findings(window)["deferred"].remedies]

    adapters = {"lora_wanted": 1, "lora_slots": 2}
    assert flags(held(external_prefix_queries=100)) == [""]
    assert flags(beside(held(), **adapters)) == ["--max-loras"]
    assert flags(beside(held(external_prefix_queries=100), **adapters)) == ["--max-loras", ""]


def test_one_that_runs_meanwhile_is_told_as_one():
    alone = held(external_prefix_queries=100, running=1)
    assert findings(alone)["deferred"].detail == "1 runs meanwhile."


def test_a_grammar_makes_only_some_first_tokens_late():
    assert "grammar" not in rules(held())


@pytest.mark.parametrize("seen", ["external", "fetch"])
def test_where_kv_comes_from_elsewhere_that_is_what_is_waited_for(seen):
    more = {"external": {"external_prefix_queries": 100}, "fetch": {"kv_fetch__in_progress": 1}}[
        seen
    ]
    (finding,) = diagnose(held(**more)).findings
    assert (finding.rule, finding.pattern) == ("deferred", 13)
    assert finding.headline.endswith("waiting for KV from elsewhere")


def test_held_back_requests_that_take_all_seats_are_bad():
    more = {"external_prefix_queries": 100}
    assert diagnose(held(**more)).findings[0].severity is Severity.WATCH
    seats = Context(max_num_seqs=10)
    assert diagnose(held(**more), seats).findings[0].severity is Severity.BAD
    idle = held(running=after(1_200, 0, 8), **more)
    assert diagnose(idle).findings[0].severity is Severity.BAD


def test_each_engine_has_seats_of_its_own():
    window = beside(held(external_prefix_queries=100), engine="1", running=8, waiting=0)
    finding = findings(window, Context(max_num_seqs=16))["deferred"]
    assert finding.severity is Severity.WATCH
    assert finding.detail.endswith(" run meanwhile, of 32 seats.")


@pytest.mark.parametrize(
    "otherwise",
    [
        {"waiting_by_reason__deferred": 0},
        {"waiting_by_reason__deferred": after(1_840, 3, 0), "waiting": after(1_840, 3, 0)},
        {"kv_usage": 0.93},
    ],
)
def test_what_is_not_held_back_for_long_or_has_no_room_anyway(otherwise):
    found = rules(held(external_prefix_queries=100, **otherwise))
    assert "deferred" not in found


def test_one_that_was_held_back_a_moment_ago_is_told_as_one():
    def now_and_then(t):
        return 1.0 * ((t > 1_500) & ((t < 1_600) | ((t + 5) % 20 < 15)))

    figures = {"waiting": now_and_then, "waiting_by_reason__deferred": now_and_then}
    (finding,) = diagnose(held(external_prefix_queries=100, **figures)).findings
    assert finding.headline.startswith("1 request held back though there is room")


def test_where_the_last_readings_are_missing_it_is_told_how_many_there_were():
    over = after(1_825, 0, 3)
    figures = {"waiting": over, "waiting_by_reason__deferred": over}
    missing = held(external_prefix_queries=100, silent=range(1_830, 1_860), **figures)
    (finding,) = (one for one in diagnose(missing).findings if one.rule == "deferred")
    assert finding.headline.startswith("3 requests held back")
