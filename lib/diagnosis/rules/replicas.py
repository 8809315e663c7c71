"""Is this server, or one of its engines, out of line with others of the same model.

The others come as windows of the same time: engines of one server from its own, replicas from the
context. What out of line means is decided in `lib.diagnosis.peers`; here, that it takes late first
tokens, or twice the requests with clearly more of the KV cache. Which of both makes two rules: a
full cache is an effect of too many requests, but may be the cause of late first tokens. Whether
more is sent to what holds more, its work says: the requests that came, and the tokens of prompts
and answers. Where all three are as elsewhere it finishes them later.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from lib.diagnosis.finding import Finding, Link, Remedy, Rival, Severity
from lib.diagnosis.links import in_order, some
from lib.diagnosis.measures import MEASURES, Measure
from lib.diagnosis.peers import Compared, Outlier, compared
from lib.diagnosis.rule import SYMPTOMS, Rule
from lib.diagnosis.scene import Scene, last
from lib.diagnosis.words import long, percent, rate, seconds
from lib.metrics import Window

__all__ = ["RULES"]

LOOKED_AT = 600.0
WORK = {
    "finished": "Requests that came",
    "prompt_tokens": "Prompt tokens",
    "generation_tokens": "Tokens written",
}
"""What says how much a server has to do, and how a link calls it."""
TIMES = 2.0
SPREAD = 0.3
"""Of the KV cache, between one and the others."""
ALIKE = 0.25
"""By how much more of the others' requests it may run and still do the same work."""
ENGINES = 16
THIS = "this server"
SOURCE = "vLLM documentation: data parallel deployment"

_ROUTER = Remedy("", "look at the router: least requests, or sticky by prefix, not round robin")
_HARDWARE = Remedy("", "take it out of the router and compare GPU clocks, links and releases")

_BY_NAME = {measure.name: measure for measure in MEASURES}
RUNNING, USAGE, TTFT = (_BY_NAME[name] for name in ("running", "kv_usage", "ttft_p95"))


@dataclass(frozen=True, slots=True)
class _Apart:
    """One that is out of line: what was measured, held against the others.

    `running` are its requests and the median of all now, NaN where that is not told; `others` how
    many it is held against, `work` its figures of work and the median of theirs.
    """

    name: str
    others: int
    running: tuple[float, float]
    work: tuple["_Work", ...]
    slow: Outlier | None
    busy: Outlier | None
    full: Outlier | None

    @property
    def is_loaded(self) -> bool:
        """Whether it holds far more requests, so that users or its cache feel it."""
        return self.busy is not None and (self.slow is not None or self.full is not None)

    @property
    def since(self) -> float:
        """Since when it is out of line; never if it is not."""
        if self.slow is not None:
            return self.slow.since
        if self.busy is not None and self.full is not None:
            return max(self.busy.since, self.full.since)
        return math.inf

    @property
    def who(self) -> str:
        """It, at the beginning of a sentence."""
        return "This server" if self.name == THIS else f"Engine {self.name}"

    @property
    def than(self) -> str:
        """Those that it is held against."""
        return "the other" if self.others == 1 else f"the {self.others} others"

    @property
    def works_more(self) -> bool | None:
        """Whether more is sent to it; None where no work is told."""
        return any(one.is_more for one in self.work) if self.work else None


@dataclass(frozen=True, slots=True)
class _Work:
    """How much of something was done or came per second, and the median of the others."""

    quantity: str
    mine: float
    usual: float

    @property
    def is_more(self) -> bool:
        """Whether it is clearly more than the others'."""
        return self.mine > (1 + ALIKE) * self.usual

    @property
    def figure(self) -> str:
        """Both, as they are read."""
        return f"{rate(self.mine)}, {rate(self.usual)} elsewhere"


_LOOKED: WeakKeyDictionary[Scene, list[_Apart]] = WeakKeyDictionary()
"""What was found of a scene: two rules ask, and many replicas take long."""


def _out(scene: Scene, *, loaded: bool) -> _Apart | None:
    """What is out of line, if anything is, and in this way."""
    if scene not in _LOOKED:
        _LOOKED[scene] = [one for one in _all(scene) if one.since < math.inf]
    out = [one for one in _LOOKED[scene] if one.is_loaded is loaded]
    return min(out, key=lambda one: one.since, default=None)


def _all(scene: Scene) -> Iterator[_Apart]:
    """How this server stands to its replicas, and each of its engines to the others."""
    since, until = scene.window.end - LOOKED_AT, scene.window.end
    peers = {name: peer.since(since, until) for name, peer in scene.context.peers.items()}
    if peers:
        yield from _apart((THIS,), {THIS: scene.window.since(since), **peers})
    if len(scene.engines) > 1:
        engines = _engines(scene)
        yield from _apart(tuple(engines), engines)


# ── Does it hold more than the others ──


def _replica_loaded(scene: Scene) -> Finding | None:
    one = _out(scene, loaded=True)
    if one is None:
        return None
    more = one.works_more
    return Finding(
        rule="replica_loaded",
        pattern=23,
        severity=Severity.WATCH,
        brief="More than its share",
        headline=f"{one.who} has far more to do than {one.than}"
        if more
        else f"{one.who} holds far more requests than {one.than}"
        + (", though as much comes in" if more is False else ""),
        detail={
            True: "The router sends it more than its share, or longer requests.",
            False: "It finishes them later: look at its hardware and its own log.",
            None: "The router sends it more than its share, or it finishes them later.",
        }[more],
        since=one.since,
        chain=in_order((*_links(one), *(_work_link(work) for work in one.work if work.is_more))),
        rivals=()
        if more
        else tuple(Rival(WORK[work.quantity].lower(), work.figure) for work in one.work),
        remedies=some(_ROUTER if more is not False else None, None if more else _HARDWARE),
        source=SOURCE,
    )


