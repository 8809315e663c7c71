"""The history file under every fault of a disk: nothing stops, nothing acknowledged is lost."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from lib.watch import writer as writer_module
from lib.watch.history import History
from lib.watch.store import Store
from lib.watch.writer import Writer
from tests.support.processes import ROOT
from tests.support.ticks import START, tick, ticks
from tests.support.waiting import until

CHAT = "chat http://127.0.0.1:1"
PATIENCE_SECONDS = 60.0
"""For a thread to end that writes to a disk which many share."""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Ten seconds of patience are one here; the order of events is the same."""
    monkeypatch.setattr(writer_module, "RETRY_SECONDS", 0.5)
    monkeypatch.setattr(writer_module, "BATCH_SECONDS", 0.05)


@contextmanager
def writing(data, **options):
    writer = Writer(data, **options)
    writer.start()
    try:
        yield writer
    finally:
        writer.stop(PATIENCE_SECONDS)


def stored(data):
    return len(History(data / "history.sqlite").window(CHAT, START - 1, START + 3000, "raw"))


def is_well(writer):
    """Whether the newest writing ended well: it says so a moment after others can read it."""
    return writer.state.trouble == ""


def test_ticks_and_events_are_on_disk_within_the_second(tmp_path):
    with writing(tmp_path) as writer:
        writer.put(ticks(10))
        until(lambda: stored(tmp_path) == 10)
        until(lambda: is_well(writer))
        writer.put(ticks(5, first=10))
    assert stored(tmp_path) == 15


def _appends_until_killed(path: str) -> None:
    store = Store(Path(path))
    number = 0
    while True:
        store.append([tick(number), tick(number + 1)])
        number += 2
        os.write(1, f"{number}\n".encode())
        if number % 130 == 0:
            store.seal(CHAT)


KILLED = textwrap.dedent(
    """
    import sys
    from tests.faults.test_store_faults import _appends_until_killed
    _appends_until_killed(sys.argv[1])
    """
)


@pytest.mark.parametrize("patience", [60, 131, 260, 391, 777, 1200])
def test_no_acknowledged_tick_is_lost_to_kill_9(tmp_path, patience):
    path = tmp_path / "history.sqlite"
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], cwd=ROOT, stdout=subprocess.PIPE
    )
    acknowledged = 0
    for line in child.stdout:
        acknowledged = int(line)
        if acknowledged >= patience:
            child.send_signal(signal.SIGKILL)
            break
    rest = child.stdout.read().split(b"\n")[:-1]
    child.stdout.close()
    child.wait()
    acknowledged = int(rest[-1]) if rest else acknowledged
    with closing(Store(path)) as store:
        assert store._db.execute("PRAGMA quick_check").fetchone() == ("ok",)
    found = History(path).window(CHAT, START - 1, START + 1e6, "raw")
    assert acknowledged <= len(found) <= acknowledged + 2
    assert found.times.tolist() == [START + i for i in range(len(found))]


def zero_header(path):
    with path.open("r+b") as file:
        file.write(bytes(100))


def spoil_pages(path):
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(8 * 4096))


def cut_off(path):
    with path.open("r+b") as file:
        file.truncate(3 * 4096)


def overwrite(path):
    path.write_bytes(b"this is no database, " * 1000)


@pytest.mark.parametrize("damage", [zero_header, spoil_pages, cut_off, overwrite])
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(tmp_path, damage):
    path = tmp_path / "history.sqlite"
    with closing(Store(path)) as store:
        store.append(ticks(3000))
        store.seal(CHAT)
    damage(path)
    with writing(tmp_path) as writer:
        writer.put(ticks(7))
        until(lambda: stored(tmp_path) == 7)
        state = writer.state
    assert state.trouble == ""
    assert state.set_aside.startswith("history.sqlite.corrupt-")
    assert (tmp_path / state.set_aside).exists()
    (event,) = History(path).events(0, 1e12)
    assert event.kind == "damaged"
    assert state.set_aside in event.text


def test_an_empty_file_is_simply_used(tmp_path):
    (tmp_path / "history.sqlite").touch()
    with writing(tmp_path) as writer:
        writer.put(ticks(3))
        until(lambda: stored(tmp_path) == 3)
        assert writer.state.set_aside == ""


def test_damage_that_shows_while_writing_sets_the_file_aside(tmp_path):
    with writing(tmp_path) as writer:
        writer.put(ticks(3))
        until(lambda: stored(tmp_path) == 3)
        writer._store._db.execute("PRAGMA cache_size=0")
        writer._store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        spoil_pages(tmp_path / "history.sqlite")
        writer.put(ticks(9, first=3))
        until(lambda: stored(tmp_path) >= 9)
        assert writer.state.set_aside


