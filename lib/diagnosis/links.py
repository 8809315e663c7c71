"""What chains and rivals are made of, for all rules: what has risen since, and what it is not.

A rival is only named where readings speak against it; of what a server does not report nothing is
said.
"""

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import TypeVar

import numpy as np

from lib.diagnosis.finding import Curve, How, Link, Rival
from lib.diagnosis.scene import MINUTE, Scene, last
from lib.diagnosis.words import counted, percent, rate, seconds

__all__ = [
    "HITS",
    "ITL_99",
    "PREEMPTED",
    "PREFILL",
    "ROOM",
    "STEP_MEAN",
    "TTFT_95",
    "as_many",
    "dated",
    "felt",
    "in_order",
    "not_budget",
    "not_memory",
    "not_preempted",
    "not_seats",
    "of_engines",
    "queue",
    "read",
    "risen",
    "some",
]

T = TypeVar("T")

ITL_99 = Curve("itl", How.PERCENTILE, q=0.99, span=MINUTE)
TTFT_95 = Curve("ttft", How.PERCENTILE, q=0.95, span=MINUTE)
STEP_MEAN = Curve("step_tokens", How.MEAN, span=MINUTE)
PREFILL = Curve("prefill_time", How.MEAN, span=MINUTE)
HITS = Curve("prefix_hits", How.RATIO, to="prefix_queries", span=2 * MINUTE)
_FINISHED = Curve("finished", How.RATE, span=MINUTE)

MORE = 1.3
"""Times as many requests as before: then they are a cause as well of what runs out."""
QUEUE_OVER = 30.0
"""Seconds without a request in it after which a queue is another one."""
ROOM = 0.9
"""Use of the KV cache up to which memory is not what requests wait for."""
PREEMPTED = 0.01
"""Preemptions per second below which there are as good as none."""


def in_order(links: Iterable[Link | None]) -> tuple[Link, ...]:
    """The links that there are, by onset; those without one last."""
    found = [link for link in links if link is not None]
    return tuple(sorted(found, key=lambda link: math.inf if link.since is None else link.since))


def some(*found: T | None) -> tuple[T, ...]:
    """Those that there are."""
    return tuple(one for one in found if one is not None)


def dated(cause: Link, *effects: Link | None) -> Link:
    """A link as the first of those that come of it.

    A curve that looks back crosses late, by its span at most; what came of it within that time says
    better when it began.
    """
    if cause.since is None or cause.curve is None:
        return cause
    earliest = cause.since - cause.curve.span
    seen = [one.since for one in effects if one is not None and one.since is not None]
    return replace(cause, since=min([cause.since, *(at for at in seen if at >= earliest)]))


def as_many(scene: Scene, since: float) -> bool:
    """Whether no more requests come than before: those that finished, and those that piled up."""
    base, finished = scene.before(_FINISHED, since), scene.increase("finished", since)
    late = scene.grid.moments >= since
    if base is None or finished is None or not late.any():
        return False
    here = np.nan_to_num(scene.running + scene.waiting)[late]
    came = (finished + max(0.0, here[-1] - here[0])) / (scene.window.end - since)
    return bool(came < MORE * base.median)


def of_engines(scene: Scene, those: Collection[Scene]) -> str:
    """Some of a scene's engines by their names; "" for all that it has."""
    if len(those) == len(scene.engines):
        return ""
    several = len({model for model, _ in scene.window.layout.members}) > 1
    names = [f"{engine} ({model})" if several else engine for model, engine in scene.members(those)]
    return f"engine{'s' if len(names) > 1 else ''} {', '.join(names)}"


# ── Links ──


def read(scene: Scene, span: float) -> Curve:
    """The prompt tokens that are computed; with those from the cache where that is not told."""
    if "local_compute" in scene.window.layout.parts("prompt_tokens_by_source"):
        return Curve("prompt_tokens_by_source", How.RATE, part="local_compute", span=span)
    return Curve("prompt_tokens", How.RATE, span=span)


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
    if found is None or found >= PREEMPTED:
        return None
    return Rival("preemption", f"{rate(found)} since then")


def not_seats(scene: Scene, since: float) -> Rival | None:
    """The seat limit, if requests could be seated, or if no plateau is to be seen."""
    running = scene.curve(Curve("running", How.MAX))
    low, high = scene.lowest(running, since), scene.highest(running, since)
    seats = scene.context.max_num_seqs
    if math.isnan(high):
        return None
    busiest = " on the busiest engine" if len(scene.engines) > 1 else ""
    if seats is not None:
        why = f"at most {high:.0f} of {counted(seats, 'seat')} taken{busiest}"
        return Rival("seat limit", why) if high < seats else None
    if high - low <= max(1.0, 0.1 * high):
        return None
    return Rival("seat limit", f"running moves between {low:.0f} and {high:.0f}{busiest}")


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
