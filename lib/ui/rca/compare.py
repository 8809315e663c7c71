"""Compare servers: one figure of several servers in one plot, and which of them is out of line.

Decided here: at first all servers of the same model are compared, as multiples of their median,
where that is more than nothing.
"""

import time
from collections.abc import Sequence
from datetime import datetime, tzinfo

import numpy as np
import streamlit as st

from lib.diagnosis.measures import Measure, measures_of
from lib.diagnosis.peers import Compared, compared
from lib.metrics.sample import Values
from lib.servers import Server
from lib.ui import live, shell
from lib.ui.charts import palette, said, show, styled
from lib.ui.house import house
from lib.ui.plain import ABSENT, escaped, plain
from lib.ui.rca import link, moments
from lib.ui.rca.written import figure, times

__all__ = ["SAYS", "draw", "rows", "sentence"]

SAYS = ("among", "of", "raw")
MOST = 12
AMONG, OF, RAW, AGAIN = (f"compare-{one}" for one in ("among", "of", "raw", "again"))
_FOLLOWED = "compare-followed"
_FIRST = ("ttft_p95", "itl_p99", "e2e_p95", "running")
"""The figure that is shown first, where it is reported."""
_DASHES = ("solid", "dash", "dot")


def draw(server: Server) -> None:
    """The tab."""
    feed, end = house().feed, time.time()
    start = end - shell.selected_window().seconds
    own = feed.window(server.id, start, end)
    measures = measures_of([own.layout])
    if not measures:
        st.text("This server has told no figures in this time.")
        return
    _follow(server, measures)
    chosen, measure = _asked(measures)
    if len(chosen) < 2:
        st.text("Choose a second server to compare with.")
        _say(server, chosen, measure, raw=False)
        return
    windows = {
        one.name: own if one == server else feed.window(one.id, start, end) for one in chosen
    }
    _say(server, chosen, measure, raw=_show(compared(measure, windows), end))


# ── What is asked ──


def _follow(server: Server, measures: Sequence[Measure]) -> None:
    """Fill in what a link says, and the usual where it says nothing."""
    told = [server.name, *(link.said(name) for name in SAYS)]
    if told == st.session_state.get(_FOLLOWED) and OF in st.session_state:
        return
    names = [one.name for one in measures]
    first = next((name for name in _FIRST if name in names), names[0])
    of, among = link.said("of"), link.said("among").split(",")
    st.session_state[OF] = of if of in names else first
    listed = [name for name in dict.fromkeys(among) if house().named(name)][:MOST]
    has_turned = st.session_state.get(_FOLLOWED, told)[0] != server.name
    is_left_out = has_turned and server.name not in listed
    st.session_state[AMONG] = _peers(server) if is_left_out or not listed else listed
    st.session_state[RAW] = link.said("raw") == "1"


def _peers(server: Server) -> list[str]:
    """The servers of the same model, this one first; all of them where none has the same."""
    ours = _models(server)
    others = [one for one in house().watched() if one != server]
    same = [one.name for one in others if ours & _models(one)]
    return [server.name, *(same or [one.name for one in others])][:MOST]


def _models(server: Server) -> set[str]:
    """The names of its models, as its metrics and its list of models tell."""
    newest = house().feed.latest(server.id)
    told = newest.sample.models if newest and newest.sample else ()
    return {*told, *house().models(server)}


def _asked(measures: Sequence[Measure]) -> tuple[list[Server], Measure]:
    by_name = {one.name: one for one in measures}
    if st.session_state[OF] not in by_name:
        st.session_state[OF] = measures[0].name
    names = [one.name for one in house().watched()]
    st.session_state[AMONG] = [name for name in st.session_state[AMONG] if name in names]
    with st.container(key="rca-compared"):
        left, right = st.columns([2, 3])
    of = left.selectbox("Figure", by_name, key=OF, format_func=lambda name: _title(by_name[name]))
    among = right.multiselect("Servers", names, key=AMONG, max_selections=MOST)
    chosen = [one for name in among if (one := house().named(name))]
    return chosen, by_name[of or measures[0].name]


def _title(measure: Measure) -> str:
    return f"{plain(measure.label, 60)} · {measure.group}"


def _say(server: Server, chosen: Sequence[Server], measure: Measure, *, raw: bool) -> None:
    link.say(among=",".join(one.name for one in chosen), of=measure.name, raw="1" if raw else "")
    st.session_state[_FOLLOWED] = [server.name, *(link.said(name) for name in SAYS)]


# ── What came of it ──


