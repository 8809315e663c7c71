"""The first findings: is the KV cache full, does the queue grow, is the cache far too large.

A rule looks at a window and gives a finding, or None when all is well; it names what it needs, so
that a server which does not report that is told so instead of being called healthy. Thresholds and
for-times stand in the table at the rule. One finding per cause: a queue that grows because the
cache is full is a link of that finding, not another one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lib.diagnosis.finding import Diagnosis, Evidence, Finding, Severity
from lib.diagnosis.holding import holding_since
from lib.metrics import Grid, Window, gauge_curve
from lib.metrics.sample import Values

__all__ = ["RULES", "Rule", "diagnose"]

STEP = 5.0
"""Seconds between the moments that rules look at (a minute where the window itself is coarser)."""

FULL, NOT_FULL = 0.95, 0.90
FULL_FOR, FULL_OVER = 30.0, 30.0
PREEMPTING = 0.05
"""Preemptions per second from which on a full cache hurts (vLLM documentation, preemption)."""

GROWS_FOR = 60.0
GROWS_BY = 1.0
"""Requests per minute that the queue gains before it counts as growing."""
LEAST_WAITING = 3.0

UNUSED = 0.5
UNUSED_FOR = 1_800.0


@dataclass(frozen=True, slots=True)
class Rule:
    """A question that is put to every window.

    `asks` is the sentence that says it was checked; `needs` are the quantities without which it
    can't be; `finds` gives the finding or None. `least` is the stretch of time, in seconds, that it
    needs to see.
    """

    name: str
    asks: str
    needs: tuple[str, ...]
    finds: Callable[["_Scene"], Finding | None]
    least: float = 0.0


class _Scene:
    """A window, and the curves that several rules read."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.grid = Grid.within(window.start, window.end, max(STEP, window.period))
        self.usage = gauge_curve(window, self.grid, "kv_usage", how="max")
        self.waiting = gauge_curve(window, self.grid, "waiting")
        self.running = gauge_curve(window, self.grid, "running")

    @property
    def seen(self) -> float:
        """Seconds between the first and the last answer."""
        rows = np.flatnonzero(self.window.answered)
        return float(self.window.times[rows[-1]] - self.window.times[rows[0]]) if len(rows) else 0.0


def diagnose(window: Window) -> Diagnosis:
    """Put every rule to the window. Findings come worst first, then oldest first."""
    scene = _Scene(window)
    findings: list[Finding] = []
    fine, unchecked = [], []
    for rule in RULES:
        lacking = [need for need in rule.needs if need not in window.layout.quantities]
        if lacking:
            unchecked.append(f"{rule.asks}: this server does not report {', '.join(lacking)}")
        elif scene.seen < rule.least:
            unchecked.append(f"{rule.asks}: needs {rule.least / 60:.0f} minutes of history")
        elif (finding := rule.finds(scene)) is not None:
            findings.append(finding)
        else:
            fine.append(rule.asks)
    findings.sort(key=lambda finding: (finding.severity.rank, finding.since))
    return Diagnosis(tuple(_one_per_cause(findings)), tuple(fine), tuple(unchecked))


def _one_per_cause(findings: list[Finding]) -> list[Finding]:
    """A full cache explains the queue behind it."""
    rules = {finding.rule for finding in findings}
    return [one for one in findings if not (one.rule == "queue_grows" and "cache_full" in rules)]


def _cache_full(scene: _Scene) -> Finding | None:
    since = holding_since(
        scene.grid, scene.usage >= FULL, scene.usage < NOT_FULL, hold=FULL_FOR, release=FULL_OVER
    )
    if since is None:
        return None
    span = scene.window.since(since)
    preempting = span.rate("preemptions") or 0.0
    hurts = preempting >= PREEMPTING
    free = _last(
        gauge_curve(span, _grid(span), "blocks_usable")
        - gauge_curve(span, _grid(span), "blocks_used")
    )
    evidence = [
        Evidence(
            "kv_usage",
            "KV cache",
            f"{_last(scene.usage):.0%} used",
            f"≥ {FULL:.0%} for {FULL_FOR:.0f} s",
            since,
        ),
        Evidence("preemptions", "Preemptions", f"{preempting:.2g} / s", f"≥ {PREEMPTING} / s"),
        Evidence(
            "waiting", "Waiting", f"{_last(scene.waiting):.0f}", "> 0", _first_above(scene, since)
        ),
    ]
    blocks = "" if np.isnan(free) else f" {free:.0f} blocks are free."
    return Finding(
        rule="cache_full",
        severity=Severity.BAD if hurts else Severity.WATCH,
        headline=(
            "The KV cache is too small for the live load: requests are preempted and computed again"
            if hurts
            else "The KV cache is full; new requests wait for blocks"
        ),
        detail=f"Use has been at or above {FULL:.0%}.{blocks}",
        since=since,
        evidence=tuple(evidence),
        ruled_out=() if hurts else (f"preemption ({preempting:.2g} / s)",),
        remedy=(
            "Fewer requests at once (--max-num-seqs), a larger cache (--gpu-memory-utilization, "
            "--kv-cache-dtype fp8, more replicas), or shorter contexts."
        ),
        source="vLLM documentation: optimization, preemption",
    )


