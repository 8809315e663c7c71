"""The queue: why requests wait while the KV cache has room.

Patterns 3 and 4, and the bare symptom, a queue that grows. Told apart: all seats are taken (running
stands on a plateau), or a step's token budget is used up (steps are full of prompts). Both are
looked for in each engine alone: one queues while another has room. Requests that wait for something
else than room are in `lib.diagnosis.rules.deferred`.
"""

from dataclasses import replace

import numpy as np

from lib.diagnosis.finding import Curve, Finding, How, Link, Remedy, Severity
from lib.diagnosis.links import (
    PREEMPTED,
    PREFILL,
    ROOM,
    STEP_MEAN,
    dated,
    felt,
    in_order,
    not_budget,
    not_memory,
    not_preempted,
    not_seats,
    of_engines,
    queue,
    read,
    risen,
    some,
)
from lib.diagnosis.remedies import more_seats, prefix_caching
from lib.diagnosis.rule import SYMPTOMS, Rule
from lib.diagnosis.scene import MINUTE, Scene, last, trailing
from lib.diagnosis.waiting import PROMPTS
from lib.diagnosis.words import counted, rate
from lib.metrics.sample import Values

__all__ = ["RULES"]

GROWS_FOR, GROWS_OVER = 60.0, 30.0
GROWS_BY = 1.0
"""Requests that the queue gains from one minute's mean to the next before it counts as growing."""
LEAST_WAITING = 3.0

FLAT_FOR, FLAT_OVER = 60.0, 30.0
SEATS_ROOM = 0.7
"""Use of the KV cache up to which seats that are not known are the limit: `ROOM` where they are."""

AT_BUDGET = 0.7
"""Tokens of the mean step, as a share of the budget, from which on it is used up."""
LARGE_STEP = 512.0
"""Tokens of the mean step without which nothing is inferred about a budget that is not known."""
STEADY = 0.15
"""Standard deviation over mean up to which a throughput stands at its ceiling."""

_RUNNING = Curve("running", How.MAX)
READ_OVER = 15.0
"""Seconds over which it is measured how many prompt tokens are read."""


# ── Are all seats taken ──


def _seat_limit(scene: Scene) -> Finding | None:
    found = [(limit, one) for one in scene.engines if (limit := _seated(one)) is not None]
    if not found:
        return None
    (since, taken), engine = min(found, key=lambda pair: pair[0])
    seats, where = scene.context.max_num_seqs, of_engines(scene, [one for _, one in found])
    on = f" on {where}" if where else " on each engine" if len(found) > 1 else ""
    runs, are = ("runs", "is") if taken == 1 else ("run", "are")
    told = f"all {seats}" if seats and seats > 1 else f"{taken:.0f}"
    return Finding(
        rule="seat_limit",
        pattern=3,
        severity=Severity.WATCH,
        brief="All seats taken",
        headline=(f"Requests wait for a seat: {told} {are} taken{on}, while the KV cache has room"),
        detail=(
            f"Never more than {counted(taken, 'request')} {runs} at once{on}, while others wait."
            f"{'' if seats else ' That this is --max-num-seqs is inferred from the plateau.'}"
        ),
        since=since,
        chain=in_order([_plateau(scene, since, taken), queue(scene), *felt(scene, since)]),
        rivals=some(
            not_memory(engine, since), not_preempted(engine, since), not_budget(engine, since)
        ),
        remedies=some(more_seats(engine, since, taken), Remedy("", "another replica", "its GPU")),
        source="vllm-project/vllm#56758",
        engines=scene.members([one for _, one in found]),
    )


