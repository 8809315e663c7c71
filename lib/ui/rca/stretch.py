"""The stretch of readings that a tool looks at, and how it is cut up for plots over time.

Decided here: without two moments it is the page's window, ending now; and about a hundred steps of
it are drawn, each a round length and none shorter than what is kept of that time.
"""

from dataclasses import dataclass
from datetime import datetime, tzinfo

import numpy as np
import streamlit as st

from lib.metrics import Grid, Window
from lib.servers import Server
from lib.ui import shell
from lib.ui.house import house
from lib.ui.plain import count, escaped, span
from lib.ui.rca import moments
from lib.ui.rca.spans import window_of

__all__ = ["Stretch", "as_of", "between", "until_now"]

STEPS = 100
_ROUND = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Readings of one server from `start` to `end` (wall-clock seconds), for a viewer in `zone`."""

    window: Window
    start: float
    end: float
    zone: tzinfo

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end - self.start

    @property
    def grid(self) -> Grid:
        """Its steps."""
        least = max(self.seconds / STEPS, self.window.period)
        step = next((one for one in _ROUND if one >= least), _ROUND[-1])
        return Grid.within(self.start, self.end, float(step))

    @property
    def clocks(self) -> list[str]:
        """The middle of each step, in the viewer's time, as Plotly takes it."""
        grid = self.grid
        middles = (grid.moments - grid.step / 2).tolist()
        return [datetime.fromtimestamp(at, self.zone).strftime(_PLOTTED)[:-3] for at in middles]

    @property
    def words(self) -> str:
        """From when to when, out of how many readings."""
        clocks = [moments.clock(at, self.zone, beside=self.end) for at in (self.start, self.end)]
        kept = "minutes" if self.window.period >= 60 else "readings"
        known = count(int(np.count_nonzero(self.window.answered)))
        return f"{clocks[0]} to {clocks[1]} ({span(self.seconds)}) · {known} {kept} with an answer"


_PLOTTED = "%Y-%m-%d %H:%M:%S.%f"


def until_now(server: Server, now: float) -> Stretch:
    """The page's window, as of now."""
    seconds = shell.selected_window().seconds
    return between(server, now - seconds, now)


def between(server: Server, start: float, end: float) -> Stretch:
    """What is kept of the time between two moments."""
    window = window_of(house().feed, server, start, end)
    return Stretch(window, start, end, moments.zone())


def as_of(stretch: Stretch, *, key: str) -> None:
    """Say what is looked at, with a button that looks again."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Refresh", icon=":material/refresh:", key=f"{key}-refresh")
        st.caption(escaped(f"As of {stretch.words}."), width="content")
