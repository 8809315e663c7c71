"""The prefix cache: do prompts still find what they found before.

Pattern 8. Judged on live traffic, so a fall counts only where prompts have to be computed for it.
"""

from dataclasses import replace

import numpy as np

from lib.diagnosis.finding import Curve, Finding, How, Link, Remedy, Severity
from lib.diagnosis.links import (
    HITS,
    PREFILL,
    TTFT_95,
    as_many,
    dated,
    in_order,
    not_memory,
    not_preempted,
    queue,
    risen,
    some,
)
from lib.diagnosis.remedies import more_cache
from lib.diagnosis.rule import SYMPTOMS, Rule
from lib.diagnosis.scene import MINUTE, Scene
from lib.diagnosis.words import percent, rate, seconds

__all__ = ["RULES"]

FELL_BY = 0.2
FELT = 1.2
"""How many times what was usual the prefill must be."""

RESTED = 60.0
"""Seconds that a block which is given away should have rested: else it may be missed."""

_COMPUTED = Curve("prompt_tokens_by_source", How.RATE, part="local_compute", span=MINUTE)


def _hits_fell(scene: Scene) -> Finding | None:
    change = scene.changed(HITS, by=-FELL_BY)
    if change is None:
        return None
    since = change.since
    computed = risen(
        scene,
        _COMPUTED,
        "Prompt tokens computed",
        since,
        times=FELT,
        write=lambda x: rate(x, "tokens"),
    )
    prefill = risen(scene, PREFILL, "Prefill, mean", since, times=FELT)
    ttft = risen(scene, TTFT_95, "TTFT p95", since, times=FELT)
    if computed is None and prefill is None and ttft is None:
        return None
    limit = change.base.median - FELL_BY
    hits = dated(
        Link(
            "prefix_hits",
            "Prefix cache hits",
            percent(change.now),
            f"≤ {percent(limit)}",
            "last 120 s",
            since,
            curve=replace(HITS, limit=limit),
        ),
        *(computed, prefill, ttft),
    )
    return Finding(
        rule="hits_fell",
        pattern=8,
        severity=Severity.WATCH,
        brief="Fewer cache hits",
        headline="Prompts find less in the prefix cache than before, and are computed again",
        detail=(
            f"{percent(change.now)} of prompt tokens found, {percent(change.base.median)} before. "
            "A head of the prompts that changed, a cache_salt, a router that lost its affinity, a "
            "reset or eviction does that."
        ),
        since=hits.since or since,
        chain=in_order([hits, computed, prefill, ttft, queue(scene), _evicted(scene, since)]),
        rivals=some(not_memory(scene, since), not_preempted(scene, since)),
        remedies=some(
            Remedy("", "put what is stable at the head of the prompt, what changes at its end"),
            Remedy("", "send the same users to the same replica", "an even load"),
            more_cache(scene, "keep more in the cache", "less memory for all else"),
        ),
        source="vllm-project/vllm#36084",
        explains=("prefill_limit",) if as_many(scene, since) else (),
    )


def _evicted(scene: Scene, since: float) -> Link | None:
    """How long blocks had rested that were given away, where that is sampled."""
    found = scene.window.since(since).percentile("block_idle", 0.5)
    if found is None or not np.isfinite(found.value):
        return None
    rested = float(found.value)
    return Link(
        "block_idle",
        "Blocks given away after",
        f"{seconds(rested)} of rest, median",
        f"< {seconds(RESTED)}: evicted too soon",
        "since then",
        holds=rested < RESTED,
        curve=Curve("block_idle", How.PERCENTILE, q=0.5, span=2 * MINUTE, limit=RESTED),
    )


RULES: tuple[Rule, ...] = (
    Rule(
        "hits_fell",
        8,
        "Prefix cache hits as before",
        ("prefix_hits", "prefix_queries"),
        _hits_fell,
        least=5 * MINUTE,
        explains=SYMPTOMS,
    ),
)
