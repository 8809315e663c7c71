"""Blocks of one server → what it was, stretch after stretch.

Decided here: how long a row speaks for. A single tick stands until the next one, unless that is
more than GAP_PERIODS away; after a failed one the poller's own pause is no gap. A minute stands for
its minute. Where nobody looked nobody knows: that is a stretch of State.UNKNOWN. As in the timeline
the row that was taken later is right about a moment; but of two parts of one minute the worse is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lib.health import State
from lib.metrics import GAP_PERIODS
from lib.watch.block import Block
from lib.watch.pace import LONGEST_PAUSE
from lib.watch.timeline import ascending

__all__ = ["Stretch", "reach_of", "stretches"]

Values = NDArray[np.float64]
Places = NDArray[np.intp]

MINUTE = 60.0
UNSEEN = "Nobody looked."


class Stretch(NamedTuple):
    """That a server was in one state from `start` to `end` (wall-clock seconds).

    `reason` is what was said of it at the begin of the stretch, "" where all was well.
    """

    state: State
    start: float
    end: float
    reason: str


def reach_of(period: float) -> float:
    """How far before a moment one must read to know what was so at it, in seconds."""
    return GAP_PERIODS * period + LONGEST_PAUSE


def stretches(blocks: Sequence[Block], *, start: float, end: float, period: float) -> list[Stretch]:
    """What a server was from `start` to `end`, without gap or overlap; neighbours differ.

    `period` is that of single ticks, in seconds. Rows before `start` tell what was so at `start`.
    """
    rows = _Rows.of([block for block in blocks if len(block)], period)
    told: list[Stretch] = []
    for one in [*rows.told(end), Stretch(State.UNKNOWN, end, end, UNSEEN)]:
        past = told[-1].end if told else start
        if min(one.start, end) > past:
            _add(told, Stretch(State.UNKNOWN, past, min(one.start, end), UNSEEN))
        _add(told, one._replace(start=max(one.start, start), end=min(one.end, end)))
    return told


def _add(told: list[Stretch], one: Stretch) -> None:
    """Append a stretch, or lengthen the last one by it."""
    if one.end <= one.start:
        return
    if told and told[-1].state is one.state:
        one = told.pop()._replace(end=one.end)
    told.append(one)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows in order: from when each speaks, for how long alone, and how far to the next (n,)."""

    at: Values
    span: Values
    reach: Values
    rank: Places
    note: Places
    notes: Sequence[tuple[str, ...]]

    @classmethod
    def of(cls, blocks: Sequence[Block], period: float) -> "_Rows":
        """The rows of the blocks; those that another row contradicts are left out."""
        notes: list[tuple[str, ...]] = []
        columns: list[Values] = [np.empty((4, 0))]
        for block in blocks:
            columns.append(_columns(block, period, len(notes)))
            notes += block.notes
        at, span, reach, place = np.hstack(columns)
        note = place.astype(np.intp)
        ranks = np.array([State.named(name).rank for name, *_ in notes], np.intp)
        rows = cls(at, span, reach, ranks[note], note, notes)
        return rows.part(rows.worst_of_minute()).part(None)

    def part(self, places: Places | None) -> "_Rows":
        """Some of the rows; without places, those whose moments ascend."""
        kept = ascending(self.at) if places is None else places
        return _Rows(
            self.at[kept],
            self.span[kept],
            self.reach[kept],
            self.rank[kept],
            self.note[kept],
            self.notes,
        )

    def worst_of_minute(self) -> Places:
        """Every row, but of parts of one minute that follow one another only the worst."""
        count = len(self.at)
        if not count:
            return np.empty(0, np.intp)
        is_same = (np.diff(self.at) == 0) & (self.span[1:] == MINUTE) & (self.span[:-1] == MINUTE)
        first = np.flatnonzero(np.append(True, ~is_same))
        places: Places = np.minimum.reduceat(self.rank * count + np.arange(count), first) % count
        return places

    def told(self, end: float) -> Iterator[Stretch]:
        """Rows of one state in a row, each up to the next; nothing where there is a gap."""
        following = np.append(self.at[1:], max(end, self.at[-1])) if len(self.at) else self.at
        is_gap = following - self.at > self.reach
        until = np.where(is_gap, np.minimum(self.at + self.span, following), following)
        changes = (np.diff(self.rank) != 0) | is_gap[:-1]
        first = np.flatnonzero(np.append(True, changes)) if len(self.at) else np.empty(0, np.intp)
        last = np.append(first[1:], len(self.at)) - 1
        for begin, close in zip(first, last, strict=False):
            name, _, reason = self.notes[self.note[begin]]
            yield Stretch(State.named(name), float(self.at[begin]), float(until[close]), reason)


def _columns(block: Block, period: float, noted: int) -> Values:
    """From when, how long, how far, and the place of the note after `noted` others (4, n)."""
    is_minutes = block.lows is not None
    at = np.floor(block.at / MINUTE) * MINUTE if is_minutes else block.at
    own = np.full(len(block), MINUTE if is_minutes else period)
    has_failed = block.failed > 0
    reach = GAP_PERIODS * own + np.where(has_failed, LONGEST_PAUSE, 0.0)
    return np.vstack([at, own, reach, block.note + noted])
