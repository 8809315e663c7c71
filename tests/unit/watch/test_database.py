import sqlite3
from contextlib import closing

import pytest

from lib.watch.database import fault_of, open_for_reading, open_for_writing, set_aside, transaction


@pytest.fixture
def db(tmp_path):
    with closing(open_for_writing(tmp_path / "h.sqlite")) as opened:
        yield opened


def pragma(db, name):
    return db.execute(f"PRAGMA {name}").fetchone()[0]


def test_it_is_set_up_to_survive_a_kill(db):
    assert pragma(db, "journal_mode") == "wal"
    assert pragma(db, "synchronous") == 1
    assert pragma(db, "auto_vacuum") == 2


def test_a_reader_cannot_write(db, tmp_path):
    reader = open_for_reading(tmp_path / "h.sqlite")
    with closing(reader), pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM tick")


def test_reading_makes_no_file(tmp_path):
    with pytest.raises(sqlite3.OperationalError):
        open_for_reading(tmp_path / "none.sqlite")
    assert not list(tmp_path.iterdir())


def test_a_transaction_that_fails_leaves_nothing(db):
    def half_done():
        with transaction(db):
            db.execute("INSERT INTO server (name) VALUES ('a')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_done()
    assert db.execute("SELECT count(*) FROM server").fetchone() == (0,)
    assert not db.in_transaction


def test_a_file_is_set_aside_with_its_log(tmp_path):
    path = tmp_path / "h.sqlite"
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"h.sqlite{suffix}").touch()
    assert set_aside(path, 0.0).name == "h.sqlite.corrupt-19700101T000000Z"
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        f"h.sqlite.corrupt-19700101T000000Z{suffix}" for suffix in ("", "-shm", "-wal")
    ]


@pytest.mark.parametrize(
    ("code", "words", "is_corrupt", "is_passing"),
    [
        (sqlite3.SQLITE_FULL, "disk is full", False, True),
        (sqlite3.SQLITE_IOERR_WRITE, "the disk refuses it", False, False),
        (sqlite3.SQLITE_BUSY, "locked", False, True),
        (sqlite3.SQLITE_READONLY, "only be read", False, False),
        (sqlite3.SQLITE_CANTOPEN, "can't be written to", False, False),
        (sqlite3.SQLITE_CORRUPT, "damaged", True, False),
        (sqlite3.SQLITE_NOTADB, "not a database", True, False),
    ],
)
def test_every_fault_has_a_sentence_and_a_way_on(code, words, is_corrupt, is_passing):
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = code
    fault = fault_of(error)
    assert words in fault.sentence
    assert (fault.is_corrupt, fault.is_passing) == (is_corrupt, is_passing)


def test_other_errors_are_told_as_they_are():
    assert fault_of(sqlite3.OperationalError("no such thing")).sentence == "no such thing"
    assert fault_of(PermissionError(13, "Permission denied")).sentence == (
        "permission denied: set INSPECTOR_DATA to a folder that can be used"
    )
