"""How fast the engine computes: slower than it did at the same load.

Metrics know no temperature and no clock of a GPU. What they know is how long a step took: the
reciprocal of the steps per second, while requests ran all the time. A step depends on how many
requests run, on how many tokens it has and on how much of the KV cache is read. That is fitted to
the half minutes before, by least absolute deviations:

  usual time of a step = a + b × running + c × tokens + d × KV cache use     (b, c, d ≥ 0)

More load than was ever seen before makes steps longer at most in proportion (a ≥ 0): half minutes
that took longer than even that are slower; of the others nothing is known. Less load than was ever
seen is taken for the least that was: nobody knows how much shorter its steps should be. Each engine
is held against itself alone, since its last start: the steps of several add up while one that rests
makes none, and a restart may bring another model and other flags.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lib.diagnosis.counts import grown, steps_of
from lib.diagnosis.finding import Curve, Finding, How, Link, Remedy, Rival, Severity
from lib.diagnosis.holding import holding_since
from lib.diagnosis.links import ITL_99, in_order, of_engines, queue, risen, some
from lib.diagnosis.rule import SYMPTOMS, Rule
from lib.diagnosis.scene import Scene
from lib.diagnosis.words import counted, long, percent, seconds
from lib.metrics import Grid
from lib.metrics.sample import Values

__all__ = ["RULES"]

SPAN = 30.0
SLOWER = 1.25
"""Times the usual step; a stream then has a fifth fewer tokens per second."""
SLOWER_FOR, SLOWER_OVER = 90.0, 60.0
LEAST_HALVES = 6
STALE = 6
"""Half minutes without one that could be judged: then nothing is said of now."""
LEAST_RUNNING = 2.0
LEAST_BEFORE = 240.0
MORE = 1.3
"""Times the greatest load that was seen before: beyond that nothing is known."""
ROUNDS = 8


@dataclass(frozen=True, slots=True)
class _Halves:
    """Half minutes: the time of a step (NaN where nobody ran for a while), and what it depends on.

    `load` is (half minutes, 3): requests that run, tokens in a step, use of the KV cache.
    """

    grid: Grid
    step: Values
    load: Values

    def usual(self, base: NDArray[np.bool_]) -> Values:
        """The time that each step should take by the half minutes of `base`; NaN: not known."""
        base = base & np.isfinite(self.step) & np.isfinite(self.load).all(axis=1)
        if base.sum() < LEAST_HALVES:
            return np.full(len(self.step), np.nan)
        least, greatest = self.load[base].min(axis=0), self.load[base].max(axis=0)
        load = np.maximum(self.load, least) / np.maximum(greatest, 1e-9)
        terms = np.column_stack([np.ones(len(self.step)), load])
        factors = _fitted(terms[base], self.step[base])
        more = np.maximum(1.0, terms[:, 1:].max(axis=1))
        fitted: Values = terms @ factors
        at_most = fitted + (more - 1) * max(0.0, factors[0])
        beyond = np.where(self.step >= SLOWER * at_most, at_most, np.nan)
        return np.where(more <= MORE, fitted, beyond)


def _fitted(terms: Values, times: Values) -> Values:
    """Factors of the terms by least absolute deviations, none negative but the first."""
    used = list(range(terms.shape[1]))
    while True:
        weights = np.ones(len(times))
        for _ in range(ROUNDS):
            factors = np.linalg.lstsq(terms[:, used] * weights[:, None], times * weights)[0]
            off = np.abs(times - terms[:, used] @ factors)
            weights = 1 / np.sqrt(np.maximum(off, 1e-3 * times))
        least = int(np.argmin(factors[1:])) + 1 if len(used) > 1 else 0
        if not least or factors[least] >= 0:
            found = np.zeros(terms.shape[1])
            found[used] = factors
            return found
        del used[least]


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
    rests |= grid.moments - grid.step < max(scene.window.restarts, default=-np.inf)
    if scene.tells("preemptions"):  # what is computed again is in the time, not in the tokens
        rests |= total("preemptions") > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.where(rests, np.nan, grid.step / steps)
        tokens = np.where(rests, np.nan, total("step_tokens", "sum") / steps)
    return _Halves(grid, step, np.column_stack([running, tokens, mean(scene.usage)]))


@dataclass(frozen=True, slots=True)
class _Slower:
    """An engine that is slower than it was: since when, its time of a step, and what it should be.

    `load` is the usual one since then and `seen` the greatest of before, as in `_Halves`.
    """

    engine: Scene
    since: float
    now: float
    usual: float
    load: Values
    seen: Values

    @property
    def fewer(self) -> float:
        """The share of its pace that is lost."""
        return 1 - self.usual / self.now


def _slower(engine: Scene) -> _Slower | None:
    halves = _halves(engine)
    known = np.flatnonzero(np.isfinite(halves.step))
    early = known[: max(LEAST_HALVES, len(known) // 3)]
    since = _slower_since(halves, np.isin(np.arange(len(halves.step)), early))
    if since is not None:  # to be sure, by all that was seen before
        since = _slower_since(halves, halves.grid.moments < since)
    if since is None:
        return None
    base = (halves.grid.moments < since) & np.isfinite(halves.step)
    usual = halves.usual(base)
    after = np.isfinite(usual) & np.isfinite(halves.step) & (halves.grid.moments >= since)
    return _Slower(
        engine,
        since - halves.grid.step,
        float(np.median(halves.step[after])),
        float(np.median(usual[after])),
        np.median(halves.load[after], axis=0),
        np.nanmax(halves.load[base], axis=0),
    )


def _slower_steps(scene: Scene) -> Finding | None:
    found = some(*map(_slower, scene.engines))
    if not found:
        return None
    slowest = max(found, key=lambda one: one.fewer)
    since = min(one.since for one in found)
    which = of_engines(scene, [slowest.engine])
    line = None if which else Curve("step_tokens", How.RATE, part="le=inf", span=SPAN)
    return Finding(
        rule="slower_steps",
        pattern=28,
        severity=Severity.WATCH,
        brief="Engine slower",
        headline=f"{which.capitalize() or 'The engine'} computes {percent(slowest.fewer)} slower "
        "than before at the same load",
        detail=(
            "Inferred from the requests, tokens and KV blocks of its steps before. "
            "Metrics know no hardware: check the GPU's temperature, power and clocks."
        ),
        since=since,
        chain=in_order(
            (
                Link(
                    "step_tokens",
                    f"Time of a step of {which}" if which else "Time of a step",
                    f"{seconds(slowest.now)}, {seconds(slowest.usual)} expected at that load",
                    f"≥ {SLOWER:g} × expected for {SLOWER_FOR:.0f} s",
                    "since then",
                    slowest.since,
                    curve=line,
                ),
                risen(scene, ITL_99, "ITL p99", since, times=SLOWER),
                queue(scene),
            )
        ),
        rivals=_same_load(slowest),
        remedies=(
            Remedy("", "look at nvidia-smi -q -d PERFORMANCE: temperature, power cap, clocks"),
            Remedy("", "look for another process on the same GPU or cores"),
        ),
        source="GPU event monitors: throttling",
    )


def _slower_since(halves: _Halves, base: NDArray[np.bool_]) -> float | None:
    """Since which half minute steps take longer than by those of `base`.

    Those that can't be judged are passed over: hardware does not recover while nobody looks.
    """
    with np.errstate(invalid="ignore"):
        times = halves.step / halves.usual(base)
    judged = np.flatnonzero(np.isfinite(times))
    if not len(judged) or len(times) - judged[-1] > STALE:
        return None
    times = times[judged]
    began = holding_since(
        Grid(0.0, SPAN, len(times)),
        np.ones(len(times), np.bool_),
        times >= SLOWER,
        times < (1 + SLOWER) / 2,
        hold=SLOWER_FOR - SPAN,
        release=SLOWER_OVER - SPAN,
    )
    return None if began is None else float(halves.grid.moments[judged[round(began / SPAN)]])


def _same_load(slower: _Slower) -> tuple[Rival, ...]:
    """More load, if as much was seen before."""
    if (slower.load > slower.seen).any():
        return ()
    (running, tokens, _), (most, longest, _) = slower.load, slower.seen
    now = f"{counted(running, 'request')} and {counted(tokens, 'token')} in a step"
    return (Rival("more load", f"{now}; up to {most:.0f} and {longest:,.0f} before"),)


def _too_little_ran(scene: Scene) -> str:
    ran = max(float((one.running >= LEAST_RUNNING).sum()) for one in scene.engines)
    enough = ran * scene.grid.step >= LEAST_BEFORE
    return "" if enough else f"needs {long(LEAST_BEFORE)} with two requests running"


RULES: tuple[Rule, ...] = (
    Rule(
        "slower_steps",
        28,
        "The engine keeps its pace",
        ("step_tokens", "running", "kv_usage"),
        _slower_steps,
        least=LEAST_BEFORE + SLOWER_FOR + SPAN,
        explains=("seat_limit", "prefill_limit", *SYMPTOMS),
        lacks=_too_little_ran,
    ),
)
