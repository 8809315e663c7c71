"""The dashboard's own time limits made long, for tests of something else than these limits.

A test and the servers that it asks share a machine which at times stands still for seconds. With
the limits of the product that is told as a server which did not answer, and remembered for a while.
"""

import pytest

from lib.ui import asked, exploring, fleet, health_view, held, pressed, tokenizers

__all__ = ["be_patient"]

LONG = 120.0
LIMITS = (
    (asked, "_SECONDS"),
    (exploring, "_SECONDS"),
    (held, "_SECONDS"),
    (pressed, "ROUND_SECONDS"),
    (tokenizers, "SECONDS"),
    (fleet, "HISTORY_BUDGET"),
    (health_view, "HISTORY_BUDGET"),
)


def be_patient(patch: pytest.MonkeyPatch) -> None:
    """For what is made from now on, until `patch` is undone."""
    for module, name in LIMITS:
        patch.setattr(module, name, LONG)
