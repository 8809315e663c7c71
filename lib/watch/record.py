"""One tick of one server, and how it is written as bytes.

A `Tick` is what came of asking one server once: a sample or the reason why there is none, and what
the server's state is after it. The same bytes go into the store and over the watcher's socket. Only
this module knows their form:

  version u8 · length of the words u32 · at, mono, took, since as float64 · words as JSON · the
  values as float64

The layout itself is not in a record, only its key: it is sent or stored once and looked up. Whoever
changes the form raises VERSION; a reader refuses a version that it does not know. Records of older
releases have six words, those with outcomes of checks a seventh; states and checks that this
release does not know are read as unknown and left out.

What the checks of a server say is kept beside its readings, on a track of its own: a tick whose
`server` is `checks_of` the server, and whose sample holds `check_seconds`.
"""

import json
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from lib.health import Check, Outcome, State, Status, Trouble
from lib.metrics import Layout, Sample

__all__ = [
    "CHECK_PERIOD",
    "RecordError",
    "Tick",
    "checks_of",
    "layout_key",
    "pack",
    "period_of",
    "unpack",
]

VERSION = 1
CHECK_PERIOD = 5.0
"""Seconds between two rounds of checks."""
WORDS_LIMIT = 300
"""Characters of what an outcome says that are kept: servers write some of it."""
OUTCOMES_LIMIT = 32
_CHECKS = "#checks"
"""Neither a server's name nor its address can hold a `#`."""
_HEAD = struct.Struct("<BI4d")
_CHECK_OF = {check.value: check for check in Check}


class RecordError(ValueError):
    """The bytes are not a record of this version, or their layout is not known."""


@dataclass(frozen=True, slots=True, eq=False)
class Tick:
    """What came of asking one server once.

    `at` is the wall clock and `mono` the monotonic clock, both in seconds and both of the moment
    when the request was sent; `took` is how long the whole exchange lasted, in seconds. Exactly one
    of `sample` and `refused` is None; `server` is `Server.id`, or the track of its checks: then
    `outcomes` are all that is known of them by now.
    """

    server: str
    at: float
    mono: float
    took: float
    status: Status
    sample: Sample | None
    refused: Trouble | None = None
    outcomes: tuple[Outcome, ...] = ()


def checks_of(server: str) -> str:
    """The track on which the checks of a server (`Server.id`) are kept."""
    return server + _CHECKS


def period_of(track: str, period: float) -> float:
    """Seconds between two ticks of a track; `period` is that of the readings."""
    return CHECK_PERIOD if track.endswith(_CHECKS) else period


def pack(tick: Tick) -> bytes:
    """The tick as bytes; `unpack` with the sample's layout at hand gives it back."""
    sample, status = tick.sample, tick.status
    key = None if sample is None else sample.layout.key
    said = [tick.server, key, status.state.name, status.reason, *(tick.refused or (None, None))]
    if tick.outcomes:
        said.append([_said(one) for one in tick.outcomes[:OUTCOMES_LIMIT]])
    words = json.dumps(said, ensure_ascii=True, separators=(",", ":")).encode()
    head = _HEAD.pack(VERSION, len(words), tick.at, tick.mono, tick.took, status.since)
    values = b"" if sample is None else sample.values.astype("<f8", copy=False).tobytes()
    return head + words + values


def unpack(record: bytes, layouts: Mapping[str, Layout]) -> Tick:
    """Read what `pack` wrote. Raises RecordError, also when its layout is not in `layouts`."""
    (at, mono, took, since), words, values = _split(record)
    try:
        server, key, state, reason, kind, sentence, *more = words
        status = Status(State.named(str(state)), since, str(reason))
        refused = None if kind is None else Trouble(str(kind), str(sentence))
        sample = None if key is None else _sample(layouts[str(key)], values)
        outcomes = tuple(_outcomes(*more))
    except KeyError as error:
        raise RecordError(f"the layout {error} is not known") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise RecordError(f"not a record: {error}") from error
    return Tick(str(server), at, mono, took, status, sample, refused, outcomes)


def layout_key(record: bytes) -> str | None:
    """The key of the layout that `unpack` will need; None for a failed tick. Raises RecordError."""
    _, words, _ = _split(record)
    key = words[1] if len(words) > 1 else None
    return None if key is None else str(key)


def _split(record: bytes) -> tuple[tuple[float, float, float, float], list[object], bytes]:
    """The clocks, the words and the bytes of the values."""
    try:
        version, length, *clocks = _HEAD.unpack_from(record)
        words = json.loads(record[_HEAD.size : _HEAD.size + length])
    except (struct.error, ValueError) as error:
        raise RecordError("not a record: its head does not fit") from error
    if version != VERSION or not isinstance(words, list) or not all(map(math.isfinite, clocks)):
        raise RecordError(f"not a record of version {VERSION}")
    at, mono, took, since = clocks
    return (at, mono, took, since), words, record[_HEAD.size + length :]


def _said(one: Outcome) -> list[object]:
    """An outcome as words."""
    told = one.words[:WORDS_LIMIT], one.kind[:WORDS_LIMIT]
    return [one.check.value, one.passed, one.seconds, *told, one.figure, one.at]


def _outcomes(rows: object = ()) -> Iterator[Outcome]:
    """What `_said` wrote; checks of a newer release are left out. Raises ValueError, TypeError."""
    if not isinstance(rows, list | tuple):
        raise TypeError("outcomes are a list")
    for check, passed, seconds, words, kind, figure, at in rows[:OUTCOMES_LIMIT]:
        if check in _CHECK_OF:
            yield Outcome(
                _CHECK_OF[check],
                None if passed is None else bool(passed),
                _number(seconds),
                str(words),
                str(kind),
                _number(figure),
                float(at),
            )


def _number(value: object) -> float | None:
    if value is None or isinstance(value, int | float):
        return value
    raise TypeError(f"{value!r} is no number")


def _sample(layout: Layout, values: bytes) -> Sample:
    row = np.frombuffer(values, "<f8").astype(np.float64)
    if len(row) != len(layout.series):
        raise ValueError(f"{len(row)} values for {len(layout.series)} series")
    return Sample(layout, row)
