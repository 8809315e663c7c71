"""What Health shows: every server's verdicts as a strip, and all that was checked of the chosen.

This module alone decides the shape of those events; `assets/health.js` reads them. The first event
has the chosen servers whole; the strips of the others follow with the ticks, as far as their time
allows, worst first.
"""

import time
from collections.abc import Sequence

from lib.health import Check, Outcome, State, Tone
from lib.metrics import Grid, Window
from lib.servers import Server
from lib.ui import checks
from lib.ui.board import Board, Source, Words, status_of, text_of, verdict_of, who_of
from lib.ui.fleet import rank
from lib.ui.plain import plain
from lib.ui.stream import event
from lib.ui.strips import Part, Strip
from lib.ui.windows import Span
from lib.watch.record import CHECK_PERIOD, checks_of
from lib.watch.store import Event

__all__ = ["EVENTS", "MOST", "HealthView"]

MOST = len(checks.LOOKS)
"""Servers that can be chosen."""
EVENTS = 50
EVENTS_EVERY = 3.0
EVENTS_AGAIN = 60.0
"""Seconds of the past that are read again: an event is written a little after it happened."""
HISTORY_BUDGET = 0.25
"""Seconds of a tick that may go into reading the history of strips."""
MODELS_OFFERED = 100
ID_LENGTH = 300
"""Characters of a model's name beyond which it is not offered, nor one with hidden characters:
nobody calls a model so."""