def _work_link(work: _Work) -> Link:
    limit, when = f"> {1 + ALIKE:g} × theirs", f"last {long(LOOKED_AT)}"
    return Link(work.quantity, WORK[work.quantity], work.figure, limit, when)


# ── Is it slower than the others ──


def _replica_apart(scene: Scene) -> Finding | None:
    one = _out(scene, loaded=False)
    if one is None:
        return None
    return Finding(
        rule="replica_apart",
        pattern=23,
        severity=Severity.WATCH,
        brief="Out of line",
        headline=f"{one.who} is far slower than {one.than}",
        detail="Look at its hardware and its own log.",
        since=one.since,
        chain=in_order(_links(one)),
        rivals=_no_more_load(one),
        remedies=(_HARDWARE,),
        source=SOURCE,
    )


def _links(one: _Apart) -> tuple[Link | None, ...]:
    return (
        _link(TTFT, "TTFT p95", one.slow, f"≥ {TIMES:g} × theirs", seconds),
        _link(RUNNING, "Running", one.busy, f"≥ {TIMES:g} × theirs", "{:.0f}".format),
        _link(USAGE, "KV cache", one.full, f"{SPREAD:.0%} more than theirs", percent),
    )


def _no_more_load(one: _Apart) -> tuple[Rival, ...]:
    """More load, if about as many requests run as elsewhere."""
    mine, usual = one.running
    if not mine <= usual + max(1.0, ALIKE * usual):
        return ()
    return (Rival("more load", f"{mine:.0f} running, {usual:.0f} elsewhere"),)


def _link(
    measure: Measure,
    label: str,
    out: Outlier | None,
    limit: str,
    write: Callable[[float], str],
) -> Link | None:
    if out is None:
        return None
    figure = f"{write(out.value)}, {write(out.usual)} elsewhere"
    curve = measure.curve
    return Link(curve.quantity, label, figure, limit, "now", out.since, curve=curve)


def _apart(names: tuple[str, ...], group: Mapping[str, Window]) -> Iterator[_Apart]:
    """How each of these stands to all of the group."""
    ttft, running, usage = (compared(measure, group) for measure in (TTFT, RUNNING, USAGE))
    rates = {name: {one: _rate(group[name], one) for one in WORK} for name in group}
    for name in names:
        slow, busy, full = (_outlier(one, name) for one in (ttft, running, usage))
        yield _Apart(
            name,
            len(group) - 1,
            (last(running.values[running.names.index(name)]), last(running.median)),
            tuple(_work(name, rates)),
            slow if slow and slow.value >= TIMES * slow.usual else None,
            busy if busy and busy.value >= TIMES * busy.usual else None,
            full if full and full.value - full.usual >= SPREAD else None,
        )


def _work(name: str, rates: Mapping[str, Mapping[str, float]]) -> Iterator[_Work]:
    """The work of one and of the others, as far as both tell it."""
    for quantity, mine in rates[name].items():
        others = [told[quantity] for other, told in rates.items() if other != name]
        usual = [one for one in others if np.isfinite(one)]
        if np.isfinite(mine) and usual:
            yield _Work(quantity, mine, float(np.median(usual)))


def _rate(window: Window, quantity: str) -> float:
    """Growth per second; of what finished with what has come and is still there. NaN: not told."""
    grown = window.rate(quantity)
    if grown is None or quantity != "finished":
        return math.nan if grown is None else grown
    there = window.gauge("running") + np.nan_to_num(window.gauge("waiting"))
    rows = np.flatnonzero(np.isfinite(there))
    if len(rows) < 2:
        return math.nan
    spent = window.times[rows[-1]] - window.times[rows[0]]
    return max(0.0, grown + float((there[rows[-1]] - there[rows[0]]) / spent))


def _outlier(found: Compared, name: str) -> Outlier | None:
    return next((one for one in found.outliers if one.name == name), None)


def _engines(scene: Scene) -> dict[str, Window]:
    """Each engine of the server as a window of its own."""
    each = scene.engines[:ENGINES]
    members = [one.window.layout.members[0] for one in each]
    several = len({model for model, _ in members}) > 1
    return {
        f"{engine} ({model})" if several else engine: one.window.since(scene.window.end - LOOKED_AT)
        for one, (model, engine) in zip(each, members, strict=True)
    }


def _alone(scene: Scene) -> str:
    several = len(scene.window.layout.members) > 1 or scene.context.peers
    return "" if several else "no other server of this model is watched"


RULES: tuple[Rule, ...] = (
    Rule(
        "replica_loaded",
        23,
        "No more to do than its replicas",
        ("running",),
        _replica_loaded,
        least=120.0,
        explains=("cache_full", "seat_limit", "prefill_limit", *SYMPTOMS),
        lacks=_alone,
    ),
    Rule(
        "replica_apart",
        23,
        "As fast as its replicas",
        ("running",),
        _replica_apart,
        least=120.0,
        explains=SYMPTOMS,
        lacks=_alone,
    ),
)
