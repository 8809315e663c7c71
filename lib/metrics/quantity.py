"""One measured thing: what it is called here and on the wire, and how it behaves over time.

The tables of `lib.metrics.names` and `lib.metrics.features` are made of these.
"""

from dataclasses import dataclass
from enum import Enum

__all__ = ["Kind", "Quantity", "counter", "full_name", "gauge", "histogram"]


class Kind(Enum):
    """How the values of a family behave over time."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Quantity:
    """One measured thing.

    `wire` are names on the wire, newest first, counters with their `_total`; `part` is the label
    that splits the quantity (the values of all other labels but model and engine are summed);
    `unit` is of one value.
    """

    name: str
    kind: Kind
    wire: tuple[str, ...]
    unit: str
    meaning: str
    part: str = ""
    shown_by: str = ""

    @property
    def source(self) -> str:
        """What a tooltip names: the newest wire name, or what the quantity is computed from."""
        return full_name(self.wire[0]) if self.wire else self.meaning

    @property
    def sources(self) -> str:
        """`source`, and the names that older releases have for it."""
        older = " or ".join(full_name(name) for name in self.wire[1:])
        return f"{self.source} (on older releases {older})" if older else self.source


def gauge(
    name: str, *wire: str, unit: str, meaning: str, part: str = "", shown_by: str = ""
) -> Quantity:
    """A gauge by its wire names, newest first."""
    return Quantity(name, Kind.GAUGE, wire, unit, meaning, part, shown_by)


def counter(
    name: str, *wire: str, unit: str, meaning: str, part: str = "", shown_by: str = ""
) -> Quantity:
    """A counter by its wire names, newest first."""
    return Quantity(name, Kind.COUNTER, wire, unit, meaning, part, shown_by)


def histogram(name: str, *wire: str, unit: str, meaning: str, shown_by: str = "") -> Quantity:
    """A histogram by its wire names, newest first."""
    return Quantity(name, Kind.HISTOGRAM, wire, unit, meaning, "", shown_by)


def full_name(wire: str) -> str:
    """A wire name as it stands on the page."""
    return wire if wire.startswith(("process_", "http_")) else f"vllm:{wire}"
