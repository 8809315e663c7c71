"""What a watcher says to the dashboards on its socket, as frames.

A frame is its length (u32, of what follows), its kind (u8) and its payload. A conversation is

  HELLO, NEWEST per track, TICK …(the last two minutes, in order), then live: TICK and BEAT

with each LAYOUT before the first tick that needs it, and HELLO again when the servers change.
Dashboards say nothing. Whoever changes a payload raises VERSION; a dashboard does not listen to a
watcher of another version.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

from lib.metrics import Layout

__all__ = ["VERSION", "Beat", "Decoder", "Hello", "Kind", "WireError", "frame", "layout_frame"]

VERSION = 2
FRAME_LIMIT = 8_000_000
_HEAD = struct.Struct("<IB")


class WireError(ValueError):
    """The other side does not speak this language."""


class Kind(IntEnum):
    """What a frame holds."""

    HELLO = 1
    LAYOUT = 2
    NEWEST = 3
    TICK = 4
    BEAT = 5


_KINDS = frozenset(map(int, Kind))


@dataclass(frozen=True, slots=True)
class Hello:
    """Who watches: its process, since when (wall clock), which servers (`Server.id`), how often."""

    version: int
    pid: int
    started: float
    period: float
    servers: tuple[str, ...]

    def frame(self) -> bytes:
        return frame(Kind.HELLO, json.dumps(asdict(self)).encode())

    @classmethod
    def read(cls, payload: bytes) -> "Hello":
        """Raises WireError, also for another version."""
        words = _words(payload)
        if words.get("version") != VERSION:
            raise WireError(f"a watcher of version {words.get('version')!r}, not {VERSION}")
        try:
            return cls(**{**words, "servers": tuple(words["servers"])})
        except (TypeError, KeyError) as error:
            raise WireError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Beat:
    """That the watcher lives, once a second.

    `at` is wall and `mono` monotonic clock; `missed` counts ticks that were skipped for being late,
    `late` is the greatest lateness of a tick since the beat before, in seconds; `trouble` says why
    the history can't be written ("" when it can), `dropped` how many ticks it has lost.
    """

    number: int
    at: float
    mono: float
    missed: int = 0
    late: float = 0.0
    trouble: str = ""
    dropped: int = 0

    def frame(self) -> bytes:
        return frame(Kind.BEAT, json.dumps(asdict(self)).encode())

    @classmethod
    def read(cls, payload: bytes) -> "Beat":
        """Raises WireError."""
        try:
            return cls(**_words(payload))
        except TypeError as error:
            raise WireError(str(error)) from error


def frame(kind: Kind, payload: bytes) -> bytes:
    """One frame."""
    return _HEAD.pack(len(payload) + 1, kind) + payload


def layout_frame(layout: Layout) -> bytes:
    """The frame that goes before the first tick with this layout."""
    return frame(Kind.LAYOUT, layout.to_json().encode())


class Decoder:
    """Frames out of the bytes of a stream, however they were cut."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """The frames that are complete with this piece. Raises WireError."""
        self._rest += data
        top = 0
        while len(self._rest) - top >= _HEAD.size:
            length, kind = _HEAD.unpack_from(self._rest, top)
            if not 1 <= length <= FRAME_LIMIT or kind not in _KINDS:
                raise WireError("not a frame")
            below = top + _HEAD.size - 1 + length
            if len(self._rest) < below:
                break
            yield Kind(kind), bytes(self._rest[top + _HEAD.size : below])
            top = below
        del self._rest[:top]


def _words(payload: bytes) -> dict[str, Any]:
    try:
        words = json.loads(payload)
    except ValueError as error:
        raise WireError("not JSON") from error
    if not isinstance(words, dict):
        raise WireError("not an object")
    return words
