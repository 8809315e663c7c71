"""What comes next for a server, and what its waiting requests wait for: both, from one window."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from lib.diagnosis.finding import Finding
from lib.diagnosis.forecast import WAIT, Forecast, forecasts
from lib.diagnosis.waiting import Cause, by_cause
from lib.metrics import Window

__all__ = ["Outlook", "outlook"]

_STANDS = {
    11: "the engine stands still",
    12: "nobody is admitted",
    29: "it is asleep or paused",
}
"""The known patterns (`Finding.pattern`) in which no request gets on, whatever came before.

One engine that is asleep on purpose among others gets no request.
"""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Forecasts of a server, and the causes of its waiting; empty while nothing is known."""

    forecasts: tuple[Forecast, ...] = ()
    waiting: tuple[Cause, ...] = ()


def outlook(window: Window, findings: Iterable[Finding] = ()) -> Outlook:
    """As of the end of a window; `findings` are those that hold then."""
    found = tuple(findings)
    patterns = {one.pattern for one in found if one.rule != "engine_asleep"}
    stands = next((why for pattern, why in _STANDS.items() if pattern in patterns), "")
    made = forecasts(window)
    if stands:
        made = tuple(_standing(one, stands) if one.what == WAIT else one for one in made)
    return Outlook(made, by_cause(window, found))


def _standing(forecast: Forecast, why: str) -> Forecast:
    """Refused: there is no pace any more to wait at."""
    return replace(forecast, value=None, low=None, high=None, words="", refused=why)
