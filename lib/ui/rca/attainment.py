"""Whether requests are as fast as they should be: any target and goal, over time, and the burn.

Decided here: the share is of the page's window, the burn of the last 5 minutes, hour and three
days, whatever the page shows: alarms look at these.
"""

import time
from collections.abc import Mapping

import numpy as np
import streamlit as st

from lib.diagnosis.attainment import SPANS, Burn, Shares, attainment, attainment_curve, burn
from lib.servers import Server
from lib.ui import live
from lib.ui.charts import palette, show, styled
from lib.ui.house import house
from lib.ui.plain import escaped, span
from lib.ui.rca import link, moments
from lib.ui.rca import stretch as stretches
from lib.ui.rca.attained import Objective, summary
from lib.ui.rca.percentiled import LATENCIES
from lib.ui.rca.stretch import Stretch
from lib.ui.rca.targets import USUAL, goal_of, said_goal, seconds_of, target_words

__all__ = ["SAYS", "draw"]

SAYS = ("latency", "target", "goal")
_OF, _TARGET, _GOAL = (f"slo-{one}" for one in SAYS)
_FOLLOWED = "slo-followed"
_USUAL_GOAL = 0.99
_DAYS = 3 * 86_400.0
_NAMES: Mapping[str, str] = {
    one.quantity: f"{one.short}, {one.words}" for one in LATENCIES if one.quantity in USUAL
}


def draw(server: Server) -> None:
    """The tab."""
    now = time.time()
    _follow()
    stretch = stretches.until_now(server, now)
    objective = _asked()
    stretches.as_of(stretch, key="slo")
    if objective is None:
        return
    found = attainment(stretch.window, objective.quantity, objective.target)
    burns = _burns(server, stretch, objective)
    live.summary(summary(objective, found, burns), key="slo-answer")
    if found is not None and found.n:
        _over_time(stretch, objective)


def _burns(server: Server, stretch: Stretch, objective: Objective) -> tuple[Burn, ...]:
    """Over the spans of alarms; the short ones by the second, three days by the minute."""
    whose = house().feed
    now = stretch.end
    hour, days = (whose.window(server.id, now - back, now) for back in (SPANS[-1], _DAYS))
    asked = objective.quantity, objective.target, objective.goal
    return (*burn(hour, *asked), *burn(days, *asked, spans=(_DAYS,)))


# ── What is asked ──


def _follow() -> None:
    """Fill in what a link says, if it says something new."""
    said = [link.said(name) for name in SAYS]
    if said == st.session_state.get(_FOLLOWED) and _TARGET in st.session_state:
        return
    of = said[0] if said[0] in _NAMES else "ttft"
    goal = goal_of(said[2]) or _USUAL_GOAL
    st.session_state[_OF] = of
    st.session_state[_TARGET] = target_words(seconds_of(said[1]) or USUAL[of])
    st.session_state[_GOAL] = said_goal(goal)


def _asked() -> Objective | None:
    """What is to be met; None where it is no target or no goal."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Latency",
            list(_NAMES),
            format_func=_NAMES.__getitem__,
            key=_OF,
            on_change=_usual,
            width=270,
        )
        st.text_input("Target", key=_TARGET, max_chars=20, width=110)
        st.text_input("Goal, % of them", key=_GOAL, max_chars=20, width=130)
    of = str(st.session_state[_OF])
    target = seconds_of(str(st.session_state[_TARGET]))
    goal = goal_of(str(st.session_state[_GOAL]))
    if target is None or goal is None:
        st.caption("A target is a time (250 ms, 1.5 s), a goal a share below all (99 or 99.9 %).")
        return None
    said = [of, target_words(target), said_goal(goal)]
    link.say(**dict(zip(SAYS, said, strict=True)))
    st.session_state[_FOLLOWED] = said
    return Objective(of, target, goal)


def _usual() -> None:
    """Another latency has another usual target."""
    st.session_state[_TARGET] = target_words(USUAL[str(st.session_state[_OF])])


# ── Over time ──


def _over_time(stretch: Stretch, objective: Objective) -> None:
    import plotly.graph_objects as go  # noqa: PLC0415 - slow, and for this tab only

    grid = stretch.grid
    curve = attainment_curve(stretch.window, grid, grid.step, objective.quantity, objective.target)
    st.subheader("Over time", anchor=False)
    colours = palette()
    figure = go.Figure()
    if (curve.high > curve.low).any():
        figure.add_bar(
            x=stretch.clocks,
            base=curve.low,
            y=curve.high - curve.low,
            name="surely between",
            marker={"color": colours.accent, "opacity": 0.18, "line": {"width": 0}},
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=stretch.clocks,
        y=curve.point,
        name="within the target",
        mode="lines+markers",
        connectgaps=False,
        line={"color": colours.accent, "width": 2},
        marker={"size": 4},
        customdata=np.stack([curve.low, curve.high, curve.n], axis=1),
        hovertemplate=(
            "%{x|%H:%M:%S}: %{y:.2%}<br>%{customdata[0]:.2%} to %{customdata[1]:.2%}"
            "<br>n = %{customdata[2]:,.0f}<extra></extra>"
        ),
    )
    styled(figure, colours, height=280, showlegend=False, bargap=0)
    figure.add_hline(
        y=objective.goal,
        line={"color": colours.bad, "width": 1.5, "dash": "dash"},
        annotation_text=f"{said_goal(objective.goal)} %",
        annotation_font={"color": colours.bad, "size": 12},
        annotation_position="bottom left",
    )
    figure.update_yaxes(tickformat=".4~%", range=_range(curve, objective.goal))
    ends = [moments.written(at, stretch.zone) for at in (stretch.start, stretch.end)]
    figure.update_xaxes(type="date", range=ends, showgrid=False)
    show(figure, key="slo-curve", alt=f"Share of {objective.words}, over time.")
    st.caption(
        escaped(
            f"Each point is of the {span(grid.step)} before it; shaded is where it may lie, between"
            " the shares at the edges around the target. Where nothing was counted there is none."
        )
    )


def _range(curve: Shares, goal: float) -> tuple[float, float]:
    """From a little below the least to all."""
    known = curve.low[np.isfinite(curve.low)]
    least = min(goal, float(known.min()) if len(known) else goal)
    return max(-0.02, least - 0.15 * (1 - least)), 1 + 0.05 * (1 - least)
