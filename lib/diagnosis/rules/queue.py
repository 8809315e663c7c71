"""The queue: why requests wait while the KV cache has room.

Patterns 3 and 4, and the bare symptom, a queue that grows. Told apart: all seats are taken (running
stands on a plateau), or a step's token budget is used up (steps are full of prompts). Requests that
wait for something else than room are in `lib.diagnosis.rules.deferred`.
"""

import numpy as np

from lib.diagnosis.finding import Curve, Finding, How, Link, Remedy, Severity
from lib.diagnosis.links import (
    STEP_MEAN,
    felt,
    in_order,
    not_budget,
    not_memory,
    not_preempted,
    queue,
    risen,
    some,
)
from lib.diagnosis.rule import SYMPTOMS, Rule
from lib.diagnosis.scene import MINUTE, Scene, last, trailing
from lib.diagnosis.words import rate
from lib.metrics.sample import Values

__all__ = ["RULES"]

GROWS_FOR, GROWS_OVER = 60.0, 30.0
GROWS_BY = 1.0
"""Requests that the queue gains from one minute's mean to the next before it counts as growing."""
LEAST_WAITING = 3.0

FLAT_FOR, FLAT_OVER = 60.0, 30.0
SEATS_ROOM, SURE_ROOM = 0.7, 0.9
"""Use of the KV cache up to which seats are the limit: inferred, and where seats are known."""
PREEMPTED = 0.01

AT_BUDGET = 0.7
"""Tokens of the mean step, as a share of the budget, from which on it is used up."""
LARGE_STEP = 512.0
"""Tokens of the mean step without which nothing is inferred about a budget that is not known."""
STEADY = 0.15
"""Standard deviation over mean up to which a throughput stands at its ceiling."""

_RUNNING = Curve("running", How.MAX)
_PREFILL = Curve("prefill_time", How.MEAN, span=MINUTE)
_PROMPTS = Curve("prompt_tokens", How.RATE, span=15.0)


# ── Are all seats taken ──


def _seat_limit(scene: Scene) -> Finding | None:
    running, seats = scene.curve(_RUNNING), scene.context.max_num_seqs
    plateau = _highest_of_late(running, round(FLAT_FOR / scene.grid.step))
    room = SEATS_ROOM if seats is None else SURE_ROOM
    flat = (plateau >= 1) & (running >= plateau - np.maximum(1.0, 0.05 * plateau))
    stands = flat & (scene.queued >= 0.5) & ~(scene.usage >= room)
    known = np.isfinite(running)
    since = scene.since(stands, known=known, hold=FLAT_FOR, release=FLAT_OVER)
    if since is None:
        return None
    taken = scene.highest(running, since)
    # What climbs is always at its highest; seats are taken from when it is there to stay.
    stands &= running >= taken - np.maximum(1.0, 0.05 * taken)
    since = scene.since(stands, known=known, hold=FLAT_FOR, release=FLAT_OVER)
    if since is None or not _is_limit(scene, since, taken):
        return None
    told = f"all {seats}" if seats else f"{taken:.0f}"
    return Finding(
        rule="seat_limit",
        pattern=3,
        severity=Severity.WATCH,
        brief="All seats taken",
        headline=f"Requests wait for a seat: {told} are taken, while the KV cache has room",
        detail=(
            f"Never more than {taken:.0f} requests run at once, while others wait."
            f"{'' if seats else ' That this is --max-num-seqs is inferred from the plateau.'}"
        ),
        since=since,
        chain=in_order([_plateau(scene, since, taken), queue(scene), *felt(scene, since)]),
        rivals=some(
            not_memory(scene, since), not_preempted(scene, since), not_budget(scene, since)
        ),
        remedies=(
            Remedy(
                f"--max-num-seqs {2 * taken:.0f}",
                "more requests at once",
                "slower streams, more of the KV cache in use",
            ),
            Remedy("", "another replica", "its GPU"),
        ),
        source="vllm-project/vllm#56758",
    )


def _highest_of_late(values: Values, points: int) -> Values:
    """The greatest known value of the last `points` at each."""
    known = np.where(np.isfinite(values), values, -np.inf)
    padded = np.concatenate([np.full(points - 1, -np.inf), known])
    late: Values = np.lib.stride_tricks.sliding_window_view(padded, points).max(axis=1)
    return late


def _is_limit(scene: Scene, since: float, taken: float) -> bool:
    """Whether nothing but seats holds the queue: none is free, and the next prompt has room."""
    seats = scene.context.max_num_seqs
    if seats is not None and taken < seats - max(1.0, 0.05 * seats):
        return False
    preempting = scene.rate("preemptions", since)
    if preempting is not None and preempting >= PREEMPTED:
        return False
    tokens = last(scene.window.gauge("kv_tokens", how="mean"))  # of one engine
    prompt = scene.mean("prompt_length", since)
    free = tokens * (1 - scene.highest(scene.usage, since))
    return prompt is None or not free < prompt


def _plateau(scene: Scene, since: float, taken: float) -> Link:
    seats = scene.context.max_num_seqs
    threshold = (
        f"--max-num-seqs {seats}" if seats else f"flat for {FLAT_FOR:.0f} s while others wait"
    )
    curve = Curve("running", How.MAX, limit=float(taken))
    return Link("running", "Running", f"{taken:.0f}", threshold, "since then", since, curve=curve)


# ── Is a step's token budget used up ──


