"""Two texts as a model reads them: which tokens they have in common, and what of each it reads.

Pure. Decided here: what was typed is compared, not what the server puts around every text; and that
a model which takes fewer tokens reads the beginning, and what the server adds at the end.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lib.tokens.alignment import Alignment, Kind

__all__ = ["Alike", "Part", "alike", "part"]


class Part(NamedTuple):
    """What of a text a model reads. Counts are of tokens, unless they say otherwise.

    `read` of `tokens` are read: those before `until`, and from `again` on. `characters` are the
    text's, `characters_read` those up to the first token that is not read; None where tokens have
    no places in the text. `unknown`, `changed` and `added` are of those that are read.
    """

    tokens: int
    read: int
    until: int
    again: int
    characters: int
    characters_read: int | None
    unknown: int
    changed: int
    added: int

    @property
    def is_whole(self) -> bool:
        """Is all of it read?"""
        return self.read == self.tokens

    @property
    def share(self) -> float | None:
        """Of the characters, the part that is read; None where it is not known."""
        if self.is_whole or not self.characters:
            return 1.0
        return None if self.characters_read is None else self.characters_read / self.characters


class Alike(NamedTuple):
    """Two texts by the ids that a model reads of them.

    `common` ids are in both, counted as often as in both; `first` and `second` have so many.
    """

    common: int
    first: int
    second: int
    shared: tuple[int, ...]
    """The ids that are in both, in the order of the first text."""
    is_same: bool
    is_reordered: bool
    """The same ids, in another order."""

    @property
    def share(self) -> float | None:
        """Common ids of those of both (Dice); None where neither has any."""
        both = self.first + self.second
        return 2 * self.common / both if both else None


def part(alignment: Alignment, limit: int | None = None) -> Part:
    """What a model that takes `limit` tokens (None: any number) reads of a text."""
    count = len(alignment)
    until, again = count, count
    if limit is not None and count > limit:
        again = count - min(_added_behind(alignment), limit)
        until = limit - (count - again)
    kinds = np.delete(alignment.kinds, slice(until, again))
    return Part(
        tokens=count,
        read=len(kinds),
        until=until,
        again=again,
        characters=len(alignment.text),
        characters_read=_characters(alignment, until, again),
        unknown=int((kinds == Kind.UNKNOWN).sum()),
        changed=int((kinds == Kind.NORMALISED).sum()),
        added=int((kinds == Kind.ADDED).sum()),
    )


def alike(first: Alignment, second: Alignment, limit: int | None = None) -> Alike:
    """What two texts have in common, as far as a model that takes `limit` tokens reads them."""
    one, other = _read(first, limit), _read(second, limit)
    counted, others = Counter(one.tolist()), Counter(other.tolist())
    is_same = np.array_equal(one, other)
    return Alike(
        common=(counted & others).total(),
        first=len(one),
        second=len(other),
        shared=tuple(one_id for one_id in counted if one_id in others),
        is_same=is_same,
        is_reordered=not is_same and counted == others,
    )


def _read(alignment: Alignment, limit: int | None) -> NDArray[np.int64]:
    found = part(alignment, limit)
    kept = np.delete(np.arange(len(alignment)), slice(found.until, found.again))
    typed: NDArray[np.int64] = alignment.ids[kept[alignment.kinds[kept] != Kind.ADDED]]
    return typed


def _added_behind(alignment: Alignment) -> int:
    typed = np.flatnonzero(alignment.kinds != Kind.ADDED)
    return len(alignment) - 1 - int(typed[-1]) if len(typed) else 0


def _characters(alignment: Alignment, until: int, again: int) -> int | None:
    if until == again:
        return len(alignment.text)
    starts = alignment.char_starts[until:again]
    known = starts[starts >= 0]
    return int(known[0]) if len(known) else None
