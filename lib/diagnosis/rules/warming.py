"""First calls that were slow, and are so no more.

After a start, or after a long rest, kernels are compiled and caches filled while somebody waits.
"""

from dataclasses import dataclass

import numpy as np

from lib.diagnosis.counts import grown
from lib.diagnosis.finding import Curve, Finding, How, Link, Remedy, Rival, Severity
from lib.diagnosis.rule import Rule
from lib.diagnosis.scene import MINUTE, Scene, last
from lib.diagnosis.words import counted, long, seconds
from lib.metrics.sample import Values

__all__ = ["RULES"]

IDLE = 600.0
FIRST = 60.0
LATER = 90.0
COLD, COLD_SECONDS = 3.0, 0.3
"""Times later calls, and seconds more than they take."""
WARM_SINCE = 600.0
LEAST_LATER = 5.0


def _warming_up(scene: Scene) -> Finding | None:
    began = _traffic_began(scene)
    if began is None or scene.window.end - began > WARM_SINCE:
        return None
    first = _mean_ttft(scene, began - scene.grid.step, began + FIRST)
    later = _mean_ttft(scene, began + LATER, scene.window.end)
    if first is None or later is None:
        return None
    if first.mean < COLD * later.mean or first.mean - later.mean < COLD_SECONDS:
        return None
    if later.count < LEAST_LATER or _waited(scene, began):
        return None
    return Finding(
        rule="warming_up",
        pattern=31,
        severity=Severity.HINT,
        brief="First calls slow",
        headline="Only the first calls were slow: the server was warming up",
        detail=(
            f"{counted(first.count, 'call')} in the first minute waited {seconds(first.mean)} for "
            f"a first token on average, those {long(LATER)} later {seconds(later.mean)}. "
            "Kernels are compiled and caches filled at first use."
        ),
        since=began,
        chain=(
            Link(
                "ttft",
                "TTFT, mean of the first minute",
                seconds(first.mean),
                f"≥ {COLD:g} × {seconds(later.mean)} later",
                "first 60 s",
                began,
                curve=Curve("ttft", How.MEAN, limit=COLD * later.mean, span=MINUTE),
            ),
        ),
        rivals=(Rival("a queue", "hardly anything waited"),),
        remedies=(
            Remedy("", "send a few calls before it is given traffic"),
            Remedy("", "leave these minutes out of any comparison"),
        ),
        source="vllm-project/vllm#31602",
    )


@dataclass(frozen=True, slots=True)
class _Mean:
    mean: float
    count: float


def _mean_ttft(scene: Scene, start: float, end: float) -> _Mean | None:
    span = scene.window.since(start, end)
    total, count = span.increase("ttft", "sum"), span.increase("ttft", "le=inf")
    return _Mean(total / count, count) if total is not None and count else None


def _traffic_began(scene: Scene) -> float | None:
    """The first tokens after a start or a long rest; None if there was none of both in sight."""
    tokens = grown(scene, scene.grid.step, "prompt_tokens")
    moments = scene.grid.moments[tokens > 0]
    if not len(moments):
        return None
    before = np.concatenate([[scene.window.start], moments[:-1]])
    rested = moments[_seen(scene, moments) - _seen(scene, before) >= IDLE]
    started = last(scene.window.gauge("process_start"))
    fresh = moments[moments >= started][:1]
    found = [*rested[-1:], *(one for one in fresh if _saw_new(scene, one, started))]
    return float(max(found)) if found else None


def _seen(scene: Scene, moments: Values) -> Values:
    """Seconds that were seen until each moment: what happened in a gap is no rest."""
    total = np.concatenate([[0.0], np.nancumsum(scene.window.elapsed)])
    seen: Values = total[np.searchsorted(scene.window.times, moments, "right")]
    return seen


def _saw_new(scene: Scene, began: float, started: float) -> bool:
    """Whether it was seen to restart, or to idle before its first tokens: else it had some before.

    The window may begin long after it started.
    """
    if any(moment >= started for moment in scene.window.restarts):
        return True
    before = scene.window.since(started, began - scene.grid.step)
    return bool(np.nansum(before.elapsed) >= scene.grid.step)


def _waited(scene: Scene, began: float) -> bool:
    """Whether the first calls stood in a queue."""
    first = (scene.grid.moments >= began) & (scene.grid.moments <= began + FIRST)
    known = scene.waiting[first & np.isfinite(scene.waiting)]
    return bool(len(known)) and float(known.mean()) >= 1.0


RULES: tuple[Rule, ...] = (
    Rule(
        "warming_up",
        31,
        "First calls are as fast as later ones",
        ("ttft", "prompt_tokens", "waiting"),
        _warming_up,
        least=FIRST + LATER,
        explains=("slow_first_token",),
        at_work=True,
    ),
)
