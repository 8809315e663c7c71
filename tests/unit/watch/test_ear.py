"""The thread that listens: nothing ends it but `stop`."""

import os
import socket
import sys
import tempfile
from contextlib import contextmanager

import pytest

from lib.watch import ear as ear_module
from lib.watch.ear import Ear
from lib.watch.places import socket_path
from lib.watch.supervisor import Supervisor
from lib.watch.wire import VERSION, Hello
from tests.support.waiting import until

NOWHERE = ["/nowhere/python"]
LIVES = [sys.executable, "-c", "import sys; sys.stdin.read()"]


@pytest.fixture(autouse=True)
def own_tempdir(tmp_path, monkeypatch):
    """Sockets of this test alone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@contextmanager
def listening(data, *, joined=lambda: None, supervisor=None):
    ear = Ear(data, lambda _newest, _ticks: None, joined, supervisor)
    ear.start()
    try:
        yield ear
    finally:
        ear.stop()


def test_a_watcher_that_cannot_be_started_is_told_and_tried_again(tmp_path):
    supervisor = Supervisor(os.environ, command=NOWHERE)
    with listening(tmp_path, supervisor=supervisor) as ear:
        told = until(lambda: ear.refusal)
        assert told == "The watcher can't be started: no such file or directory."
        supervisor._command = LIVES
        until(lambda: supervisor.pid)
        until(lambda: ear.refusal == "")


def test_what_nobody_foresaw_is_told_and_it_listens_again(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(ear_module, "UNFORESEEN_SECONDS", 0.3)
    faults = [MemoryError("mine")]

    def joined():
        if faults:
            raise faults.pop()

    with socket.socket(socket.AF_UNIX) as watcher:
        watcher.bind(str(socket_path(tmp_path)))
        watcher.listen()
        with listening(tmp_path, joined=joined) as ear:
            told = until(lambda: ear.refusal)
            assert told == "The watcher can't be heard; the dashboard's log says why."
            watcher.accept()[0].close()
            again, _ = watcher.accept()
            with again:
                again.sendall(Hello(VERSION, 7, 0.0, 1.0, ()).frame())
                until(lambda: ear.hello is not None and ear.refusal == "")
    assert "MemoryError: mine" in caplog.text
