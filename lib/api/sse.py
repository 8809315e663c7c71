"""Server-sent events: from a stream's bytes, in whatever pieces they come, to its lines of data.

This module alone decides where an event begins and ends, and how long one may be. Lines end with
CR, LF or both; a colon in front makes a comment, which servers send to keep a connection alive; the
lines of one event are joined. Names and numbers of events are not used by servers of this kind.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from lib.api.errors import Reason, Unfit

__all__ = ["Frame", "Framing"]

_LONGEST = 1 << 20  # bytes of a line, and of the data of one event
_BOM = b"\xef\xbb\xbf"


class Frame(NamedTuple):
    """The data of one event, or a comment."""

    kind: Literal["data", "comment"]
    text: bytes


class Framing:
    """Takes bytes and gives frames, the same ones however the bytes are split."""

    def __init__(self, longest: int = _LONGEST) -> None:
        self._longest = longest
        self._parts: list[bytes] = []  # of the line that has begun
        self._size = 0  # bytes of them
        self._data: list[bytes] = []  # of the event that has begun
        self._data_size = 0
        self._after_cr = False  # then a line feed belongs to the end before it
        self._is_first = True

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """The frames that end in these bytes.

        Raises:
            Unfit: a line or an event is longer than is read.
        """
        for line in self._lines(chunk):
            if self._is_first:
                line, self._is_first = line.removeprefix(_BOM), False  # noqa: PLW2901
            frame = self._read(line)
            if frame is not None:
                yield frame

    def _lines(self, chunk: bytes) -> Iterator[bytes]:
        if not chunk:
            return
        if self._after_cr:
            chunk = chunk.removeprefix(b"\n")
        self._after_cr = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            yield self._line(part)
        self._hold(rest)

    def _line(self, part: bytes) -> bytes:
        self._hold(part)
        line = b"".join(self._parts)
        self._parts, self._size = [], 0
        return line

    def _hold(self, part: bytes) -> None:
        """Keep a part of a line; joined only once, for a line may come byte by byte."""
        if part:
            self._parts.append(part)
            self._size += len(part)
        if self._size > self._longest:
            raise Unfit(Reason.TOO_LARGE, f"a line of more than {self._longest:,} bytes")

    def _read(self, line: bytes) -> Frame | None:
        if not line:
            return self._event()
        if line.startswith(b":"):
            return Frame("comment", line[1:].removeprefix(b" "))
        if line == b"data" or line.startswith(b"data:"):
            self._add(line[5:].removeprefix(b" "))
        return None

    def _add(self, data: bytes) -> None:
        self._data.append(data)
        self._data_size += len(data) + 1
        if self._data_size > self._longest:
            raise Unfit(Reason.TOO_LARGE, f"an event of more than {self._longest:,} bytes")

    def _event(self) -> Frame | None:
        if not self._data:
            return None
        data, self._data, self._data_size = b"\n".join(self._data), [], 0
        return Frame("data", data)