def _queue_grows(scene: _Scene) -> Finding | None:
    grows = _growing(scene)
    rests = scene.waiting < LEAST_WAITING
    since = holding_since(scene.grid, grows, rests, hold=GROWS_FOR, release=GROWS_FOR)
    if since is None:
        return None
    span = scene.window.since(since)
    minutes = max((scene.window.end - since) / 60, 1 / 60)
    waiting = _last(scene.waiting)
    finished = span.rate("finished")
    evidence = [
        Evidence("waiting", "Waiting", f"{waiting:.0f}", f"+ ≥ {GROWS_BY:.0f} / min", since)
    ]
    if finished is not None:
        evidence.append(Evidence("finished", "Finished", f"{finished:.2g} / s", ""))
    return Finding(
        rule="queue_grows",
        severity=Severity.WATCH,
        headline="Requests come faster than they are served; the queue grows",
        detail=f"{waiting:.0f} requests wait after {minutes:.0f} min of growth.",
        since=since,
        evidence=tuple(evidence),
        ruled_out=(f"full KV cache (at most {np.nanmax(scene.usage):.0%})",)
        if np.isfinite(scene.usage).any()
        else (),
        remedy="More seats (--max-num-seqs) while the cache has room, else more replicas.",
        source="vLLM documentation: optimization",
    )


def _cache_unused(scene: _Scene) -> Finding | None:
    recent = scene.grid.moments > scene.window.end - UNUSED_FOR
    usage, running, waiting = (
        curve[recent & np.isfinite(curve)] for curve in (scene.usage, scene.running, scene.waiting)
    )
    busy = bool(len(running)) and running.max() > 0
    if not len(usage) or usage.max() >= UNUSED or not busy or (len(waiting) and waiting.max() > 0):
        return None
    return Finding(
        rule="cache_unused",
        severity=Severity.HINT,
        headline="The KV cache is mostly unused; this server could take more requests",
        detail=f"At most {usage.max():.0%} was used in {UNUSED_FOR / 60:.0f} min; nothing waited.",
        since=scene.window.end - UNUSED_FOR,
        evidence=(
            Evidence("kv_usage", "KV cache, highest", f"{usage.max():.0%}", f"< {UNUSED:.0%}"),
        ),
        ruled_out=("a queue (nothing waited)",),
        remedy="Send it more load, or give memory back (--gpu-memory-utilization).",
        source="",
    )


RULES: tuple[Rule, ...] = (
    Rule("cache_full", "KV cache blocks left free", ("kv_usage",), _cache_full, least=FULL_FOR),
    Rule("queue_grows", "Queue not growing", ("waiting",), _queue_grows, least=GROWS_FOR),
    Rule(
        "cache_unused", "KV cache in use", ("kv_usage", "running"), _cache_unused, least=UNUSED_FOR
    ),
)


def _growing(scene: _Scene) -> NDArray[np.bool_]:
    """Moments at which the queue is longer than a minute before, by `GROWS_BY` or more."""
    back = max(1, round(60 / scene.grid.step))
    before = np.concatenate([np.full(back, np.nan), scene.waiting[:-back]])[: len(scene.waiting)]
    grown: NDArray[np.bool_] = scene.waiting - before >= GROWS_BY
    return grown & (scene.waiting >= LEAST_WAITING)


def _grid(window: Window) -> Grid:
    return Grid.within(window.start, window.end, max(STEP, window.period))


def _last(curve: Values) -> float:
    known = curve[np.isfinite(curve)]
    return float(known[-1]) if len(known) else float("nan")


def _first_above(scene: _Scene, since: float) -> float | None:
    """When requests began to wait, no earlier than a finding began."""
    moments = scene.grid.moments[(scene.waiting > 0) & (scene.grid.moments >= since)]
    return float(moments[0]) if len(moments) else None
