"""The KV cache: is it full, and does that make requests compute twice.

Patterns 1, 2 and 10. Thresholds and for-times stand at the head. A cache counts as full from
`FULL` on, or from `TIGHT` on while requests wait for room in that very engine: the head of the
queue may need more blocks than are left. As long as one waits it is not over until less than
`NEARLY` is used: what ends leaves blocks that are too few for the next.
"""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lib.diagnosis.finding import Curve, Finding, How, Link, Remedy, Severity
from lib.diagnosis.links import (
    HITS,
    PREEMPTED,
    felt,
    in_order,
    not_budget,
    not_preempted,
    not_seats,
    queue,
    risen,
    some,
)
from lib.diagnosis.remedies import denser_cache, more_cache
from lib.diagnosis.rule import SYMPTOMS, Rule
from lib.diagnosis.scene import MINUTE, Scene, last
from lib.diagnosis.words import percent, rate

__all__ = ["RULES"]

FULL, TIGHT, NEARLY = 0.95, 0.90, 0.85
FULL_FOR, FULL_OVER = 30.0, 30.0
WAIT = 0.5
"""Requests that wait on average of `FULL_OVER` from which on new ones are said to."""
PREEMPTING = 0.05
"""Preemptions per second from which on a full cache hurts (vLLM documentation, preemption)."""
PREEMPTED_SHARE = 0.1
"""Preemptions for each request that finishes, from which on it hurts a slow server as well."""
PREEMPTION = "vLLM documentation: optimization, preemption"
SATURATED = "vllm-project/vllm#23444"
FEWER = 0.75
"""Of the requests that ran at most: as many seats are tried first."""

HIT_MORE = 0.05
"""By how much the prefix hit rate must rise to be called risen."""

_USAGE = Curve("kv_usage", How.MAX)
_PREEMPTING = Curve("preemptions", How.RATE, span=15.0)
_COMPUTED = Curve("prompt_tokens_by_source", How.SHARE, part="local_compute", span=MINUTE)
_PREFILLED = Curve("prefill_computed", How.MEAN, span=MINUTE)


# ── Is the KV cache full ──


def _cache_full(scene: Scene) -> Finding | None:
    enters = [
        (one.usage >= FULL) | ((one.usage >= TIGHT) & (one.queued >= 1)) for one in scene.engines
    ]
    stays = [
        (one.usage >= TIGHT) | ((one.usage >= NEARLY) & (one.queued >= 1)) for one in scene.engines
    ]
    since = scene.since(
        np.any(enters, axis=0),
        ~np.any(stays, axis=0),
        known=np.isfinite(scene.usage),
        hold=FULL_FOR,
        release=FULL_OVER,
    )
    if since is None:
        return None
    preempting, limit = _preemptions(scene, since), _hurting(scene, since)
    hurts = preempting is not None and preempting >= limit
    waits = queue(scene) if _held_up(scene) >= WAIT else None
    return Finding(
        rule="cache_full",
        pattern=1 if hurts else 2,
        severity=Severity.BAD if hurts else Severity.WATCH,
        brief="KV cache full",
        headline=_full_headline(hurts=hurts, waits=waits is not None),
        detail=(
            f"At least {TIGHT:.0%} of it has been in use ({NEARLY:.0%} while requests wait); "
            f"no dip below lasted {FULL_OVER:.0f} s."
            f"{scene.free(since)}"
        ),
        since=since,
        chain=in_order(
            [_full(scene, since), *_consequences(scene, since, preempting, limit), waits]
        ),
        rivals=some(
            None if hurts else not_preempted(scene, since),
            not_seats(scene, since),
            not_budget(scene, since),
        ),
        remedies=_full_remedies(scene, since, hurts=hurts),
        source=PREEMPTION if hurts else SATURATED,
        explains=SYMPTOMS if hurts or waits is not None else (),
        engines=scene.members(_tight(scene)),
    )


def _preemptions(scene: Scene, since: float) -> float | None:
    """Preemptions per second: since then, or of the last minute if those are more."""
    found = [scene.rate("preemptions", from_) for from_ in (since, scene.window.end - MINUTE)]
    known = [one for one in found if one is not None]
    return max(known) if known else None


def _hurting(scene: Scene, since: float) -> float:
    """Preemptions per second that are many, on a slow server by the requests that finish."""
    finished = scene.rate("finished", since)
    often = math.inf if finished is None else PREEMPTED_SHARE * finished
    return max(PREEMPTED, min(PREEMPTING, often))


def _late(scene: Scene) -> NDArray[np.bool_]:
    """The moments by which it is judged how things stand now: `FULL_OVER`."""
    late: NDArray[np.bool_] = scene.grid.moments > (scene.newest or scene.window.end) - FULL_OVER
    return late


def _tight(scene: Scene) -> tuple[Scene, ...]:
    """The engines that have few blocks now, or had a moment ago."""
    late = _late(scene)
    return tuple(one for one in scene.engines if (one.usage[late] >= NEARLY).any())


def _held_up(scene: Scene) -> float:
    """Requests that wait now for blocks of an engine that has few: the mean of `FULL_OVER`."""
    late = _late(scene)
    waits = [np.where(one.usage >= NEARLY, one.queued, 0.0)[late] for one in scene.engines]
    return float(np.nan_to_num(waits).sum(axis=0).mean()) if late.any() else 0.0


def _full_headline(*, hurts: bool, waits: bool) -> str:
    if hurts:
        return "The KV cache is too small for the live load: requests are preempted and recomputed"
    if waits:
        return "The KV cache is full; new requests wait for blocks"
    return "The KV cache is full; more requests than these will have to wait"


