"""How the pieces of one answer can be read as bytes of the text, token by token.

Most pieces have one reading, kept as bytes, so that whole runs are compared at once. The others
have `options`: where a token that begins at a byte may end, and at what cost. A cost is a
preference between readings that all fit the text to its end, never a licence to misfit.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from lib.tokens.alphabets import (
    REPLACEMENT,
    Family,
    byte_of,
    is_special,
    is_unknown,
    read_byte_level,
    replaced_ends,
)
from lib.tokens.normalise import NORMALISERS, Numbers, Seen
from lib.tokens.questions import Piece

__all__ = ["Budget", "Option", "Readings", "canonical"]

Option = tuple[int, int, int]
"""Begins at, ends at, costs."""
_NOTHING_TYPED, _BLANK_DROPPED, _UNSPELLED, _BLANK_SKIPPED = 1, 2, 2, 3
_LONGEST_UNKNOWN = 120
_MOST_BLANKS = 1000


class _Tables(Protocol):
    """The tables of one release of Unicode."""

    def category(self, letter: str, /) -> str: ...


_BLANKS = re.compile(rb"[\t-\r ]+")


def canonical(seen: Seen, family: Family) -> Seen:
    """What a family's pieces are compared with."""
    if family is Family.SENTENCEPIECE:
        return seen.with_plain_blanks()
    return seen.without_blanks() if family is Family.WORDPIECE else seen


@dataclass(slots=True)
class Budget:
    """Readings that may still be tried for one text, some microseconds each.

    It bounds the time that a hostile answer can take.
    """

    steps: int = 1_000_000