def _prefill_limit(scene: Scene) -> Finding | None:
    mean, budget = scene.curve(STEP_MEAN), scene.context.max_num_batched_tokens
    least = AT_BUDGET * budget if budget else LARGE_STEP
    full = (mean >= least) & (scene.queued >= 0.5) & ~(scene.usage >= SURE_ROOM)
    since = scene.since(full, known=np.isfinite(mean), hold=FLAT_FOR, release=FLAT_OVER)
    if since is None:
        return None
    preempting = scene.rate("preemptions", since)
    if preempting is not None and preempting >= PREEMPTED:
        return None
    if not budget and not _is_steady(scene, since):
        return None
    now = last(mean)
    limit = f"≥ {least:,.0f}" + (
        f" of {budget:,}" if budget else ", and no more prompts than before"
    )
    step = Curve(STEP_MEAN.quantity, STEP_MEAN.how, span=MINUTE, limit=least)
    return Finding(
        rule="prefill_limit",
        pattern=4,
        severity=Severity.WATCH,
        brief="Prefill at its limit",
        headline="Prompts come faster than they can be read: each step is full of them",
        detail=(
            "The queue is for the engine's computing, not for memory or seats."
            f"{'' if budget else ' The token budget is not known: inferred.'}"
        ),
        since=since,
        chain=in_order(
            [
                Link(
                    "step_tokens",
                    "Tokens per step",
                    f"{now:,.0f}",
                    limit,
                    "last 60 s",
                    since,
                    curve=step,
                ),
                _prompts(scene),
                risen(scene, _PREFILL, "Prefill, mean", since, times=1.5),
                queue(scene),
                *felt(scene, since),
            ]
        ),
        rivals=some(not_memory(scene, since), not_preempted(scene, since)),
        remedies=(
            Remedy(
                f"--max-num-batched-tokens {2 * (budget or 8_192)}",
                "more of the prompts in a step",
                "choppier streams",
            ),
            Remedy("--enable-prefix-caching", "shared heads are read once"),
            Remedy("", "prefill on servers of its own, or another replica", "their GPUs"),
        ),
        source="vLLM documentation: optimization, chunked prefill",
    )


def _is_steady(scene: Scene, since: float) -> bool:
    """Whether the prompts' throughput stands on a plateau."""
    rates = scene.curve(_PROMPTS)
    known = rates[(scene.grid.moments >= since) & np.isfinite(rates)]
    return len(known) > 0 and bool(known.mean() > 0) and bool(known.std() <= STEADY * known.mean())


def _prompts(scene: Scene) -> Link:
    now = rate(last(scene.curve(_PROMPTS)), "tokens")
    return Link(
        "prompt_tokens", "Prompts read", now, "no more than this", "last 15 s", curve=_PROMPTS
    )


# ── Does the queue grow, whatever the cause ──


def _queue_grows(scene: Scene) -> Finding | None:
    waiting = scene.waiting
    gained = _gained(scene)
    since = scene.since(
        (gained >= GROWS_BY) & (waiting >= LEAST_WAITING),
        (gained <= -GROWS_BY) | (waiting < LEAST_WAITING),
        known=np.isfinite(waiting),
        hold=GROWS_FOR,
        release=GROWS_OVER,
    )
    if since is None:
        return None
    then, now = float(waiting[scene.grid.moments == since][0]), last(waiting)
    return Finding(
        rule="queue_grows",
        pattern=0,
        severity=Severity.WATCH,
        brief="Queue growing",
        headline=(
            "Requests come faster than they are served; the queue grows"
            if last(gained) >= GROWS_BY
            else "A queue has built up and does not shrink"
        ),
        detail=f"Waiting: {then:.0f} then, {now:.0f} now.",
        since=since,
        chain=_queue_chain(scene, since),
        rivals=some(not_memory(scene, since)),
        remedies=(
            Remedy("--max-num-seqs", "more seats, while the cache has room", "slower streams"),
            Remedy("", "another replica", "its GPU"),
        ),
        source="vLLM documentation: optimization",
    )


def _gained(scene: Scene) -> Values:
    """What the queue gained from the minute before to the last, at each moment."""
    back = max(1, round(MINUTE / scene.grid.step))
    mean = trailing(scene.waiting, back)
    gained: Values = mean - np.concatenate([np.full(back, np.nan), mean])[: len(mean)]
    return gained


def _queue_chain(scene: Scene, since: float) -> tuple[Link, ...]:
    growth = f"≥ {LEAST_WAITING:.0f}, and ≥ {GROWS_BY:.0f} more than a minute before"
    line = Curve("waiting", How.GAUGE, limit=LEAST_WAITING)
    now = f"{last(scene.waiting):.0f}"
    chain = [Link("waiting", "Waiting", now, growth, "now", since, curve=line)]
    if (finished := scene.rate("finished", since)) is not None:
        curve = Curve("finished", How.RATE, span=MINUTE)
        chain.append(Link("finished", "Finished", rate(finished), "", "since then", curve=curve))
    return tuple(chain)


RULES: tuple[Rule, ...] = (
    Rule(
        "seat_limit",
        3,
        "Seats left for those that wait",
        ("running", "waiting", "kv_usage"),
        _seat_limit,
        least=FLAT_FOR,
        explains=SYMPTOMS,
    ),
    Rule(
        "prefill_limit",
        4,
        "Steps with room for prompts",
        ("step_tokens", "waiting", "kv_usage", "prompt_tokens"),
        _prefill_limit,
        least=2 * MINUTE,
        explains=(*SYMPTOMS, "seat_limit"),
    ),
    Rule(
        "queue_grows",
        0,
        "Queue not growing",
        ("waiting",),
        _queue_grows,
        least=2 * MINUTE + GROWS_FOR,
    ),
)
