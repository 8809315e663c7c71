"""Arrays: the vectors and matrices in a server's answers, read without trust.

This module alone decides what is a vector: one for each text and of one length, told by its index,
numbers as a list or as base64 of little-endian float32. One that holds no number or an infinite
one, which a broken model gives, is all NaN; anything else that is wrong makes the answer none.
"""

import base64
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from lib.api.answers import Raw, read_json_object
from lib.api.errors import Reason, Unfit
from lib.api.strict_json import Json, integer, items, optional_integer, record

__all__ = [
    "MOST_BYTES",
    "MOST_DIMENSIONS",
    "Array",
    "Rows",
    "in_order",
    "read_arrays",
    "read_rows",
]

Array = npt.NDArray[np.float32]

MOST_DIMENSIONS = 65_536
"""Numbers of a vector; the widest models have an eighth of it."""
MOST_BYTES = 1 << 30
"""Of all vectors together, as float32."""
_MOST_TOKENS = 2**53
_NUMBERS = {int, float, NoneType}  # null stands for NaN where a server must not write it
_WIDEST = float(np.finfo(np.float32).max)


class Rows(NamedTuple):
    """One vector for each text that was sent, in their order; a broken one is NaN throughout."""

    rows: Array
    tokens: int | None


def read_rows(texts: int, most: int, dimensions: int | None, raw: Raw) -> Rows:
    """The vectors of so many texts.

    Args:
        texts: how many were sent.
        most: dimensions that are taken at most.
        dimensions: what they must have; None where that is not known yet.
        raw: the whole answer.

    Raises:
        Unfit: a vector is missing, there twice, of another length than the others, or too long.
    """
    answer = read_json_object(raw)
    vectors = [_vector(one.get("embedding")) for one in in_order(answer, texts)]
    length = dimensions or vectors[0].size
    if length > most:
        raise Unfit(Reason.TOO_LARGE, f"{length:,} numbers in a vector, {most:,} are taken")
    for vector in vectors:
        if vector.size != length:
            _wrong(f"a vector has {vector.size} numbers instead of {length}")
    return Rows(np.stack([_trusted(vector) for vector in vectors]), _tokens(answer))


def read_arrays(texts: int, raw: Raw) -> tuple[Array, ...]:
    """What pooling gives of each text: a vector, or one row for each token.

    Raises:
        Unfit: one is missing, there twice, or no array of numbers.
    """
    rows = in_order(read_json_object(raw), texts)
    return tuple(_array(row.get("data")) for row in rows)


def in_order(answer: Mapping[str, Json], count: int) -> list[dict[str, Json]]:
    """The rows of `data`, each in the place that its index tells.

    Raises:
        Unfit: there are not just so many, or their indices are not those from 0 on.
    """
    rows = [record(row, "a row of data") for row in items(answer, "data")]
    if len(rows) != count:
        _wrong(f"{len(rows)} rows for {count} texts")
    placed = {integer(row.get("index"), "an index"): row for row in rows}
    if placed.keys() != set(range(count)):
        _wrong(f"the indices are not those from 0 to {count - 1}")
    return [placed[index] for index in range(count)]


def _tokens(answer: Mapping[str, Json]) -> int | None:
    """Tokens of all texts; None where the server counts none."""
    usage = answer.get("usage")
    count = None if usage is None else optional_integer(record(usage, "usage"), "prompt_tokens")
    return count if count is not None and 0 <= count < _MOST_TOKENS else None


def _vector(value: Json) -> npt.NDArray[np.float64] | Array:
    vector = _decoded(value) if isinstance(value, str) else _numbers(value)
    if not 0 < vector.size <= MOST_DIMENSIONS:
        _wrong(f"a vector has {vector.size} numbers")
    return vector


def _decoded(text: str) -> Array:
    try:
        content = base64.b64decode(text, validate=True)
    except ValueError:
        _wrong("a vector is not valid base64")
    if len(content) % 4:
        _wrong(f"a vector has {len(content)} bytes, which are no whole numbers")
    return np.frombuffer(content, "<f4").astype(np.float32, copy=False)


def _numbers(values: Json) -> npt.NDArray[np.float64]:
    if not isinstance(values, list) or not set(map(type, values)) <= _NUMBERS:
        _wrong("a vector is not a list of numbers")
    try:
        return np.array(values, np.float64)
    except OverflowError:
        _wrong("a vector holds a number beyond every bound")


def _trusted(vector: npt.NDArray[np.float64] | Array) -> Array:
    """As float32; NaN throughout where one of its numbers is none."""
    with np.errstate(invalid="ignore"):
        sound = bool((np.abs(vector) <= _WIDEST).all())
    return vector.astype(np.float32) if sound else np.full(vector.size, np.nan, np.float32)


def _array(value: Json) -> Array:
    if not isinstance(value, list) or not value:
        _wrong("data is not a list of numbers or of lists")
    if not isinstance(value[0], list):
        return _trusted(_vector(value))
    rows = [_trusted(_vector(row)) for row in _lists(value)]
    if len({row.size for row in rows}) > 1:
        _wrong("the rows of a text differ in length")
    return np.stack(rows)


def _lists(values: Sequence[Json]) -> Sequence[list[Json]]:
    if not all(isinstance(value, list) for value in values):
        _wrong("data holds more than lists")
    return values


def _wrong(problem: str) -> NoReturn:
    raise Unfit(Reason.WRONG_SHAPE, problem)
