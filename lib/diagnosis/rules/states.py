"""States of a server that explain everything else: just restarted, resting on purpose, not telling.

Asleep and paused servers take requests and let them wait: that looks like a hang and is none.
"""

import numpy as np

from lib.diagnosis.counts import grown
from lib.diagnosis.finding import Curve, Finding, How, Link, Remedy, Rival, Severity
from lib.diagnosis.links import in_order, of_engines, queue
from lib.diagnosis.rule import SYMPTOMS, Rule
from lib.diagnosis.scene import MINUTE, Scene, last
from lib.diagnosis.words import counted, long

__all__ = ["RULES"]

RECENT, AGAIN = 300.0, 600.0
TOGETHER = 60.0
"""Restarts so close are one: engines come back one by one."""
LOOP = 3

_AWAKE = Curve("sleep_state", How.MAX, part="awake", limit=0.5)
_WAKE = Remedy("", "wake it up: POST /wake_up")

# ── Does it start again and again ──


def _restarts(scene: Scene) -> Finding | None:
    seen = _restarts_of(scene)
    ago = scene.window.end - seen[-1] if seen else 0.0
    if not seen or ago > (RECENT if len(seen) == 1 else AGAIN):
        return None
    return _again_and_again(scene, seen, ago) if len(seen) > 1 else _restarted(scene, seen[0], ago)


def _again_and_again(scene: Scene, seen: list[float], ago: float) -> Finding:
    return Finding(
        rule="restarts",
        pattern=18,
        severity=Severity.BAD if len(seen) >= LOOP else Severity.WATCH,
        brief="Restarts",
        headline=f"The server has restarted {len(seen)} times"
        + (": it does not stay up" if len(seen) >= LOOP else ""),
        detail="All requests under way were lost each time, and its caches were empty again.",
        since=seen[0],
        chain=in_order(
            (
                Link(
                    "process_start",
                    "Restarts",
                    f"{len(seen)}, the last {long(ago)} ago",
                    f"≥ 2, the last within {long(AGAIN)}",
                    "since then",
                    seen[0],
                ),
                _served(scene, seen[-1]),
            )
        ),
        remedies=(
            Remedy("", "read the end of its log before each start: killed, out of memory, error"),
            Remedy("--gpu-memory-utilization 0.85", "room on the GPU", "a smaller KV cache"),
            Remedy("--max-model-len", "less memory for one request", "shorter contexts"),
        ),
        source="vLLM documentation: troubleshooting",
    )


def _restarted(scene: Scene, at: float, ago: float) -> Finding:
    return Finding(
        rule="restarts",
        pattern=18,
        severity=Severity.HINT,
        brief="Restarted",
        headline=f"The server restarted {long(ago)} ago",
        detail="Requests under way were lost, its caches are empty, its counters began at 0.",
        since=at,
        chain=in_order(
            (
                Link(
                    "process_start",
                    "Restart",
                    f"{long(ago)} ago",
                    f"within {long(RECENT)}",
                    "since then",
                    at,
                ),
                _served(scene, at),
            )
        ),
        remedies=(Remedy("", "if nobody meant it: read the end of its log before that"),),
        source="vLLM documentation: troubleshooting",
    )


def _served(scene: Scene, at: float) -> Link | None:
    since = scene.window.growth("prompt_tokens")[scene.window.times >= at]
    if not np.isfinite(since).any():
        return None
    curve = Curve("prompt_tokens", How.RATE, span=MINUTE)
    figure = f"{counted(np.nansum(since), 'token')} since the last start"
    return Link("prompt_tokens", "Prompts taken in", figure, "", "since then", curve=curve)


def _restarts_of(scene: Scene) -> list[float]:
    seen: list[float] = []
    for moment in scene.window.restarts:
        if not seen or moment - seen[-1] > TOGETHER:
            seen.append(moment)
    return seen


# ── Does it rest on purpose ──


def _asleep(scene: Scene) -> Finding | None:
    sleeping = _sleeping(scene)
    asleep = bool(sleeping) and not _works(scene)
    if not asleep and scene.context.paused is not True:
        return None
    waits, held = queue(scene), last(scene.waiting) + last(scene.running)
    state = "asleep" if asleep else "paused"
    began = min(sleeping.values()) if asleep else _quiet_since(scene)
    return Finding(
        rule="asleep",
        pattern=29,
        severity=Severity.WATCH if waits or held > 0 else Severity.HINT,
        brief="Asleep" if asleep else "Paused",
        headline=f"The server is {state} on purpose: it answers, but computes nothing",
        detail=_held_up(held, state),
        since=began,
        chain=in_order(
            (
                Link(
                    "sleep_state",
                    "Awake",
                    "no" if asleep else "yes, but paused",
                    "= 0" if asleep else "/is_paused says so",
                    "now",
                    began,
                    curve=_AWAKE,
                ),
                waits,
            )
        ),
        rivals=(Rival("hang", f"the server itself says that it is {state}"),),
        remedies=(_WAKE if asleep else Remedy("", "let it go on: POST /resume"),),
        source="vLLM documentation: sleep mode",
    )


