"""Faults put into servers that were well: the first finding names the fault.

Simulated engines in simulated time wherever the simulator can have the fault, generated readings of
a busy server where it can't (a connector, a leak, a GPU). `pytest -s` prints the table.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from lib.demo.scheduler import Request
from lib.diagnosis import Context, Diagnosis, diagnose
from lib.metrics import Window
from tests.unit.diagnosis.beside import beside, restarted
from tests.unit.diagnosis.busy import after, busy
from tests.unit.diagnosis.simulated import LIMITS, TRAFFIC, Simulation, read, seen

AT = 450.0
"""When a fault begins, in seconds."""
SEEDS = (1, 2)
RIGHT = 0.9
SEEN_WITHIN = 240.0
"""Seconds after a fault that its onset may be put at: shares of ten minutes cross late."""

Case = tuple[Window, Context]


def simulated(fault, *, seed, seconds=780.0, context=None, **limits) -> Case:
    """A simulated server that has a fault from `AT` on."""
    one = Simulation(seed=seed, limits=replace(LIMITS, **limits))
    return one.meddle(AT, fault).window(seconds), context or Context()


def rush(rate, **others):
    """So many requests a second from `AT` on."""
    return lambda one: one.visited(calm=rate, busy=rate, burst=rate, **others)


def every(seconds, until, what):
    """The same fault again and again."""

    def fault(one):
        for moment in np.arange(AT, until, seconds):
            one.meddle(moment, what)

    return fault


def fails(one):
    """Some of what ends has ended in an error."""
    one.engine.ledger.finished["error"] += 1


def blocks(one):
    """A request at the head of an empty engine that is larger than all its blocks."""
    one.load = None
    one.engine.advance(one.now + 60)
    one.engine.waiting.append(Request(one.ask(prompt=100_000), arrived=one.now))


def generated(window, context=None) -> Case:
    return window, context or Context()


def wide(seed, **figures):
    """A busy server for half an hour with more figures."""
    return beside(busy(seed=seed), **figures)


Faults = dict[str, tuple[set[str], Callable[[int], Case]]]

SIMULATED: Faults = {
    "cache too small": (
        {"cache_full"},
        lambda seed: simulated(rush(2.4), seed=seed, usable_blocks=120, max_num_seqs=64),
    ),
    "cache full, seats left": (
        {"cache_full"},
        lambda seed: simulated(rush(2.0, output=70), seed=seed, max_num_seqs=48),
    ),
    "too few seats": (
        {"seat_limit"},
        lambda seed: simulated(rush(2.0), seed=seed, usable_blocks=900, max_num_seqs=6),
    ),
    "too few seats, seats known": (
        {"seat_limit"},
        lambda seed: simulated(
            rush(2.0), seed=seed, usable_blocks=900, max_num_seqs=6, context=Context(max_num_seqs=6)
        ),
    ),
    "a queue at its limit": (
        {"seat_limit"},
        lambda seed: simulated(
            rush(3.0), seed=seed, usable_blocks=900, max_num_seqs=6, max_queued=8
        ),
    ),
    "prefill at its limit": (
        {"prefill_limit"},
        lambda seed: simulated(
            rush(4.0, prompt=400, output=4, follow_up=0.0, head_tokens=0),
            seed=seed,
            usable_blocks=2_000,
            max_num_seqs=64,
            token_budget=256,
            context=Context(max_num_batched_tokens=256),
        ),
    ),
    "longer prompts": (
        {"longer_prompts"},
        lambda seed: simulated(rush(0.8, prompt=500), seed=seed, usable_blocks=900),
    ),
    "longer answers": (
        {"longer_answers"},
        lambda seed: simulated(rush(0.7, output=150, limit=280), seed=seed, usable_blocks=900),
    ),
    "prompts that share nothing": (
        {"hits_fell"},
        lambda seed: simulated(
            rush(0.8, heads=1_000_000, follow_up=0.0, prompt=150), seed=seed, usable_blocks=900
        ),
    ),
    "a hang": ({"hung"}, lambda seed: simulated(Simulation.hang, seed=seed, seconds=510.0)),
    "a head that never fits": (
        {"livelock"},
        lambda seed: simulated(blocks, seed=seed, seconds=570.0),
    ),
    "errors": ({"errors"}, lambda seed: simulated(every(20, 780, fails), seed=seed)),
    "clients that leave": (
        {"clients_leave"},
        lambda seed: simulated(
            every(5, 1_100, lambda one: one.left(0.4)), seed=seed, seconds=1_000.0
        ),
    ),
    "a slower GPU": (
        {"slower_steps"},
        lambda seed: simulated(
            lambda one: one.paced(step=0.15, per_prompt_token=0.0006, per_sequence=0.003),
            seed=seed,
            usable_blocks=600,
        ),
    ),
    "restarts": (
        {"restarts"},
        lambda seed: simulated(every(100, 760, Simulation.restart), seed=seed),
    ),
    "answers cut short": (
        {"answers_cut"},
        lambda seed: simulated(lambda one: one.visited(limit=36), seed=seed, seconds=1_000.0),
    ),
}

GENERATED: Faults = {
    "asleep": (
        {"asleep"},
        lambda seed: generated(
            busy(
                1_200,
                seed=seed,
                sleep_state__awake=after(AT, 0, 1),
                waiting=after(AT, 5, 0),
                generation_tokens=after(AT, 0, 500),
                prompt_tokens=after(AT, 0, 2_000),
                step_tokens=(after(AT, 0, 25), 90),
            )
        ),
    ),
    "an API server without CPU": (
        {"frontend_busy"},
        lambda seed: generated(
            beside(
                busy(seed=seed, step_tokens=(after(AT, 18, 25), 90)),
                process_cpu=after(AT, 1.05, 0.4),
            )
        ),
    ),
    "a leak": (
        {"memory_leaks"},
        lambda seed: generated(
            wide(seed, process_rss=lambda t: 2e9 + 2e5 * t, process_start=-9_000)
        ),
    ),
    "adapters without a slot": (
        {"adapters_wait"},
        lambda seed: generated(
            beside(
                busy(
                    seed=seed,
                    waiting=after(AT, 5, 0),
                    waiting_by_reason__capacity=0,
                    waiting_by_reason__deferred=after(AT, 5, 0),
                    ttft=after(AT, 1.5, 0.25),
                ),
                lora_wanted=after(AT, 6, 2),
                lora_slots=2,
            )
        ),
    ),
    "grammars that take long": (
        {"grammar", "deferred"},
        lambda seed: generated(
            busy(
                seed=seed,
                waiting=after(1_500, 3, 0),
                waiting_by_reason__capacity=0,
                waiting_by_reason__deferred=after(1_500, 3, 0),
                ttft=lambda t: np.where((t > 1_500) & (t % 12 < 1), 6.0, 0.25),
            )
        ),
    ),
    "drafts thrown away": (
        {"drafts_wasted"},
        lambda seed: generated(
            wide(seed, drafts=20, draft_tokens=80, accepted_tokens=after(AT, 8, 60))
        ),
    ),
    "blocks too large": (
        {"blocks_too_large"},
        lambda seed: generated(
            busy(
                seed=seed,
                prefix_hits=0,
                prompt_tokens_by_source__local_cache_hit=0,
                configs=[{"block_size": "544"}],
            )
        ),
    ),
    "transfers that fail": (
        {"transfer_stalls"},
        lambda seed: generated(
            beside(
                busy(seed=seed, ttft=after(1_500, 0.8, 0.25)),
                kv_fetch__in_progress=1,
                transfer_failures=after(1_500, 0.3, 0),
            )
        ),
    ),
    "an offload memory without room": (
        {"offload_full"},
        lambda seed: generated(
            wide(seed, offload_kv_usage=after(AT, 0.98, 0.5), offload_failures=after(AT, 0.5, 0))
        ),
    ),
    "a replica with late first tokens": (
        {"replica_apart"},
        lambda seed: generated(
            busy(seed=seed, ttft=after(1_500, 1.2, 0.25)),
            Context(peers={"b": busy(seed=seed + 10), "c": busy(seed=seed + 20)}),
        ),
    ),
    "errors that only clients see": (
        {"errors"},
        lambda seed: generated(
            wide(seed, http_requests__2xx=2, http_requests__5xx=after(1_500, 0.1, 0))
        ),
    ),
    "a page without an engine": (
        {"no_engine_metrics"},
        lambda seed: generated(
            beside(busy(seed=seed, without=()), process_cpu=0.2), Context(metrics_state="404")
        ),
    ),
    "a paused server": (
        {"asleep"},
        lambda seed: generated(
            busy(
                1_200,
                seed=seed,
                waiting=after(1_100, 5, 0),
                generation_tokens=after(1_100, 0, 500),
                prompt_tokens=after(1_100, 0, 2_000),
                step_tokens=(after(1_100, 0, 25), 90),
            ),
            Context(paused=True),
        ),
    ),
    "restarts of a busy server": (
        {"restarts"},
        lambda seed: generated(restarted(busy(seed=seed), 900, 1_200, 1_600)),
    ),
    "long prompts between streams": (
        {"choppy_streams"},
        lambda seed: generated(
            busy(
                seed=seed,
                itl=lambda t: 0.03 + 0.9 * (t > AT) * (t % 10 < 1),
                prompt_tokens_by_source__local_compute=1_500,
            )
        ),
    ),
}

FAULTS = SIMULATED | GENERATED

HEALTHY: dict[str, Callable[[int], Case]] = {
    "a simulated day": lambda seed: (Simulation(seed=seed).window(), Context()),
    "a lively simulated day": lambda seed: (
        Simulation(
            seed=seed,
            limits=replace(LIMITS, usable_blocks=260),
            traffic=replace(TRAFFIC, calm=0.2, busy=1.0, burst=1.1, cycle=300.0),
        ).window(),
        Context(max_num_seqs=LIMITS.max_num_seqs),
    ),
    "a generated half hour": lambda seed: (busy(seed=seed), Context()),
    "a generated half hour with a host": lambda seed: (
        wide(
            seed,
            process_cpu=0.5,
            process_rss=lambda t: 2e9 + 1e7 * np.sin(t / 50),
            process_start=-9_000,
            http_requests__2xx=2,
            http_requests__5xx=0,
            finished__length=0.1,
            rejections__max_num_queued_reqs=0,
        ),
        Context(paused=False, peers={"b": busy(seed=seed + 10), "c": busy(seed=seed + 20)}),
    ),
}


@dataclass(frozen=True)
class Told:
    """What came of one case: the first rule (or none) and when it began."""

    case: str
    seed: int
    wanted: set[str]
    diagnosis: Diagnosis

    @property
    def first(self):
        return self.diagnosis.findings[0].rule if self.diagnosis.findings else "nothing"

    @property
    def others(self):
        return self.diagnosis.findings[1:]

    @property
    def right(self):
        return self.first in self.wanted

    def __str__(self):
        found = self.diagnosis.findings
        since = f"{found[0].since:6.0f}" if found else "     –"
        others = ", ".join(one.rule for one in self.others)
        merged = f" ({', '.join(found[0].merged)})" if found and found[0].merged else ""
        mark = "✓" if self.right else "✗"
        return f"{mark} {self.case:34} {self.seed} {since} {self.first}{merged}  {others}"


@pytest.fixture(scope="module")
def told():
    """Every fault with every seed."""
    return [
        Told(case, seed, wanted, diagnose(*make(seed)))
        for case, (wanted, make) in FAULTS.items()
        for seed in SEEDS
    ]


def test_the_first_finding_is_right_in_nine_of_ten_faults(told):
    right = sum(one.right for one in told)
    print("", *told, f"{right} of {len(told)} right", sep="\n")
    assert len(FAULTS) >= 20
    assert right >= RIGHT * len(told)


def test_no_fault_is_missed_with_every_seed(told):
    hit = {one.case for one in told if one.right}
    assert hit == set(FAULTS)


def test_a_finding_begins_when_its_fault_did(told):
    began = {
        (one.case, one.seed): one.diagnosis.findings[0].since - AT
        for one in told
        if one.right and one.case in SIMULATED
    }
    assert len(began) >= RIGHT * len(SIMULATED) * len(SEEDS)
    assert {case: late for case, late in began.items() if not -30 <= late <= SEEN_WITHIN} == {}


def test_what_users_feel_of_a_fault_is_told_with_it_and_not_once_more(told):
    bare = [(one.case, one.seed) for one in told if any(not f.pattern for f in one.others)]
    assert bare == []


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("day", HEALTHY)
def test_a_healthy_day_has_no_finding(day, seed):
    found = diagnose(*HEALTHY[day](seed)).findings
    assert [one.rule for one in found] == []


def test_what_is_simulated_is_what_the_engine_would_tell():
    one = Simulation(seed=1)
    one.window(120.0)
    page = read(one.engine)
    assert page.values.tolist() == seen(one.engine, page.layout).values.tolist()
