"""Is the KV cache full, does the queue grow, is the cache far too large.

Thresholds and for-times stand at the head.
"""

import numpy as np

from lib.diagnosis.finding import Curve, Finding, How, Link, Remedy, Rival, Severity
from lib.diagnosis.holding import holding_since
from lib.diagnosis.rule import Rule
from lib.diagnosis.scene import Scene, last, trailing
from lib.diagnosis.words import long

__all__ = ["RULES"]

FULL, NOT_FULL = 0.95, 0.90
FULL_FOR, FULL_OVER = 30.0, 30.0
PREEMPTING = 0.05
"""Preemptions per second from which on a full cache hurts (vLLM documentation, preemption)."""

MINUTE = 60.0
GROWS_FOR, GROWS_OVER = 60.0, 30.0
GROWS_BY = 1.0
"""Requests that the queue gains from one minute's mean to the next before it counts as growing."""
LEAST_WAITING = 3.0

UNUSED = 0.5
UNUSED_FOR = 1_800.0

# ── Is the KV cache full ──


def _cache_full(scene: Scene) -> Finding | None:
    usage = scene.usage
    since = holding_since(
        scene.grid,
        np.isfinite(usage),
        usage >= FULL,
        usage < NOT_FULL,
        hold=FULL_FOR,
        release=FULL_OVER,
    )
    if since is None:
        return None
    preempting = scene.window.since(since).rate("preemptions")
    hurts = preempting is not None and preempting >= PREEMPTING
    rests = preempting is not None and not hurts
    waits = _first_waiting(scene, since)
    return Finding(
        rule="cache_full",
        pattern=1 if hurts else 2,
        severity=Severity.BAD if hurts else Severity.WATCH,
        brief="KV cache full",
        headline=_full_headline(hurts=hurts, waits=waits is not None),
        detail=(
            f"Its highest use in each {scene.grid.step:.0f} s has been {FULL:.0%} or more, "
            f"or came back to that within {FULL_OVER:.0f} s.{scene.free(since)}"
        ),
        since=since,
        chain=_full_chain(scene, since, preempting, waits),
        rivals=(Rival("preemption", f"{preempting:.2g} / s since then"),) if rests else (),
        remedies=(
            Remedy("--max-num-seqs", "fewer requests at once", "a longer queue"),
            Remedy("--gpu-memory-utilization", "a larger cache", "less memory for others"),
            Remedy("--kv-cache-dtype fp8", "twice as many tokens in it", "some accuracy"),
        ),
        source="vLLM documentation: optimization, preemption",
    )


def _full_headline(*, hurts: bool, waits: bool) -> str:
    if hurts:
        return "The KV cache is too small for the live load: requests are preempted and recomputed"
    if waits:
        return "The KV cache is full; new requests wait for blocks"
    return "The KV cache is full; more requests than these will have to wait"


def _full_chain(
    scene: Scene, since: float, preempting: float | None, waits: float | None
) -> tuple[Link, ...]:
    full = f"≥ {FULL:.0%} for {FULL_FOR:.0f} s"
    engines = " of the fullest engine" if len(scene.window.layout.members) > 1 else ""
    used = f"{last(scene.usage):.0%} used"
    usage = Curve("kv_usage", How.MAX, limit=FULL)
    chain = [Link("kv_usage", f"KV cache{engines}", used, full, "now", since, curve=usage)]
    if preempting is not None:
        figure, limit = f"{preempting:.2g} / s since then", f"≥ {PREEMPTING} / s"
        chain.append(Link("preemptions", "Preemptions", figure, limit, "since then"))
    if waits is not None:
        figure = f"{last(scene.waiting):.0f}"
        chain.append(Link("waiting", "Waiting", figure, "> 0", "now", waits))
    return tuple(chain)


def _first_waiting(scene: Scene, since: float) -> float | None:
    """When requests began to wait, no earlier than a finding began; None if none did."""
    moments = scene.grid.moments[(scene.waiting > 0) & (scene.grid.moments >= since)]
    return float(moments[0]) if len(moments) else None


# ── Does the queue grow ──


