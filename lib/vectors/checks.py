"""What is wrong with a set of vectors, before anything is concluded from them.

Decided here: what is looked for, and the sentence for it. Vectors are not normalised if their
lengths differ from 1 by more than half-precision rounding leaves (1 in 100); two are the same from
a cosine of 0.9999 on, which texts with the same tokens reach and others hardly do.
"""

from collections import Counter
from collections.abc import Sequence, Sized
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.vectors.nearest import duplicates
from lib.vectors.similarity import finite, lengths, rows

__all__ = ["Finding", "check"]

Lengths = NDArray[np.float64]
Kind = Literal["mixed", "nan", "zero", "norm", "duplicate"]

_UNIT = 0.01


class Finding(NamedTuple):
    """One thing that is wrong, with the rows that it concerns.

    For duplicates the rows of a group follow each other, the largest group first.
    """

    kind: Kind
    indices: tuple[int, ...]
    words: str


def check(vectors: ArrayLike, *, pairwise: bool = True) -> list[Finding]:
    """All that is wrong, the worst first: nothing wrong, an empty list.

    Vectors of several dimensions are told first and looked at no further. Without `pairwise` no
    vector is compared with another, so any number of them can be checked.
    """
    mixed = _mixed(vectors)
    if mixed is not None:
        return [mixed]
    matrix = rows(vectors)
    length = lengths(matrix)
    found = (
        _broken(finite(matrix)),
        _zero(length),
        _norm(length),
        _duplicate(duplicates(matrix), len(matrix)) if pairwise else None,
    )
    return [one for one in found if one is not None]


def _mixed(vectors: ArrayLike) -> Finding | None:
    if isinstance(vectors, np.ndarray) or not isinstance(vectors, Sequence):
        return None
    sizes = [np.size(one) for one in vectors]
    count = Counter(sizes)
    if len(count) < 2:
        return None
    usual = count.most_common(1)[0][0]
    others = tuple(row for row, size in enumerate(sizes) if size != usual)
    named = ", ".join(f"{size:,}" for size in sorted(count))
    return Finding("mixed", others, f"Vectors of {named} dimensions: they are not of one model.")


def _broken(sound: NDArray[np.bool_]) -> Finding | None:
    which = np.flatnonzero(~sound)
    words = f"Without a vector, or with NaN or infinity in it: {_of(which, sound, 'text')}."
    return Finding("nan", tuple(which.tolist()), words) if len(which) else None


def _zero(length: Lengths) -> Finding | None:
    which = np.flatnonzero(length == 0)
    words = f"All zeros, so without a direction and a cosine: {_of(which, length, 'vector')}."
    return Finding("zero", tuple(which.tolist()), words) if len(which) else None


def _norm(length: Lengths) -> Finding | None:
    sound = length[np.isfinite(length) & (length > 0)]
    off = np.flatnonzero(np.isfinite(length) & (length > 0) & (np.abs(length - 1) > _UNIT))
    if not len(off):
        return None
    least, most = float(sound.min()), float(sound.max())
    if most - least <= _UNIT * most:
        span, then = f"{most:.3g}", "All are equally long: every metric gives the same order."
    else:
        span, then = f"{least:.3g} to {most:.3g}", "Cosine and dot product order texts differently."
    words = f"Not of length 1 ({span}): {_of(off, length, 'vector')}. {then}"
    return Finding("norm", tuple(off.tolist()), words)


def _duplicate(groups: Sequence[tuple[int, ...]], count: int) -> Finding | None:
    members = tuple(row for group in groups for row in group)
    groups_told = "1 group" if len(groups) == 1 else f"{len(groups):,} groups"
    words = f"The same vector as another's: {len(members):,} of {count:,} texts, in {groups_told}."
    return Finding("duplicate", members, words) if members else None


def _of(which: Sized, every: Sized, noun: str) -> str:
    return f"{len(which):,} of {len(every):,} {noun}{'' if len(every) == 1 else 's'}"
