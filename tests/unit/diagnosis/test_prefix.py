import pytest

from lib.diagnosis import Context, diagnose
from tests.unit.diagnosis.beside import buckets
from tests.unit.diagnosis.busy import after, busy

T = 1_200
FELL = {
    "prefix_hits": after(T, 200, 1_000),
    "prompt_tokens_by_source__local_compute": after(T, 1_800, 1_000),
    "prefill_time": after(T, 0.4, 0.2),
}


def findings(**figures):
    return diagnose(busy(**figures)).findings


def test_hits_that_fall_while_prompts_are_computed_are_found():
    (finding,) = findings(**FELL)
    assert (finding.rule, finding.pattern) == ("hits_fell", 8)
    assert finding.since == pytest.approx(T, abs=15)
    assert finding.chain[0].quantity == "prefix_hits"
    assert {link.quantity for link in finding.chain} == {
        *("prefix_hits", "prompt_tokens_by_source", "prefill_time"),
    }
    assert finding.detail.startswith("10% of prompt tokens found, 50% before.")


def test_hits_that_fall_explain_late_first_tokens():
    (finding,) = findings(ttft=after(T, 2.0, 0.25), **FELL)
    assert (finding.rule, finding.merged) == ("hits_fell", ("Late first tokens",))


FULL_STEPS = {
    "step_tokens": (after(T, 4, 25), after(T, 1_900, 90)),
    "waiting": after(T, lambda t: (t - T) / 20, 0),
}


@pytest.mark.parametrize(("finished", "explained"), [(2, True), (after(T, 4, 2), False)])
def test_hits_that_fall_explain_full_steps_unless_more_requests_come(finished, explained):
    window = busy(**FELL, **FULL_STEPS, finished__stop=finished)
    found = diagnose(window, Context(max_num_batched_tokens=2_048)).findings
    assert ("prefill_limit" not in {one.rule for one in found}) is explained
    assert ("Prefill at its limit" in found[0].merged) is explained


@pytest.mark.parametrize(("rested", "soon"), [(5.0, True), (300.0, False)])
def test_how_long_evicted_blocks_had_rested_is_told_where_it_is_sampled(rested, soon):
    edges = (1.0, 10.0, 60.0, 120.0, 600.0)
    window = buckets(busy(**FELL), "block_idle", 0.1, rested, edges)
    (finding,) = diagnose(window).findings
    assert (finding.chain[-1].quantity, finding.chain[-1].holds) == ("block_idle", soon)


@pytest.mark.parametrize(
    "otherwise",
    [
        {"prefix_hits": after(T, 750, 1_000)},
        {"prompt_tokens_by_source__local_compute": 1_000, "prefill_time": 0.2},
        {"prefix_hits": after(1_790, 200, 1_000)},
        {"prefix_hits": after(T, 1_600, 1_000)},
        {"prefix_queries": (0), "prefix_hits": 0},
    ],
)
def test_a_small_fall_one_that_nobody_feels_and_a_rise_are_no_finding(otherwise):
    assert "hits_fell" not in {one.rule for one in findings(**(FELL | otherwise))}
