"""An alignment: which bytes and characters of a typed text each token stands for, and how sure.

Bytes are the first coordinate; characters and groups follow from them. A span that is not known is
(-1, -1) and stays so: nothing here guesses. `faults` says in words what a sound alignment never
shows.
"""

import functools
from dataclasses import dataclass
from enum import Enum, IntEnum

import numpy as np
from numpy.typing import NDArray

__all__ = ["Alignment", "Fit", "Kind", "faults"]

Numbers = NDArray[np.int64]


class Kind(IntEnum):
    """What one token is."""

    TEXT = 0
    SPECIAL = 1
    """Text that was typed, and read as a control token."""
    ADDED = 2
    """Added by the server; nothing typed stands for it."""
    PREFIX = 3
    """The blank that SentencePiece puts before a text; nothing typed stands for it."""
    UNKNOWN = 4
    """Stands for something that the vocabulary cannot spell."""
    PARTIAL = 5
    """Begins or ends inside a character, or shares its bytes with its neighbours."""
    NORMALISED = 6
    """The model sees other characters than were typed."""


class Fit(Enum):
    """How sure the alignment of a text is; the value is for people."""

    EXACT = "exact"
    NORMALISED = "exact, after the tokenizer's own changes to the text"
    GROUPED = "exact in groups: some neighbouring tokens cannot be told apart"
    APPROXIMATE = "in part: some tokens could not be placed in the text"
    UNALIGNED = "the tokens could not be placed in the text"

    @property
    def words(self) -> str:
        """The fit in words for people."""
        return self.value


@dataclass(frozen=True, eq=False)
class Alignment:
    """Tokens and the text they came from.

    `starts` and `ends` are byte spans in the typed text's UTF-8, `char_starts` and `char_ends` the
    characters they touch. `seen` is what the model sees of the text, `seen_starts` and `seen_ends`
    the spans in it. `dropped` are typed bytes that no token stands for.
    """

    text: str
    ids: Numbers
    pieces: tuple[str | bytes | None, ...]
    starts: Numbers
    ends: Numbers
    char_starts: Numbers
    char_ends: Numbers
    kinds: NDArray[np.uint8]
    fit: Fit
    normaliser: str = ""
    reason: str = ""
    dropped: tuple[tuple[int, int], ...] = ()
    seen: bytes = b""
    seen_starts: Numbers | None = None
    seen_ends: Numbers | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @functools.cached_property
    def groups(self) -> Numbers:
        """For each token the number of its group: tokens that share a character share a group."""
        if not len(self):
            return np.zeros(0, np.int64)
        known = (self.starts[1:] >= 0) & (self.starts[:-1] >= 0)
        joined = known & (self.char_starts[1:] < self.char_ends[:-1])
        return np.concatenate([[0], np.cumsum(~joined)])

    def token_bytes(self, index: int) -> bytes | None:
        """The bytes that the model sees for a token; None where they are not known.

        Tokens of a group that cannot be told apart have none each.
        """
        starts = self.starts if self.seen_starts is None else self.seen_starts
        ends = self.ends if self.seen_ends is None else self.seen_ends
        start, end = int(starts[index]), int(ends[index])
        if start < 0 or (end > start and index in self.shared):
            return None
        return self.seen[start:end]

    @functools.cached_property
    def shared(self) -> frozenset[int]:
        """Tokens whose span in what the model sees is that of a whole group of tokens."""
        starts = self.starts if self.seen_starts is None else self.seen_starts
        ends = self.ends if self.seen_ends is None else self.seen_ends
        alike = (starts[1:] == starts[:-1]) & (ends[1:] == ends[:-1]) & (ends[1:] > starts[1:])
        pairs = np.flatnonzero(alike)
        return frozenset(np.concatenate([pairs, pairs + 1]).tolist())


def char_spans(data: bytes, starts: Numbers, ends: Numbers) -> tuple[Numbers, Numbers]:
    """The characters that byte spans touch; a span of no bytes touches none."""
    raw = np.frombuffer(data, np.int8)
    # `upto[k]` characters begin before byte k; UTF-8 continues a character with bytes below -64.
    upto = np.zeros(len(raw) + 1, np.int32)
    np.cumsum(raw >= -64, out=upto[1:])
    if upto[-1] == len(raw):
        return starts, ends
    last = upto[ends].astype(np.int64)
    first = upto[np.minimum(starts + 1, len(raw))].astype(np.int64) - 1
    nothing = ends == starts
    first[nothing] = last[nothing]
    known = starts >= 0
    if known.all():
        return first, last
    return np.where(known, first, -1), np.where(known, last, -1)


def faults(alignment: Alignment) -> str:
    """What is unsound in an alignment, in one sentence; "" where nothing is."""
    size = len(alignment.text.encode())
    arrays = (alignment.starts, alignment.ends, alignment.char_starts, alignment.char_ends)
    if any(len(one) != len(alignment) for one in (*arrays, alignment.kinds, alignment.pieces)):
        return "The spans are not one for each token."
    known = alignment.starts >= 0
    if (known != (alignment.ends >= 0)).any() or (known != (alignment.char_starts >= 0)).any():
        return "A span is known by half."
    starts, ends = alignment.starts[known], alignment.ends[known]
    if (ends < starts).any() or (ends > size).any():
        return "A span lies outside the text."
    if (np.diff(starts) < 0).any() or (np.diff(ends) < 0).any():
        return "The spans go backwards."
    if known.all() and alignment.fit not in {Fit.APPROXIMATE, Fit.UNALIGNED}:
        covered = np.zeros(size + 1, np.int64)
        np.add.at(covered, starts, 1)
        np.add.at(covered, ends, -1)
        for first, last in alignment.dropped:
            covered[first] += 1
            covered[last] -= 1
        if (np.cumsum(covered)[:size] < 1).any():
            return "Typed bytes are neither in a token nor listed as dropped."
    return ""
