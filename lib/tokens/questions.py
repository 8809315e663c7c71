"""What is asked of a server's tokenizer, and what it answered.

This room sends nothing: a question is a value that a generator yields, and whoever drives the
generator sends the answer in. This module decides the questions, the memory of answers that saves
asking twice, and what text and ids can be asked about at all.
"""

import struct
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Asker", "Conversation", "Decode", "Decoded", "Encode", "Encoded", "Unreadable"]

Piece = str | bytes | None
_KEPT, _KEPT_CHARACTERS = 200_000, 4_000_000
"""Answers one memory holds: some 30 MB of short texts, and no more of long ones."""
_HIGHEST_ID = 2**31 - 1
_LONGEST_ANSWER = 100_000


class Unreadable(ValueError):  # noqa: N818 - a state of the text, like lib.api's Refused
    """A text or an id that no tokenizer can have seen; the message is one sentence for people."""


@dataclass(frozen=True, slots=True)
class Encode:
    """Which tokens are this text? `special`: with those the server adds; None as it is wont."""

    text: str
    special: bool | None = None


@dataclass(frozen=True, slots=True)
class Encoded:
    """The answer: ids, and their raw vocabulary pieces where the server gives them.

    `special` repeats what was asked, so that a `<s>` which the person typed is not taken for one
    that the server added.
    """

    ids: Sequence[int]
    pieces: Sequence[Piece] | None = None
    special: bool | None = None


@dataclass(frozen=True, slots=True)
class Decode:
    """Which text are these tokens?"""

    ids: tuple[int, ...]


Conversation = Generator[Decode, str, "str | None"]


@dataclass(slots=True)
class Decoded:
    """What was decoded before, for one server and model; the oldest is forgotten first.

    For any thread.
    """

    texts: dict[tuple[int, ...], str] = field(default_factory=dict)
    size: int = 0
    """Ids and characters held."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def keep(self, ids: tuple[int, ...], text: str) -> None:
        """Remember one answer."""
        with self._lock:
            self._forget(ids)
            self.texts[ids] = text
            self.size += len(ids) + len(text)
            while len(self.texts) > 1 and (len(self.texts) > _KEPT or self.size > _KEPT_CHARACTERS):
                self._forget(next(iter(self.texts)))

    def _forget(self, ids: tuple[int, ...]) -> None:
        text = self.texts.pop(ids, None)
        self.size -= 0 if text is None else len(ids) + len(text)


@dataclass(slots=True)
class Asker:
    """Asks through a memory, and never more than `left` questions."""

    memory: Decoded
    left: int

    def text(self, ids: tuple[int, ...]) -> Conversation:
        """The text of ids; None where it may not be asked any more, or makes no sense to ask."""
        known = self.memory.texts.get(ids)
        if known is not None:
            return known
        if self.left <= 0 or not all(0 <= one <= _HIGHEST_ID for one in ids):
            return None
        self.left -= 1
        answer = yield Decode(ids)
        if not isinstance(answer, str) or len(answer) > _LONGEST_ANSWER:
            return None
        self.memory.keep(ids, answer)
        return answer


def bytes_of(text: str) -> bytes:
    """The text as UTF-8.

    Raises:
        Unreadable: it holds half of a surrogate pair.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        half = ord(text[error.start])
        raise Unreadable(
            f"Character {error.start + 1} of the text is half of one (a lone surrogate,"
            f" U+{half:04X}), which cannot be sent to a server."
        ) from None


def array_of(ids: Sequence[int]) -> NDArray[np.int64]:
    """The ids as numbers.

    Raises:
        Unreadable: one of them is no number that an id could be.
    """
    try:
        # A third of the time that numpy takes over it; and unlike numpy it rounds no fraction.
        packed = struct.pack(f"={len(ids)}q", *ids)
    except struct.error:
        raise Unreadable("The server named a token id that no vocabulary can hold.") from None
    return np.frombuffer(packed, np.int64)
