"""The store's thread where something fails that no disk does; tests/faults has the disks."""

from contextlib import contextmanager

import pytest

from lib.watch import writer as writer_module
from lib.watch.history import History
from lib.watch.store import Store
from lib.watch.writer import Writer
from tests.support.ticks import START, ticks
from tests.support.waiting import until

CHAT = "chat http://127.0.0.1:1"
TOLD = (
    "The history can't be written: that failed in an unforeseen way; the watcher's log says more."
)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(writer_module, "RETRY_SECONDS", 0.2)
    monkeypatch.setattr(writer_module, "BATCH_SECONDS", 0.02)


@contextmanager
def writing(data):
    writer = Writer(data)
    writer.start()
    try:
        yield writer
    finally:
        writer.stop()


def stored(data):
    return len(History(data / "history.sqlite").window(CHAT, START - 1, START + 60, "raw"))


def test_what_nobody_foresaw_is_told_and_tried_again_until_it_works(tmp_path, monkeypatch, caplog):
    tries, append = [], Store.append

    def fails_twice(store, *rows):
        tries.append(rows)
        if len(tries) <= 2:
            raise MemoryError("mine")
        append(store, *rows)

    monkeypatch.setattr(Store, "append", fails_twice)
    with writing(tmp_path) as writer:
        writer.put(ticks(3))
        until(lambda: writer.state.trouble == TOLD)
        until(lambda: stored(tmp_path) == 3)
        until(lambda: writer.state.trouble == "")
        assert writer.state.dropped == 0
    assert len(tries) == 3
    assert caplog.text.count("MemoryError: mine") == 1
