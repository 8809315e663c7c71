"""The readers' side of the history file: one server between two moments, or what happened.

A file is opened read-only for each reading and closed again: no reader holds the log back, and a
file that was set aside and begun anew is found at once. Up to an hour is read second by second;
more comes from the minutes, followed by the seconds that are not sealed yet. Whatever can't be read
leaves a gap and one plain sentence in `trouble`, never an exception.
"""

import sqlite3
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal, TypeVar

from lib.metrics import Layout, Window
from lib.watch.block import Block
from lib.watch.database import fault_of, open_for_reading
from lib.watch.record import RecordError, Tick, period_of, unpack
from lib.watch.store import Event
from lib.watch.timeline import window_of

__all__ = ["RAW_SECONDS", "History", "Tier"]

RAW_SECONDS = 3600.0
"""The longest window that is read second by second."""
LAYOUTS_REMEMBERED = 500

Tier = Literal["auto", "raw", "minute"]
Found = TypeVar("Found")


class History:
    """Reads a history file that another process writes. For any thread."""

    def __init__(self, path: Path, *, period: float = 1.0) -> None:
        self.path = path
        self.period = period
        self.trouble = ""
        self._layouts: dict[str, Layout] = {}

    def window(self, server: str, start: float, end: float, tier: Tier = "auto") -> Window:
        """What is known of a server (`Server.id`) between two wall-clock moments."""
        minutes = tier == "minute" or (tier == "auto" and end - start > RAW_SECONDS)
        blocks = self.blocks(server, start, end, minutes=minutes)
        period = 60.0 if minutes else period_of(server, self.period)
        return window_of(blocks, start=start, end=end, period=period)

    def blocks(self, server: str, start: float, end: float, *, minutes: bool) -> list[Block]:
        """The blocks that touch the span, in the order in which they were taken."""
        table = "minute" if minutes else "chunk"
        return self._read(
            lambda db: [
                *self._sealed(db, server, start, end, table),
                *Block.of(self._unsealed(db, server)),
            ]
        )

    def events(self, start: float, end: float, server: str | None = None) -> list[Event]:
        """What happened between two wall-clock moments, to all or to one server, in order."""
        query = "SELECT at, server, kind, text FROM event WHERE at BETWEEN ? AND ? ORDER BY id"
        events = self._read(lambda db: [Event(*row) for row in db.execute(query, (start, end))])
        return [event for event in events if server is None or event.server == server]

    def _read(self, query: Callable[[sqlite3.Connection], list[Found]]) -> list[Found]:
        """What a query finds, all of it as of one moment; nothing while there is no file."""
        self.trouble = ""
        if not self.path.exists():
            return []
        try:
            with closing(open_for_reading(self.path)) as db:
                db.execute("BEGIN")
                return query(db)
        except (sqlite3.Error, OSError) as error:
            self.trouble = f"The history can't be read: {fault_of(error).sentence}."
            return []

    def _sealed(
        self, db: sqlite3.Connection, server: str, start: float, end: float, table: str
    ) -> list[Block]:
        query = (
            f"SELECT layout.key, body FROM {table}"  # noqa: S608 — our name
            f" JOIN server ON server.id={table}.server JOIN layout ON layout.id={table}.layout"
            f" WHERE server.name=? AND last>=? AND first<=? ORDER BY {table}.id"
        )
        found = []
        for key, body in db.execute(query, (server, start, end)):
            try:
                found.append(Block.decode(body, self._layout(db, key)))
            except RecordError:
                self.trouble = "Part of the history is damaged and is shown as a gap."
        return found

    def _unsealed(self, db: sqlite3.Connection, server: str) -> Sequence[Tick]:
        query = (
            "SELECT layout.key, record FROM tick JOIN server ON server.id=tick.server"
            " LEFT JOIN layout ON layout.id=tick.layout WHERE server.name=? ORDER BY tick.id"
        )
        ticks = []
        for key, record in db.execute(query, (server,)):
            try:
                layouts = {} if key is None else {key: self._layout(db, key)}
                ticks.append(unpack(zlib.decompress(record), layouts))
            except (zlib.error, RecordError):
                self.trouble = "Part of the history is damaged and is shown as a gap."
        return ticks

    def _layout(self, db: sqlite3.Connection, key: str) -> Layout:
        layout = self._layouts.get(key)
        if layout is None:
            if len(self._layouts) > LAYOUTS_REMEMBERED:
                self._layouts = {}
            row = db.execute("SELECT text FROM layout WHERE key=?", (key,)).fetchone()
            layout = self._layouts[key] = Layout.from_json(row[0])
        return layout
