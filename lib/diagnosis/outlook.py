"""What comes next for a server, and what its waiting requests wait for: both, from one window."""

from collections.abc import Iterable
from dataclasses import dataclass

from lib.diagnosis.finding import Finding
from lib.diagnosis.forecast import Forecast, forecasts
from lib.diagnosis.waiting import Cause, by_cause
from lib.metrics import Window

__all__ = ["Outlook", "outlook"]


@dataclass(frozen=True, slots=True)
class Outlook:
    """Forecasts of a server, and the causes of its waiting; empty while nothing is known."""

    forecasts: tuple[Forecast, ...] = ()
    waiting: tuple[Cause, ...] = ()


def outlook(window: Window, findings: Iterable[Finding] = ()) -> Outlook:
    """As of the end of a window; `findings` are those that hold then."""
    return Outlook(forecasts(window), by_cause(window, findings))
