"""What state a server is in, and why."""

from lib.health.verdicts import (
    QUIET_AFTER,
    STALLED_AFTER,
    State,
    Status,
    Tone,
    Tracker,
    Trouble,
)

__all__ = ["QUIET_AFTER", "STALLED_AFTER", "State", "Status", "Tone", "Tracker", "Trouble"]