def test_a_file_that_is_taken_away_is_begun_anew(tmp_path):
    with writing(tmp_path) as writer:
        writer.put(ticks(3))
        until(lambda: stored(tmp_path) == 3)
        # That one goes last: once it is missed, the writer tidies up, and begins another.
        for suffix in ("-wal", "-shm", ""):
            (tmp_path / f"history.sqlite{suffix}").unlink()
        writer.put(ticks(9, first=3))
        until(lambda: stored(tmp_path) == 9)


def test_a_full_disk_is_told_and_survived(tmp_path):
    with writing(tmp_path) as writer:
        writer.put(ticks(1))
        until(lambda: stored(tmp_path) == 1)
        pages = writer._store._one("PRAGMA page_count")
        writer._store._db.execute(f"PRAGMA max_page_count={pages}")
        writer.put(ticks(500, first=1))
        until(lambda: writer.state.trouble)
        assert "disk is full" in writer.state.trouble
        assert stored(tmp_path) == 1
        writer._store._db.execute("PRAGMA max_page_count=1000000")
        until(lambda: stored(tmp_path) == 501)
        until(lambda: is_well(writer))
        assert writer.state.dropped == 0


def test_a_quota_is_told_and_survived(tmp_path):
    """RLIMIT_FSIZE in a process of its own, because it can't be lifted again for one file."""
    code = textwrap.dedent(
        """
        import resource, signal, sys
        from pathlib import Path
        import tests.faults.test_store_faults as here
        from tests.support.waiting import until
        here.writer_module.RETRY_SECONDS = 0.2
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        data = Path(sys.argv[1])
        with here.writing(data) as writer:
            writer.put(here.ticks(1))
            until(lambda: here.stored(data) == 1)
            resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
            writer.put(here.ticks(590, first=1))
            until(lambda: writer.state.trouble)
            print(writer.state.trouble)
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            until(lambda: here.stored(data) == 591)
            until(lambda: here.is_well(writer))
            print("recovered", writer.state)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "disk" in done.stdout
    assert "recovered StoreState(trouble='', dropped=0" in done.stdout


def test_a_locked_file_is_told_and_what_does_not_fit_is_dropped_and_counted(tmp_path, monkeypatch):
    with writing(tmp_path, room=50) as writer:
        writer.put(ticks(1))
        until(lambda: stored(tmp_path) == 1)
        writer._store._db.execute("PRAGMA busy_timeout=100")
        with closing(sqlite3.connect(tmp_path / "history.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            writer.put(ticks(80, first=1))
            until(lambda: writer.state.trouble)
            assert "locked" in writer.state.trouble
            assert writer.state.dropped == 30
            other.execute("ROLLBACK")
        until(lambda: stored(tmp_path) == 51)
        until(lambda: is_well(writer))
        assert writer.state.dropped == 30


def test_ticks_that_were_saved_while_they_were_being_dropped_are_not_counted(tmp_path):
    writer = Writer(tmp_path, room=10)
    writer.put(ticks(10))

    class Slow(Store):
        def append(self, ticks, events=()):
            super().append(ticks, events)
            writer.put([tick(10 + i) for i in range(4)])

    with closing(Slow(tmp_path / "history.sqlite")) as store:
        writer._write(store)
    assert writer.state.dropped == 0
    assert [one.mono for one in writer._ticks] == [1010.0, 1011.0, 1012.0, 1013.0]


@contextmanager
def unprivileged():
    """Root may write anywhere: be somebody else for a while, in this thread's file accesses."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_may_only_be_read_is_told_and_survived():
    data = Path(tempfile.mkdtemp())
    try:
        data.chmod(0o555)
        with unprivileged(), writing(data) as writer:
            writer.put(ticks(3))
            until(lambda: writer.state.trouble)
            assert "can't be written to" in writer.state.trouble
        data.chmod(0o777)
        with writing(data) as writer:
            writer.put(ticks(3))
            until(lambda: stored(data) == 3)
    finally:
        shutil.rmtree(data)


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").touch()
    with writing(tmp_path / "file" / "data") as writer:
        writer.put(ticks(3))
        until(lambda: writer.state.trouble)
        assert writer.state.trouble.endswith("set INSPECTOR_DATA to a folder that can be used.")


def test_readers_meet_a_damaged_file_with_a_sentence(tmp_path):
    path = tmp_path / "history.sqlite"
    overwrite(path)
    history = History(path)
    assert len(history.window(CHAT, START, START + 10)) == 0
    assert history.trouble == "The history can't be read: the file is not a database any more."


def test_a_writer_that_is_stopped_leaves_no_thread_and_no_log(tmp_path):
    before = set(threading.enumerate())
    with writing(tmp_path) as writer:
        writer.put(ticks(3))
    assert set(threading.enumerate()) <= before
    assert not (tmp_path / "history.sqlite-wal").exists()
