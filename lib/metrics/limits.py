"""How much of one server's page of metrics is taken in: a page is as large as its server likes.

This module alone decides that. A watcher reads many servers in one loop, and what it keeps of each
goes to every dashboard and onto the disk: a page with twenty thousand engines, names of a megabyte
or other series at every scrape may cost its own server's figures, and nobody else anything. A real
server stays far below each of these.
"""

import json
from collections.abc import Iterable, Mapping
from typing import TypeVar

from lib.metrics.names import BY_NAME, Kind
from lib.metrics.series import Series

__all__ = [
    "GREATEST",
    "LABEL_LENGTH",
    "LINES_REMEMBERED",
    "LINE_LENGTH",
    "NEW_LINES",
    "TEXT_REMEMBERED",
    "Novelty",
    "kept_configs",
    "kept_series",
]

T = TypeVar("T")

SERIES = 5_000
ENGINES = 256
PARTS = 128
"""Values of the label that splits a quantity; buckets of a histogram."""
CONFIGS = 256
CONFIG_LABELS = 64
LABEL_LENGTH = 1_000
LINE_LENGTH = 16_384
NEW_LINES = 5_000
"""Lines that are understood for the first time in one scrape."""
LINES_REMEMBERED = 50_000
TEXT_REMEMBERED = 16_000_000
"""Characters of lines that are remembered before all are forgotten."""
GREATEST = 1e18
"""No figure of a server is greater; greater ones would overflow where they are added up."""
LAYOUT_TEXT = 1_000_000
"""Characters of a layout's series as JSON; half as many for its configurations."""

_WORTH = {Kind.GAUGE: 0, Kind.COUNTER: 1, Kind.HISTOGRAM: 2}

LAYOUTS_AT_ONCE = 30
SCRAPES_PER_LAYOUT = 3_600
LAYOUTS_KNOWN = 10_000


def kept_series(found: Iterable[Series]) -> list[Series]:
    """The series that are kept, sorted. Where some must go, histograms go first, then counters."""
    chosen: list[Series] = []
    engines: set[tuple[str, str]] = set()
    parts: dict[str, set[str]] = {}
    text = 0
    for one in sorted(set(found), key=_by_worth):
        text += _size([one.quantity, one.model, one.engine, one.part])
        if len(chosen) >= SERIES or text > LAYOUT_TEXT:
            break
        if _has_room(engines, one.member, ENGINES) and _has_room(
            parts.setdefault(one.quantity, set()), one.part, PARTS
        ):
            chosen.append(one)
    return sorted(chosen, key=_by_name)


def kept_configs(found: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """The configurations that are kept, in their order, each with its first labels."""
    chosen: list[dict[str, str]] = []
    text = 0
    for config in found:
        one = dict(list(config.items())[:CONFIG_LABELS])
        text += _size(one)
        if len(chosen) >= CONFIGS or text > LAYOUT_TEXT // 2:
            break
        chosen.append(one)
    return chosen


class Novelty:
    """Admits a server's layouts.

    Each new one is remembered by others for long, so that a server may come with some when it
    starts and with another now and then, but not with one a second.
    """

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._room = float(LAYOUTS_AT_ONCE)

    def admits(self, key: str) -> bool:
        """Whether a scrape with the layout of that key is taken; called once per scrape."""
        self._room = min(LAYOUTS_AT_ONCE, self._room + 1 / SCRAPES_PER_LAYOUT)
        if key in self._known:
            return True
        if self._room < 1:
            return False
        self._room -= 1
        if len(self._known) >= LAYOUTS_KNOWN:
            self._known.clear()
        self._known.add(key)
        return True


def _by_worth(one: Series) -> tuple[int, str, str, str, str]:
    return (_WORTH[BY_NAME[one.quantity].kind], *_by_name(one))


def _by_name(one: Series) -> tuple[str, str, str, str]:
    """The order of series, at a fifth of the cost of comparing them."""
    return one.quantity, one.model, one.engine, one.part


def _has_room(taken: set[T], one: T, limit: int) -> bool:
    """Whether there is room for one more, which is then taken."""
    if one not in taken and len(taken) >= limit:
        return False
    taken.add(one)
    return True


def _size(content: object) -> int:
    return len(json.dumps(content))
