"""Lines out of pieces of bytes: bounded, whatever the pieces are.

Decided here: what a line is and how much of an endless one is kept. A carriage return inside a line
is a progress bar that was drawn over itself: its last state stands for it.
"""

import re
from collections.abc import Iterator

__all__ = ["LONGEST_LINE", "Lines"]

LONGEST_LINE = 1 << 16
"""Bytes of a line that are kept; an engine's whole configuration takes about 8 kB."""
_COLOUR = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")


class Lines:
    """Splits what is fed into lines of text; keeps one unfinished line at most."""

    def __init__(self) -> None:
        self.number = 0
        self.cut = 0
        self._kept = b""
        self._lost = False

    def feed(self, chunk: bytes) -> Iterator[tuple[int, str]]:
        """The lines that this piece ends, each with its number from 1 on."""
        first, *rest = chunk.split(b"\n")
        self._keep(first)
        for part in rest:
            yield self._ended()
            self._keep(part)

    def finish(self) -> Iterator[tuple[int, str]]:
        """The last line, where it has no end."""
        if self._kept:
            yield self._ended()

    def _keep(self, part: bytes) -> None:
        room = LONGEST_LINE - len(self._kept)
        if len(part) > room:
            part, self._lost = part[: max(0, room)], True
        self._kept = self._kept + part if self._kept else part

    def _ended(self) -> tuple[int, str]:
        self.number += 1
        self.cut += self._lost
        line, self._kept, self._lost = self._kept, b"", False
        return self.number, _text(line)


def _text(line: bytes) -> str:
    """As a person would have seen it."""
    text = line.decode("utf-8", "replace")
    if "\x1b" in text:
        text = _COLOUR.sub("", text)
    if "\r" in text:
        text = text.rstrip("\r").rpartition("\r")[2]
    return text.replace("\0", "").removeprefix("\ufeff")
