"""Is this server, or one of its engines, out of line with others that do the same work.

The others come as windows of the same time: engines of one server from its own, replicas from the
context. What out of line means is decided in `lib.diagnosis.peers`; here, that it takes late first
tokens, or twice the requests with clearly more of the KV cache.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from lib.diagnosis.finding import Finding, Link, Remedy, Rival, Severity
from lib.diagnosis.links import in_order
from lib.diagnosis.measures import MEASURES, Measure
from lib.diagnosis.peers import Compared, Outlier, compared
from lib.diagnosis.rule import SYMPTOMS, Rule
from lib.diagnosis.scene import Scene, last
from lib.diagnosis.words import percent, seconds
from lib.metrics import Layout, Member, Window

__all__ = ["RULES"]

LOOKED_AT = 600.0
TIMES = 2.0
SPREAD = 0.3
"""Of the KV cache, between one and the others."""
ALIKE = 0.25
"""By how much more of the others' requests it may run and still do the same work."""
ENGINES = 16
THIS = "this server"

_BY_NAME = {measure.name: measure for measure in MEASURES}
RUNNING, USAGE, TTFT = (_BY_NAME[name] for name in ("running", "kv_usage", "ttft_p95"))


@dataclass(frozen=True, slots=True)
class _Apart:
    """One that is out of line: what was measured, held against the others.

    `running` are its requests and the median of all now, NaN where that is not told.
    """

    name: str
    running: tuple[float, float]
    slow: Outlier | None
    busy: Outlier | None
    full: Outlier | None

    @property
    def since(self) -> float | None:
        """Since when it is out of line for users or for its load; None if it is not."""
        if self.slow is not None:
            return self.slow.since
        if self.busy is not None and self.full is not None:
            return max(self.busy.since, self.full.since)
        return None


def _replica_apart(scene: Scene) -> Finding | None:
    recent = scene.window.since(scene.window.end - LOOKED_AT)
    peers = {
        name: peer.since(scene.window.end - LOOKED_AT, scene.window.end)
        for name, peer in scene.context.peers.items()
    }
    engines = _engines(recent)
    found = list(_apart((THIS,), {THIS: recent, **peers})) if peers else []
    found += list(_apart(tuple(engines), engines)) if len(engines) > 1 else []
    out = [(one.since, one) for one in found if one.since is not None]
    if not out:
        return None
    since, one = min(out, key=lambda pair: pair[0])
    return _finding(one, since, len(peers) if one.name == THIS else len(engines) - 1)


def _finding(one: _Apart, since: float, others: int) -> Finding:
    who = "This server" if one.name == THIS else f"Engine {one.name}"
    than = "the other" if others == 1 else f"the {others} others"
    busy = one.busy is not None
    return Finding(
        rule="replica_apart",
        pattern=23,
        severity=Severity.WATCH,
        brief="Out of line",
        headline=f"{who} has far more to do than {than}"
        if busy
        else f"{who} is far slower than {than} that do the same work",
        detail=(
            "The router sends it more than its share, or longer requests."
            if busy
            else "Look at its hardware and its own log."
        ),
        since=since,
        chain=in_order(
            (
                _link(TTFT, "TTFT p95", one.slow, f"≥ {TIMES:g} × theirs", seconds),
                _link(RUNNING, "Running", one.busy, f"≥ {TIMES:g} × theirs", "{:.0f}".format),
                _link(USAGE, "KV cache", one.full, f"{SPREAD:.0%} more than theirs", percent),
            )
        ),
        rivals=() if busy else _no_more_load(one),
        remedies=(
            Remedy("", "look at the router: least requests, or sticky by prefix, not round robin")
            if busy
            else Remedy("", "take it out of the router and compare GPU clocks, links and releases"),
        ),
        source="vLLM documentation: data parallel deployment",
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
    for name in names:
        slow, busy, full = (_outlier(one, name) for one in (ttft, running, usage))
        yield _Apart(
            name,
            (last(running.values[running.names.index(name)]), last(running.median)),
            slow if slow and slow.value >= TIMES * slow.usual else None,
            busy if busy and busy.value >= TIMES * busy.usual else None,
            full if full and full.value - full.usual >= SPREAD else None,
        )


def _outlier(found: Compared, name: str) -> Outlier | None:
    return next((one for one in found.outliers if one.name == name), None)


def _engines(window: Window) -> dict[str, Window]:
    """Each engine of the server as a window of its own."""
    members = window.layout.members[:ENGINES]
    several = len({model for model, _ in members}) > 1
    return {
        f"{engine} ({model})" if several else engine: _only(window, (model, engine))
        for model, engine in members
    }


def _only(window: Window, member: Member) -> Window:
    columns = [index for index, one in enumerate(window.layout.series) if one.member == member]
    return Window(
        Layout([window.layout.series[index] for index in columns]),
        window.times,
        window.values[:, columns],
        start=window.start,
        end=window.end,
        period=window.period,
    )


def _alone(scene: Scene) -> str:
    several = len(scene.window.layout.members) > 1 or scene.context.peers
    return "" if several else "no other server of this model is watched"


RULES: tuple[Rule, ...] = (
    Rule(
        "replica_apart",
        23,
        "In line with its replicas",
        ("running",),
        _replica_apart,
        least=120.0,
        explains=SYMPTOMS,
        lacks=_alone,
    ),
)
