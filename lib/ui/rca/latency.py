"""How long requests took: percentiles with bounds, phases of their time, and a heat map over time.

Decided here: it is the page's window until somebody types moments; and the shades of the heat map
go by the root of a count, so that one slow request among thousands is still seen.
"""

import time
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from lib.diagnosis.phases import Heat, heat, phases
from lib.metrics import BY_NAME
from lib.servers import Server
from lib.ui import live
from lib.ui.charts import palette, show, styled
from lib.ui.plain import between, escaped, span
from lib.ui.rca import link, moments
from lib.ui.rca import stretch as stretches
from lib.ui.rca.percentiled import HEADER, LATENCIES, absent, phase_sentence, rows
from lib.ui.rca.stretch import Stretch

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["SAYS", "draw"]

SAYS = ("from", "to", "heat")
_FROM, _TO, _HEAT = (f"latency-{one}" for one in SAYS)
_FOLLOWED = "latency-followed"
_MOMENTS = (
    "A moment is a clock time (13:42), a date with a time, or “20 min ago”, and not after now."
)
_SHORT = {one.quantity: one.short for one in LATENCIES}


def draw(server: Server) -> None:
    """The tab."""
    now = time.time()
    _follow(now)
    stretch = _asked(server, now)
    if stretch is None:
        return
    stretches.as_of(stretch, key="latency")
    found = rows(stretch.window)
    if not found:
        st.text(_nothing(stretch))
        return
    live.table(HEADER, found, key="latency-rows")
    _notes(stretch)
    with st.container(key="rca-sides-latency"):
        left, right = st.columns(2, gap="large")
    with left:
        _split(stretch)
    with right:
        _heat(stretch)


def _nothing(stretch: Stretch) -> str:
    if not stretch.window.answered.any():
        return "Nothing is known of that time: the server did not answer, or nobody looked."
    return "This server reports no latencies: embedding models and some engines have none."


def _notes(stretch: Stretch) -> None:
    told = ["Under a percentile stand the edges that it surely lies between."]
    told += [one for one in (absent(stretch.window),) if one]
    st.caption(escaped(" ".join(told)))


# ── What is asked ──


def _follow(now: float) -> None:
    """Fill in what a link says, if it says something new."""
    said = [link.said(name) for name in SAYS]
    if said == st.session_state.get(_FOLLOWED) and _FROM in st.session_state:
        return
    where = moments.zone()
    for key, text in zip((_FROM, _TO), said, strict=False):
        at = moments.read(text, now, where)
        st.session_state[key] = "" if at is None else moments.written(at, where)
    st.session_state[_HEAT] = said[2] if said[2] in _SHORT else "ttft"


def _asked(server: Server, now: float) -> Stretch | None:
    """The stretch between the moments that are typed; None where they make none."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        begin = st.text_input(
            "From", key=_FROM, placeholder="as the page", help=_MOMENTS, max_chars=40, width=200
        )
        end = st.text_input(
            "To", key=_TO, placeholder="now", help=_MOMENTS, max_chars=40, width=200
        )
    where = moments.zone()
    last = moments.read(end or "now", now, where)
    first = moments.read(begin, now, where) if begin else None
    _say(first, last if end else None)
    if last is None or (begin and first is None):
        st.caption(_MOMENTS)
        return None
    if first is None:
        shown = stretches.until_now(server, now)
        return stretches.between(server, last - shown.seconds, last) if end else shown
    if first >= last:
        st.caption("The first moment is not before the second.")
        return None
    return stretches.between(server, first, last)


def _say(first: float | None, last: float | None) -> None:
    """Let the link say what is shown; moments of somebody's clock would mean another time there."""
    chosen = str(st.session_state.get(_HEAT, "ttft"))
    said = [
        *("" if at is None else moments.iso(at) for at in (first, last)),
        "" if chosen == "ttft" else chosen,
    ]
    link.say(**dict(zip(SAYS, said, strict=True)))
    st.session_state[_FOLLOWED] = said


