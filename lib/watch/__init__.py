"""Watching: asks every server each second, keeps what they said, and hands it to who looks."""

from lib.watch.feed import Feed, Pulse
from lib.watch.history import History
from lib.watch.record import Tick
from lib.watch.store import Event

__all__ = ["Event", "Feed", "History", "Pulse", "Tick"]
