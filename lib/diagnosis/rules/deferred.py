"""Requests that could be seated but may not start: they wait for something else than room.

Patterns 13 and 14. vLLM says how many, not for what: an adapter, KV from another server, or a
grammar. Where a server has neither adapters nor transfers, a grammar is what is left. Every server
reports the counters of an external cache (from 0.11.2 on): one that has none leaves them at 0.
"""

import numpy as np

from lib.diagnosis.finding import Curve, Finding, How, Link, Remedy, Rival, Severity
from lib.diagnosis.links import ROOM, TTFT_95, felt, in_order, not_memory, not_preempted, some
from lib.diagnosis.rule import SYMPTOMS, Rule
from lib.diagnosis.scene import MINUTE, Scene, last
from lib.diagnosis.words import counted

__all__ = ["RULES"]

DEFERRED_FOR, DEFERRED_OVER = 30.0, 15.0
TAIL = 3.0
"""How many times its median a percentile must be to be called a tail."""

_ADAPTER, _TRANSFER = "an adapter", "KV from elsewhere"
_REMEDIES = {
    _ADAPTER: Remedy("--max-loras", "more adapters at once", "memory"),
    _TRANSFER: Remedy("", "look for a stuck transfer in the log; restart if none of them moves"),
}

_RUNNING = Curve("running", How.GAUGE)
_DEFERRED = Curve("waiting_by_reason", How.GAUGE, part="deferred", limit=1.0)


def _deferred(scene: Scene) -> Finding | None:
    found = _deferred_since(scene)
    if found is None or not _classes(scene):
        return None
    since, deferred = found
    running, seats = last(scene.running), _seats(scene)
    eats = seats is not None and running + deferred >= seats
    return Finding(
        rule="deferred",
        pattern=13,
        severity=Severity.BAD if running == 0 or eats else Severity.WATCH,
        brief="Requests deferred",
        headline=f"{counted(deferred, 'request')} held back though there is room: waiting for "
        f"{' or '.join(_classes(scene))}",
        detail=f"{_run(running)} meanwhile{f', of {seats} seats' if seats else ''}.",
        since=since,
        chain=in_order(
            [_deferred_link(since, deferred), _running_link(scene), *felt(scene, since)]
        ),
        rivals=some(not_memory(scene, since), not_preempted(scene, since)),
        remedies=tuple(_REMEDIES[one] for one in _classes(scene)),
        source="vllm-project/vllm#38435",
    )


def _run(running: float) -> str:
    return "1 runs" if round(running) == 1 else f"{running:.0f} run"


def _grammar(scene: Scene) -> Finding | None:
    found = _deferred_since(scene)
    if found is None or _classes(scene):
        return None
    since, deferred = found
    tail = _tail(scene)
    if tail is None:
        return None
    return Finding(
        rule="grammar",
        pattern=14,
        severity=Severity.WATCH,
        brief="Grammars compile slowly",
        headline="Requests with a schema wait for their grammar; the others are served as usual",
        detail=(
            f"{counted(deferred, 'request')} deferred, and this server has neither adapters "
            "nor transfers of KV: what is left is a grammar that compiles (inferred)."
        ),
        since=since,
        chain=in_order([_deferred_link(since, deferred), tail]),
        rivals=some(
            not_memory(scene, since),
            Rival("adapters", "none are reported"),
            Rival(_TRANSFER, "none was ever looked for"),
        ),
        remedies=(
            Remedy("", "simpler schemas: less nesting, fewer alternatives, no long patterns"),
            Remedy("", "the same schema again and again, so that it is compiled once"),
        ),
        source="vllm-project/vllm#54003",
    )


def _deferred_since(scene: Scene) -> tuple[float, float] | None:
    """Since when requests are deferred while the cache has room, and how many last were."""
    curve = scene.curve(_DEFERRED)
    deferred = (curve >= 0.5) & ~(scene.usage >= ROOM)
    since = scene.since(
        deferred, known=np.isfinite(curve), hold=DEFERRED_FOR, release=DEFERRED_OVER
    )
    if since is None:
        return None
    newest = curve[deferred][-2:]  # the last one alone may be the mean of a step in which it ended
    return since, float(newest.max())


def _seats(scene: Scene) -> int | None:
    """Of all engines that tell what they run; None if that is not known."""
    each = scene.context.max_num_seqs
    told = np.isfinite(scene.window.values[:, scene.window.layout.columns("running")]).sum(axis=1)
    return each * int(told[told > 0][-1]) if each is not None else None


def _classes(scene: Scene) -> tuple[str, ...]:
    """What a request of this server may be deferred for, besides a grammar."""
    told = scene.window.layout.quantities
    adapters = any(name.startswith("lora") for name in told)
    transfers = scene.tells("kv_fetch") or _ever_counted(scene, "external_prefix_queries")
    return (*((_ADAPTER,) if adapters else ()), *((_TRANSFER,) if transfers else ()))


def _ever_counted(scene: Scene, quantity: str) -> bool:
    """Whether a counter is above 0, be it since before the window began."""
    values = scene.window.values[:, scene.window.layout.columns(quantity)]
    return bool((values > 0).any())


def _deferred_link(since: float, deferred: float) -> Link:
    threshold = f"> 0 for {DEFERRED_FOR:.0f} s"
    figure = f"{deferred:.0f}"
    return Link("waiting_by_reason", "Deferred", figure, threshold, "now", since, curve=_DEFERRED)


def _running_link(scene: Scene) -> Link:
    return Link("running", "Running", f"{last(scene.running):.0f}", "", "now", curve=_RUNNING)


def _tail(scene: Scene) -> Link | None:
    """That only some first tokens are late."""
    half = last(scene.curve(Curve("ttft", How.PERCENTILE, q=0.5, span=MINUTE)))
    high = last(scene.curve(TTFT_95))
    if not high >= TAIL * half:
        return None
    return Link(
        "ttft",
        "TTFT p95",
        f"{high / half:.1f} × the median",
        f"≥ {TAIL:g} ×",
        "last 60 s",
        curve=TTFT_95,
    )


RULES: tuple[Rule, ...] = (
    Rule(
        "deferred",
        13,
        "No request held back",
        ("waiting_by_reason", "running"),
        _deferred,
        least=DEFERRED_FOR,
        explains=SYMPTOMS,
    ),
    Rule(
        "grammar",
        14,
        "Grammars ready in time",
        ("waiting_by_reason", "ttft"),
        _grammar,
        least=DEFERRED_FOR,
        explains=SYMPTOMS,
    ),
)