def _show(found: Compared, end: float) -> bool:
    """The answer; returns whether the values are shown as they are."""
    where = moments.zone()
    live.summary(
        {
            "tone": "watch" if found.outliers else "hint",
            "sentence": sentence(found, where),
            "more": [f"Read from {found.measure.source}."],
            "tiles": [],
            "remarks": [],
        },
        key="compare-answer",
    )
    multiples = found.multiples
    with st.container(horizontal=True, vertical_alignment="center"):
        raw = st.toggle("As they are", key=RAW, help="Else as multiples of the median of all.")
        st.button("Refresh", key=AGAIN, icon=":material/refresh:")
        span = shell.selected_window().words
        st.caption(escaped(f"The {span} until {moments.written(end, where)} ({where})."))
    if np.isfinite(found.values).any():
        raw_only = not np.isfinite(multiples).any()
        if raw_only and not raw:
            st.caption("The median is 0, of which there are no multiples: the values as they are.")
        shown = found.values if raw or raw_only else multiples
        _plot(found, shown, where, raw=raw or raw_only)
    live.table(_HEADER, rows(found), key="compare-rows")
    return raw


_HEADER = ("Server", "Newest", "Median of the window", "Newest to the median of all", "")


def sentence(found: Compared, where: tzinfo) -> str:
    """Who is out of line, and by how much."""
    label, told = plain(found.measure.label, 60), int(np.isfinite(found.values).any(axis=1).sum())
    if told < 2:
        none = "None" if not told else "Only one"
        return f"{none} of these servers has had a value of {label} in this time"
    if not found.outliers:
        both = "Both agree" if told == 2 else f"None of {told} is out of line"
        return f"{both}: {label}"
    worst = found.outliers[0]
    value, usual = (figure(found.measure, one) for one in (worst.value, worst.usual))
    since = moments.clock(worst.since, where, beside=found.grid.following)
    against = "the other's" if told == 2 else "the median"
    much = f", {times(worst.times)}" if worst.times is not None else ""
    others = ", ".join(plain(one.name, 40) for one in found.outliers[1:])
    also = f". So is {others}" if others else ""
    name = plain(worst.name, 40)
    held = f"{label} {value} against {against} {usual}{much}"
    return f"{name} is out of line: {held}, since {since}{also}"


def rows(found: Compared) -> list[tuple[str, ...]]:
    """A line for each server, as `lib.ui.live.table` takes it."""
    out = {one.name for one in found.outliers}
    lines: list[tuple[str, ...]] = []
    for name, row, own in zip(found.names, found.values, found.multiples, strict=True):
        known, multiple = row[np.isfinite(row)], own[np.isfinite(own)]
        lines.append(
            (
                plain(name, 60),
                figure(found.measure, float(known[-1]) if len(known) else None),
                figure(found.measure, float(np.median(known)) if len(known) else None),
                times(float(multiple[-1])) if len(multiple) else ABSENT,
                "out of line" if name in out else "" if len(known) else "no value",
            )
        )
    return lines


def _plot(found: Compared, values: Values, where: tzinfo, *, raw: bool) -> None:
    import plotly.graph_objects as go  # noqa: PLC0415 - slow, and for this page only

    colours = palette()
    x = [datetime.fromtimestamp(one, where).replace(tzinfo=None) for one in found.grid.moments]
    graph = go.Figure()
    for index, (name, row) in enumerate(zip(found.names, values, strict=True)):
        graph.add_trace(
            go.Scatter(
                x=x,
                y=row,
                name=said(name, 40),
                mode="lines",
                connectgaps=False,
                line={
                    "width": 2.5 if any(one.name == name for one in found.outliers) else 1.5,
                    "color": colours.series[index % len(colours.series)],
                    "dash": _DASHES[index // len(colours.series) % len(_DASHES)],
                },
                text=[figure(found.measure, float(one)) for one in found.values[index]],
                hovertemplate="%{text}" + ("" if raw else " · %{y:.2f} ×"),
            )
        )
    styled(graph, colours, height=320, hovermode="x unified")
    graph.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    graph.update_yaxes(title_text=_axis(found.measure, raw=raw))
    low, high = np.nanmin(values), np.nanmax(values)
    if not raw and low > 0:  # half and twice are as far from the median
        graph.update_yaxes(type="log", dtick="D2" if high < 20 * low else 1, ticksuffix=" ×")
    else:
        is_share = raw and found.measure.unit == "fraction"
        graph.update_yaxes(rangemode="tozero", tickformat=".0%" if is_share else None)
    show(graph, key="compare-plot", alt=f"{plain(found.measure.label, 60)} of each server.")


def _axis(measure: Measure, *, raw: bool) -> str:
    if not raw:
        return "multiple of the median"
    return "" if measure.unit == "fraction" else measure.unit
