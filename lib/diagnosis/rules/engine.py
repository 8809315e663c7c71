"""An engine that stands still: hung, or one that admits nobody though its cache is empty.

Patterns 11 and 12. That the head of a queue never fits is said only where the longest request is
known to be larger than the cache: a grammar that compiles looks the same. Both are looked for in
each engine alone: the others' progress hides it. An engine that is asleep or paused on purpose
stands still for that reason. Standing still ends with the newest answer: while a server does not
answer, nothing is known of its engine.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lib.diagnosis.finding import Curve, Finding, How, Link, Remedy, Rival, Severity
from lib.diagnosis.links import in_order, some
from lib.diagnosis.rule import SYMPTOMS, Rule
from lib.diagnosis.scene import Scene, last
from lib.diagnosis.words import counted, long, percent
from lib.metrics import Member
from lib.metrics.sample import Values

__all__ = ["RULES"]

SUSPECT_AFTER, HUNG_AFTER = 20.0, 25.0
"""Seconds without any progress while there are requests."""
PATIENCE = 120.0
"""Seconds that a server whose prefills take long may be given at most."""
PREFILLS = 2.0
"""How many of its slowest prefills an engine may be silent for."""
BLOCKED_AFTER = 15.0
EMPTY = 0.01
"""Share of the KV cache below which it is as good as empty."""

_MOVES = (
    ("prompt_tokens", None),
    ("generation_tokens", None),
    ("step_tokens", "le=inf"),
    ("kv_usage", None),
)
_STEPS = Curve("step_tokens", How.RATE, part="le=inf", span=10.0)
_TOKENS = Curve("generation_tokens", How.RATE, span=10.0)
_WAITING, _RUNNING = Curve("waiting", How.GAUGE), Curve("running", How.MAX)
_CACHE = Curve("kv_usage", How.MAX, limit=EMPTY)


@dataclass(frozen=True, slots=True)
class _Engine:
    """How one engine stands: since when nothing of it moves (None: it moves, or has no requests).

    `blocked` is since when it has run nothing and counted no token while requests waited, known
    only where the use of its cache is.
    """

    member: Member
    requests: float
    running: float
    still: float | None
    blocked: float | None
    usage: float


def _engines(scene: Scene) -> Iterator[_Engine]:
    window = scene.window
    rows = np.flatnonzero(window.answered)
    for member in window.layout.members:

        def of(quantity: str, part: str | None = None, member: Member = member) -> Values:
            return window.values[rows][:, window.layout.columns(quantity, part, member)]

        running, waiting = (_known(of(quantity)) for quantity in ("running", "waiting"))
        moves = [of(quantity, part) for quantity, part in _MOVES]
        if not any(told.size for told in moves[:3]):
            continue  # the use of its cache alone may well stand still
        if last(_highest(of("sleep_state", "awake"))) == 0:
            continue  # it stands still on purpose
        times = window.times[rows]
        tokens = np.concatenate(moves[:2], axis=1)
        usage = _highest(of("kv_usage"))
        empty = (running == 0) & (waiting > 0) & (usage < EMPTY)
        yield _Engine(
            member,
            float((running + waiting)[-1]) if len(rows) else 0.0,
            float(running[-1]) if len(rows) else 0.0,
            _still_since(times, np.concatenate(moves, axis=1), running + waiting > 0),
            _still_since(times, tokens, empty),
            float(usage[-1]) if len(rows) else math.nan,
        )


def _known(values: Values) -> Values:
    """Columns as one; nothing told counts as none."""
    found: Values = np.nan_to_num(values).sum(axis=1)
    return found


def _highest(values: Values) -> Values:
    """The greatest of the columns; NaN where none is told."""
    found = np.where(np.isfinite(values), values, -np.inf).max(axis=1, initial=-np.inf)
    return np.where(found >= 0, found, np.nan)


def _still_since(times: Values, values: Values, while_: np.ndarray) -> float | None:
    """Since when no value has changed while a condition held; None if that is not so at the end.

    A condition holds from the first answer that says so: where answers are a minute apart, nobody
    knows how long before that it began.
    """
    if not len(times) or not while_[-1]:
        return None
    changed = np.flatnonzero((np.diff(np.nan_to_num(values), axis=0) != 0).any(axis=1)) + 1
    began = np.flatnonzero(~while_) + 1
    return float(times[max([0, *changed[-1:], *began[-1:]])])


# ── Does it hang ──


def _hung(scene: Scene) -> Finding | None:
    if scene.is_resting or scene.newest is None:
        return None
    slow = _patience(scene)
    suspect = scene.newest - max(SUSPECT_AFTER, slow - HUNG_AFTER + SUSPECT_AFTER)
    still = [
        (one, one.still)
        for one in _engines(scene)
        if one.still is not None and one.still <= suspect and one.blocked is None
    ]
    if not still:
        return None
    since = min(since for _, since in still)
    lasted = scene.newest - since
    engines = [one for one, _ in still]
    is_hung = lasted >= max(HUNG_AFTER, slow)
    requests = sum(one.requests for one in engines)
    who = _who(scene, engines)
    hangs, inside = "hangs" if len(engines) == 1 else "hang", counted(requests, "request")
    return Finding(
        rule="hung",
        pattern=11,
        severity=Severity.BAD if is_hung else Severity.WATCH,
        brief="Engine hangs" if is_hung else "Engine may hang",
        headline=(
            f"{who} {hangs}: {inside} in it, and no token for {long(lasted)}"
            if is_hung
            else f"{who} may hang: no progress for {long(lasted)}, with {inside} in it"
        ),
        detail="It answers /metrics, and /health may go on passing: neither asks for a token.",
        since=since,
        chain=in_order(_standing(scene, engines, since, lasted)),
        rivals=some(Rival("idle", f"running and waiting: {inside}"), _not_livelocked(engines)),
        remedies=(
            Remedy(
                "", "save its log and a stack dump (py-spy dump) of the engine process, restart it"
            ),
            Remedy(
                "",
                "probe liveness with a request for one token: /health passes while it hangs",
                "a seat every half minute",
            ),
        ),
        source="vllm-project/vllm#39863",
        engines=tuple(one.member for one in engines),
    )


def _patience(scene: Scene) -> float:
    """Seconds that its prefills make plausible without progress."""
    slowest = scene.window.percentile("prefill_time", 0.99)
    if slowest is None or not np.isfinite(slowest.high):
        return 0.0
    return min(PATIENCE, PREFILLS * float(slowest.high))


def _who(scene: Scene, still: list[_Engine]) -> str:
    """Who stands still, and which where there are several."""
    if len(scene.window.layout.members) < 2:
        return "The engine"
    names = ", ".join(engine for _, engine in (one.member for one in still))
    return f"Engine {names}" if len(still) == 1 else f"Engines {names}"


def _not_livelocked(still: list[_Engine]) -> Rival | None:
    """A queue whose head never fits, if each of them runs requests or holds blocks."""
    if not all(one.running > 0 or one.usage >= EMPTY for one in still):
        return None
    return Rival("a head of the queue that never fits", "requests run, or hold blocks")


def _standing(scene: Scene, still: list[_Engine], since: float, lasted: float) -> Iterator[Link]:
    threshold = f"0 for {SUSPECT_AFTER:.0f} s"
    for curve, label in ((_STEPS, "Steps"), (_TOKENS, "Tokens written")):
        if scene.tells(curve.quantity):
            yield _link(scene, still, curve, label, f"none for {long(lasted)}", threshold, since)
    running = sum(one.running for one in still)
    waiting = sum(one.requests for one in still) - running
    for curve, label, requests in (
        (_RUNNING, "Running", running),
        (_WAITING, "Waiting", waiting),
    ):
        yield _link(scene, still, curve, label, f"{requests:.0f}", "> 0 in all")


def _link(
    scene: Scene,
    engines: list[_Engine],
    curve: Curve,
    label: str,
    figure: str,
    threshold: str,
    since: float | None = None,
) -> Link:
    """A figure of these engines; where there are others, no curve is of these alone."""
    drawn: Curve | None = curve
    if len(scene.window.layout.members) > 1:
        who = _who(scene, engines)
        label, drawn = f"{label} of {who[0].lower()}{who[1:]}", None
    when = "now" if since is None else "since then"
    return Link(curve.quantity, label, figure, threshold, when, since, curve=drawn)


# ── Can the head of its queue never start ──


def _livelock(scene: Scene) -> Finding | None:
    if scene.is_resting or _only_deferred(scene) or scene.newest is None:
        return None
    long_ago = scene.newest - BLOCKED_AFTER
    blocked = [
        (one, one.blocked)
        for one in _engines(scene)
        if one.blocked is not None and one.blocked <= long_ago
    ]
    if not blocked:
        return None
    since = min(since for _, since in blocked)
    short = _is_short(scene)
    engines = [one for one, _ in blocked]
    several = len(scene.window.layout.members) > 1
    who = f"{_who(scene, engines)}: requests" if several else "Requests"
    used = percent(max(one.usage for one in engines))
    return Finding(
        rule="livelock",
        pattern=12,
        severity=Severity.BAD,
        brief="Queue can't start",
        headline=f"{who} wait and none runs, with an empty KV cache: the first one can never fit"
        if short
        else f"{who} wait and none runs, though the KV cache is empty",
        detail=_how_large(scene),
        since=since,
        chain=in_order((*_blocking(scene, engines, since, used), _room(scene) if short else None)),
        rivals=(
            Rival("full KV cache", f"{used} used"),
            Rival("seat limit", "no seat is taken"),
        ),
        remedies=_admit(scene) if short else _LOOK,
        source="vllm-project/vllm#39734",
        engines=tuple(one.member for one in engines),
    )


_ABORT = Remedy("", "abort the request at the head of the queue")
_LOOK = (
    Remedy("", "read its log: what does the first request wait for (a grammar, a transfer)?"),
    _ABORT,
)


def _admit(scene: Scene) -> tuple[Remedy, ...]:
    """What lets requests in that are larger than the cache."""
    return (
        Remedy(
            f"--max-model-len {_tokens(scene):.0f}",
            "no longer than the cache holds",
            "longer requests are refused at once",
        ),
        Remedy("--no-scheduler-reserve-full-isl", "a prompt starts without room for all of it"),
        _ABORT,
    )


def _is_short(scene: Scene) -> bool:
    """Whether the longest request that is let in is larger than the cache, as far as is known."""
    longest = scene.context.max_model_len
    return longest is not None and _tokens(scene) < longest


def _how_large(scene: Scene) -> str:
    tokens, longest = _tokens(scene), scene.context.max_model_len
    if not math.isfinite(tokens):
        return "The size of the KV cache is not reported."
    size = f"The KV cache holds {tokens:,.0f} tokens"
    if longest is None:
        return f"{size}; how long a request may be is not known."
    fits = "" if _is_short(scene) else ": any request fits"
    return f"{size}, --max-model-len is {longest:,}{fits}."


def _only_deferred(scene: Scene) -> bool:
    """Whether all that wait do so for something else than room."""
    if not scene.tells("waiting_by_reason"):
        return False
    deferred = last(scene.window.gauge("waiting_by_reason", "deferred"))
    return deferred >= last(scene.window.gauge("waiting"))


def _tokens(scene: Scene) -> float:
    """How many tokens fit into the KV cache of one engine; NaN if that is not reported."""
    return last(scene.window.gauge("kv_tokens", how="mean"))


def _blocking(scene: Scene, blocked: list[_Engine], since: float, used: str) -> Iterator[Link]:
    now = f"{sum(one.requests for one in blocked):.0f}"
    hold = f"> 0 for {BLOCKED_AFTER:.0f} s"
    yield _link(scene, blocked, _WAITING, "Waiting", now, hold, since)
    yield _link(scene, blocked, _RUNNING, "Running", "0", "0", since)
    yield _link(scene, blocked, _CACHE, "KV cache", f"{used} used", f"< {percent(EMPTY)}")


def _room(scene: Scene) -> Link:
    limit = f"< {scene.context.max_model_len:,} of a request"
    figure = f"{_tokens(scene):,.0f} tokens"
    return Link("kv_tokens", "Room in the cache", figure, limit, "now")


RULES: tuple[Rule, ...] = (
    Rule(
        "hung",
        11,
        "Engine makes progress",
        ("running", "waiting"),
        _hung,
        least=SUSPECT_AFTER,
        explains=(
            *SYMPTOMS,
            *("seat_limit", "deferred", "grammar", "cache_full", "prefill_limit"),
            *("errors", "slower_steps"),
        ),
    ),
    Rule(
        "livelock",
        12,
        "Head of the queue can start",
        ("running", "waiting", "kv_usage"),
        _livelock,
        least=BLOCKED_AFTER,
        explains=(*SYMPTOMS, "hung"),
    ),
)
