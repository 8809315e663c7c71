"""The pictures of the page: the heat map, the map in two dimensions, and where a pair lies.

Decided here: that a shade begins at the model's own floor, so that no colour stands for texts that
have nothing in common; and what each picture says to those who do not see it.
"""

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from lib.ui.charts import Palette, palette, said, show, styled
from lib.ui.plain import count, ratio
from lib.ui.vectors.measured import MOST_VALUES, Heat, Measured
from lib.ui.vectors.sets import Texts
from lib.vectors import Metric

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["heat_map", "pair_chart", "plane_map"]

_CELL, _LEAST, _MOST = 26, 300, 720
_WIDTHS = (12, 24, 40, 60)
"""Values in a line for which `assets/vectors.css` knows how much room they need."""
_AXIS = 30
"""Characters of a text beside a heat map."""
_SPARSE, _NAMED = 200, 40
"""Points up to which, and so many of which, are called by their texts where there is room."""
_WIDE, _HIGH, _NAME = 560, 400, (140, 20)
"""Pixels of the map and of a name on it, about."""
_GROUPS = 12
_SIGNS = ("circle", "square", "diamond", "triangle-up", "cross", "x")


def heat_map(found: Measured) -> None:
    """All texts with all, or queries with documents."""
    import plotly.graph_objects as go  # noqa: PLC0415 - slow, and for this page only

    heat, colours, texts = found.heat, palette(), found.embedded.texts
    values = heat.size == 1 and max(heat.of.shape) <= MOST_VALUES
    low, high = sorted(found.span)
    figure = go.Figure(
        go.Heatmap(
            z=heat.of,
            zmin=low,
            zmax=high,
            reversescale=found.metric.is_distance,
            colorscale=colours.ramp,
            customdata=_hover(heat, texts) if heat.size == 1 else None,
            hovertemplate=_HOVER if heat.size == 1 else "%{z:.3f}<extra></extra>",
            text=_written(heat.of) if values else None,
            texttemplate="%{text}" if values else None,
            textfont={"size": _digits(max(heat.of.shape))},
            hoverongaps=False,
            xgap=1 if values else 0,
            ygap=1 if values else 0,
            colorbar=_bar(found, colours),
        )
    )
    height = min(_MOST, max(_LEAST if not found.is_search else 120, _CELL * heat.of.shape[0] + 60))
    styled(figure, colours, height=height)
    _axes(figure, heat, texts, is_named=values)
    width = next((one for one in _WIDTHS if max(heat.of.shape) <= one), 0) if values else 0
    with st.container(key=f"vectors-heat-{width}"):  # scrolled where it is wider than the page
        show(figure, key="vectors-heat", alt=_heat_words(found))


_HOVER = "%{z:.4f}<br>%{customdata[0]}<br>%{customdata[1]}<extra></extra>"


def _bar(found: Measured, colours: Palette) -> dict[str, object]:
    worst, best = found.span
    first = f"{worst:.2f} floor" if found.floor else f"{worst:.2f}"
    return {
        "thickness": 10,
        "outlinewidth": 0,
        "len": 0.6,
        "lenmode": "fraction",
        "y": 1,
        "yanchor": "top",
        "tickvals": [worst, (worst + best) / 2, best],
        "ticktext": [first, f"{(worst + best) / 2:.2f}", f"{best:.2f}"],
        "tickfont": {"size": 12, "color": colours.quiet},
        "ticks": "",
    }


def _hover(heat: Heat, texts: Texts) -> NDArray[np.object_]:
    down = [said(texts.titled(int(n))) for n in heat.down]
    across = [said(texts.titled(int(n))) for n in heat.across]
    cells = np.empty((len(down), len(across), 2), object)
    cells[:, :, 0] = np.array(down, object)[:, None]
    cells[:, :, 1] = np.array(across, object)[None, :]
    return cells


def _written(scores: NDArray[np.float32]) -> list[list[str]]:
    """Two digits behind the point, which is all that there is room for."""
    short = max(scores.shape) > 16 and float(np.nanmax(np.abs(scores))) < 1.0005
    return [[_digit(float(one), short=short) for one in line] for line in scores]


def _digit(value: float, *, short: bool) -> str:
    if np.isnan(value):
        return ""
    text = f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
    if text in ("0.00", "\N{MINUS SIGN}0.00"):
        return "0"
    return text.replace("0.", ".", 1) if short else text


def _digits(size: int) -> int:
    return 12 if size <= 20 else 11 if size <= 30 else 9 if size <= 45 else 8


def _axes(figure: "go.Figure", heat: Heat, texts: Texts, *, is_named: bool) -> None:
    figure.update_xaxes(showgrid=False, side="bottom", constrain="domain")
    figure.update_yaxes(showgrid=False, autorange="reversed")
    if not is_named:
        figure.update_xaxes(showticklabels=False)
        figure.update_yaxes(showticklabels=False)
        return
    down = [said(texts.titled(int(n), _AXIS), _AXIS + 8) for n in heat.down]
    across = [f"{n + 1}" for n in heat.across]
    figure.update_yaxes(tickvals=list(range(len(down))), ticktext=down)
    figure.update_xaxes(tickvals=list(range(len(across))), ticktext=across, tickangle=0)
    if len(down) > 30:
        figure.update_yaxes(tickfont={"size": 10})
        figure.update_xaxes(tickfont={"size": 9})


def _heat_words(found: Measured) -> str:
    heat = found.heat
    return (
        f"Heat map of {len(heat.down):,} texts with {len(heat.across):,}, by {found.metric.value}."
    )


# ── The map ──


