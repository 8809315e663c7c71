"""What every live view reads and how it puts facts into an event.

`Source` is the feed of `lib.watch`, `Board` what `lib.ui.house` adds to it: both as protocols, so
that a view can be read, and tested, without a process around it.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Protocol

from lib.api.kv_events import Stored
from lib.diagnosis import Curve, Diagnosis, Finding, Link, Outlook
from lib.health import State, Status
from lib.metrics import Window
from lib.servers import Server
from lib.ui.plain import listed, plain
from lib.ui.pressed import Pressed
from lib.watch.record import Tick
from lib.watch.store import Event

__all__ = [
    "Board",
    "Source",
    "Stretch",
    "Words",
    "curve_key",
    "finding_of",
    "known",
    "status_of",
    "text_of",
    "verdict_of",
    "who_of",
]

Words = dict[str, object]

MODELS = 3
"""Models that the head of a page names."""


class Source(Protocol):
    """The newest readings of all servers; `lib.watch.Feed`."""

    @property
    def period(self) -> float:
        """Seconds between two readings."""

    def latest(self, server: str) -> Tick | None:
        """The newest tick of a server (`Server.id`)."""

    def window(self, server: str, start: float, end: float) -> Window:
        """Any stretch of wall-clock time, from memory and history."""

    def states(self, server: str, start: float, end: float) -> Sequence["Stretch"]:
        """What a server was called between two moments, one after the other."""

    def events(self, start: float, end: float, server: str | None = None) -> Sequence[Event]:
        """What happened between two moments, in order of time."""


class Stretch(Protocol):
    """A server was in one state for a while (wall-clock seconds)."""

    @property
    def start(self) -> float:
        """Its beginning."""

    @property
    def end(self) -> float:
        """Its end."""

    @property
    def state(self) -> State:
        """UNKNOWN where nobody looked."""

    @property
    def reason(self) -> str:
        """Why it was called so."""


class Board(Protocol):
    """What all views share besides the readings; `lib.ui.house.House`."""

    def banner(self) -> Mapping[str, str] | None:
        """What is wrong with the dashboard itself."""

    def watched(self) -> Sequence[Server]:
        """All servers."""

    def listed(self) -> Sequence[Mapping[str, object]]:
        """All servers with their states, for the sidebar."""

    def brief(self, server: str) -> Diagnosis:
        """What is wrong with a server (`Server.id`), from the last minutes; returns at once."""

    def walk(self) -> None:
        """Keep the brief diagnoses fresh; each tick of a view gives it a little time."""

    def diagnosis(self, server: str) -> Diagnosis:
        """What is wrong with a server, from half an hour."""

    def forecast(self, server: str) -> Outlook:
        """What comes next for a server (`Server.id`), and what its waiting requests wait for."""

    def cached(self, server: Server) -> Mapping[str, Stored] | None:
        """Blocks of its KV cache that hold tokens, by engine; None where that is not told."""

    def version(self, server: Server) -> str:
        """The release that a server runs, "" if it was not asked yet."""

    def pressed(self, server: Server) -> Pressed:
        """What the buttons have brought of a server."""

    def models(self, server: Server) -> Sequence[str]:
        """The ids of the models that a server lists, adapters too; none if it was not asked yet."""


def status_of(status: Status | None) -> Words:
    """A state as a view draws it."""
    if status is None:
        return {
            "tone": "unknown",
            "words": State.UNKNOWN.value,
            "since": None,
            "text": "",
            "remedy": "",
        }
    return {
        "tone": status.state.tone.value,
        "words": status.state.value,
        "since": status.since,
        "text": plain(status.reason, 300),
        "remedy": status.remedy,
    }


def who_of(server: Server, models: Sequence[str], version: str) -> Words:
    """A server's line under the title."""
    return {
        "name": server.name,
        "url": server.url,
        "simulated": server.simulated,
        "model": listed(models, MODELS),
        "version": version,
    }


def verdict_of(newest: Tick | None, diagnosis: Diagnosis) -> Words:
    """A server in one line: trouble of its own first, then its worst finding, then what it does."""
    state = status_of(newest.status if newest else None)
    finding = next((one for one in diagnosis.findings if one.severity.value != "hint"), None)
    if finding is None or state["tone"] in {"bad", "unknown", "off"}:
        return state
    return {
        "tone": finding.severity.value,
        "words": finding.brief,
        "since": finding.since,
        "text": plain(finding.headline, 300),
        "remedy": finding.remedy,
    }


def finding_of(finding: Finding) -> Words:
    """A finding as a view draws it."""
    return {
        "rule": finding.rule,
        "pattern": finding.pattern,
        "tone": finding.severity.value,
        "brief": finding.brief,
        "headline": plain(finding.headline, 300),
        "detail": plain(finding.detail, 500),
        "since": finding.since,
        "chain": [_link(link) for link in finding.chain],
        "rivals": [asdict(rival) for rival in finding.rivals],
        "remedies": [asdict(remedy) for remedy in finding.remedies],
        "source": finding.source,
        "merged": list(finding.merged),
        "remedy": finding.remedy,
    }


def _link(link: Link) -> Words:
    """A link, with the key of its curve and where its threshold lies on it."""
    curve = link.curve
    return {
        "label": plain(link.label),
        "figure": plain(link.figure),
        "threshold": plain(link.threshold),
        "window": plain(link.window),
        "since": link.since,
        "holds": link.holds,
        "metric": link.metric,
        "curve": curve and curve_key(curve),
        "limit": curve and curve.limit,
    }


def curve_key(curve: Curve) -> str:
    """What a curve is called in an event: the same for the same line, whatever its threshold."""
    told = (curve.quantity, curve.how.name, curve.part, curve.to, curve.q, curve.span)
    return "/".join(map(str, told))


def known(values: Iterable[float], digits: int = 4) -> list[float | None]:
    """Values for an event: so many significant digits, None for a gap."""
    return [float(f"{value:.{digits}g}") if math.isfinite(value) else None for value in values]


def text_of(content: object) -> str:
    """JSON in one line, without blanks."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