def _seated(scene: Scene) -> tuple[float, float] | None:
    """Since when all seats of an engine are taken, and how many; None if they are not."""
    running, seats = scene.curve(_RUNNING), scene.context.max_num_seqs
    plateau = _highest_of_late(running, round(FLAT_FOR / scene.grid.step))
    room = SEATS_ROOM if seats is None else ROOM
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
    return (since, taken) if since is not None and _is_limit(scene, since, taken) else None


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
    found = [(since, one) for one in scene.engines if (since := _filled(one)) is not None]
    if not found:
        return None
    since, engine = min(found, key=lambda pair: pair[0])
    budget, where = scene.context.max_num_batched_tokens, of_engines(scene, [e for _, e in found])
    effects = [
        risen(scene, PREFILL, "Prefill, mean", since, times=1.5),
        *felt(scene, since),
    ]
    step = dated(_full_steps(engine, since), *effects)
    memory, seats = not_memory(engine, since), not_seats(engine, since)
    not_for = " or ".join(what for what, no in (("memory", memory), ("seats", seats)) if no)
    return Finding(
        rule="prefill_limit",
        pattern=4,
        severity=Severity.WATCH,
        brief="Prefill at its limit",
        headline=(
            "Prompts come faster than they can be read: each step "
            f"{f'of {where} ' if where else ''}is full of them"
        ),
        detail=(
            f"The queue is for the engine's computing{f', not for {not_for}' if not_for else ''}."
            f"{'' if budget else ' The token budget is not known: inferred.'}"
        ),
        since=step.since or since,
        chain=in_order([step, *effects, _prompts(scene), queue(scene)]),
        rivals=some(memory, seats, not_preempted(engine, since)),
        remedies=some(
            Remedy(
                f"--max-num-batched-tokens{f' {2 * budget}' if budget else ''}",
                "more of the prompts in a step",
                "choppier streams",
            ),
            prefix_caching(scene),
            Remedy("", "prefill on servers of its own, or another replica", "their GPUs"),
        ),
        source="vLLM documentation: optimization, chunked prefill",
        engines=scene.members([one for _, one in found]),
    )


def _filled(scene: Scene) -> float | None:
    """Since when an engine's steps are full of prompts while others wait; None if they are not.

    Where the budget is not known it is inferred from many tokens and a throughput that stands.
    """
    mean, budget = scene.curve(STEP_MEAN), scene.context.max_num_batched_tokens
    prompts = (mean >= _least(scene)) & (mean >= PROMPTS * scene.running)
    full = prompts & (scene.queued >= 0.5) & ~(scene.usage >= ROOM)
    since = scene.since(full, known=np.isfinite(mean), hold=FLAT_FOR, release=FLAT_OVER)
    if since is None:
        return None
    preempting = scene.rate("preemptions", since)
    if preempting is not None and preempting >= PREEMPTED:
        return None
    return since if budget or _is_steady(scene, since) else None


def _least(scene: Scene) -> float:
    """Tokens of the mean step from which on it counts as full."""
    budget = scene.context.max_num_batched_tokens
    return AT_BUDGET * budget if budget else LARGE_STEP


def _full_steps(scene: Scene, since: float) -> Link:
    budget, least = scene.context.max_num_batched_tokens, _least(scene)
    limit = f" of {budget:,}" if budget else ", and no more prompts than before"
    return Link(
        "step_tokens",
        "Tokens per step",
        f"{last(scene.curve(STEP_MEAN)):,.0f}",
        f"≥ {least:,.0f}{limit}",
        "last 60 s",
        since,
        curve=replace(STEP_MEAN, limit=least),
    )


def _is_steady(scene: Scene, since: float) -> bool:
    """Whether the prompts' throughput stands on a plateau."""
    rates = scene.curve(read(scene, READ_OVER))
    known = rates[(scene.grid.moments >= since) & np.isfinite(rates)]
    return len(known) > 0 and bool(known.mean() > 0) and bool(known.std() <= STEADY * known.mean())


def _prompts(scene: Scene) -> Link:
    curve = read(scene, READ_OVER)
    now, over = rate(last(scene.curve(curve)), "tokens"), f"last {READ_OVER:.0f} s"
    return Link(curve.quantity, "Prompts read", now, "no more than this", over, curve=curve)


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
        rivals=some(not_memory(scene, since), not_seats(scene, since)),
        remedies=some(more_seats(scene, since), Remedy("", "another replica", "its GPU")),
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