def plane_map(found: Measured, *, by_label: bool) -> None:
    """Every text as a point, those of a label or of a cluster in one colour."""
    import plotly.graph_objects as go  # noqa: PLC0415 - slow, and for this page only

    plane, colours, texts = found.common.plane, palette(), found.embedded.texts
    names = _groups(found, by_label=by_label)
    figure = go.Figure()
    few = len(plane.places) <= _NAMED
    sparse = len(plane.places) <= _SPARSE
    named = {int(plane.places[n]) for n in _apart(plane.projection.points)} if sparse else set()
    for number, name in enumerate(dict.fromkeys(names)):
        here = np.flatnonzero(np.array(names, object) == name)
        places = plane.places[here]
        points = plane.projection.points[here]
        figure.add_trace(
            go.Scatter(  # not Scattergl, whose shaders need eval, which our policy forbids
                x=points[:, 0],
                y=points[:, 1],
                mode="markers+text" if sparse else "markers",
                name=said(name, 40) or "no label",
                marker={
                    "size": 9 if few else 6,
                    "opacity": 0.9 if few else 0.65,
                    "color": colours.series[number % len(colours.series)],
                    "symbol": _SIGNS[number % len(_SIGNS)],
                    "line": {"width": 1, "color": colours.ground},
                },
                text=[said(texts.short(int(n), 22), 24) if n in named else "" for n in places],
                textposition="top center",
                textfont={"size": 11, "color": colours.quiet},
                customdata=[said(texts.titled(int(n), 90), 110) for n in places],
                hovertemplate="%{customdata}<extra></extra>",
                cliponaxis=False,
            )
        )
    styled(figure, colours, height=520, showlegend=len(set(names)) > 1)
    shares = [*plane.projection.explained[:2], 0.0, 0.0]
    figure.update_xaxes(title={"text": f"axis 1 · {ratio(float(shares[0]))} of the variance"})
    figure.update_yaxes(
        title={"text": f"axis 2 · {ratio(float(shares[1]))}"}, scaleanchor="x", scaleratio=1
    )
    figure.update_xaxes(showticklabels=False)
    figure.update_yaxes(showticklabels=False)
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    show(figure, key="vectors-plane", alt=f"Map of {len(plane.places):,} texts in two dimensions.")


def _groups(found: Measured, *, by_label: bool) -> list[str]:
    """The group of each text on the map, the frequent ones by name."""
    texts, plane = found.embedded.texts, found.common.plane
    if by_label:
        names = [texts.label(int(n)) for n in plane.places]
        common = _common(names)
        return [name if name in common else "other labels" for name in names]
    groups = found.common.groups
    titles = [texts.short(int(n), 32) for n in groups.central]
    return [titles[number] if number >= 0 else "" for number in groups.of]


def _common(names: list[str]) -> set[str]:
    return {name for name, _ in Counter(names).most_common(_GROUPS)}


def _apart(points: NDArray[np.float32]) -> list[int]:
    """Points whose names would not lie over each other, the outermost first."""
    known = points[np.isfinite(points).all(axis=1)]
    if not len(known):
        return []
    unit = max(float(np.ptp(known[:, 0])) / _WIDE, float(np.ptp(known[:, 1])) / _HIGH, 1e-9)
    taken: list[tuple[float, float]] = []
    kept: list[int] = []
    for n in np.argsort(-np.linalg.norm(points - np.nanmean(points, axis=0), axis=1)):
        x, y = (points[n] / unit).tolist()
        free = all(abs(x - a) > _NAME[0] or abs(y - b) > _NAME[1] for a, b in taken)
        if free and len(kept) < _NAMED and np.isfinite(x):
            taken.append((x, y))
            kept.append(int(n))
    return kept


# ── One pair ──


def pair_chart(found: Measured, score: float) -> None:
    """Where a score lies among unrelated texts and among all pairs of the set."""
    import plotly.graph_objects as go  # noqa: PLC0415 - slow, and for this page only

    colours, own = palette(), found.loose
    unrelated = found.floor.scores if found.floor else own[:0]
    every = np.concatenate([own, unrelated, [score]])
    if found.metric is Metric.COSINE:
        every = np.append(every, (0.0, 1.0))
    margin = 0.01 * float(np.ptp(every)) or 0.01
    edges = np.linspace(float(every.min()) - margin, float(every.max()) + margin, 56)
    middles = (edges[1:] + edges[:-1]) / 2
    figure = go.Figure()
    for values, name, colour in (
        (unrelated, "unrelated texts", colours.quiet),
        (own, "pairs of this set", colours.accent),
    ):
        if not len(values):
            continue
        heights = np.histogram(values, edges)[0] / len(values)
        figure.add_trace(
            go.Scatter(
                x=middles,
                y=heights,
                mode="lines",
                line={"width": 1.5, "color": colour, "shape": "hvh"},
                fill="tozeroy",
                opacity=0.9,
                name=f"{name} ({count(len(values))})",
                hovertemplate="%{y:.1%} of " + name + "<br>have about %{x:.2f}<extra></extra>",
            )
        )
    figure.add_vline(x=score, line={"color": colours.ink, "width": 2})
    figure.add_annotation(
        x=score,
        y=1,
        yref="paper",
        text=f"{score:.2f}",
        showarrow=False,
        yanchor="bottom",
        font={"size": 13, "color": colours.ink},
    )
    styled(figure, colours, height=210)
    figure.update_layout(
        legend={"orientation": "h", "y": -0.22, "x": 0, "yanchor": "top"},
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
    )
    figure.update_xaxes(showgrid=False)
    figure.update_yaxes(showticklabels=False, showgrid=False, rangemode="tozero")
    show(figure, key="vectors-pair", alt=f"A score of {score:.2f} among those of other pairs.")