def _engine_asleep(scene: Scene) -> Finding | None:
    sleeping = _sleeping(scene)
    if not sleeping or not _works(scene):
        return None
    since, which = min(sleeping.values()), of_engines(scene, list(sleeping))
    held = sum(last(one.waiting) + last(one.running) for one in sleeping)
    return Finding(
        rule="engine_asleep",
        pattern=29,
        severity=Severity.WATCH if held > 0 else Severity.HINT,
        brief="Engine asleep",
        headline=f"{which.capitalize()} {'is' if len(sleeping) == 1 else 'are'} asleep on purpose; "
        "the rest of the server works",
        detail=_held_up(held, "asleep"),
        since=since,
        chain=(Link("sleep_state", f"Awake, {which}", "no", "= 0", "now", since),),
        rivals=(Rival("hang", "the server itself says that it is asleep"),),
        remedies=(_WAKE,),
        source="vLLM documentation: sleep mode",
        engines=scene.members(sleeping),
    )


def _sleeping(scene: Scene) -> dict[Scene, float]:
    """The engines that are asleep, and since when each is."""
    since = {one: _is_awake(one, 0.0) for one in scene.engines}
    return {one: moment for one, moment in since.items() if moment is not None}


def _works(scene: Scene) -> bool:
    """Whether any engine says that it is awake.

    One that tells nothing any more (it was taken away, or has another name now) is neither.
    """
    return any(_is_awake(one, 1.0) is not None for one in scene.engines)


def _is_awake(engine: Scene, value: float) -> float | None:
    """Since when an engine tells this of itself; None if it does not, or tells nothing now."""
    awake = engine.curve(_AWAKE)
    return engine.since(awake == value, known=np.isfinite(awake), hold=0.0, release=0.0)


def _quiet_since(scene: Scene) -> float:
    """The last moment at which anything was computed; the window's start if nothing was."""
    tokens = grown(scene, scene.grid.step, "generation_tokens")
    moments = scene.grid.moments[tokens > 0]
    return float(moments[-1]) if len(moments) else scene.window.start


def _held_up(requests: float, state: str) -> str:
    if not requests > 0:
        return f"Nobody waits for it. Requests that come while it is {state} will."
    return f"Held up until it goes on: {counted(requests, 'request')}."


# ── Does its page tell of the engine ──


def _no_engine_metrics(scene: Scene) -> Finding | None:
    told = scene.context.metrics_state
    since = _without_engine(scene)
    if not told and since is None:
        return None
    return Finding(
        rule="no_engine_metrics",
        pattern=30,
        severity=Severity.WATCH,
        brief="No engine metrics",
        headline="The server tells nothing of its engine: there is nothing to judge it by",
        detail=f"Its page of metrics: {told}."
        if told
        else "Its page of metrics has figures of the process, none of the engine.",
        since=scene.window.start if since is None else since,
        chain=(
            Link(
                "running",
                "Figures of the engine",
                "none",
                "at least one",
                "now",
                since,
            ),
        ),
        remedies=(
            Remedy("--disable-log-stats", "take this flag away", "hardly any time"),
            Remedy("", "PROMETHEUS_MULTIPROC_DIR: an empty directory on a local disk"),
            Remedy("", "a release whose metrics are called vllm:…"),
        ),
        source="vllm-project/vllm#49983",
    )


def _without_engine(scene: Scene) -> float | None:
    """Since when answers hold nothing of the engine; None where they do, or are none."""
    engines = [index for index, one in enumerate(scene.window.layout.series) if one.engine]
    rows = np.flatnonzero(scene.window.answered)
    if not len(rows):
        return None
    told = np.count_nonzero(np.isfinite(scene.window.values[rows][:, engines]), axis=1) > 0
    if told[-1]:
        return None
    first = int(np.flatnonzero(told)[-1]) + 1 if told.any() else 0
    return float(scene.window.times[rows[first]])


def _silence(scene: Scene) -> str:
    blind = scene.silent and not scene.context.metrics_state
    return "no answer in the last minute" if blind else ""


def _nobody_says(scene: Scene) -> str:
    says = scene.tells("sleep_state") or scene.context.paused is not None
    return "" if says else f"this server does not report {scene.lacks(('sleep_state',))}"


RULES: tuple[Rule, ...] = (
    Rule(
        "no_engine_metrics",
        30,
        "Its engine tells of itself",
        (),
        _no_engine_metrics,
        least=0.0,
        lacks=_silence,
        blind=True,
    ),
    Rule(
        "asleep",
        29,
        "It is awake and not paused",
        (),
        _asleep,
        least=0.0,
        explains=(
            *("hung", "livelock", "seat_limit", "prefill_limit", "cache_full", "deferred"),
            *("rejecting", "errors", "clients_leave", "slower_steps", *SYMPTOMS),
        ),
        lacks=_nobody_says,
    ),
    Rule(
        "engine_asleep",
        29,
        "All its engines are awake",
        ("sleep_state",),
        _engine_asleep,
        least=0.0,
        explains=(
            *("replica_apart", "replica_loaded", "seat_limit", "prefill_limit", "cache_full"),
            *SYMPTOMS,
        ),
    ),
    Rule(
        "restarts",
        18,
        "It stays up",
        ("prompt_tokens",),
        _restarts,
        least=30.0,
        explains=("warming_up", "errors", "hits_fell", *SYMPTOMS),
    ),
)
