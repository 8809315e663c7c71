"""What a rule is: a question that can be put to every window."""

from collections.abc import Callable
from dataclasses import dataclass

from lib.diagnosis.finding import Finding
from lib.diagnosis.scene import Scene

__all__ = ["SYMPTOMS", "Rule"]

SYMPTOMS = (
    *("queue_grows", "slow_first_token", "slow_streams", "choppy_streams"),
    *("rejecting", "clients_leave"),
)
"""Rules that find what users feel and do about it; almost every cause explains them."""


def _nothing(_scene: Scene) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A question that is put to every window.

    `pattern` is its row in the table of known patterns, 0 for a symptom. `asks` is what it says
    when all is well; `needs` are the quantities without which it can't be put; `finds` gives the
    finding or None. `least` is the stretch of time, in seconds, that it needs to see. `explains`
    names the rules whose findings are effects of this one's. `lacks` says what else is missing
    (configuration, another source), "" if nothing. A `blind` one can be put to a window without
    an answer, too. One that is `at_work` looks at what was asked, long ago as well, and has nothing
    to say of a server that is at rest since.
    """

    name: str
    pattern: int
    asks: str
    needs: tuple[str, ...]
    finds: Callable[[Scene], Finding | None]
    least: float
    explains: tuple[str, ...] = ()
    lacks: Callable[[Scene], str] = _nothing
    blind: bool = False
    at_work: bool = False
