import numpy as np
import pytest

from lib.diagnosis import Context, Rival, Severity, diagnose
from tests.unit.diagnosis.beside import beside
from tests.unit.diagnosis.busy import after, busy
from tests.unit.diagnosis.gauged import found


def test_a_growing_queue_with_room_in_the_cache_is_found():
    finding = found(usage=0.6, waiting=lambda t: max(0, t - 1_800) / 20)["queue_grows"]
    assert finding.severity is Severity.WATCH
    assert finding.since == pytest.approx(1_860, abs=30)
    assert Rival("full KV cache", "at most 60% used since then") in finding.rivals


@pytest.mark.parametrize(
    "waiting", [9.0, lambda t: 5 + (t // 30) % 2, lambda t: max(0, 200 - t / 10)]
)
def test_a_queue_that_stands_swings_or_shrinks_does_not_grow(waiting):
    assert "queue_grows" not in found(usage=0.6, waiting=waiting)


@pytest.mark.parametrize("end", [1_500, 1_620])
def test_a_queue_that_grew_and_is_served_again_does_not_grow(end):
    def waiting(t):
        return t / 10 if t < 1_200 else max(0.0, 120 - (t - 1_200) / 4)

    rules = found(usage=0.6, waiting=waiting, seconds=end)
    assert "queue_grows" not in rules
    assert "queue_grows" in found(usage=0.6, waiting=waiting, seconds=1_200)


def test_a_queue_of_one_or_two_is_none():
    assert "queue_grows" not in found(usage=0.6, waiting=lambda t: 2.0 if t >= 2_300 else 0.0)


def test_a_queue_that_grew_and_stands_is_said_to_stand():
    finding = found(usage=0.6, waiting=lambda t: min(40.0, t / 20))["queue_grows"]
    assert finding.headline == "A queue has built up and does not shrink"
    assert finding.detail.endswith(", 40 now.")
    assert finding.chain[0].figure == "40"
    growing = found(usage=0.6, waiting=lambda t: t / 20)["queue_grows"]
    assert growing.headline.endswith("the queue grows")


def test_a_growing_queue_is_found_through_its_noise():
    finding = found(usage=0.6, waiting=lambda t: max(0, t - 1_800) / 10 + 4 * np.sin(t))
    assert "queue_grows" in finding


def test_a_cache_that_was_full_at_the_time_is_not_ruled_out():
    def rivals(usage):
        finding = found(usage=usage, waiting=lambda t: t / 20)["queue_grows"]
        return [rival for rival in finding.rivals if rival.name == "full KV cache"]

    before = rivals(lambda t: 1.0 if t < 100 else 0.6)
    assert before == [Rival("full KV cache", "at most 60% used since then")]
    assert rivals(lambda t: 1.0 if t % 50 == 0 else 0.6) == []


def test_more_seats_are_no_remedy_for_a_queue_beside_free_ones():
    growing = busy(waiting=after(1_200, lambda t: (t - 1_200) / 20, 0))
    (finding,) = diagnose(growing, Context(max_num_seqs=64)).findings
    assert (finding.rule, finding.remedy) == ("queue_grows", "another replica (costs: its GPU)")
    assert Rival("seat limit", "at most 11 of 64 seats taken") in finding.rivals


def seated(then=16, **more):
    """A server whose running requests stand on a plateau from second 1,200 on."""
    return busy(
        running=after(1_200, then, lambda t: 8 + t // 20 % 4),
        **({"waiting": after(1_200, 4, 0)} | more),
    )


def test_a_plateau_with_room_in_the_cache_is_a_seat_limit_inferred():
    (finding,) = diagnose(seated()).findings
    assert (finding.rule, finding.pattern, finding.severity) == ("seat_limit", 3, Severity.WATCH)
    assert finding.since == pytest.approx(1_200, abs=5)
    assert "inferred" in finding.detail
    assert {rival.name for rival in finding.rivals} == {
        *("full KV cache", "preemption", "prefill limit"),
    }
    assert finding.remedies[0].flag == "--max-num-seqs 22"


@pytest.mark.parametrize(
    ("usage", "taken", "flag"),
    [
        (0.3, 16, "--max-num-seqs 32"),
        (0.6, 16, "--max-num-seqs 24"),
        (0.83, 16, ""),
        (0.6, 1, ""),
        (0.3, 1, "--max-num-seqs 2"),
    ],
)
def test_no_more_seats_are_advised_than_the_cache_has_room_for(usage, taken, flag):
    (finding,) = diagnose(seated(taken, kv_usage=usage), Context(max_num_seqs=taken)).findings
    assert finding.remedies[0].flag == flag
    assert finding.remedies[-1].does == "another replica"


def test_one_seat_is_told_as_one():
    (finding,) = diagnose(seated(1), Context(max_num_seqs=1)).findings
    assert finding.headline.startswith("Requests wait for a seat: 1 is taken, while")
    assert finding.detail.startswith("Never more than 1 request runs at once, while")


def test_of_several_engines_the_one_without_a_seat_is_named():
    one = seated(kv_usage=0.4)
    room = {"running": lambda t: 8 + t // 20 % 4, "waiting": 0, "waiting_by_reason__capacity": 0}
    (finding,) = diagnose(beside(one, engine="1", kv_usage=0.93, **room)).findings
    assert finding.headline == (
        "Requests wait for a seat: 16 are taken on engine 0, while the KV cache has room"
    )
    assert Rival("full KV cache", "at most 40% used since then") in finding.rivals
    assert finding.engines == (("m", "0"),)
    full = {
        "running": after(1_200, 16, 8),
        "kv_usage": 0.4,
        **dict.fromkeys(("waiting", "waiting_by_reason__capacity"), after(1_200, 4, 0)),
    }
    (finding,) = diagnose(beside(one, engine="1", **full), Context(max_num_seqs=16)).findings
    assert "all 16 are taken on each engine" in finding.headline
    assert finding.engines == (("m", "0"), ("m", "1"))


def test_requests_that_become_more_and_more_have_no_seat_limit():
    climbing = seated(lambda t: 8 + (t - 1_200) / 4)
    assert "seat_limit" not in {one.rule for one in diagnose(climbing).findings}
    until_seated = seated(lambda t: np.minimum(8 + (t - 1_200) / 4, 100))
    (finding,) = (one for one in diagnose(until_seated).findings if one.rule == "seat_limit")
    assert finding.since == pytest.approx(1_200 + 4 * 92, abs=25)


def test_a_plateau_at_the_configured_seats_is_no_inference():
    (finding,) = diagnose(seated(), Context(max_num_seqs=16)).findings
    assert "inferred" not in finding.detail
    assert finding.headline.startswith("Requests wait for a seat: all 16 are taken")


def test_a_seat_limit_explains_the_queue_behind_it():
    growing = seated(waiting=after(1_200, lambda t: (t - 1_200) / 20, 0))
    (finding,) = diagnose(growing).findings
    assert (finding.rule, finding.merged) == ("seat_limit", ("Queue growing",))


@pytest.mark.parametrize(
    ("figures", "context"),
    [
        ({"waiting": 0}, Context()),
        ({"then": lambda t: 12 + t // 10 % 6}, Context()),
        ({"kv_usage": 0.8}, Context()),
        ({"preemptions": after(1_200, 0.05, 0)}, Context()),
        ({"waiting": after(1_815, 4, 0)}, Context()),
        ({"prompt_length": 9_000, "kv_tokens": 20_000, "kv_usage": 0.65}, Context()),
        ({}, Context(max_num_seqs=64)),
        ({"waiting_by_reason__capacity": 0, "waiting_by_reason__deferred": 0}, Context()),
    ],
)
def test_what_is_no_seat_limit(figures, context):
    assert "seat_limit" not in rules(seated(**figures), context)


def test_seats_that_are_known_are_the_limit_also_in_a_fuller_cache():
    assert rules(seated(kv_usage=0.8), Context(max_num_seqs=16)) == ["seat_limit"]


def rules(window, context=None):
    return [finding.rule for finding in diagnose(window, context).findings]


def reading(tokens=1_900, **more):
    """A server whose steps are full of prompts from second 1,200 on."""
    figures = {
        "step_tokens": (after(1_200, 4, 25), after(1_200, tokens, 90)),
        "waiting": after(1_200, lambda t: (t - 1_200) / 20, 0),
        "prefill_time": after(1_200, 2.0, 0.2),
        "ttft": after(1_200, 4.0, 0.25),
    }
    return busy(**(figures | more))


KNOWN = Context(max_num_batched_tokens=2_048)


def test_steps_full_of_prompts_are_a_prefill_limit():
    (finding,) = diagnose(reading(), KNOWN).findings
    assert (finding.rule, finding.pattern) == ("prefill_limit", 4)
    assert finding.since == pytest.approx(1_230, abs=30)
    step = next(link for link in finding.chain if link.quantity == "step_tokens")
    assert step.threshold == "≥ 1,434 of 2,048"
    assert {"Queue growing", "Late first tokens"} <= set(finding.merged)
    assert finding.remedies[0].flag == "--max-num-batched-tokens 4096"


def test_of_several_engines_the_one_that_reads_too_much_is_named():
    room = {"running": 4, "waiting": 0, "kv_usage": 0.3, "step_tokens__le_inf": 40}
    finding = diagnose(beside(reading(), engine="1", **room), KNOWN).findings[0]
    assert "each step of engine 0 is full of them" in finding.headline
    assert finding.engines == (("m", "0"),)


def test_without_the_budget_it_is_inferred_from_a_throughput_that_stands():
    (finding,) = diagnose(reading()).findings
    assert finding.rule == "prefill_limit"
    assert "inferred" in finding.detail
    assert finding.remedies[0].flag == "--max-num-batched-tokens"
    swinging = reading(
        prompt_tokens_by_source__local_compute=lambda t: 1_000 + 750 * np.sin(t / 40)
    )
    assert "prefill_limit" not in rules(swinging)


def test_a_plateau_of_full_steps_is_for_the_budget_not_for_seats():
    (finding,) = diagnose(reading(running=after(1_200, 16, 8)), KNOWN).findings
    assert finding.rule == "prefill_limit"
    assert "All seats taken" in finding.merged


@pytest.mark.parametrize("seats", [None, 600])
def test_steps_of_many_requests_are_not_full_of_prompts(seats):
    many = seated(600, kv_usage=0.5, step_tokens=(25, after(1_200, 640, 90)))
    (finding,) = diagnose(many, Context(max_num_seqs=seats)).findings
    assert (finding.rule, finding.remedies[0].flag) == ("seat_limit", "--max-num-seqs 1080")


def test_seats_are_ruled_out_only_where_some_are_free():
    def told(running):
        (finding,) = diagnose(reading(running=running), KNOWN).findings
        return finding.detail, {rival.name for rival in finding.rivals}

    detail, rivals = told(lambda t: 8 + t // 20 % 4)
    assert "not for memory or seats." in detail
    assert "seat limit" in rivals
    detail, rivals = told(after(1_200, 16, 8))
    assert "not for memory." in detail
    assert "seat limit" not in rivals


@pytest.mark.parametrize(
    "figures",
    [
        {"tokens": 900},
        {"waiting": 0},
        {"kv_usage": 0.93},
        {"preemptions": after(1_200, 0.3, 0)},
    ],
)
def test_what_is_no_prefill_limit(figures):
    assert "prefill_limit" not in rules(reading(**figures), KNOWN)
