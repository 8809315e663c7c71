"""The size of the KV cache: is it far too large for its load, or small by its flags.

Pattern 25, and one of no pattern: a cache that is hardly held. That is asked only where the prefix
cache is off: blocks that it keeps and no request holds count as free, and are of use. Hints only:
nobody waits for it now. That requests are far shorter than --max-model-len is no finding: blocks
are given as tokens come, not by that length.
"""

import numpy as np

from lib.diagnosis.finding import Curve, Finding, How, Link, Remedy, Rival, Severity
from lib.diagnosis.links import ROOM, in_order, some
from lib.diagnosis.remedies import cache_size, more_cache
from lib.diagnosis.rule import Rule
from lib.diagnosis.scene import MINUTE, Scene, last
from lib.diagnosis.words import long, percent

__all__ = ["RULES"]

UNUSED = 0.5
UNUSED_FOR = 1_800.0

FLAGS_OVER = 300.0
"""Seconds after which nobody feels any more how small the cache is."""
FEW_REQUESTS = 2.0
"""Requests of the greatest length that a cache should hold at least."""
MEMORY_SHARE = 0.85
"""Share of the GPU's memory from which on little is left to give."""
BUSY_CACHE = 0.7
"""Use from which on more memory would be of use."""

_USAGE = Curve("kv_usage", How.MAX)


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
        pattern=0,
        severity=Severity.HINT,
        brief="KV cache mostly unused",
        headline=f"Never more than {usage.max():.0%} of the KV cache was held by requests",
        detail=f"In {over}{waited}. The prefix cache is off: no block is kept for later.",
        since=max(scene.window.start, scene.window.end - UNUSED_FOR),
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
        remedies=(Remedy(cache_size(scene), "give memory back", "less room for growth"),),
        source="vLLM documentation: metrics, kv_cache_usage_perc",
    )


def _caches(scene: Scene) -> str:
    """Why blocks that no request holds may be of use; "" if the prefix cache is off."""
    is_off = scene.words("enable_prefix_caching") == {"False"}
    return "" if is_off else "blocks that the prefix cache keeps count as free"


# ── Is the KV cache small by its flags ──


def _cache_flags(scene: Scene) -> Finding | None:
    """Only while it is used, and as long as it is not full: then that is the finding."""
    room, share = scene.label("kv_cache_max_concurrency"), _memory_share(scene)
    recent = max(scene.window.start, scene.window.end - FLAGS_OVER)
    high = scene.highest(scene.usage, recent)
    if not high > 0 or last(scene.usage) >= ROOM:
        return None
    flags = []
    if room is not None and room < FEW_REQUESTS and high >= UNUSED:
        flags.append(_room(room))
    few = bool(flags)
    if share is not None and share < MEMORY_SHARE and high >= BUSY_CACHE:
        flags.append(_share(share))
    if not flags:
        return None
    return Finding(
        rule="cache_flags",
        pattern=25,
        severity=Severity.HINT,
        brief="KV cache small by its flags",
        headline=(
            "The KV cache holds fewer than two requests of the greatest length"
            if few
            else "The GPU has memory that the KV cache may not use"
        ),
        detail=f"Up to {percent(high)} of it was used in {long(scene.window.end - recent)}.",
        since=recent,
        chain=in_order([*flags, _highest(scene, high, recent)]),
        remedies=some(
            more_cache(scene, "more of the GPU's memory", "none left to others"),
            Remedy("--max-model-len", "no longer than requests are", "longer ones are refused"),
        ),
        source="vLLM documentation: optimization",
    )


def _memory_share(scene: Scene) -> float | None:
    """The share of the GPU's memory that the size of the cache comes from; None if it does not."""
    is_measured = cache_size(scene) == "--gpu-memory-utilization"
    return scene.label("gpu_memory_utilization") if is_measured else None


def _room(room: float) -> Link:
    return Link(
        "kv_tokens",
        "Room at the greatest length",
        f"{room:.2g} requests",
        f"< {FEW_REQUESTS:.0f}",
        "now",
        config="kv_cache_max_concurrency",
    )


def _share(share: float) -> Link:
    return Link(
        "kv_tokens",
        "GPU memory that vLLM may use",
        f"{share:.2g}",
        f"< {MEMORY_SHARE}",
        "now",
        config="gpu_memory_utilization",
    )


def _highest(scene: Scene, high: float, since: float) -> Link:
    over = long(scene.window.end - since)
    return Link("kv_usage", "KV cache, highest", percent(high), "", over, curve=_USAGE)


RULES: tuple[Rule, ...] = (
    Rule(
        "cache_unused",
        0,
        "KV cache not far too large",
        ("kv_usage", "running"),
        _cache_unused,
        least=UNUSED_FOR,
        lacks=_caches,
        at_work=True,
    ),
    Rule(
        "cache_flags",
        25,
        "KV cache not small by its flags",
        ("kv_usage",),
        _cache_flags,
        least=MINUTE,
        at_work=True,
    ),
)
