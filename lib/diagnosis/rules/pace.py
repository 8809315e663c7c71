"""How fast the engine computes: slower than it did at the same load, or slow only at first.

Metrics know no temperature and no clock of a GPU. What they know is how long a step took: the
reciprocal of the steps per second, while requests ran all the time. A step depends on how many
requests run, on how many tokens it has and on how long their contexts are, so that a half minute is
only held against others that were alike in all three.

  usual time of a half minute = lower quartile of those that are alike; slower = ≥ 1.25 × usual
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lib.diagnosis.counts import grown, steps_of
from lib.diagnosis.finding import Curve, Finding, How, Link, Remedy, Rival, Severity
from lib.diagnosis.holding import holding_since
from lib.diagnosis.links import ITL_99, in_order, queue, risen
from lib.diagnosis.rule import SYMPTOMS, Rule
from lib.diagnosis.scene import MINUTE, Scene, last
from lib.diagnosis.words import long, percent, seconds
from lib.metrics import Grid
from lib.metrics.sample import Values

__all__ = ["RULES"]

SPAN = 30.0
SLOWER = 1.25
"""Times the usual step; a stream then has a fifth fewer tokens per second."""
SLOWER_FOR, SLOWER_OVER = 90.0, 60.0
ALIKE = 0.15
"""Share by which two half minutes may differ in what a step depends on."""
LEAST_ALIKE = 5
LEAST_RUNNING = 2.0
LEAST_BEFORE = 120.0

IDLE = 600.0
FIRST = 60.0
LATER = 90.0
COLD, COLD_SECONDS = 3.0, 0.3
"""Times later calls, and seconds more than they take."""
WARM_SINCE = 600.0
LEAST_LATER = 5.0

# ── Are steps slower than they were ──


@dataclass(frozen=True, slots=True)
class _Halves:
    """Half minutes in which requests ran throughout: time of a step, and what it depends on."""

    grid: Grid
    step: Values
    running: Values
    tokens: Values
    context: Values

    @property
    def usual(self) -> Values:
        """The usual time of a step, from those that were alike; NaN where too few were."""
        found = np.full(len(self.step), np.nan)
        for index in np.flatnonzero(np.isfinite(self.step)):
            alike = np.isfinite(self.step)
            for one in (self.running, self.tokens, self.context):
                alike &= np.abs(one - one[index]) <= ALIKE * one[index]
            if alike.sum() >= LEAST_ALIKE:
                found[index] = np.percentile(self.step[alike], 25)
        return found


def _halves(scene: Scene) -> _Halves:
    size = steps_of(scene, SPAN)
    count = scene.grid.size // size
    skipped = scene.grid.size - count * size
    first = scene.grid.first + (skipped + size - 1) * scene.grid.step
    grid = Grid(first, size * scene.grid.step, count)

    def mean(curve: Values) -> Values:
        """NaN where any of it is unknown."""
        found: Values = curve[skipped:].reshape(count, size).mean(axis=1)
        return found

    def total(quantity: str, part: str | None = None) -> Values:
        return mean(grown(scene, scene.grid.step, quantity, part)) * size

    steps, running = total("step_tokens", "le=inf"), mean(scene.running)
    idle = scene.running[skipped:].reshape(count, size).min(axis=1) < 1
    rests = idle | (running < LEAST_RUNNING) | ~(steps > 0)
    if scene.tells("preemptions"):  # what is computed again is in the time, not in the tokens
        rests |= total("preemptions") > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.where(rests, np.nan, grid.step / steps)
        tokens = total("step_tokens", "sum") / steps
        context = mean(scene.usage) / running
    return _Halves(grid, step, running, tokens, np.nan_to_num(context))


def _slower_steps(scene: Scene) -> Finding | None:
    halves = _halves(scene)
    with np.errstate(invalid="ignore"):
        times = halves.step / halves.usual
    known = np.isfinite(times)
    since = holding_since(
        halves.grid,
        known,
        times >= SLOWER,
        times < (1 + SLOWER) / 2,
        hold=SLOWER_FOR,
        release=SLOWER_OVER,
    )
    if since is None:
        return None
    after = known & (halves.grid.moments >= since)
    now, usual = float(np.median(halves.step[after])), float(np.median(halves.usual[after]))
    began = since - halves.grid.step
    if now < SLOWER * usual or began - scene.window.start < LEAST_BEFORE:
        return None
    fewer = 1 - usual / now
    return Finding(
        rule="slower_steps",
        pattern=28,
        severity=Severity.WATCH,
        brief="Engine slower",
        headline=f"The engine computes {percent(fewer)} slower than before at the same load",
        detail=(
            "Inferred from steps with as many requests, tokens and KV blocks as before. "
            "Metrics know no hardware: check the GPU's temperature, power and clocks."
        ),
        since=began,
        chain=in_order(
            (
                Link(
                    "step_tokens",
                    "Time of a step",
                    f"{seconds(now)}, {seconds(usual)} before",
                    f"≥ {SLOWER:g} × before for {SLOWER_FOR:.0f} s",
                    "since then",
                    began,
                    curve=Curve("step_tokens", How.RATE, part="le=inf", span=SPAN),
                ),
                risen(scene, ITL_99, "ITL p99", began, times=SLOWER),
                queue(scene),
            )
        ),
        rivals=_same_load(halves, after),
        remedies=(
            Remedy("", "look at nvidia-smi -q -d PERFORMANCE: temperature, power cap, clocks"),
            Remedy("", "look for another process on the same GPU or cores"),
        ),
        source="GPU event monitors: throttling",
    )


def _same_load(halves: _Halves, after: NDArray[np.bool_]) -> tuple[Rival, ...]:
    running, tokens = (float(np.median(one[after])) for one in (halves.running, halves.tokens))
    why = f"held against moments with {running:.0f} running and {tokens:.0f} tokens in a step"
    return (Rival("more load", why),)


# ── Were only the first calls slow ──


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
            f"{first.count:,.0f} calls in the first minute waited {seconds(first.mean)} on average "
            f"for their first token, those {long(LATER)} later {seconds(later.mean)}. "
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
    rested = moments[moments - before >= IDLE]
    started = last(scene.window.gauge("process_start"))
    fresh = moments[moments >= started] if started >= scene.window.start - IDLE else moments[:0]
    found = [*rested[-1:], *fresh[:1]]
    return float(max(found)) if found else None


def _waited(scene: Scene, began: float) -> bool:
    """Whether the first calls stood in a queue."""
    first = (scene.grid.moments >= began) & (scene.grid.moments <= began + FIRST)
    known = scene.waiting[first & np.isfinite(scene.waiting)]
    return bool(len(known)) and float(known.mean()) >= 1.0


RULES: tuple[Rule, ...] = (
    Rule(
        "slower_steps",
        28,
        "The engine keeps its pace",
        ("step_tokens", "running", "kv_usage"),
        _slower_steps,
        least=LEAST_BEFORE + SLOWER_FOR + SPAN,
        explains=("seat_limit", "prefill_limit", *SYMPTOMS),
    ),
    Rule(
        "warming_up",
        31,
        "First calls are as fast as later ones",
        ("ttft", "prompt_tokens", "waiting"),
        _warming_up,
        least=FIRST + LATER,
        explains=("slow_first_token",),
    ),
)
