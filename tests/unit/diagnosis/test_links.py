import pytest

from lib.diagnosis import Context, Curve, How, Link, links
from lib.diagnosis.scene import Scene
from tests.unit.diagnosis.busy import after, busy

T = 1_200


def scene(context=None, **otherwise):
    return Scene(busy(**otherwise), context or Context())


def test_links_come_by_onset_and_those_without_one_last():
    told = [Link("waiting", str(since), "", "", "", since) for since in (None, 30.0, 10.0)]
    assert [link.label for link in links.in_order([*told, None])] == ["10.0", "30.0", "None"]


def test_a_curve_that_rose_is_a_link_with_its_threshold_and_its_moment():
    link = links.risen(scene(ttft=after(T, 2.0, 0.25)), links.TTFT_95, "TTFT p95", T)
    assert link.since == pytest.approx(T, abs=15)
    assert link.threshold == "≥ 2 × 467 ms"
    assert link.curve.limit == pytest.approx(0.93, abs=0.05)
    assert (link.window, link.metric) == ("last 60 s", "vllm:time_to_first_token_seconds")


@pytest.mark.parametrize(
    "ttft",
    [
        0.25,
        after(T, 0.35, 0.25),
        lambda t: 0.25 + ((t > T) & (t < 1_500)) * 2.0,
        (after(T, 2, 0), 2.0),
    ],
)
def test_what_did_not_rise_is_over_or_has_no_before_is_no_link(ttft):
    assert links.risen(scene(ttft=ttft), links.TTFT_95, "TTFT p95", T) is None


def test_a_queue_is_dated_by_its_own_beginning():
    assert links.queue(scene()) is None
    assert links.queue(scene(waiting=after(T, 4, 0))).since == pytest.approx(T, abs=5)
    broken = scene(waiting=lambda t: ((t > 300) & (abs(t - T) > 60)) * 4.0)
    assert links.queue(broken).since == pytest.approx(T + 60, abs=5)
    blinking = scene(waiting=lambda t: ((t > 300) & (abs(t - T) > 6)) * 4.0)
    assert links.queue(blinking).since == pytest.approx(300, abs=5)


def test_a_queue_that_is_empty_for_a_moment_is_told_by_its_last_seconds():
    gone = links.queue(scene(waiting=lambda t: ((t > T) & (t < 1_845)) * 4.0))
    assert (gone.figure, gone.window) == ("up to 4", "last 30 s")


def test_a_rise_that_was_over_before_the_onset_is_not_its_link():
    rose = scene(ttft=lambda t: 0.25 + 2.0 * ((t > T) | ((t > T - 200) & (t < T - 100))))
    assert links.risen(rose, links.TTFT_95, "TTFT p95", T).since == pytest.approx(T, abs=15)


def test_a_cause_is_dated_by_what_came_of_it_within_its_span():
    curve = Curve("prefix_hits", How.RATIO, to="prefix_queries", span=60.0)
    cause = Link("prefix_hits", "", "", "", "", 100.0, curve=curve)
    effects = [Link("ttft", "", "", "", "", since) for since in (70.0, 30.0, 120.0, None)]
    assert links.dated(cause, None, *effects).since == 70.0
    assert links.dated(cause).since == 100.0


@pytest.mark.parametrize(
    ("finished", "waiting", "same"),
    [(2, 0, True), (after(T, 4, 2), 0, False), (2, after(T, lambda t: (t - T) * 2, 0), False)],
)
def test_more_requests_are_those_that_finish_and_those_that_pile_up(finished, waiting, same):
    assert links.as_many(scene(finished__stop=finished, waiting=waiting), T) is same


def test_tokens_from_the_cache_are_not_read_where_that_is_told():
    assert links.read(scene(), 60.0).part == "local_compute"
    assert links.read(scene(without=("prompt_tokens_by_source",)), 60.0).part is None


def test_memory_is_ruled_out_by_its_highest_use():
    assert links.not_memory(scene(kv_usage=0.4), T).why == "at most 40% used since then"
    assert links.not_memory(scene(kv_usage=after(T + 60, 0.95, 0.4)), T) is None
    assert links.not_memory(scene(without=("kv_usage",)), T) is None


def test_preemption_is_ruled_out_by_its_rate():
    assert links.not_preempted(scene(), T).why == "0 / s since then"
    assert links.not_preempted(scene(preemptions=0.1), T) is None
    assert links.not_preempted(scene(without=("preemptions",)), T) is None


@pytest.mark.parametrize(
    ("running", "seats", "why"),
    [
        (lambda t: 8 + t // 20 % 4, None, "running moves between 8 and 11"),
        (8, None, ""),
        (8, 16, "at most 8 of 16 seats taken"),
        (16, 16, ""),
    ],
)
def test_seats_are_ruled_out_by_movement_or_by_free_ones(running, seats, why):
    rival = links.not_seats(scene(Context(max_num_seqs=seats), running=running), T)
    assert (rival.why if rival else "") == why


def test_the_budget_is_ruled_out_by_small_steps():
    assert links.not_budget(scene(), T).why == "a step has 96 tokens on average"
    known = links.not_budget(scene(Context(max_num_batched_tokens=8_192)), T)
    assert known.why == "a step has 96 of 8,192 tokens on average"
    assert links.not_budget(scene(step_tokens=1_900), T) is None
    assert links.not_budget(scene(without=("step_tokens",)), T) is None


def test_a_rising_share_is_written_as_one():
    rising = scene(prefix_hits=after(T, 1_800, 800))
    curve = Curve("prefix_hits", How.RATIO, to="prefix_queries", span=60.0)
    link = links.risen(rising, curve, "Hits", T, write=lambda share: f"{share:.0%}")
    assert link.figure in {"89%", "90%", "91%"}
    assert link.threshold == "≥ 2 × 40%"