# ── The phases ──


def _split(stretch: Stretch) -> None:
    st.subheader("Where the time went", anchor=False)
    curves = phases(stretch.window, stretch.grid, stretch.grid.step)
    sentence = phase_sentence(stretch.window)
    if not curves or not sentence:
        st.caption("No request ended in that time." if curves else "This server reports no phases.")
        return
    import plotly.graph_objects as go  # noqa: PLC0415 - slow, and for this tab only

    colours = palette()
    figure = go.Figure()
    for index, (name, values) in enumerate(curves.items()):
        figure.add_bar(
            x=stretch.clocks,
            y=values,
            name=name,
            marker={"color": colours.series[index], "line": {"width": 0}},
            hovertemplate="%{y:.3~s}s " + name + "<extra></extra>",
        )
    styled(
        figure,
        colours,
        height=300,
        barmode="stack",
        bargap=0.1,
        hovermode="x unified",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
    )
    figure.update_yaxes(title_text="seconds of a request, mean", rangemode="tozero")
    _times(figure, stretch)
    show(figure, key="latency-phases", alt="Mean seconds of each phase over time, stacked.")
    step = span(stretch.grid.step)
    st.caption(escaped(f"{sentence} Each bar is of the requests that ended in its {step}."))


# ── Over time ──


def _heat(stretch: Stretch) -> None:
    reported = [one for one in _SHORT if one in stretch.window.layout.quantities]
    if st.session_state.get(_HEAT) not in reported:
        st.session_state[_HEAT] = reported[0]
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.subheader("Over time", anchor=False, width="content")
        chosen = st.selectbox(
            "Latency",
            reported,
            format_func=lambda one: _SHORT[one],
            key=_HEAT,
            label_visibility="collapsed",
            width=130,
        )
    found = heat(stretch.window, stretch.grid, str(chosen))
    if not len(found.edges) or not np.nansum(found.counts):
        st.caption(f"No {_SHORT[str(chosen)]} was counted in that time.")
        return
    _drawn(stretch, found, str(chosen))
    unit = "an output event" if chosen == "itl" else "a request"
    step = span(stretch.grid.step)
    st.caption(
        escaped(
            f"{BY_NAME[str(chosen)].source}: each cell counts what fell between two edges in {step}"
            f" ({unit} counts once); a stronger shade holds more, by the root of the count. What is"
            " not shaded at all was not seen."
        )
    )


def _drawn(stretch: Stretch, found: Heat, quantity: str) -> None:
    import plotly.graph_objects as go  # noqa: PLC0415 - slow, and for this tab only

    colours = palette()
    used = np.flatnonzero(np.nansum(found.counts, axis=0))
    first, last = int(used[0]), int(used[-1])
    lows = np.concatenate([[min(0.0, float(found.edges[0]))], found.edges[:-1]])
    names = [between(float(lows[n]), float(found.edges[n])) for n in range(first, last + 1)]
    counts = found.counts[:, first : last + 1].T
    figure = go.Figure(
        go.Heatmap(
            x=stretch.clocks,
            y=names,
            z=np.sqrt(counts),
            zmin=0,
            customdata=counts,
            colorscale=colours.ramp,
            showscale=False,
            hoverongaps=False,
            xgap=0,
            ygap=1,
            hovertemplate="%{x|%H:%M:%S} · %{y}<br>%{customdata:,.0f} counted<extra></extra>",
        )
    )
    styled(figure, colours, height=max(180, min(420, 60 + 22 * len(names))))
    figure.update_yaxes(type="category", showgrid=False)
    _times(figure, stretch)
    show(figure, key="latency-map", alt=f"How often each {_SHORT[quantity]} was seen, over time.")


def _times(figure: "go.Figure", stretch: Stretch) -> None:
    """The same axis for all: the stretch, whatever of it is known."""
    ends = [moments.written(at, stretch.zone) for at in (stretch.start, stretch.end)]
    figure.update_xaxes(type="date", range=ends, showgrid=False, title_text="")
