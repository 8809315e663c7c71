"""The plots of RCA / Cache: which curves, from which quantities, in which unit and colour.

This table alone decides them. A panel is drawn where the server reports what its first curve needs;
else its `instead` is tried; else it is listed as not reported, in the words of `lib.metrics.names`.
Colours are places in the theme's series palette, the same place for the same quantity everywhere;
None is the quiet ink.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum

from lib.metrics import BY_NAME, Layout
from lib.ui import plain

__all__ = ["PANELS", "Absent", "Curve", "Kind", "Panel", "Unit", "choose"]


class Kind(Enum):
    """How a curve is computed from its quantity."""

    GAUGE = "mean over the bin"
    HIGHEST = "highest over the bin and the engines"
    LEFT = "usable less used"
    RATE = "growth per second"
    RATIO = "share of the growth"
    PERCENTILE = "percentile of what was counted"


class Unit(Enum):
    """What the values of a panel are; the value names the writer in `assets/figures.js`."""

    COUNT = "count"
    RATE = "rate"
    RATIO = "ratio"
    SECONDS = "duration"

    @property
    def digits(self) -> int:
        """How many digits of a point count: blocks are told whole, up to a million."""
        return 6 if self is Unit.COUNT else 4

    @property
    def write(self) -> Callable[[float | None], str]:
        """How a figure of this unit is written."""
        return {
            Unit.COUNT: plain.count,
            Unit.RATE: plain.rate,
            Unit.RATIO: plain.ratio,
            Unit.SECONDS: plain.duration,
        }[self]


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a panel.

    `to` is what a ratio is a share of; `q` the quantile of a percentile. `unless` names a quantity
    that says the same more finely, `beside` one without which the curve is not drawn. `rare` curves
    appear once they are more than 0.
    """

    key: str
    label: str
    kind: Kind
    quantity: str
    colour: int | None = 0
    part: str | None = None
    to: str = ""
    q: float = 0.0
    dash: str | None = None
    unless: str = ""
    beside: str = ""
    rare: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """The quantities without which there is no curve."""
        return (self.quantity, self.to) if self.to else (self.quantity,)


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot. `limit` is a threshold as a share of `top`, the quantity that ends the axis.

    `fullest` is a share whose highest engine is told where there are several: a sum hides it.
    """

    key: str
    title: str
    unit: Unit
    how: str
    curves: tuple[Curve, ...]
    top: str = ""
    limit: float | None = None
    fullest: str = ""
    instead: "Panel | None" = None


@dataclass(frozen=True, slots=True)
class Absent:
    """What a server does not report, and the flag or release that would show it."""

    what: str
    shown_by: str


_REASON = "waiting_by_reason"


def _percentiles(key: str, title: str, quantity: str) -> Panel:
    quantiles = (("p50", 0.5, 0), ("p95", 0.95, 1), ("p99", 0.99, 3))
    curves = tuple(
        Curve(name, name, Kind.PERCENTILE, quantity, colour, q=q) for name, q, colour in quantiles
    )
    return Panel(key, title, Unit.SECONDS, "of what was counted, from bucket differences", curves)


_KV_SHARE = Panel(
    "kv",
    "KV cache use",
    Unit.RATIO,
    "share of the blocks that are in use; cached blocks without a live request count as free",
    (
        Curve("mean", "in use, mean of engines", Kind.GAUGE, "kv_usage", 0),
        Curve("max", "highest", Kind.HIGHEST, "kv_usage", 1, rare=True),
    ),
    limit=0.95,
)

PANELS = (
    Panel(
        "kv",
        "KV blocks",
        Unit.COUNT,
        "blocks in use, free and usable; cached blocks without a live request count as free",
        (
            Curve("used", "used", Kind.GAUGE, "blocks_used", 0),
            Curve("free", "free", Kind.LEFT, "blocks_used", 4, to="blocks_usable", dash="dot"),
            Curve("total", "usable", Kind.GAUGE, "blocks_usable", None),
        ),
        top="blocks_usable",
        limit=0.95,
        fullest="kv_usage",
        instead=_KV_SHARE,
    ),
    Panel(
        "requests",
        "Requests waiting and running",
        Unit.COUNT,
        "requests in the running batch, and those queued for it",
        (
            Curve("running", "running", Kind.GAUGE, "running", 2),
            Curve("waiting", "waiting", Kind.GAUGE, "waiting", 1, unless="waiting_by_reason"),
            Curve("all", "waiting", Kind.GAUGE, "waiting", None, beside=_REASON),
            Curve("capacity", "for capacity", Kind.GAUGE, _REASON, 1, part="capacity"),
            Curve("deferred", "deferred", Kind.GAUGE, _REASON, 3, part="deferred"),
            Curve("swapped", "swapped", Kind.GAUGE, "swapped", 5),
        ),
    ),
    Panel(
        "tokens",
        "Tokens / s",
        Unit.RATE,
        "growth of the token counters",
        (
            Curve("prompt", "prompt", Kind.RATE, "prompt_tokens", 5),
            Curve("generation", "generated", Kind.RATE, "generation_tokens", 0),
        ),
    ),
    Panel(
        "preemptions",
        "Preemptions / s",
        Unit.RATE,
        "requests pushed out of the batch, to be computed again later",
        (Curve("rate", "preemptions / s", Kind.RATE, "preemptions", 3),),
    ),
    Panel(
        "prefix",
        "Prefix cache hit rate",
        Unit.RATIO,
        "prompt tokens found in the cache, as a share of those looked up",
        (
            Curve("hits", "hits", Kind.RATIO, "prefix_hits", 2, to="prefix_queries"),
            Curve(
                "external",
                "external cache",
                Kind.RATIO,
                "external_prefix_hits",
                5,
                to="external_prefix_queries",
                rare=True,
            ),
        ),
        instead=Panel(
            "prefix",
            "Prefix cache hit rate",
            Unit.RATIO,
            "as the V0 engine computes it",
            (Curve("hits", "hits", Kind.GAUGE, "prefix_hit_rate", 2),),
        ),
    ),
    _percentiles("ttft", "Time to first token (TTFT)", "ttft"),
    _percentiles("itl", "Inter-token latency (ITL)", "itl"),
    _percentiles("e2e", "End-to-end latency", "e2e"),
    _percentiles("queue", "Queue time", "queue_time"),
)


def choose(layout: Layout) -> tuple[list[Panel], list[Absent]]:
    """The panels that a server's layout can fill, with the curves it can, and what it lacks."""
    shown: list[Panel] = []
    absent: list[Absent] = []
    for panel in PANELS:
        fitted = _fitted(panel, layout)
        other = panel.instead and _fitted(panel.instead, layout)
        if fitted or other:
            shown += [fitted or other or panel]
        if fitted or not other:
            absent += _lacking(panel, layout, whole=not fitted)
    return shown, absent


def _fitted(panel: Panel, layout: Layout) -> Panel | None:
    curves = tuple(curve for curve in panel.curves if _drawn(curve, layout))
    if not curves or curves[0] is not panel.curves[0]:
        return None
    return replace(panel, curves=curves, instead=None)


def _drawn(curve: Curve, layout: Layout) -> bool:
    needs = (*curve.needs, curve.beside) if curve.beside else curve.needs
    has = all(need in layout.quantities for need in needs)
    finer = curve.unless in layout.quantities
    return has and not finer and (curve.part is None or curve.part in layout.parts(curve.quantity))


def _lacking(panel: Panel, layout: Layout, *, whole: bool) -> Iterable[Absent]:
    """One line for a panel that can't be drawn; else one for each quantity it goes without."""
    told: set[str] = set()
    for curve in panel.curves:
        missing = next((need for need in curve.needs if need not in layout.quantities), None)
        if missing is None or missing in told or (whole and told):
            continue
        told.add(missing)
        what = panel.title if whole else f"{panel.title}: {curve.label}"
        yield Absent(what, BY_NAME[missing].shown_by)