@dataclass(slots=True)
class Readings:
    """The readings of all tokens of one answer in what the tokenizer saw."""

    pieces: Sequence[Piece]
    family: Family
    normaliser: str
    seen: Seen
    decoded: bool
    """The pieces are what the server decoded, not its raw vocabulary."""
    text: str
    budget: Budget
    special: Sequence[bool] = ()
    exact: list[bytes | None] = field(default_factory=list)
    plain: list[bool] = field(default_factory=list)
    """Has the token one reading only?"""
    _word_ends: dict[int, set[int]] | None = None

    def __post_init__(self) -> None:
        read: dict[Piece, tuple[bytes | None, bool, bool]] = {}
        for piece in set(self.pieces):
            exact = self._read(piece)
            special = isinstance(piece, str) and is_special(piece) and not is_unknown(piece)
            odd = special or piece is None or (isinstance(piece, str) and is_unknown(piece))
            read[piece] = exact, exact is not None and not odd, special
        self.exact = [read[piece][0] for piece in self.pieces]
        self.plain = [read[piece][1] for piece in self.pieces]
        self.special = [read[piece][2] for piece in self.pieces]
        if self.family is Family.SENTENCEPIECE and self.pieces:
            # A blank may have been put before the text, and again after each control token.
            for index, begins in enumerate([True, *self.special[:-1]]):
                self.plain[index] = self.plain[index] and not begins

    def _read(self, piece: Piece) -> bytes | None:
        """The one reading of a piece; None where it has none, or several."""
        if piece is None or isinstance(piece, bytes):
            return piece
        if self.family is Family.BYTE_LEVEL and (spelled := read_byte_level(piece)) is not None:
            return spelled
        if REPLACEMENT in piece and (self.decoded or self.family is Family.PLAIN):
            return None
        if self.family is Family.SENTENCEPIECE:
            byte = None if self.decoded else byte_of(piece)
            if byte is not None:
                return bytes([byte])
            piece = piece.replace("\u2581", " ")
        if self.family is Family.WORDPIECE:
            piece = piece.removeprefix("##") if not self.decoded else piece
            piece = NORMALISERS[self.normaliser](piece) if is_special(piece) else piece
            piece = "".join(piece.split())
        try:
            return piece.encode()
        except UnicodeEncodeError:
            return None

    def options(self, index: int, at: int) -> list[Option]:
        """All spans that the token may have, if those before it end at `at`."""
        piece, exact, data = self.pieces[index], self.exact[index], self.seen.data
        found: list[Option] = []
        if exact is not None and data.startswith(exact, at):
            found.append((at, at + len(exact), 0))
        if isinstance(piece, str):
            found += self._literal(piece, exact, at)
            if REPLACEMENT in piece and exact is None:
                ends = replaced_ends(data, at, piece)
                self.budget.steps -= len(piece) * piece.count(REPLACEMENT) // 8
                found += [(at, end, 0) for end in ends]
        if self.special[index]:
            found.append((at, at, _NOTHING_TYPED))
        if exact:
            found += self._blank(index, exact, at, fits=bool(found))
        if not found and isinstance(piece, str) and is_unknown(piece):
            found = [(at, end, _UNSPELLED) for end in self._unknown_ends(index, at)]
        self.budget.steps -= 1 + len(found)
        return found

    def _literal(self, piece: str, exact: bytes | None, at: int) -> list[Option]:
        """A byte-level piece may be an added token, which is spelled as typed."""
        if self.family is not Family.BYTE_LEVEL or piece.isascii():
            return []
        literal = piece.encode("utf-8", "surrogatepass")
        fits = literal != exact and self.seen.data.startswith(literal, at)
        return [(at, at + len(literal), 1)] if fits else []

    def _blank(self, index: int, exact: bytes, at: int, *, fits: bool) -> list[Option]:
        """Readings with a blank that nobody typed, or without one that somebody did."""
        data, found = self.seen.data, []
        if self.family is Family.SENTENCEPIECE and exact.startswith(b" "):
            begins = index == 0 or self.special[index - 1]
            if (begins or not fits) and data.startswith(exact[1:], at):
                cost = _NOTHING_TYPED if begins else _BLANK_DROPPED
                found.append((at, at + len(exact) - 1, cost))
        if self._is_loose() and not fits:
            blank = _BLANKS.match(data, at)
            if blank and data.startswith(exact, blank.end()):
                found.append((blank.end(), blank.end() + len(exact), _BLANK_SKIPPED))
        return found

    def _is_loose(self) -> bool:
        """May blanks get lost on the way?"""
        return self.family is Family.SENTENCEPIECE or self.decoded

    def _unknown_ends(self, index: int, at: int) -> list[int]:
        """Where something that the vocabulary cannot spell may end."""
        if self.family is Family.WORDPIECE:
            return sorted(self._words().get(at, ()))
        data = self.seen.data
        last = min(at + _LONGEST_UNKNOWN, len(data))
        following = self.exact[index + 1] if index + 1 < len(self.exact) else None
        ends = [
            end for end in range(at + 1, last + 1) if end == len(data) or data[end] & 0xC0 != 0x80
        ]
        if following and self.plain[index + 1]:
            return [end for end in ends if data.startswith(following, end)]
        return ends

    def may_end(self, at: int) -> bool:
        """May the last token end here? Some tokenizers drop the blanks after it."""
        rest = self.seen.data[at : at + _MOST_BLANKS]
        return not rest or (self._is_loose() and rest.isspace())

    def _words(self) -> dict[int, set[int]]:
        """Where BERT's words begin and may end: between blanks, and each sign by itself."""
        if self._word_ends is None:
            self._word_ends = {}
            text = NORMALISERS[self.normaliser](self.text)
            # Signs younger than the tokenizer's tables are letters to it.
            for tables in (unicodedata, unicodedata.ucd_3_2_0):
                sizes = [len(word.encode()) for word in _bert_words(text, tables)]
                ends = np.cumsum(sizes)
                for start, end in zip((ends - sizes).tolist(), ends.tolist(), strict=True):
                    self._word_ends.setdefault(start, set()).add(end)
        return self._word_ends

    def places(self) -> Numbers:
        """Where each token would end if all before it had their one reading, from 0 on."""
        sizes = (len(one or b"") for one in self.exact)
        return np.cumsum(np.fromiter(sizes, np.int64, len(self.exact)))


def _bert_words(text: str, tables: _Tables) -> list[str]:
    alone = {letter for letter in set(text) if _stands_alone(letter, tables)}
    return "".join(f" {letter} " if letter in alone else letter for letter in text).split()


def _stands_alone(letter: str, tables: _Tables) -> bool:
    """Signs and Chinese characters are words of their own to BERT."""
    if letter.isascii():
        return letter.isprintable() and not letter.isalnum() and letter != " "
    code = ord(letter)
    chinese = 0x3400 <= code <= 0x4DBF or 0x4E00 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF
    chinese = chinese or 0x20000 <= code <= 0x2CEAF or 0x2F800 <= code <= 0x2FA1F
    return chinese or tables.category(letter).startswith("P")
