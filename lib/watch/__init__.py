"""Watching: asks every server each second, keeps what they said, and hands it to who looks."""

from lib.watch.feed import Feed, Pulse
from lib.watch.history import History
from lib.watch.record import CHECK_PERIOD, Tick, checks_of
from lib.watch.store import Event
from lib.watch.verdicts import Stretch

__all__ = [
    "CHECK_PERIOD",
    "Event",
    "Feed",
    "History",
    "Pulse",
    "Stretch",
    "Tick",
    "checks_of",
]