def _queue_grows(scene: Scene) -> Finding | None:
    waiting = scene.waiting
    back = max(1, round(MINUTE / scene.grid.step))
    mean = trailing(waiting, back)
    gained = mean - np.concatenate([np.full(back, np.nan), mean])[: len(mean)]
    since = holding_since(
        scene.grid,
        np.isfinite(waiting),
        (gained >= GROWS_BY) & (waiting >= LEAST_WAITING),
        (gained <= -GROWS_BY) | (waiting < LEAST_WAITING),
        hold=GROWS_FOR,
        release=GROWS_OVER,
    )
    if since is None:
        return None
    then, now = float(waiting[scene.grid.moments == since][0]), last(waiting)
    still = last(gained) >= GROWS_BY
    return Finding(
        rule="queue_grows",
        pattern=0,
        severity=Severity.WATCH,
        brief="Queue growing",
        headline=(
            "Requests come faster than they are served; the queue grows"
            if still
            else "A queue has built up and does not shrink"
        ),
        detail=f"{then:.0f} requests waited then, {now:.0f} do now.",
        since=since,
        chain=_queue_chain(scene, since),
        rivals=_not_full(scene, since),
        remedies=(
            Remedy("--max-num-seqs", "more seats, while the cache has room", "slower streams"),
            Remedy("", "more replicas", "their GPUs"),
        ),
        source="vLLM documentation: optimization",
    )


def _queue_chain(scene: Scene, since: float) -> tuple[Link, ...]:
    growth = f"≥ {LEAST_WAITING:.0f}, and ≥ {GROWS_BY:.0f} more than a minute before"
    now = f"{last(scene.waiting):.0f}"
    line = Curve("waiting", How.GAUGE, limit=LEAST_WAITING)
    chain = [Link("waiting", "Waiting", now, growth, "now", since, curve=line)]
    finished = scene.window.since(since).rate("finished")
    if finished is not None:
        chain.append(
            Link("finished", "Finished", f"{finished:.2g} / s since then", "", "since then")
        )
    return tuple(chain)


def _not_full(scene: Scene, since: float) -> tuple[Rival, ...]:
    """What speaks against the other cause of a queue, if it does."""
    usage = scene.usage[(scene.grid.moments >= since) & np.isfinite(scene.usage)]
    if not len(usage) or usage.max() >= FULL:
        return ()
    return (Rival("full KV cache", f"at most {usage.max():.0%} used since then"),)


# ── Is the KV cache far too large ──


def _cache_unused(scene: Scene) -> Finding | None:
    recent = scene.grid.moments > scene.window.end - UNUSED_FOR
    usage, running, waiting = (
        curve[recent & np.isfinite(curve)] for curve in (scene.usage, scene.running, scene.waiting)
    )
    busy = bool(len(running)) and running.max() > 0
    if not len(usage) or usage.max() >= UNUSED or not busy or (len(waiting) and waiting.max() > 0):
        return None
    over = long(UNUSED_FOR)
    waited = "; nothing waited" if len(waiting) else ""
    return Finding(
        rule="cache_unused",
        pattern=25,
        severity=Severity.HINT,
        brief="KV cache mostly unused",
        headline="The KV cache is mostly unused; this server could take more requests",
        detail=f"At most {usage.max():.0%} of it was used in {over}{waited}.",
        since=scene.window.end - UNUSED_FOR,
        chain=(
            Link(
                "kv_usage",
                "KV cache, highest",
                f"{usage.max():.0%}",
                f"< {UNUSED:.0%}",
                over,
                curve=Curve("kv_usage", How.MAX, limit=UNUSED),
            ),
        ),
        rivals=(Rival("a queue", "nothing waited"),) if len(waiting) else (),
        remedies=(
            Remedy("", "send it more load"),
            Remedy("--gpu-memory-utilization", "give memory back", "room for growth"),
        ),
        source="",
    )


RULES: tuple[Rule, ...] = (
    Rule(
        "cache_full",
        1,
        "KV cache blocks left free",
        ("kv_usage",),
        _cache_full,
        least=FULL_FOR,
        explains=("queue_grows",),
    ),
    Rule(
        "queue_grows",
        0,
        "Queue not growing",
        ("waiting",),
        _queue_grows,
        least=2 * MINUTE + GROWS_FOR,
    ),
    Rule(
        "cache_unused",
        25,
        "KV cache not far too large",
        ("kv_usage", "running"),
        _cache_unused,
        least=UNUSED_FOR,
    ),
)
