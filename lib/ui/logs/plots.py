"""The periodic statistics of a log as plots, under each other with one axis of time.

Decided here: what is a gap. An engine that has nothing to do prints no line, so a gap is nothing
that was measured, and is not drawn over; nor is a new start of the server.
"""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import streamlit as st

from lib.logs import Log
from lib.logs.statistics import Point, Points
from lib.ui.charts import palette, said, show, styled
from lib.ui.plain import count, duration, plain

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["draw", "gapped"]

_PANELS = (
    ("tokens per second", (("prompt", "prompt"), ("generation", "generation"))),
    (
        "requests",
        (
            ("running", "running"),
            ("waiting", "waiting"),
            ("deferred", "deferred"),
            ("swapped", "swapped"),
            ("preemptions", "preemptions"),
        ),
    ),
    (
        "share",
        (
            ("kv", "KV cache in use"),
            ("hits", "prefix cache hits"),
            ("cpu_kv", "KV cache in main memory"),
            ("external_hits", "hits outside"),
            ("mm_hits", "media cache hits"),
        ),
    ),
)
_WIDE = 2.5
"""So many times the usual pause between two lines is a gap."""


def draw(log: Log) -> None:
    """The plots, or why there are none."""
    engines = {one.engine: one for one in log.statistics}
    if not engines:
        st.text(
            "No line of statistics: --disable-log-stats, several API servers, or nothing to do."
        )
        return
    name = next(iter(engines))
    if len(engines) > 1:
        named = {one: f"Engine {plain(one, 40)}" for one in engines}
        chosen = st.selectbox("Engine", list(engines), format_func=named.__getitem__, key="log-of")
        name = chosen or name
    points = engines[name]
    starts = _starts_within(log, points)
    show(_figure(points, starts), key="log-statistics", alt=_words(points, starts))
    pause = _usual(points.points)
    told = f"A line about every {duration(pause)}" if pause else "One line"
    if points.of > 1:
        told += (
            f"; each point stands for {count(points.of)} of them (means; of queues and cache the"
            " greatest)"
        )
    told += ". Where no line was printed nothing is drawn: an idle engine prints none."
    if starts:
        told += " A dotted line is a new start of the server."
    st.caption(told)


def _starts_within(log: Log, points: Points) -> list[float]:
    """When the server was started again between the first and the last point."""
    first, last = points.points[0].at, points.points[-1].at
    return [one.at for one in log.starts if one.at is not None and first < one.at < last]


def _figure(points: Points, starts: Sequence[float]) -> "go.Figure":
    import plotly.graph_objects as go  # noqa: PLC0415 - slow, and for this page only
    from plotly.subplots import make_subplots  # noqa: PLC0415

    panels = [(unit, _told(points, names)) for unit, names in _PANELS]
    panels = [(unit, names) for unit, names in panels if names]
    figure = make_subplots(rows=len(panels), cols=1, shared_xaxes=True, vertical_spacing=0.06)
    colours = palette()
    drawn = gapped(points.points, starts)
    moments = [None if one is None else datetime.fromtimestamp(one.at, UTC) for one in drawn]
    for row, (unit, names) in enumerate(panels, 1):
        for number, (key, label) in enumerate(names):
            zero = 0.0 if key in _LEFT_OUT else None
            values = [None if one is None else one.values.get(key, zero) for one in drawn]
            figure.add_trace(
                go.Scatter(
                    x=moments,
                    y=values,
                    name=said(label),
                    mode="lines+markers" if len(points.points) < 40 else "lines",
                    line={"width": 1.5, "color": colours.series[number % len(colours.series)]},
                    marker={"size": 4},
                    connectgaps=False,
                    legend=f"legend{row if row > 1 else ''}",
                    hovertemplate="%{y:.1%}" if unit == "share" else "%{y:,.1f}",
                ),
                row=row,
                col=1,
            )
    styled(figure, colours, height=170 * len(panels) + 40, hovermode="x unified")
    for row, (unit, _) in enumerate(panels, 1):
        _panel(figure, row, unit, len(panels))
    for at in starts:
        figure.add_vline(
            datetime.fromtimestamp(at, UTC), line={"dash": "dot", "width": 1, "color": colours.ink}
        )
    return figure


def _panel(figure: "go.Figure", row: int, unit: str, of: int) -> None:
    """One plot of several: its unit, its limits, and its legend above it."""
    axis = figure.layout["yaxis" if row == 1 else f"yaxis{row}"]
    axis.update(title={"text": unit}, rangemode="tozero")
    if unit == "share":
        axis.update(tickformat=".0%", range=[0, 1.02])
    place = {"orientation": "h", "x": 1, "xanchor": "right", "y": axis.domain[1]}
    quiet = {"yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)", "font": {"size": 12}}
    figure.update_layout({f"legend{row if row > 1 else ''}": place | quiet})
    if row == of:
        figure.update_xaxes(tickformat="%H:%M\n%m-%d", row=row, col=1)
    figure.update_layout(margin={"l": 8, "r": 8, "t": 24, "b": 8})


def _told(points: Points, names: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Of the quantities, those that some line tells; one that is rare only where it happened."""
    return [
        (key, label)
        for key, label in names
        if any(key in one.values for one in points.points)
        and (key in _ALWAYS or any(one.values.get(key) for one in points.points))
    ]


_LEFT_OUT = frozenset({"deferred", "preemptions", "corrupted"})
"""Releases that print these leave them out where they are zero."""
_ALWAYS = frozenset({"prompt", "generation", "running", "waiting", "kv", "hits"})


def _usual(points: Sequence[Point]) -> float | None:
    """The usual pause between two lines, in seconds."""
    pauses = sorted((b.at - a.at) / a.lines for a, b in itertools.pairwise(points) if b.at > a.at)
    return pauses[len(pauses) // 2] if pauses else None


def gapped(points: Sequence[Point], starts: Sequence[float] = ()) -> list[Point | None]:
    """The points with a hole wherever no line was printed, and where a new start lies between."""
    usual = _usual(points)
    found: list[Point | None] = []
    before: Point | None = None
    for one in points:
        if before and (
            (usual and one.at - before.at > _WIDE * usual * before.lines)
            or any(before.at < start <= one.at for start in starts)
        ):
            found.append(None)
        found.append(one)
        before = one
    return found


def _words(points: Points, starts: Sequence[float]) -> str:
    first, last = points.points[0].at, points.points[-1].at
    told = f"{len(points.points):,} points of statistics over {duration(last - first)}"
    return f"{told}; new starts between them: {count(len(starts))}." if starts else f"{told}."
