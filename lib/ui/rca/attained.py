"""What an attainment says: a sentence with its tone, the figures behind it, and what may be done.

Pure. Decided here: where a target lies between two edges and both answers are possible, the page
says so instead of choosing one.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from lib.diagnosis.attainment import PAGE, TICKET, Attainment, Burn
from lib.ui.plain import ABSENT, between, count, span
from lib.ui.rca.targets import said_goal, target_words

__all__ = ["Objective", "percent", "summary"]

_SAID = {
    "ttft": "requests had their first token within {target}",
    "itl": "output events came within {target} of the one before",
    "tpot": "requests took at most {target} for a token",
    "e2e": "requests were finished within {target}",
    "queue_time": "requests left the queue within {target}",
}
_BURN = (
    "Burn is the share of slow ones over what the goal allows: at 1 × the allowance lasts just as"
    f" long as the goal's own time. Usual alarms: {PAGE} × over 1 h and still over 5 min wakes"
    f" somebody, {TICKET:.0f} × over 3 d is a ticket."
)
_SEEN = 0.9
"""Of a span that has to be known to judge by it."""


class Objective(NamedTuple):
    """So large a share (`goal`) of one latency within `target` seconds."""

    quantity: str
    target: float
    goal: float

    @property
    def words(self) -> str:
        """In a few words."""
        return f"{said_goal(self.goal)} % within {target_words(self.target)}"


def percent(share: float) -> str:
    """A share as per cent, finer where it is near all: 97.2 %, 99.95 %."""
    if math.isnan(share):
        return ABSENT
    digits = 1 if share < 0.99 or share == 1 else 2 if share < 0.999 else 3
    # all but one of many is not all of them
    shown = math.floor(share * 10 ** (digits + 2) + 1e-6) / 10**digits
    return f"{shown:.{digits}f} %".replace("100.0 %", "100 %")


def summary(
    objective: Objective, found: Attainment | None, burns: Sequence[Burn]
) -> dict[str, object]:
    """The answer as `lib.ui.live.summary` takes it."""
    known = found is not None and found.n > 0
    return {
        "tone": _tone(objective, found),
        "sentence": _sentence(objective, found),
        "more": [_more(found)] if found and known else [],
        "tiles": [*_tiles(found), *(_tile(one) for one in burns)] if found and known else [],
        "remarks": [{"tone": tone, "text": text} for tone, text in _remarks(burns)]
        if known
        else [],
    }


def _tone(objective: Objective, found: Attainment | None) -> str:
    if found is None or not found.n:
        return "hint"
    if found.low >= objective.goal:
        return "good"
    return "bad" if found.high < objective.goal else "watch"


def _sentence(objective: Objective, found: Attainment | None) -> str:
    if found is None:
        return "This server does not report that latency"
    if not found.n:
        return "Nothing was counted in that time"
    goal = f"{said_goal(objective.goal)} %"
    if found.low >= objective.goal:
        verdict = f"the goal of {goal} is met"
    elif found.high < objective.goal:
        verdict = f"the goal of {goal} is missed"
    else:
        verdict = f"whether that is {goal}, the buckets do not tell"
    done = _SAID[objective.quantity].format(target=target_words(objective.target))
    return f"{percent(found.point)} of {count(found.n)} {done}; {verdict}"


def _more(found: Attainment) -> str:
    low, high = found.edges
    if low == high:
        return "The target is an edge of this server's buckets: the share is exact."
    bounds = f"surely between {percent(found.low)} and {percent(found.high)}"
    if math.isinf(high):
        return f"The target is above the last edge, {target_words(low)}: {bounds}."
    return f"The target lies between two edges ({between(low, high)}): {bounds}."


def _tiles(found: Attainment) -> list[dict[str, str]]:
    bounds = f"{percent(found.low)} to {percent(found.high)}"
    late = found.n * (1 - found.point)
    return [
        _figure(percent(found.point), "within the target", bounds),
        _figure(f"{count(late)}", "slower than that", f"of {count(found.n)}, about"),
    ]


def _figure(value: str, label: str, hint: str = "", tone: str = "") -> dict[str, str]:
    return {"value": value, "label": label, "hint": hint, "tone": tone}


def _tile(burn: Burn) -> dict[str, str]:
    """How fast the allowance was used up over one span."""
    limit = _limit(burn)
    value = ABSENT if math.isnan(burn.rate) else f"{_times(burn.rate)} ×"
    tone = "bad" if _is_seen(burn) and burn.rate >= limit else ""
    seen = "" if _is_seen(burn) else f" ({span(burn.seen)} seen)"
    bounds = (
        f"{_times(burn.low)} to {_times(burn.high)} ×; n = {count(burn.n)}; alarm from {limit} ×"
    )
    return _figure(value, f"burn over {span(burn.span)}{seen}", bounds, tone)


def _is_seen(burn: Burn) -> bool:
    return burn.seen >= _SEEN * burn.span


def _limit(burn: Burn) -> float:
    return PAGE if burn.span <= 3_600 else TICKET


def _times(value: float) -> str:
    return ABSENT if math.isnan(value) else f"{value:.1f}" if value < 9.95 else f"{value:.0f}"


def _remarks(burns: Sequence[Burn]) -> list[tuple[str, str]]:
    """What the alerting practice would do now."""
    fast = [one for one in burns if one.span <= 3_600]
    slow = [one for one in burns if one.span > 3_600]
    told = [("note", _BURN)]
    line = f"{_spoken(fast)}, {PAGE} × is the line"
    if fast and all(one.rate >= PAGE for one in fast):
        if all(map(_is_seen, fast)):
            told.insert(0, ("bad", f"Worth waking somebody: {line}."))
        else:
            told.insert(0, ("watch", f"As far as was seen, worth waking somebody: {line}."))
    elif any(one.rate >= TICKET and _is_seen(one) for one in slow):
        told.insert(0, ("watch", f"Worth a ticket: {_spoken(slow)}, {TICKET:.0f} × is the line."))
    return told


def _spoken(burns: Sequence[Burn]) -> str:
    return " and ".join(f"{_times(one.rate)} × over {span(one.span)}" for one in burns)
