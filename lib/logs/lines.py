"""Lines out of pieces of bytes: bounded, whatever the pieces are.

Decided here: what a line is and how much of an endless one is kept. A carriage return inside a line
is a progress bar that was drawn over itself: its last state stands for it. Colours are taken off,
also where something on the way has spoilt the character that begins them. A file that begins as
UTF-16 does, as PowerShell writes it, is one.
"""

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, IncrementalDecoder, getincrementaldecoder
from collections.abc import Iterator

__all__ = ["LONGEST_LINE", "Lines", "as_seen"]

LONGEST_LINE = 1 << 16
"""Bytes of a line that are kept; an engine's whole configuration takes about 8 kB."""
_COLOUR = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
_SPOILT = re.compile(r"(?:\^\[|#033|\\x1b|\\033|\\u001b)?\[[0-9;]{1,12}m")
"""A colour as syslog, `cat -v` and pages that copy it write it; each line's last one is a `0`."""
_WIDE = (BOM_UTF16_LE, BOM_UTF16_BE)


class Lines:
    """Splits what is fed into lines of text; keeps one unfinished line at most."""

    def __init__(self) -> None:
        self.number = 0
        self.cut = 0
        self._kept = b""
        self._lost = False
        self._begun: bytes | None = b""
        self._wide: IncrementalDecoder | None = None

    def feed(self, chunk: bytes) -> Iterator[tuple[int, str]]:
        """The lines that this piece ends, each with its number from 1 on."""
        first, *rest = self._narrow(chunk).split(b"\n")
        self._keep(first)
        for part in rest:
            yield self._ended()
            self._keep(part)

    def finish(self) -> Iterator[tuple[int, str]]:
        """The last line, where it has no end."""
        self._keep(self._begun or b"")
        if self._kept:
            yield self._ended()

    def _narrow(self, chunk: bytes) -> bytes:
        """The piece as UTF-8, whose first two bytes tell what all of it is."""
        if self._begun is not None:
            chunk = self._begun + chunk
            if len(chunk) < len(BOM_UTF16_LE):
                self._begun = chunk
                return b""
            self._begun = None
            if chunk.startswith(_WIDE):
                self._wide = getincrementaldecoder("utf-16")("replace")
        return self._wide.decode(chunk).encode() if self._wide else chunk

    def _keep(self, part: bytes) -> None:
        room = LONGEST_LINE - len(self._kept)
        if len(part) > room:
            part, self._lost = part[: max(0, room)], True
        self._kept = self._kept + part if self._kept else part

    def _ended(self) -> tuple[int, str]:
        self.number += 1
        self.cut += self._lost
        line, self._kept, self._lost = self._kept, b"", False
        return self.number, as_seen(line.decode("utf-8", "replace"))


def as_seen(text: str) -> str:
    """A line as a person would have seen it."""
    if "\x1b" in text:
        text = _COLOUR.sub("", text)
    if "[0m" in text or "[0;" in text:
        text = _SPOILT.sub("", text)
    text = text.replace("\0", "")
    if "\r" in text:
        text = text.rstrip("\r").rpartition("\r")[2]
    return text.removeprefix("\ufeff")
