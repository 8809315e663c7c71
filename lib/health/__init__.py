"""Whether a server is fit to serve: checks, verdicts, and the probe command.

Free of numpy at import: a probe must answer at once.
"""

from lib.health.outcome import Check, Outcome
from lib.health.states import State, Status, Tone, Trouble
from lib.health.verdicts import HUNG_AFTER, QUIET_AFTER, SUSPECT_AFTER, Tracker

__all__ = [
    "HUNG_AFTER",
    "QUIET_AFTER",
    "SUSPECT_AFTER",
    "Check",
    "Outcome",
    "State",
    "Status",
    "Tone",
    "Tracker",
    "Trouble",
]
