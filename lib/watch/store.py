"""The writer's side of the history file: what a tick becomes, from second to minute to nothing.

Ticks are acknowledged when `append` returns: then they are committed, and a killed process loses
none of them (WAL, synchronous NORMAL; only a power cut may take the last seconds). `seal` writes a
server's chunk and its minutes and deletes its ticks in one transaction. `prune` drops what `Keep`
does not allow.

Rows of a server are in the order in which they were taken: chunks before ticks, then by id. The
wall clock orders nothing; it may be set.
"""

import os
import sqlite3
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

from lib.metrics import Layout
from lib.watch.block import Block
from lib.watch.database import open_for_writing, transaction
from lib.watch.record import RecordError, Tick, pack, unpack

__all__ = ["Event", "Keep", "Store"]

LAYOUTS_REMEMBERED = 500
VACUUM_PAGES = 4096


@dataclass(frozen=True, slots=True)
class Keep:
    """What is kept, by age in days and by size of the file in bytes; the oldest chunks go first."""

    chunk_days: float = 7.0
    minute_days: float = 90.0
    file_bytes: float = 2e9


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened (wall-clock seconds); `server` is None for the watcher itself."""

    at: float
    server: str | None
    kind: str
    text: str


class Store:
    """The open history file, for one thread. Every method may raise sqlite3.Error."""

    def __init__(self, path: Path, *, keep: Keep | None = None) -> None:
        self.keep = keep or Keep()
        self._db = open_for_writing(path)
        self._servers: dict[str, int] = {}
        self._layouts = _Layouts(self._db)
        try:
            with transaction(self._db):
                row = (time.time(), time.monotonic(), os.getpid())
                self._db.execute("INSERT INTO run (at, mono, pid) VALUES (?, ?, ?)", row)
                self.run = self._one("SELECT max(id) FROM run")
            for name in self.unsealed:
                self.seal(name, everything=True)
        except BaseException:
            self._db.close()
            raise

    def append(self, ticks: Sequence[Tick], events: Sequence[Event] = ()) -> None:
        """Commit ticks and events together; when this returns they survive a kill."""
        with self._transaction():
            rows = [
                (
                    self._server(tick.server),
                    self.run,
                    None if tick.sample is None else self._layouts.remember(tick.sample.layout),
                    zlib.compress(pack(tick), 1),
                )
                for tick in ticks
            ]
            self._db.executemany(
                "INSERT INTO tick (server, run, layout, record) VALUES (?, ?, ?, ?)", rows
            )
            self._db.executemany(
                "INSERT INTO event (at, server, kind, text) VALUES (?, ?, ?, ?)",
                [(event.at, event.server, event.kind, event.text) for event in events],
            )

    @property
    def unsealed(self) -> list[str]:
        """The servers that have ticks which are not in a chunk yet."""
        rows = self._db.execute(
            "SELECT name FROM server WHERE id IN (SELECT DISTINCT server FROM tick)"
        )
        return [name for (name,) in rows.fetchall()]

    def seal(self, name: str, *, everything: bool = False) -> int:
        """Pack a server's ticks, up to its last whole minute or `everything`; returns how many."""
        server = self._server(name)
        rows = self._db.execute(
            "SELECT id, run, record FROM tick WHERE server=? ORDER BY id", (server,)
        ).fetchall()
        read = [
            (row_id, run, tick)
            for row_id, run, record in rows
            if (tick := self._read(record)) is not None
        ]
        if not everything:
            read = read[: _last_minute_begins([tick.at for _, _, tick in read])]
        if not read:
            return 0
        with self._transaction():
            for run, part in groupby(read, key=lambda row: row[1]):
                for block in Block.of([tick for _, _, tick in part]):
                    self._insert("chunk", server, run, block)
                    self._insert("minute", server, run, block.by_minute())
            self._db.execute("DELETE FROM tick WHERE server=? AND id<=?", (server, read[-1][0]))
        return len(read)

    def prune(self, now: float) -> None:
        """Drop what is too old at `now` (wall clock), then the oldest until the rest fits."""
        chunk_limit, minute_limit = (
            now - days * 86400 for days in (self.keep.chunk_days, self.keep.minute_days)
        )
        with self._transaction():
            self._db.execute("DELETE FROM chunk WHERE last<?", (chunk_limit,))
            self._db.execute("DELETE FROM minute WHERE last<?", (minute_limit,))
            self._db.execute("DELETE FROM event WHERE at<?", (minute_limit,))
            self._layouts.forget_unused()
        while self.used_bytes > self.keep.file_bytes and (
            self._drop_oldest("chunk") or self._drop_oldest("minute")
        ):
            pass
        # Not `execute`: that takes one step of this pragma, and so gives one page back.
        self._db.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")

    @property
    def used_bytes(self) -> int:
        """Bytes of the file that hold something."""
        pages = self._one("PRAGMA page_count") - self._one("PRAGMA freelist_count")
        return pages * self._one("PRAGMA page_size")

    def close(self) -> None:
        """Write the log back into the file and close it."""
        with suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    def _drop_oldest(self, table: str) -> bool:
        """Drop the oldest twentieth of a table; False when it is empty."""
        query = f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} ORDER BY last LIMIT ?)"  # noqa: S608 — our name
        with self._transaction():
            count = self._one(f"SELECT count(*) FROM {table}")  # noqa: S608 — our name
            return self._db.execute(query, (count // 20 + 1,)).rowcount > 0

    def _insert(self, table: str, server: int, run: int, block: Block) -> None:
        columns = "(server, run, layout, first, last, body) VALUES (?, ?, ?, ?, ?, ?)"
        query = f"INSERT INTO {table} {columns}"  # our name
        first, last = float(block.at.min()), float(block.at.max())
        layout = self._layouts.remember(block.layout)
        self._db.execute(query, (server, run, layout, first, last, block.encode()))

    def _read(self, record: bytes) -> Tick | None:
        """A stored tick; None when its bytes are damaged, which costs that tick only."""
        try:
            return unpack(zlib.decompress(record), self._layouts)
        except (zlib.error, RecordError):
            return None

    def _server(self, name: str) -> int:
        if name not in self._servers:
            self._db.execute("INSERT OR IGNORE INTO server (name) VALUES (?)", (name,))
            self._servers[name] = self._one("SELECT id FROM server WHERE name=?", name)
        return self._servers[name]

    def _one(self, query: str, *values: object) -> int:
        return int(self._db.execute(query, values).fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """A transaction; when it fails, row ids that it gave out are forgotten with it."""
        try:
            with transaction(self._db):
                yield
        except BaseException:
            self._servers.clear()
            self._layouts.clear()
            raise


class _Layouts(dict[str, Layout]):
    """Layouts by key: a bounded memory of the table, for a server may change it every tick."""

    def __init__(self, db: sqlite3.Connection) -> None:
        super().__init__()
        self._db = db
        self._ids: dict[str, int] = {}

    def __missing__(self, key: str) -> Layout:
        row = self._db.execute("SELECT text FROM layout WHERE key=?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        self[key] = layout = Layout.from_json(row[0])
        return layout

    def remember(self, layout: Layout) -> int:
        """The row of a layout, made if there is none."""
        if layout.key not in self._ids:
            if len(self) > LAYOUTS_REMEMBERED:
                self.clear()
            row = (layout.key, layout.to_json())
            self._db.execute("INSERT OR IGNORE INTO layout (key, text) VALUES (?, ?)", row)
            found = self._db.execute("SELECT id FROM layout WHERE key=?", (layout.key,)).fetchone()
            self._ids[layout.key], self[layout.key] = int(found[0]), layout
        return self._ids[layout.key]

    def forget_unused(self) -> None:
        """Drop the layouts that no row refers to."""
        self.clear()
        self._db.execute(
            "DELETE FROM layout WHERE NOT EXISTS (SELECT 1 FROM chunk WHERE layout=layout.id)"
            " AND NOT EXISTS (SELECT 1 FROM minute WHERE layout=layout.id)"
            " AND id NOT IN (SELECT layout FROM tick WHERE layout IS NOT NULL)"
        )

    def clear(self) -> None:
        super().clear()
        self._ids.clear()


def _last_minute_begins(times: Sequence[float]) -> int:
    """Where the last minute begins among times in order; 0 when there is only one minute."""
    changes = [
        index for index, (one, other) in enumerate(pairwise(times), 1) if one // 60 != other // 60
    ]
    return changes[-1] if changes else 0
