"""How many tokens fit: the check of a length, and the cut that makes a text fit.

Decided here:

- A cut lies between two tokens whose places are known, and inside nothing that a reader takes for
  one character.
- Tokens that stand for nothing typed at either end (added ones, SentencePiece's blank) come again
  with every text: they are counted in, and never cut away.
- A cut text need not become the same tokens again. Only the server knows: `verified` asks, and cuts
  deeper until what it answers fits.
"""

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum

import numpy as np

from lib.tokens.questions import Encode, Encoded
from lib.tokens.statistics import Placed, is_between_graphemes

__all__ = ["Cut", "Keep", "Room", "Verified", "room", "truncate", "verified"]

QUESTIONS = 8
"""How often a server is asked before a cut is given up."""


class Keep(Enum):
    """Which part of a text stays; the value is for people."""

    FRONT = "the beginning"
    END = "the end"
    BOTH = "both ends"


@dataclass(frozen=True, slots=True)
class Room:
    """A number of tokens against a limit, `reserve` of which is kept for the answer.

    `limit` is None where the server does not say its context length; nothing is known then.
    """

    tokens: int
    limit: int | None
    reserve: int = 0

    @property
    def budget(self) -> int | None:
        """Tokens that a text may take, the reserve set aside."""
        return None if self.limit is None else max(self.limit - self.reserve, 0)

    @property
    def left(self) -> int | None:
        """Tokens left for the answer, with those reserved for it; 0 where there are none."""
        return None if self.limit is None else max(self.limit - self.tokens, 0)

    @property
    def over(self) -> int | None:
        """Tokens too many, once the reserve is set aside."""
        return None if self.limit is None else max(self.tokens + self.reserve - self.limit, 0)

    @property
    def fits(self) -> bool | None:
        return None if self.over is None else self.over == 0

    @property
    def share(self) -> float | None:
        """The share of the limit that is taken; above 1 where it does not fit."""
        return self.tokens / self.limit if self.limit else None


def room(tokens: int, limit: int | None, reserve: int = 0) -> Room:
    """Check a length.

    Raises:
        ValueError: a number below nothing.
    """
    if min(tokens, reserve, limit or 0) < 0:
        raise ValueError("Tokens, limit and reserve are never below nothing.")
    return Room(tokens, limit, reserve)


@dataclass(frozen=True, slots=True)
class Cut:
    """What is left of a text.

    `kept` are the ranges of its tokens that stay, `tokens` how many they are with the marker's.
    """

    text: str
    kept: tuple[range, ...]
    tokens: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Verified:
    """A cut and what the server counted for it; `fits` is False where it was given up."""

    cut: Cut
    counted: int
    fits: bool
    questions: int


def truncate(
    placed: Placed, budget: int, keep: Keep = Keep.FRONT, marker: str = "", marker_tokens: int = 0
) -> Cut:
    """Cut a text to at most so many tokens; a text that fits stays as it is.

    The marker stands where something was cut away, and costs `marker_tokens`. Where not even the
    marker fits, nothing is left.
    """
    total = len(placed.starts)
    if total <= budget:
        return Cut(placed.text, (range(total),), total, 0)
    before, after = _ends_that_stay(placed)
    body = range(before, total - after)
    spare = budget - before - after - marker_tokens
    if spare < 0 or not body:
        return Cut("", (), 0, total)
    front = {Keep.FRONT: spare, Keep.END: 0, Keep.BOTH: (spare + 1) // 2}[keep]
    cuts = _Cuts(placed, body)
    first = cuts.down(body.start + front)
    # What the front could not use is the end's.
    end = 0 if keep is Keep.FRONT else spare - (first - body.start)
    second = cuts.up(body.stop - end)
    text = cuts.text_before(first) + marker + cuts.text_from(second)
    kept = tuple(one for one in (range(first), range(second, total)) if one)
    count = sum(map(len, kept))
    return Cut(text, kept, count + marker_tokens, total - count)


def verified(
    placed: Placed,
    budget: int,
    keep: Keep = Keep.FRONT,
    marker: str = "",
    *,
    special: bool | None = None,
    questions: int = QUESTIONS,
) -> Generator[Encode, Encoded, Verified]:
    """Cut a text to a budget that the server itself confirms.

    Each time that the cut text becomes too many tokens, the next cut is deeper by twice the excess.
    """
    allowed, marker_tokens, asked = budget, 0, 0
    if marker and len(placed.starts) > budget:
        asked += 1
        marker_tokens = len((yield Encode(marker, special=False)).ids)
    while True:
        cut = truncate(placed, allowed, keep, marker, marker_tokens)
        asked += 1
        counted = len((yield Encode(cut.text, special)).ids)
        fits = counted <= budget
        if fits or not cut.text or asked >= questions:
            return Verified(cut, counted, fits, asked)
        allowed = min(allowed, cut.tokens) - 2 * (counted - budget)


def _ends_that_stay(placed: Placed) -> tuple[int, int]:
    """How many tokens at either end stand for nothing typed."""
    written = np.flatnonzero(placed.ends > placed.starts)
    unknown = np.flatnonzero(placed.starts < 0)
    inner = np.concatenate([written, unknown])
    if not len(inner):
        return len(placed.starts), 0
    return int(inner.min()), len(placed.starts) - 1 - int(inner.max())


class _Cuts:
    """Where a text may be cut."""

    def __init__(self, placed: Placed, body: range) -> None:
        self.placed, self.body = placed, body
        self.data = placed.text.encode()
        self.reached = np.maximum.accumulate(placed.ends)
        self.begins = np.minimum.accumulate(
            np.where(placed.starts < 0, len(self.data), placed.starts)[::-1]
        )[::-1]

    def down(self, index: int) -> int:
        """The last token, not after this one, before which the text may be cut."""
        while index > self.body.start and not self._allowed(index):
            index -= 1
        return index

    def up(self, index: int) -> int:
        """The first token, not before this one, before which the text may be cut."""
        while index < self.body.stop and not self._allowed(index):
            index += 1
        return index

    def text_before(self, index: int) -> str:
        """The text of the tokens before this one; none where none is kept."""
        if index <= self.body.start:
            return ""
        return self.data[: self.reached[index - 1]].decode()

    def text_from(self, index: int) -> str:
        """The text from this token on; none where none is kept."""
        if index >= self.body.stop:
            return ""
        return self.data[self.begins[index] :].decode()

    def _allowed(self, index: int) -> bool:
        if not self.body.start < index < self.body.stop:
            return True
        if self.placed.starts[index] < 0 or self.placed.starts[index - 1] < 0:
            return False
        end, begin = int(self.reached[index - 1]), int(self.begins[index])
        return end <= begin and self._is_clean(end) and (begin == end or self._is_clean(begin))

    def _is_clean(self, at: int) -> bool:
        """Does a character begin at this byte, as a reader sees it?"""
        if at >= len(self.data):
            return True
        if self.data[at] & 0xC0 == 0x80:
            return False
        # Only the neighbourhood is decoded: a long text may be tried in many places.
        near = self.data[max(0, at - 8_000) : at].decode(errors="ignore")
        following = self.data[at : at + 16].decode(errors="ignore")
        return is_between_graphemes(near + following, len(near))
