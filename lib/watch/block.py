"""Ticks of one server in a row as columns, how they are packed, and how they become minutes.

A `Block` is the unit of the store's sealed history: five minutes of single ticks, or minutes of the
long tier. Its bytes are column-major float64; each value is XORed with the one before it in its
column, because most series of a server stand still from second to second, and the bytes are
shuffled so that equal ones lie together; then zlib at its fastest level. Nothing is rounded: every
bit comes back, of NaN as well.

A minute holds of a counter and of each histogram bucket the last value, so that growth between
minutes is exact, and is stamped with the moment of that value; of a gauge the mean, the least and
the greatest; of the states the worst; and how many ticks there were and how many failed.

A note says in words what a tick was. Words with running figures ("for 30 s") would make each tick's
another one: those that differ in figures only are one note, with the figures that came first, and
of more than NOTES_LIMIT different ones in a block no more words are kept, only the state.
"""

import json
import math
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lib.health import State, Tone
from lib.metrics import BY_NAME, Kind, Layout
from lib.watch.record import RecordError, Tick

__all__ = ["Block", "gauge_columns"]

Values = NDArray[np.float64]

NOTES_LIMIT = 64
WORDS_LIMIT = 300
_FIGURE = re.compile(r"\d+(?:\.\d+)?")

_OWN = 7
"""Columns before those of the layout: at, mono, took, since, ticks, failed, note."""


@dataclass(frozen=True, eq=False)
class Block:
    """n ticks, or n minutes, of one server with one layout (an empty one while it never answered).

    `at` is wall and `mono` monotonic clock, in seconds; of a minute `mono` is its last tick's, and
    `at` its last answer's (its last tick's if it has none).
    `values` is (n, series), NaN where a tick failed. `lows` and `highs` are (n, gauges), in the
    order of `gauge_columns`, None in blocks of single ticks. `note` points into `notes`: (name of
    the state, kind of trouble, why it is so; "" where all is well). `since` is the note's.
    """

    layout: Layout
    at: Values
    mono: Values
    took: Values
    since: Values
    ticks: Values
    failed: Values
    note: Values
    values: Values
    notes: tuple[tuple[str, ...], ...] = field(default=())
    lows: Values | None = None
    highs: Values | None = None

    def __len__(self) -> int:
        return len(self.at)

    @classmethod
    def of(cls, ticks: Sequence[Tick]) -> "list[Block]":
        """The ticks as blocks, a new one at each change of layout; failed ones change nothing."""
        return [_columns(layout, run) for layout, run in _runs(ticks)]

    def part(self, rows: slice | NDArray[np.bool_]) -> "Block":
        """Some of the rows."""
        return replace(
            self,
            at=self.at[rows],
            mono=self.mono[rows],
            took=self.took[rows],
            since=self.since[rows],
            ticks=self.ticks[rows],
            failed=self.failed[rows],
            note=self.note[rows],
            values=self.values[rows],
            lows=None if self.lows is None else self.lows[rows],
            highs=None if self.highs is None else self.highs[rows],
        )

    def encode(self) -> bytes:
        """The block as bytes, without its layout."""
        own = (self.at, self.mono, self.took, self.since, self.ticks, self.failed, self.note)
        tiers = [self.values, *(tier for tier in (self.lows, self.highs) if tier is not None)]
        columns = np.vstack([*own, *(tier.T for tier in tiers)]).astype("<f8")
        bits = np.array(columns, order="C").view(np.uint64)
        bits[:, 1:] ^= bits[:, :-1].copy()
        shuffled = bits.view(np.uint8).reshape(-1, 8).T.tobytes()
        head = json.dumps([len(self), len(tiers) > 1, self.notes], separators=(",", ":")).encode()
        return len(head).to_bytes(4, "little") + zlib.compress(head + shuffled, 1)

    @classmethod
    def decode(cls, body: bytes, layout: Layout) -> "Block":
        """Read what `encode` wrote of a block with this layout. Raises RecordError."""
        try:
            length = int.from_bytes(body[:4], "little")
            plain = zlib.decompress(body[4:])
            rows, has_bounds, notes = json.loads(plain[:length])
            shuffled = np.frombuffer(plain, np.uint8, offset=length).reshape(8, -1)
            bits = np.ascontiguousarray(shuffled.T).view(np.uint64).reshape(-1, rows)
            columns = np.bitwise_xor.accumulate(bits, axis=1).view(np.float64)
            return cls._from_columns(columns, layout, has_bounds, notes)
        except (zlib.error, ValueError, TypeError, IndexError) as error:
            raise RecordError(f"not a block: {error}") from error

    @classmethod
    def _from_columns(
        cls, columns: Values, layout: Layout, has_bounds: bool, notes: Iterable[Sequence[str]]
    ) -> "Block":
        width, gauges = len(layout.series), len(gauge_columns(layout)) if has_bounds else 0
        if len(columns) != _OWN + width + 2 * gauges:
            raise ValueError(f"{len(columns)} columns for {width} series")
        values, lows, highs = np.split(columns[_OWN:], [width, width + gauges])
        at, mono, took, since, ticks, failed, note = columns[:_OWN]
        return cls(
            layout,
            at=at,
            mono=mono,
            took=took,
            since=since,
            ticks=ticks,
            failed=failed,
            note=note,
            values=values.T,
            notes=tuple(tuple(note) for note in notes),
            lows=lows.T if has_bounds else None,
            highs=highs.T if has_bounds else None,
        )

    def by_minute(self) -> "Block":
        """One row per minute of the wall clock; rows stay in the order in which they were taken."""
        if not len(self):
            return self
        minute = np.floor(self.at / 60)
        first = np.flatnonzero(np.diff(minute, prepend=math.nan))
        last = np.append(first[1:], len(self)) - 1
        answered = np.maximum.accumulate(
            np.where(self.failed < self.ticks, np.arange(len(self)), -1)
        )[last]
        values = self.values[np.maximum(answered, 0)]
        values[answered < first] = np.nan
        gauges = gauge_columns(self.layout)
        readings = self.values[:, gauges]
        worst = self._worst(first)
        values[:, gauges] = np.where(
            _is_mean(self.layout), _mean(readings, first), values[:, gauges]
        )
        return replace(
            self.part(slice(None)),
            at=np.where(answered < first, self.at[last], self.at[np.maximum(answered, 0)]),
            mono=self.mono[last],
            took=_mean(self.took[:, None], first)[:, 0],
            since=self.since[worst],
            ticks=np.add.reduceat(self.ticks, first),
            failed=np.add.reduceat(self.failed, first),
            note=self.note[worst],
            values=values,
            lows=np.fmin.reduceat(readings, first, axis=0),
            highs=np.fmax.reduceat(readings, first, axis=0),
        )

    def _worst(self, first: NDArray[np.intp]) -> NDArray[np.intp]:
        """From each `first` row to the next, the first row of the worst state."""
        ranks = np.array([State.named(name).rank for name, *_ in self.notes], np.intp)
        places = ranks[self.note.astype(np.intp)] * len(self) + np.arange(len(self))
        worst: NDArray[np.intp] = np.minimum.reduceat(places, first) % len(self)
        return worst


