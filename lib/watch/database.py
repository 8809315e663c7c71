"""The history file as SQLite sees it: its tables, how it is opened, and what its errors mean.

  tick    one packed record per tick of a server, until it is sealed
  chunk   about five minutes of ticks of one server, as a `Block`
  minute  the same minutes in the long tier, as a `Block` of one row a minute
  event   what happened: watcher started or stopped, a server went down, came up, restarted
  server, layout, run   what the rows above refer to

SQLite before 3.51.3 can spoil a WAL file when two connections write at once: hence exactly one
read-write connection (`lib.watch.store`), no mmap, and readers that open the file read-only
(`lib.watch.history`).
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "FILE_NAME",
    "Fault",
    "fault_of",
    "open_for_reading",
    "open_for_writing",
    "set_aside",
    "transaction",
]

FILE_NAME = "history.sqlite"
VERSION = 1
CHECK_SECONDS = 2.0
"""How long an existing file is looked over when it is opened: a large one not to its end."""

_TABLES = """ CREATE TABLE IF NOT EXISTS server (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS layout (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, text TEXT NOT
NULL); CREATE TABLE IF NOT EXISTS run (id INTEGER PRIMARY KEY, at REAL NOT NULL, mono REAL NOT NULL,
pid INTEGER NOT NULL); CREATE TABLE IF NOT EXISTS tick ( id INTEGER PRIMARY KEY, server INTEGER NOT
NULL, run INTEGER NOT NULL, layout INTEGER, record BLOB NOT NULL); CREATE INDEX IF NOT EXISTS
tick_by_server ON tick (server); CREATE TABLE IF NOT EXISTS chunk ( id INTEGER PRIMARY KEY, server
INTEGER NOT NULL, run INTEGER NOT NULL, layout INTEGER NOT NULL, first REAL NOT NULL, last REAL NOT
NULL, body BLOB NOT NULL); CREATE INDEX IF NOT EXISTS chunk_by_server ON chunk (server, last);
CREATE INDEX IF NOT EXISTS chunk_by_age ON chunk (last); CREATE INDEX IF NOT EXISTS chunk_by_layout
ON chunk (layout); CREATE TABLE IF NOT EXISTS minute ( id INTEGER PRIMARY KEY, server INTEGER NOT
NULL, run INTEGER NOT NULL, layout INTEGER NOT NULL, first REAL NOT NULL, last REAL NOT NULL, body
BLOB NOT NULL); CREATE INDEX IF NOT EXISTS minute_by_server ON minute (server, last); CREATE INDEX
IF NOT EXISTS minute_by_age ON minute (last); CREATE INDEX IF NOT EXISTS minute_by_layout ON minute
(layout); CREATE TABLE IF NOT EXISTS event ( id INTEGER PRIMARY KEY, at REAL NOT NULL, server TEXT,
kind TEXT NOT NULL, text TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why the history can't be written or read just now.

    `sentence` says what and what to do. A `is_corrupt` file is to be set aside; with `is_passing`
    trouble the open connection goes on working once the cause is gone.
    """

    sentence: str
    is_corrupt: bool = False
    is_passing: bool = False


_BY_CODE = {
    sqlite3.SQLITE_FULL: Fault(
        "the disk is full: free some space, or lower INSPECTOR_KEEP_GB", is_passing=True
    ),
    sqlite3.SQLITE_IOERR: Fault("the disk refuses it: check its space, its quota and its health"),
    sqlite3.SQLITE_BUSY: Fault("another program holds the file locked: close it", is_passing=True),
    sqlite3.SQLITE_LOCKED: Fault(
        "another program holds the file locked: close it", is_passing=True
    ),
    sqlite3.SQLITE_READONLY: Fault(
        "the folder may only be read: allow writing, or set INSPECTOR_DATA elsewhere"
    ),
    sqlite3.SQLITE_CANTOPEN: Fault(
        "the folder can't be written to: allow it, or set INSPECTOR_DATA elsewhere"
    ),
    sqlite3.SQLITE_PERM: Fault(
        "the folder can't be written to: allow it, or set INSPECTOR_DATA elsewhere"
    ),
    sqlite3.SQLITE_CORRUPT: Fault("the file is damaged", is_corrupt=True),
    sqlite3.SQLITE_NOTADB: Fault("the file is not a database any more", is_corrupt=True),
}


def fault_of(error: sqlite3.Error | OSError) -> Fault:
    """What an error of the store or of its folder means."""
    if isinstance(error, OSError):
        what = (error.strerror or "the folder fails").lower()
        return Fault(f"{what}: set INSPECTOR_DATA to a folder that can be used")
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return Fault(str(error))
    return _BY_CODE.get(code & 0xFF, Fault(str(error)))


class DamagedError(sqlite3.DatabaseError):
    """The file opens, but what is in it does not hold together."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def open_for_writing(path: Path) -> sqlite3.Connection:
    """The one read-write connection, tables made where missing. Raises sqlite3.Error."""
    exists = path.exists()
    db = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        if exists:
            _look_over(db)
        db.execute("PRAGMA auto_vacuum=INCREMENTAL")  # counts only before the first table
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("PRAGMA journal_size_limit=16777216")
        _check_version(db)
        db.executescript(_TABLES)
        db.execute(f"PRAGMA user_version={VERSION}")
        path.chmod(0o600)
    except BaseException:
        db.close()
        raise
    return db


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A read-only connection beside the writer. Raises sqlite3.Error."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2.0, check_same_thread=False
    )


def _check_version(db: sqlite3.Connection) -> None:
    if db.execute("PRAGMA user_version").fetchone()[0] not in (0, VERSION):
        raise sqlite3.DatabaseError(
            "another release wrote the file: use that release, or move the file away"
        )


def _look_over(db: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError if the file shows damage within `CHECK_SECONDS` of reading."""
    end = time.monotonic() + CHECK_SECONDS
    db.set_progress_handler(lambda: time.monotonic() > end, 100_000)
    try:
        found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
    else:
        if found != "ok":
            raise DamagedError(found)
    finally:
        db.set_progress_handler(None, 0)


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing of what is written inside; committed when the block ends."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # a full disk has rolled back already
            db.execute("ROLLBACK")
        raise


def set_aside(path: Path, at: float) -> Path:
    """Move a damaged file, with its log, out of the way: to `NAME.corrupt-TIME`, returned."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at))
    target = path.with_name(f"{path.name}.corrupt-{stamp}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(target.with_name(target.name + suffix))
    return target
