"""The first findings: is the KV cache full, does the queue grow, is the cache far too large.

A rule looks at a window and gives a finding, or None when all is well; it names what it needs, so
that a server which does not report that is told so instead of being called healthy. Thresholds and
for-times stand in the table at the rule. One finding per cause: a queue that grows because the
cache is full is a link of that finding, not another one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lib.diagnosis.finding import Diagnosis, Evidence, Finding, Severity
from lib.diagnosis.holding import holding_since
from lib.diagnosis.scene import Scene, last, trailing
from lib.metrics import Window

__all__ = ["RULES", "Rule", "diagnose"]

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

ENOUGH = 0.98
"""Of the time that a rule needs: a few late or failed scrapes do not count."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A question that is put to every window.

    `asks` is what it says when all is well; `needs` are the quantities without which it can't be
    put; `finds` gives the finding or None. `least` is the stretch of time, in seconds, that it
    needs to see.
    """

    name: str
    asks: str
    needs: tuple[str, ...]
    finds: Callable[[Scene], Finding | None]
    least: float


def diagnose(window: Window) -> Diagnosis:
    """Put every rule to the window. Findings come worst first, then oldest first."""
    scene = Scene(window)
    findings: list[Finding] = []
    fine, unchecked = [], []
    for rule in RULES:
        if hindrance := _hindrance(rule, scene):
            unchecked.append(f"{rule.asks}: {hindrance}")
        elif (finding := rule.finds(scene)) is not None:
            findings.append(finding)
        else:
            fine.append(rule.asks)
    findings.sort(key=lambda finding: (finding.severity.rank, finding.since))
    return Diagnosis(tuple(_one_per_cause(findings)), tuple(fine), tuple(unchecked))


def _hindrance(rule: Rule, scene: Scene) -> str:
    """Why a rule can't be put to a window; "" if it can."""
    if scene.silent:
        return "no answer in the last minute"
    if lacking := scene.lacks(rule.needs):
        return f"this server does not report {lacking}"
    return "" if scene.seen >= ENOUGH * rule.least else f"needs {_long(rule.least)} of readings"


def _one_per_cause(findings: list[Finding]) -> list[Finding]:
    """A full cache explains the queue behind it."""
    rules = {finding.rule for finding in findings}
    return [one for one in findings if not (one.rule == "queue_grows" and "cache_full" in rules)]


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
        severity=Severity.BAD if hurts else Severity.WATCH,
        brief="KV cache full",
        headline=_full_headline(hurts=hurts, waits=waits is not None),
        detail=(
            f"Its highest use in each {scene.grid.step:.0f} s has been {FULL:.0%} or more, "
            f"or came back to that within {FULL_OVER:.0f} s.{scene.free(since)}"
        ),
        since=since,
        evidence=_full_evidence(scene, since, preempting, waits),
        ruled_out=(f"preemption ({preempting:.2g} / s since then)",) if rests else (),
        remedy=(
            "Fewer requests at once (--max-num-seqs), a larger cache (--gpu-memory-utilization, "
            "--kv-cache-dtype fp8, more replicas), or shorter contexts."
        ),
        source="vLLM documentation: optimization, preemption",
    )


def _full_headline(*, hurts: bool, waits: bool) -> str:
    if hurts:
        return "The KV cache is too small for the live load: requests are preempted and recomputed"
    if waits:
        return "The KV cache is full; new requests wait for blocks"
    return "The KV cache is full; more requests than these will have to wait"


def _full_evidence(
    scene: Scene, since: float, preempting: float | None, waits: float | None
) -> tuple[Evidence, ...]:
    full = f"≥ {FULL:.0%} for {FULL_FOR:.0f} s"
    engines = " of the fullest engine" if len(scene.window.layout.members) > 1 else ""
    used = f"{last(scene.usage):.0%} used"
    evidence = [Evidence("kv_usage", f"KV cache{engines}", used, full, since)]
    if preempting is not None:
        figure, limit = f"{preempting:.2g} / s since then", f"≥ {PREEMPTING} / s"
        evidence.append(Evidence("preemptions", "Preemptions", figure, limit))
    if waits is not None:
        figure = f"{last(scene.waiting):.0f}"
        evidence.append(Evidence("waiting", "Waiting", figure, "> 0", waits))
    return tuple(evidence)


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
        severity=Severity.WATCH,
        brief="Queue growing",
        headline=(
            "Requests come faster than they are served; the queue grows"
            if still
            else "A queue has built up and does not shrink"
        ),
        detail=f"{then:.0f} requests waited then, {now:.0f} do now.",
        since=since,
        evidence=_queue_evidence(scene, since),
        ruled_out=_not_full(scene, since),
        remedy="More seats (--max-num-seqs) while the cache has room, else more replicas.",
        source="vLLM documentation: optimization",
    )


def _queue_evidence(scene: Scene, since: float) -> tuple[Evidence, ...]:
    growth = f"≥ {LEAST_WAITING:.0f}, and ≥ {GROWS_BY:.0f} more than a minute before"
    evidence = [Evidence("waiting", "Waiting", f"{last(scene.waiting):.0f}", growth, since)]
    finished = scene.window.since(since).rate("finished")
    if finished is not None:
        evidence.append(Evidence("finished", "Finished", f"{finished:.2g} / s since then", ""))
    return tuple(evidence)


def _not_full(scene: Scene, since: float) -> tuple[str, ...]:
    """What speaks against the other cause of a queue, if it does."""
    usage = scene.usage[(scene.grid.moments >= since) & np.isfinite(scene.usage)]
    if not len(usage) or usage.max() >= FULL:
        return ()
    return (f"full KV cache (at most {usage.max():.0%} used since then)",)


# ── Is the KV cache far too large ──


def _cache_unused(scene: Scene) -> Finding | None:
    recent = scene.grid.moments > scene.window.end - UNUSED_FOR
    usage, running, waiting = (
        curve[recent & np.isfinite(curve)] for curve in (scene.usage, scene.running, scene.waiting)
    )
    busy = bool(len(running)) and running.max() > 0
    if not len(usage) or usage.max() >= UNUSED or not busy or (len(waiting) and waiting.max() > 0):
        return None
    over = _long(UNUSED_FOR)
    waited = "; nothing waited" if len(waiting) else ""
    return Finding(
        rule="cache_unused",
        severity=Severity.HINT,
        brief="KV cache mostly unused",
        headline="The KV cache is mostly unused; this server could take more requests",
        detail=f"At most {usage.max():.0%} of it was used in {over}{waited}.",
        since=scene.window.end - UNUSED_FOR,
        evidence=(
            Evidence(
                "kv_usage", f"KV cache, highest in {over}", f"{usage.max():.0%}", f"< {UNUSED:.0%}"
            ),
        ),
        ruled_out=("a queue (nothing waited)",) if len(waiting) else (),
        remedy="Send it more load, or give memory back (--gpu-memory-utilization).",
        source="",
    )


RULES: tuple[Rule, ...] = (
    Rule("cache_full", "KV cache blocks left free", ("kv_usage",), _cache_full, least=FULL_FOR),
    Rule(
        "queue_grows", "Queue not growing", ("waiting",), _queue_grows, least=2 * MINUTE + GROWS_FOR
    ),
    Rule(
        "cache_unused",
        "KV cache not far too large",
        ("kv_usage", "running"),
        _cache_unused,
        least=UNUSED_FOR,
    ),
)


def _long(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 2 * MINUTE else f"{seconds:.0f} s"
