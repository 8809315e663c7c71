"""Hashed: vectors of texts without a model, near to each other where the texts are alike.

Words, pairs of words and runs of three letters are hashed to places and signs of a vector, so texts
that share them point the same way; meaning has no part in it. All vectors share a direction, as
those of trained models do: unrelated texts have a similarity above 0.
"""

import functools
import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

__all__ = ["hashed", "unit"]

Vector = npt.NDArray[np.float32]

COMMON = 0.45
"""Length of what all vectors share, beside what is a text's own: unrelated ones score 0.17."""
WORD, SHORT_WORD, PAIR, LETTERS = 1.0, 0.35, 0.4, 0.35
"""What each kind of part counts; short words say little about a text."""
WORDS = re.compile(r"[^\W\d_]+|\d+|[^\w\s]")
WITHOUT_BLANKS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
PLACES = 3
"""Of each part in the vector: with more, chance has less to say."""


def hashed(text: str, dimensions: int) -> Vector:
    """The vector of a text, longer for a longer text; the same on every machine."""
    own = np.zeros(dimensions)
    for (part, weight), count in Counter(_parts(text)).items():
        for place, sign in _places(part, dimensions):
            own[place] += sign * weight * math.sqrt(count)  # what is said twice says little more
    length = float(np.linalg.norm(own)) or 1.0
    shared = _common(dimensions) * COMMON * length
    return (own + shared).astype(np.float32)


def unit(vector: Vector) -> Vector:
    """The vector with length 1."""
    return vector / np.float32(np.linalg.norm(vector))


def _parts(text: str) -> Iterator[tuple[str, float]]:
    """What a text is made of, and how much each part counts."""
    words = list(_words(text.lower()))
    for word in words:
        short = len(word) < 4 and word.isascii() and not word.isdigit()
        yield word, SHORT_WORD if short else WORD
        for start in range(len(word) - 2):
            yield f"letters {word[start : start + 3]}", LETTERS
    for before, after in pairwise(words):
        yield f"{before} {after}", PAIR


def _words(text: str) -> Iterator[str]:
    """Words; of a script without blanks, its characters."""
    for found in WORDS.findall(text):
        yield from found if WITHOUT_BLANKS.match(found) else (found,)


@functools.lru_cache(maxsize=20_000)
def _places(part: str, dimensions: int) -> tuple[tuple[int, float], ...]:
    digest = hashlib.blake2b(part.encode("utf-8", "replace"), digest_size=4 * PLACES).digest()
    numbers = (int.from_bytes(digest[4 * n : 4 * n + 4]) for n in range(PLACES))
    return tuple((number // 2 % dimensions, 1.0 if number % 2 else -1.0) for number in numbers)


@functools.cache
def _common(dimensions: int) -> npt.NDArray[np.float64]:
    """The direction that all vectors share."""
    signs = [_places(f"number {number}", dimensions)[0][1] for number in range(dimensions)]
    return np.array(signs) / math.sqrt(dimensions)