def _full(scene: Scene, since: float) -> Link:
    engines = " of the fullest engine" if len(scene.window.layout.members) > 1 else ""
    threshold, usage, limit = f"≥ {FULL:.0%} for {FULL_FOR:.0f} s", scene.usage, FULL
    began: float | None = since
    if scene.highest(usage, since) < FULL:
        threshold, limit = f"≥ {TIGHT:.0%} for {FULL_FOR:.0f} s while requests wait", TIGHT
        known = np.isfinite(usage)
        began = scene.since(usage >= TIGHT, known=known, hold=FULL_FOR, release=FULL_OVER)
    label, now = f"KV cache{engines}", last(usage)
    used, when = f"{percent(now)} used", "now"
    if now < TIGHT:  # it comes and goes within the time that it may be away
        highest = scene.highest(usage, (scene.newest or scene.window.end) - FULL_OVER)
        used, when = f"{percent(highest)} used at most", f"last {FULL_OVER:.0f} s"
    curve = replace(_USAGE, limit=limit)
    return Link("kv_usage", label, used, threshold, when, began, curve=curve)


def _consequences(
    scene: Scene, since: float, preempting: float | None, limit: float
) -> Iterator[Link | None]:
    """What a full cache leads to, as far as it did."""
    if preempting is not None and preempting >= PREEMPTED:
        of = f", {PREEMPTED_SHARE:.0%} of what finishes" if limit < PREEMPTING else ""
        yield Link(
            "preemptions",
            "Preemptions",
            rate(preempting),
            f"≥ {rate(limit)}{of}",
            "since then",
            scene.crossed(scene.curve(_PREEMPTING) >= limit, since),
            holds=preempting >= limit,
            curve=replace(_PREEMPTING, limit=limit),
        )
        yield _recomputed(scene, since)
    yield from felt(scene, since)


def _recomputed(scene: Scene, since: float) -> Link | None:
    """That tokens are computed again, by the first figure that shows it."""
    share = risen(scene, _COMPUTED, "Prompt tokens computed", since, times=1.2, write=percent)
    length = risen(
        scene,
        _PREFILLED,
        "Computed per request",
        since,
        times=1.2,
        write=lambda tokens: f"{tokens:,.0f} tokens",
    )
    hits = risen(scene, HITS, "Recomputed, told as hits", since, times=1.2, write=percent)
    return share or length or hits


def _full_remedies(scene: Scene, since: float, *, hurts: bool) -> tuple[Remedy, ...]:
    """Fewer at once only where they get into each other's way; else more room."""
    where_it_hurts = (
        _fewer(scene, since),
        Remedy("--watermark 0.03", "a reserve of blocks", "later first tokens"),
    )
    where_it_holds = (
        Remedy("--kv-offloading-size", "blocks put aside in CPU memory", "memory there"),
        Remedy("--max-num-queued-reqs", "refuse early what would wait long", "503s"),
    )
    first, *rest = where_it_hurts if hurts else (None, *where_it_holds)
    return some(
        first,
        more_cache(scene, "a larger cache", "less memory left for all else"),
        denser_cache(scene),
        *rest,
        Remedy("", "another replica, or shorter contexts", "its GPU"),
    )


def _fewer(scene: Scene, since: float) -> Remedy | None:
    """Fewer seats than requests ran at most; None where that is not known, or no fewer can run."""
    most = scene.highest(scene.curve(Curve("running", How.MAX)), since)
    seats = 0 if math.isnan(most) else math.floor(FEWER * most)
    if seats < 1:
        return None
    does = "fewer requests at once, so that none is thrown out"
    return Remedy(f"--max-num-seqs {seats}", does, "a longer queue")


# ── Do recomputed tokens look like cache hits ──


def _recomputed_hits(scene: Scene) -> Finding | None:
    preempting = scene.rate("preemptions", scene.window.end - 2 * MINUTE)
    if preempting is None or preempting < PREEMPTED:
        return None
    change = scene.changed(HITS, by=HIT_MORE)
    if change is None:
        return None
    began = scene.crossed(scene.curve(_PREEMPTING) >= PREEMPTED, change.since)
    return Finding(
        rule="recomputed_hits",
        pattern=10,
        severity=Severity.HINT,
        brief="Hit rate misleads",
        headline="The prefix cache may only seem better: preempted requests count as its hits",
        detail=(
            "What was thrown out is looked up once more, and found. How much of the rise that is "
            "is not reported; prompts may also share more than before."
        ),
        since=change.since,
        chain=in_order(
            [
                Link(
                    "prefix_hits",
                    "Prefix cache hits",
                    percent(change.now),
                    f"≥ {percent(change.base.median + HIT_MORE)}",
                    "last 120 s",
                    change.since,
                    curve=replace(HITS, limit=change.base.median + HIT_MORE),
                ),
                Link(
                    "preemptions",
                    "Preemptions",
                    rate(preempting),
                    f"≥ {PREEMPTED} / s",
                    "last 120 s",
                    began,
                    curve=replace(_PREEMPTING, limit=PREEMPTED),
                ),
            ]
        ),
        remedies=(
            Remedy("", "do not judge the prefix cache by this; put an end to the preemptions"),
        ),
        source="vllm-project/vllm#25780",
    )


RULES: tuple[Rule, ...] = (
    Rule(
        "cache_full",
        1,
        "KV cache blocks left free",
        ("kv_usage",),
        _cache_full,
        least=FULL_FOR,
        explains=("recomputed_hits", "deferred"),
        at_work=True,
    ),
    Rule(
        "recomputed_hits",
        10,
        "Prefix cache hits are true",
        ("preemptions", "prefix_hits", "prefix_queries"),
        _recomputed_hits,
        least=5 * MINUTE,
    ),
)
