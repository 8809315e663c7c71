"""What Overview shows: every server in a row, worst first, and what changed since the tick before.

This module alone decides the order of servers and the shape of those events; `assets/overview.js`
reads them. The first event comes at once, with the newest readings; history (sparklines,
percentiles over the window) follows server by server, so that fifty servers over seven days open as
fast as one.
"""

import time
from collections.abc import Mapping

from lib.ui import plain
from lib.ui.board import Board, Source, Words, text_of
from lib.ui.rows import BINS, COLUMNS, Row
from lib.ui.stream import event
from lib.ui.windows import Span

__all__ = ["OverviewView", "rank"]

HISTORY_BUDGET = 0.25
"""Seconds of a tick that may go into reading history."""


class OverviewView:
    """All servers over one window. One thread at a time."""

    servers: frozenset[str] | None = None

    def __init__(self, source: Source, span: Span, board: Board) -> None:
        self._source = source
        self._span = span
        self._board = board
        self._rows: dict[str, Row] = {}
        self._said: Words = {}

    def opening(self) -> bytes:
        """Every row as of now; history comes with the ticks."""
        self._match_servers()
        self._said = {}
        rows = []
        for row in self._rows.values():
            row.said, row.next = {}, None
            rows.append(self._named(row) | row.news(self._source, self._board))
        fixed = {
            "rows": rows,
            "bins": BINS,
            "label": self._span.label,
            "words": self._span.words,
            "columns": COLUMNS,
            "foot": (
                f"TTFT and ITL are p95 over the last {self._span.words}, from bucket differences; "
                "the true value lies inside the bucket shown on hover. "
                f"{plain.ABSENT} not reported by this server, or nothing to measure."
            ),
        }
        return event("window", text_of(self._news() | fixed))

    def tick(self) -> bytes:
        """The rows in which something changed."""
        if self._match_servers():
            return self.opening()
        self._board.walk()
        until = time.monotonic() + HISTORY_BUDGET
        rows = []
        for name, row in self._rows.items():
            news = row.news(self._source, self._board)
            newest = self._source.latest(row.server.id)
            if newest and row.follows(newest.at):
                points = row.closed(self._source, newest.at)
                news |= {"bin": points} if points else {}
            elif newest and time.monotonic() < until:
                news["spark"] = row.begin(self._source, newest.at)
            if news:
                rows.append({"name": name} | news)
        return event("tick", text_of(self._news() | {"rows": rows}))

    def _match_servers(self) -> bool:
        """Follow the list of servers; True if it has changed."""
        servers = {server.name: server for server in self._board.watched()}
        if {name: row.server for name, row in self._rows.items()} == servers:
            return False
        self._rows = {name: Row(server, self._span) for name, server in servers.items()}
        return True

    @staticmethod
    def _named(row: Row) -> Words:
        return {"name": row.server.name, "simulated": row.server.simulated}

    def _news(self) -> Words:
        states = {name: row.state for name, row in self._rows.items()}
        words: Words = {
            "order": sorted(states, key=lambda name: (rank(states[name]), name)),
            "line": _line([state.get("tone") for state in states.values()]),
            "servers": self._board.listed(),
        }
        changed = {key: value for key, value in words.items() if self._said.get(key) != value}
        self._said.update(changed)
        return {"now": time.time(), "banner": self._board.banner()} | changed


def rank(state: Mapping[str, object]) -> int:
    """Worst first: trouble, to watch, asleep or not seen, healthy."""
    order = ("bad", "watch", "unknown", "off", "good")
    return order.index(str(state.get("tone", "unknown")))


def _line(tones: list[object]) -> str:
    """The page in a sentence: 5 servers, 1 in trouble, 1 to watch."""
    if not tones:
        return "No servers yet"
    parts = [f"{len(tones)} server" + ("s" if len(tones) > 1 else "")]
    parts += [f"{tones.count('bad')} in trouble"] if "bad" in tones else []
    parts += [f"{tones.count('watch')} to watch"] if "watch" in tones else []
    return ", ".join(parts if len(parts) > 1 else [*parts, "all well"])