@lru_cache(maxsize=256)
def gauge_columns(layout: Layout) -> NDArray[np.intp]:
    """The columns of a layout that hold gauges, which have lows and highs in a minute."""
    known = [BY_NAME.get(series.quantity) for series in layout.series]
    return np.array(
        [i for i, one in enumerate(known) if one is not None and one.kind is Kind.GAUGE], np.intp
    )


def _is_mean(layout: Layout) -> NDArray[np.bool_]:
    """Which gauges a mean makes sense of: not of the moment at which a process started."""
    return np.array(
        [layout.series[i].quantity != "process_start" for i in gauge_columns(layout)], np.bool_
    )


def _mean(readings: Values, first: NDArray[np.intp]) -> Values:
    """Mean of each column from each `first` row to the next, over the values that there are."""
    known = np.isfinite(readings)
    with np.errstate(over="ignore", invalid="ignore"):  # a figure that absurd has no mean
        total = np.add.reduceat(np.where(known, readings, 0.0), first, axis=0)
    count = np.add.reduceat(known.astype(float), first, axis=0)
    mean: Values = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return mean


def _runs(ticks: Sequence[Tick]) -> list[tuple[Layout, list[Tick]]]:
    """Ticks grouped by layout, in order."""
    runs: list[list[Tick]] = []
    current: Layout | None = None
    for tick in ticks:
        layout = None if tick.sample is None else tick.sample.layout
        is_other = layout is not None and current is not None and layout.key != current.key
        if is_other or not runs:
            runs.append([])
        runs[-1].append(tick)
        current = layout or current
    return [(_layout(run), run) for run in runs]


def _layout(ticks: Sequence[Tick]) -> Layout:
    return next((tick.sample.layout for tick in ticks if tick.sample is not None), Layout(()))


def _columns(layout: Layout, ticks: Sequence[Tick]) -> Block:
    values = np.full((len(ticks), len(layout.series)), np.nan)
    notes = _Notes()
    note = np.zeros(len(ticks))
    for row, tick in enumerate(ticks):
        note[row] = notes.place(tick)
        if tick.sample is not None:
            values[row] = tick.sample.values
    return Block(
        layout,
        at=np.array([tick.at for tick in ticks]),
        mono=np.array([tick.mono for tick in ticks]),
        took=np.array([tick.took for tick in ticks]),
        since=np.array([tick.status.since for tick in ticks]),
        ticks=np.ones(len(ticks)),
        failed=np.array([float(tick.sample is None) for tick in ticks]),
        note=note,
        values=values,
        notes=tuple(notes.told),
    )


class _Notes:
    """The different notes of a block, in the order in which they came."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []
        self._places: dict[tuple[str, ...], int] = {}

    def place(self, tick: Tick) -> int:
        """Where the note of a tick stands."""
        state, _, reason = tick.status
        kind = "" if tick.refused is None else tick.refused.kind
        words = "" if state.tone is Tone.GOOD else reason[:WORDS_LIMIT]
        key = state.name, kind, _FIGURE.sub("#", words)
        if key not in self._places and len(self._places) >= NOTES_LIMIT:
            key, kind, words = (state.name, "", ""), "", ""
        if key not in self._places:
            self._places[key] = len(self.told)
            self.told.append((state.name, kind, words))
        return self._places[key]
