"""The watcher's own tasks, at their own pace and without waiting."""

import pytest

from lib.watch import checker, lag, poller
from tests.support.clock import Clock


@pytest.fixture
def clock(monkeypatch):
    """What they take for the time."""
    clock = Clock()
    for module in (checker, lag, poller):
        monkeypatch.setattr(module, "time", clock)
    return clock
