"""What state a server is in, and why."""

from lib.health.verdicts import State, Status, Tone, Tracker, Trouble

__all__ = ["State", "Status", "Tone", "Tracker", "Trouble"]
