"""What a diagnosis says: findings, and what was looked at."""

from dataclasses import dataclass
from enum import Enum

__all__ = ["Diagnosis", "Evidence", "Finding", "Severity"]


class Severity(Enum):
    """How bad a finding is: users feel it, they may soon, or it only costs money."""

    BAD = "bad"
    WATCH = "watch"
    HINT = "hint"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One figure that a finding rests on, ready to read.

    `quantity` is a name of `lib.metrics.names`, `figure` the value with its unit, `threshold` what
    it was held against, `since` when it crossed that (wall-clock seconds; None if it is a figure of
    the whole window).
    """

    quantity: str
    label: str
    figure: str
    threshold: str
    since: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause, once: what is wrong, since when, what shows it and what to do about it.

    `brief` are two or three words for a list, `headline` is a sentence.
    """

    rule: str
    severity: Severity
    brief: str
    headline: str
    detail: str
    since: float
    evidence: tuple[Evidence, ...]
    ruled_out: tuple[str, ...]
    remedy: str
    source: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Findings, worst first; what was checked and fine; what could not be checked, and why."""

    findings: tuple[Finding, ...]
    fine: tuple[str, ...]
    unchecked: tuple[str, ...]
