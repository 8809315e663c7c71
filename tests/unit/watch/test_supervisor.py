import os
import signal
import sys

import pytest

from lib.watch.supervisor import ALREADY_WATCHED, PAUSES_SECONDS, Supervisor
from tests.support.waiting import until

LIVES = [sys.executable, "-c", "import sys; sys.stdin.read()"]


def ends_with(code):
    return [sys.executable, "-c", f"raise SystemExit({code})"]


class Clock:
    """Time that passes when it is told to."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def supervised(clock):
    started = []

    def make(command):
        started.append(Supervisor(os.environ, command=command, clock=clock))
        return started[-1]

    yield make
    for supervisor in started:
        supervisor.stop()


def buried(supervisor):
    """Tend until the death of the child has been seen."""

    def seen():
        supervisor.tend()
        return supervisor._child is None

    until(seen, 10)


def test_it_starts_one_and_only_one(supervised):
    supervisor = supervised(LIVES)
    supervisor.tend()
    pid = supervisor.pid
    supervisor.tend()
    assert pid is not None
    assert supervisor.pid == pid


def test_one_that_lived_is_started_again_at_once(supervised, clock):
    supervisor = supervised(LIVES)
    supervisor.tend()
    first = supervisor.pid
    clock.now += 60
    os.kill(first, signal.SIGKILL)
    until(lambda: supervisor.tend() or supervisor.pid not in (None, first), 10)
    assert supervisor.ended_with == -signal.SIGKILL


def test_one_that_dies_young_gets_a_growing_pause(supervised, clock):
    supervisor = supervised(ends_with(1))
    supervisor.tend()
    for pause in [*PAUSES_SECONDS[1:], PAUSES_SECONDS[-1]]:
        buried(supervisor)
        clock.now += pause * 0.9
        supervisor.tend()
        assert supervisor._child is None
        clock.now += pause * 0.2
        supervisor.tend()
        assert supervisor._child is not None


def test_one_that_the_system_refuses_gets_a_growing_pause(supervised, clock, caplog):
    supervisor = supervised(["/nowhere/python"])
    for tries, pause in enumerate(PAUSES_SECONDS[1:], 1):
        supervisor.tend()
        clock.now += pause * 0.9
        supervisor.tend()
        assert (len(caplog.records), supervisor.pid) == (tries, None)
        clock.now += pause * 0.2
    assert supervisor.refused == "no such file or directory"
    supervisor._command = LIVES
    supervisor.tend()
    assert supervisor.pid is not None
    assert supervisor.refused == ""


def test_a_long_life_forgives_the_short_ones(supervised, clock):
    supervisor = supervised(LIVES)
    for lived in (0.1, 0.1, 60):
        clock.now += 20
        supervisor.tend()
        clock.now += lived
        os.kill(supervisor.pid, signal.SIGKILL)
        until(lambda: supervisor._child.poll() is not None, 10)
        supervisor.tend()
    assert supervisor.pid is not None


def test_the_exit_code_of_one_that_is_not_needed_is_known(supervised):
    supervisor = supervised(ends_with(ALREADY_WATCHED))
    supervisor.tend()
    buried(supervisor)
    assert supervisor.ended_with == ALREADY_WATCHED


def test_stopping_ends_the_child_politely(supervised):
    supervisor = supervised(LIVES)
    supervisor.tend()
    child = supervisor._child
    supervisor.stop()
    assert child.returncode == 0
    assert supervisor.pid is None


def test_one_that_will_not_end_is_killed(supervised, monkeypatch):
    monkeypatch.setattr("lib.watch.supervisor.STOP_SECONDS", 0.2)
    supervisor = supervised([sys.executable, "-c", "import time; time.sleep(60)"])
    supervisor.tend()
    child = supervisor._child
    supervisor.stop()
    assert child.returncode == -signal.SIGKILL


def test_the_child_finds_lib_wherever_the_dashboard_was_started(supervised, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    supervisor = supervised([sys.executable, "-c", "import lib.watch"])
    supervisor.tend()
    buried(supervisor)
    assert supervisor.ended_with == 0