class HealthView:
    """The chosen servers over one window, the first of them named in the head. One thread."""

    servers: frozenset[str] | None = None

    def __init__(self, source: Source, board: Board, chosen: Sequence[Server], span: Span) -> None:
        self._source = source
        self._board = board
        self._chosen = tuple(chosen)[:MOST]
        self._span = span
        self._strips: dict[Server, Strip] = {}
        self._panels: list[checks.LatencyPanel] = []
        self._next = 0.0
        self._events: list[Event] = []
        self._events_read = 0.0
        self._models: tuple[str, ...] = ()
        self._said: Words = {}
        self._said_rows: dict[Server, list[Words]] = {}

    def opening(self) -> bytes:
        """Everything of the chosen servers, as of the newest reading."""
        at = self._at()
        grid = Grid.within(at - self._span.seconds, at, self._span.bin)
        windows = self._windows(grid.first, at)
        self._panels = checks.plotted(self._chosen, windows)
        self._next = grid.following
        self._said, self._said_rows, self._events, self._events_read = {}, {}, [], 0.0
        self._match_servers()
        for server in self._chosen:
            if server in self._strips and not self._strips[server].is_read:
                self._strips[server].read(self._source, at)
        whole = {
            "start": grid.first,
            "step": grid.step,
            "size": grid.size,
            "span": self._span.seconds,
            "panels": [panel.spec(windows, grid) for panel in self._panels],
            "strips": [self._strip(strip, at) for strip in self._strips.values()],
            "most": MOST,
        }
        return event("window", text_of(self._news(at) | whole))

    def tick(self) -> bytes:
        """Bins that have closed, the newest figures, and what else has changed."""
        self._board.walk()
        at = self._at()
        if self._match_servers() or self._jumped(at):
            return self.opening()
        windows = self._windows(self._next - self._span.bin, at)
        offered = checks.plotted(self._chosen, windows)
        if {panel.check for panel in offered} - {panel.check for panel in self._panels}:
            return self.opening()
        grown = self._grown(at)
        new = {"bins": self._closed(windows, at), "strips": grown}
        return event("tick", text_of(self._news(at) | new))

    def _at(self) -> float:
        """The moment that is shown: of the newest reading of a chosen server."""
        newest = [self._source.latest(server.id) for server in self._chosen]
        return max((tick.at for tick in newest if tick), default=time.time())

    def _jumped(self, at: float) -> bool:
        """Whether the clock went where no bin can follow; then every strip is read anew."""
        ahead = (at - self._next) / self._span.bin
        if -2 <= ahead < self._span.seconds / self._span.bin:
            return False
        self._strips.clear()
        return True

    # ── Strips ──

    def _match_servers(self) -> bool:
        """Follow the list of servers; True if it has changed."""
        servers = self._board.watched()
        if list(self._strips) == list(servers):
            return False
        known = self._strips
        self._strips = {one: known.get(one) or Strip(one, self._span) for one in servers}
        return True

    def _strip(self, strip: Strip, at: float) -> Words:
        strip.forget_facts()
        return {
            "name": strip.server.name,
            "simulated": strip.server.simulated,
            "facts": self._facts(strip, at),
            "parts": [_drawn(part) for part in strip.parts] if strip.is_read else None,
        }

    def _grown(self, at: float) -> list[Words]:
        """What is new on every strip; one that was not read yet is read while there is time."""
        until = time.monotonic() + HISTORY_BUDGET
        grown: list[Words] = []
        for strip in self._by_need():
            news: Words = {}
            now = self._now(strip, at)
            if strip.is_read:
                parts = strip.follow(self._source, now)
                news |= {"new": [_drawn(part) for part in parts]} if parts else {}
            elif time.monotonic() < until:
                strip.read(self._source, now)
                news |= {"parts": [_drawn(part) for part in strip.parts]}
            if strip.restarts is None and time.monotonic() < until:
                strip.count_restarts(self._source, now)
            facts = self._facts(strip, now)
            news |= {"facts": facts} if facts else {}
            if news:
                grown.append({"name": strip.server.name} | news)
        return grown

    def _by_need(self) -> list[Strip]:
        """The chosen servers first, then the others, worst first."""
        chosen = set(self._chosen)
        return sorted(
            self._strips.values(),
            key=lambda strip: (strip.server not in chosen, rank(self._verdict(strip.server))),
        )

    def _now(self, strip: Strip, at: float) -> float:
        """The moment of the view, or that of the server's own reading if it is a newer one."""
        newest = self._source.latest(strip.server.id)
        return max(at, newest.at) if newest else at

    def _facts(self, strip: Strip, now: float) -> Words | None:
        newest = self._source.latest(strip.server.id)
        return strip.facts(newest.sample if newest else None, now) if strip.is_read else None

    # ── Plots ──

    def _windows(self, start: float, end: float) -> list[Window]:
        """The latencies of the chosen servers, from a little before `start` on."""
        back = start - self._span.bin - 3 * CHECK_PERIOD
        return [self._source.window(checks_of(one.id), back, end) for one in self._chosen]

    def _closed(self, windows: Sequence[Window], at: float) -> Words | None:
        """The bins that have ended since the last call."""
        grid = Grid.closed(self._next, at, self._span.bin)
        if not grid.size:
            return None
        self._next = grid.following
        data = checks.bins_of(self._panels, windows, grid)
        return {"start": grid.first, "step": grid.step, "size": grid.size, "data": data}

    # ── Words ──

    def _news(self, at: float) -> Words:
        """What both events have; words only where they changed."""
        outcomes = [self._outcomes(server) for server in self._chosen]
        states = {server: self._verdict(server) for server in self._strips}
        words: Words = {
            "who": self._who(),
            "states": {server.name: state for server, state in states.items()},
            "order": [one.name for one in sorted(states, key=lambda one: rank(states[one]))],
            "chosen": [server.name for server in self._chosen],
            "verdicts": [self._told(server) for server in self._chosen],
            "checked": [checks.checked(told, at) for told in outcomes],
            "pressed": [self._pressed(server) for server in self._chosen],
            "figures": checks.figures_of(self._panels, outcomes, at),
            "events": self._happened(at),
            "servers": self._board.listed(),
        }
        changed = {key: value for key, value in words.items() if self._said.get(key) != value}
        self._said |= words
        fixed = {
            "now": time.time(),
            "at": at,
            "period": self._source.period,
            "banner": self._board.banner(),
            "rows": [
                self._rows(server, told, at)
                for server, told in zip(self._chosen, outcomes, strict=True)
            ],
        }
        return fixed | changed

    def _rows(self, server: Server, outcomes: dict[Check, Outcome], at: float) -> list[Words]:
        """The rows of a server's table that have changed."""
        rows = checks.rows(outcomes, at)
        said = self._said_rows.get(server, [])
        self._said_rows[server] = rows
        return [row for row in rows if row not in said]

    def _verdict(self, server: Server) -> Words:
        """The state that is drawn beside a strip."""
        newest = self._source.latest(server.id)
        return _calm(status_of(newest.status if newest else None))

    def _who(self) -> Words | None:
        if not self._chosen:
            return None
        first = self._chosen[0]
        newest = self._source.latest(first.id)
        if newest and newest.sample:
            self._models = newest.sample.models  # one that is down still has its name
        return who_of(first, self._models, self._board.version(first))

    def _outcomes(self, server: Server) -> dict[Check, Outcome]:
        """What was said last: by the watcher's checks, or by those that somebody asked for."""
        newest = self._source.latest(checks_of(server.id))
        pressed = self._board.pressed(server)
        token = (pressed.token,) if pressed.token else ()
        return checks.newer(newest.outcomes if newest else (), pressed.round, token)

    def _told(self, server: Server) -> Words:
        """A chosen server's state; and what RCA / Cache finds of one that is fit.

        Slow is not ill, but worth a look.
        """
        newest = self._source.latest(server.id)
        status = status_of(newest.status if newest else None)
        verdict = verdict_of(newest, self._board.brief(server.id))
        is_fit = status["tone"] == Tone.GOOD.value
        finds = verdict["text"] if is_fit and verdict["tone"] != status["tone"] else None
        return status | {"finds": finds}

    def _pressed(self, server: Server) -> Words:
        told = self._board.pressed(server)
        at = max((one.at for one in told.round), default=None)
        token = told.token
        return {
            "looking": told.is_looking,
            "inferring": told.is_inferring,
            "models": [
                name
                for name in self._board.models(server)[:MODELS_OFFERED]
                if plain(name, ID_LENGTH) == name
            ],
            "round": checks.summary(told.round) if told.round else "",
            "at": at,
            "model": told.model,
            "token": checks.row(token) if token else None,
        }

    def _happened(self, at: float) -> list[Words]:
        """The newest events of the chosen servers, newest first."""
        start = at - self._span.seconds
        if at >= self._events_read + EVENTS_EVERY or at < self._events_read:
            again = max(start, self._events_read - EVENTS_AGAIN)
            found = self._source.events(again, at + CHECK_PERIOD)
            ours = {server.id for server in self._chosen}
            kept = [one for one in self._events if start <= one.at < again]
            kept += [one for one in found if one.server is None or one.server in ours]
            self._events, self._events_read = kept[-EVENTS:], at
        names = {server.id: server.name for server in self._chosen}
        return [
            {
                "at": one.at,
                "server": names.get(one.server or "", ""),
                "kind": one.kind,
                "text": plain(one.text, 300),
            }
            for one in reversed(self._events)
        ]


def _drawn(part: Part) -> list[object]:
    """A stretch as a browser draws it; the end of the last one moves on by itself."""
    if part.state is State.UNKNOWN:
        return [part.start, part.end, "unknown", "Nobody looked", ""]
    return [part.start, part.end, part.state.tone.value, part.state.value, part.reason]


def _calm(status: Words) -> Words:
    """A good state without what changes with every request."""
    return status | {"text": ""} if status["tone"] == Tone.GOOD.value else status
