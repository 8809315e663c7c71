"""The checks of a server in words, and how long each took: a table, and a plot per check.

This module alone decides what a row of that table says, which checks are plotted, and in which look
a server's curve is drawn.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from lib.api import Reason
from lib.health import Check, Outcome
from lib.health.verdicts import HEARD_FOR
from lib.metrics import Grid, Window, gauge_curve
from lib.servers import Server
from lib.ui.board import Words, known
from lib.ui.plain import ABSENT, duration, plain

__all__ = [
    "LOOKS",
    "LatencyPanel",
    "bins_of",
    "checked",
    "figures_of",
    "newer",
    "plotted",
    "row",
    "rows",
    "summary",
]

QUANTITY = "check_seconds"
LOOKS: tuple[tuple[int, str | None], ...] = (
    (0, None),
    (1, "dash"),
    (2, "dot"),
    (3, "dashdot"),
    (5, "longdash"),
    (4, "longdashdot"),
)
"""Colour (place in the theme's series) and dash of each chosen server's curves."""
NO_LATENCY = frozenset({Check.PROGRESS, Check.INFERENCE})
WORDS_LENGTH = 240
_UNSAID = {
    Check.INFERENCE: "Only on request: it costs the server a request.",
    Check.PROGRESS: "No reading yet.",
}

Outcomes = Mapping[Check, Outcome]


def newer(*rounds: Iterable[Outcome]) -> dict[Check, Outcome]:
    """What was said last of each check."""
    found: dict[Check, Outcome] = {}
    for one in (one for outcomes in rounds for one in outcomes):
        if one.check not in found or one.at > found[one.check].at:
            found[one.check] = one
    return found


def rows(outcomes: Outcomes, now: float) -> list[Words]:
    """A row for every check there is, in their order; `now` is a wall-clock moment."""
    connect = outcomes.get(Check.CONNECT)
    connects = connect is None or connect.passed is not False
    return [_row_of(check, outcomes.get(check), now, connects=connects) for check in Check]


def _row_of(check: Check, one: Outcome | None, now: float, *, connects: bool) -> Words:
    if one is not None:
        told = row(one, connects=connects)
        # what was not asked again for so long is no news, and must not look like any
        is_old = one.passed is not None and _is_old(one, now)
        return told | {"tone": "unknown", "result": f"{told['result']} earlier"} if is_old else told
    return {
        "check": check.value,
        "what": check.what,
        "tone": "unknown",
        "result": "not asked",
        "took": None,
        "at": None,
        "words": _UNSAID.get(check, "Not asked yet."),
    }


def row(one: Outcome, *, connects: bool = True) -> Words:
    """What came of one check; `connects` says whether the server could be reached at all."""
    tone, result = _result(one, connects=connects)
    return {
        "check": one.check.value,
        "what": one.check.what,
        "tone": tone,
        "result": result,
        "took": duration(one.seconds) if one.seconds is not None else None,
        "at": one.at or None,
        "words": plain(one.words, WORDS_LENGTH),
    }


def _result(one: Outcome, *, connects: bool) -> tuple[str, str]:
    if one.passed is None:
        if not connects or (one.check in NO_LATENCY and one.kind != Reason.NO_TASK.value):
            return "unknown", "not asked" if one.check is not Check.PROGRESS else "not seen"
        return "off", "not offered"
    if one.passed and one.kind in ("asleep", "paused"):
        return "off", one.kind
    return ("good", "passed") if one.passed else ("bad", "failed")


def _is_old(one: Outcome, now: float) -> bool:
    return abs(now - one.at) > HEARD_FOR


def checked(outcomes: Outcomes, now: float) -> Words:
    """What a healthy server has just passed, and when the newest of it was asked."""
    fresh = [one for one in outcomes.values() if not _is_old(one, now)]
    passed = [one for one in fresh if one.passed]
    failed = [one.check.value for one in fresh if one.passed is False]
    return {
        "passed": [check.value for check in Check if any(one.check is check for one in passed)],
        "failed": failed,
        "at": max((one.at for one in passed), default=None),
    }


def summary(outcomes: Iterable[Outcome]) -> str:
    """One round in a line: 8 passed, 1 failed (load), 2 not offered."""
    told = list(outcomes)
    failed = [one.check.value for one in told if one.passed is False]
    absent = sum(one.passed is None for one in told)
    parts = [f"{sum(one.passed is True for one in told)} passed"]
    parts += [f"{len(failed)} failed ({', '.join(failed)})"] if failed else []
    parts += [f"{absent} not offered or not asked"] if absent else []
    return ", ".join(parts)


# ── Latencies ──


class LatencyPanel:
    """How long one check took, on every chosen server."""

    def __init__(self, check: Check, servers: Sequence[Server]) -> None:
        self.check = check
        self.servers = servers

    def spec(self, windows: Sequence[Window], grid: Grid) -> Words:
        """The panel and its points, as `assets/plot.js` draws it."""
        several = len(self.servers) > 1
        return {
            "key": self.check.value,
            "title": self.check.value,
            "how": self.check.what,
            "write": "duration",
            "height": 104,
            "top": None,
            "limits": [],
            "curves": [
                {
                    "key": str(place),
                    "label": server.name if several else "",
                    "how": f"{server.name}: latency of its newest answer, at most 45 s old",
                    "how_point": f"{server.name}: mean latency of the answers in the bin",
                    "colour": LOOKS[place][0],
                    "dash": LOOKS[place][1],
                }
                for place, server in enumerate(self.servers)
            ],
            "data": self.points(windows, grid),
        }

    def points(self, windows: Sequence[Window], grid: Grid) -> dict[str, list[float | None]]:
        """By place of the server: seconds per bin, None where the check failed or was not asked."""
        part = self.check.value
        return {
            str(place): known(gauge_curve(window, grid, QUANTITY, part))
            for place, window in enumerate(windows)
        }


def plotted(servers: Sequence[Server], windows: Iterable[Window]) -> list[LatencyPanel]:
    """A panel for each check that any of the servers has passed: without that there is no curve."""
    passed = {part for window in windows for part in _told(window)}
    return [
        LatencyPanel(check, servers)
        for check in Check
        if check.value in passed and check not in NO_LATENCY
    ]


def _told(window: Window) -> Iterable[str]:
    """The checks with a latency anywhere in the window."""
    known = np.isfinite(window.values).any(axis=0)
    return {window.layout.series[column].part for column in np.flatnonzero(known)}


def bins_of(
    panels: Iterable[LatencyPanel], windows: Sequence[Window], grid: Grid
) -> dict[str, list[float | None]]:
    """The points of all curves, for a tick."""
    return {
        f"{panel.check.value}.{place}": values
        for panel in panels
        for place, values in panel.points(windows, grid).items()
    }


def figures_of(panels: Iterable[LatencyPanel], outcomes: Sequence[Outcomes], now: float) -> Words:
    """What stands above each plot: the newest latency of every server, none that is old."""
    return {
        panel.check.value: {
            "texts": [_figure(told.get(panel.check), now) for told in outcomes],
            "note": "",
        }
        for panel in panels
    }


def _figure(one: Outcome | None, now: float) -> tuple[str, str | None]:
    if one is None or _is_old(one, now):
        return ABSENT, None
    if one.passed is False:
        return "failed", "bad"
    return duration(one.seconds if one.passed else None), None
