"""Trying readings: which family and which normaliser make an answer's tokens spell its text.

Names are never trusted. A way to read is taken because the tokens, read so, tile the text; of
several, the one that leaves the least open, and of equals the first tried.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from lib.tokens.alphabets import Family
from lib.tokens.normalise import NORMALISERS, see
from lib.tokens.placing import Placed, place
from lib.tokens.questions import Asker, Decode, Piece
from lib.tokens.readings import Budget, Readings, canonical

__all__ = ["FAMILIES", "Fitted", "Tokens", "fitted", "spelled"]

FAMILIES = (Family.BYTE_LEVEL, Family.PLAIN, Family.SENTENCEPIECE, Family.WORDPIECE)
"""In the order in which they are tried: the stricter alphabets first."""

_LOOSE = 4
_LONG = 200_000
"""Characters of a text for which no other normaliser is tried: each takes seconds there."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens between those that the server adds; `decoded`: the pieces are decoded ids."""

    ids: list[int]
    pieces: Sequence[Piece]
    decoded: bool = False


@dataclass(frozen=True, slots=True)
class Fitted:
    """One way to read all tokens, and where it places them."""

    readings: Readings
    placed: Placed

    @property
    def is_whole(self) -> bool:
        """Has every token a place, and the text no rest?"""
        return not self.placed.missing and self.placed.parted is None

    @property
    def left_open(self) -> tuple[int, bool, int, int]:
        """What speaks against this way, the worst first."""
        placed = self.placed
        # Without its blanks almost anything fits: WordPiece must be clearly better.
        loose = _LOOSE if self.readings.family is Family.WORDPIECE else 0
        return placed.missing, placed.parted is not None, len(placed.grouped), placed.cost + loose


def fitted(
    text: str,
    tokens: Tokens,
    ways: Sequence[tuple[Family, str]],
    asker: Asker,
    *,
    budget: Budget,
    thorough: bool,
) -> Generator[Decode, str, Fitted | None]:
    """The best of some ways to read; the first that is whole unless all are to be tried."""
    best: Fitted | None = None
    tries = [way for way in ways if len(text) <= _LONG or way[1] == ways[0][1]]
    tried: set[tuple[Family, bytes]] = set()
    for family, normaliser in tries:
        seen = see(text, normaliser)
        if seen is None or (family, seen.data) in tried:
            continue
        tried.add((family, seen.data))
        readings = Readings(
            tokens.pieces, family, normaliser, canonical(seen, family), tokens.decoded, text, budget
        )
        placed = yield from place(readings, asker, tokens.ids)
        one = Fitted(readings, placed)
        if best is None or one.left_open < best.left_open:
            best = one
        cut_short = not placed.missing and not placed.grouped and not thorough
        if cut_short or best.left_open == (0, False, 0, 0) or (best.is_whole and not thorough):
            break
    return best


def ways(family: Family, normaliser: str, *, decoded: bool) -> list[tuple[Family, str]]:
    """The ways to try for a profile: as it says first, then with every other normaliser."""
    families: tuple[Family, ...] = FAMILIES if family is Family.UNKNOWN else (family,)
    if decoded:
        families = tuple(
            dict.fromkeys(Family.PLAIN if one is Family.BYTE_LEVEL else one for one in families)
        )
    names = list(dict.fromkeys([normaliser, *NORMALISERS]))
    return [(one, name) for one in families for name in names]


def spelled(
    ids: Sequence[int], asker: Asker, anchor: int | None
) -> Generator[Decode, str, list[Piece]]:
    """The text of each id, asked one by one; None where there was no answer.

    Some decoders drop the blank before the first token: there `anchor`, an ordinary token, goes
    first, and its own text is taken off again.
    """
    before: tuple[int, ...] = () if anchor is None else (anchor,)
    shown = (yield from asker.text(before)) if before else ""
    texts: dict[int, Piece] = {}
    for one in dict.fromkeys(ids):
        told = yield from asker.text((*before, one))
        fits = told is not None and shown is not None and told.startswith(shown)
        texts[one] = told[len(shown) :] if fits and told is not None and shown is not None else None
    return [texts[one] for one in ids]
