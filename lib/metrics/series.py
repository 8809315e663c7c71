"""Series: the name of one figure among those that a server reports.

This module alone decides what tells two figures apart, and which engines a server has.
"""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Member", "Series", "edge_of", "members_of"]

Member = tuple[str, str]
"""An engine: (model, engine)."""


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """One column: a quantity of `lib.metrics.names`, of one engine of one model.

    `part` is the value of the label that splits the quantity; of a histogram it is `le=EDGE`
    (cumulative count up to EDGE, `le=inf` being the count of all) or `sum`.
    """

    quantity: str
    model: str
    engine: str
    part: str = ""

    @property
    def member(self) -> tuple[str, str]:
        """The engine that the series belongs to, as (model, engine)."""
        return self.model, self.engine


def edge_of(part: str) -> float | None:
    """The upper edge of a histogram's bucket, None when the part is not a bucket."""
    return float(part[3:]) if part.startswith("le=") else None


def members_of(series: Iterable[Series]) -> tuple[Member, ...]:
    """The engines: who tells what it runs, else who tells anything.

    Process and HTTP series belong to none; some counters lack their engine's name.
    """
    named = [one for one in series if one.engine]
    telling = [one for one in named if one.quantity in ("running", "kv_usage")]
    return tuple(sorted({one.member for one in telling or named}))
