"""What chains and rivals are made of, for all rules: what has risen since, and what it is not.

A rival is only named where readings speak against it; of what a server does not report nothing is
said.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from lib.diagnosis.finding import Curve, How, Link, Rival
from lib.diagnosis.scene import MINUTE, Scene, last
from lib.diagnosis.words import percent, rate, seconds

__all__ = [
    "ITL_99",
    "STEP_MEAN",
    "TTFT_95",
    "felt",
    "in_order",
    "not_budget",
    "not_memory",
    "not_preempted",
    "not_seats",
    "queue",
    "risen",
    "some",
]

ITL_99 = Curve("itl", How.PERCENTILE, q=0.99, span=MINUTE)
TTFT_95 = Curve("ttft", How.PERCENTILE, q=0.95, span=MINUTE)
STEP_MEAN = Curve("step_tokens", How.MEAN, span=MINUTE)

QUEUE_OVER = 30.0
"""Seconds without a request in it after which a queue is another one."""
ROOM = 0.9
"""Use of the KV cache up to which memory is not what requests wait for."""


def in_order(links: Iterable[Link | None]) -> tuple[Link, ...]:
    """The links that there are, by onset; those without one last."""
    found = [link for link in links if link is not None]
    return tuple(sorted(found, key=lambda link: math.inf if link.since is None else link.since))


def some(*rivals: Rival | None) -> tuple[Rival, ...]:
    """The rivals that there are."""
    return tuple(rival for rival in rivals if rival is not None)


# ── Links ──


def risen(
    scene: Scene,
    curve: Curve,
    label: str,
    onset: float,
    *,
    times: float = 2.0,
    write: Callable[[float], str] = seconds,
) -> Link | None:
    """A curve that came to so many times what it was before an onset; None if it did not."""
    base = scene.before(curve, onset)
    if base is None or not base.median > 0:
        return None
    values, limit = scene.curve(curve), times * base.median
    began = scene.crossed(values >= limit, onset)
    now = last(values)
    if began is None or not base.is_left_by(now) or now < limit:
        return None
    return Link(
        curve.quantity,
        label,
        write(now),
        f"≥ {times:g} × {write(base.median)}",
        f"last {curve.span:.0f} s" if curve.span else "now",
        began,
        curve=replace(curve, limit=limit),
    )


def felt(scene: Scene, onset: float) -> tuple[Link | None, ...]:
    """What users feel of it, as far as they do: choppy streams, late first tokens."""
    return (
        risen(scene, ITL_99, "ITL p99", onset),
        risen(scene, TTFT_95, "TTFT p95", onset),
    )


def queue(scene: Scene) -> Link | None:
    """The queue, if requests wait now; and since when."""
    waiting = scene.waiting
    began = scene.since(waiting > 0, known=np.isfinite(waiting), hold=0.0, release=QUEUE_OVER)
    if began is None:
        return None
    figure, when = f"{last(waiting):.0f}", "now"
    if last(waiting) == 0:  # it comes and goes
        highest = scene.highest(waiting, (scene.newest or scene.window.end) - QUEUE_OVER)
        figure, when = f"up to {max(1.0, highest):.0f}", f"last {QUEUE_OVER:.0f} s"
    curve = Curve("waiting", How.GAUGE)
    return Link("waiting", "Waiting", figure, "> 0", when, began, curve=curve)


# ── Rivals ──


def not_memory(scene: Scene, since: float) -> Rival | None:
    """The KV cache, if it had room all the time."""
    highest = scene.highest(scene.usage, since)
    if math.isnan(highest) or highest >= ROOM:
        return None
    return Rival("full KV cache", f"at most {percent(highest)} used since then")


def not_preempted(scene: Scene, since: float) -> Rival | None:
    """Preemption, if there is as good as none."""
    found = scene.rate("preemptions", since)
    if found is None or found >= 0.01:
        return None
    return Rival("preemption", f"{rate(found)} since then")


def not_seats(scene: Scene, since: float) -> Rival | None:
    """The seat limit, if requests could be seated, or if no plateau is to be seen."""
    running = scene.curve(Curve("running", How.MAX))
    low, high = scene.lowest(running, since), scene.highest(running, since)
    seats = scene.context.max_num_seqs
    if math.isnan(high):
        return None
    if seats is not None:
        why = f"at most {high:.0f} of {seats} seats taken"
        return Rival("seat limit", why) if high < seats else None
    if high - low <= max(1.0, 0.1 * high):
        return None
    return Rival("seat limit", f"running moves between {low:.0f} and {high:.0f}")


def not_budget(scene: Scene, since: float) -> Rival | None:
    """The token budget of a step, if steps are far from it."""
    mean, budget = scene.mean("step_tokens", since), scene.context.max_num_batched_tokens
    if mean is None:
        return None
    if budget is not None:
        why = f"a step has {mean:,.0f} of {budget:,} tokens on average"
        return Rival("prefill limit", why) if mean < budget / 2 else None
    few = bool(np.isfinite(mean)) and mean < 256
    return Rival("prefill limit", f"a step has {mean:,.0f} tokens on average") if few else None
