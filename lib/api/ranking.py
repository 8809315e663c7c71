"""Ranking: what a model that reads texts gives beside vectors, each in one request.

Documents ordered by a query, scores of pairs, classes of texts, and the bare output of its pooler.
This module alone decides what of such an answer is believed. A score means something within one
answer of one model only: that of a model made for pairs is no cosine, and may lie far beyond 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite
from typing import NamedTuple, TypeVar

from lib.api.answers import Answer, Raw, read_json_object
from lib.api.arrays import Array, in_order, read_arrays
from lib.api.calls import Call
from lib.api.capabilities import Conversation
from lib.api.errors import Reason, Refused, Unfit
from lib.api.pooled import MOST_SENT, MOST_TEXTS, pooled
from lib.api.routes import Route
from lib.api.strict_json import Json, integer, items, record
from lib.api.text import plain_line

__all__ = ["Classified", "Ranked", "classify", "pooling", "rerank", "score", "spelled"]

T = TypeVar("T")
_SPELLINGS = {
    Route.RERANK: (Route.RERANK, Route.V1_RERANK, Route.V2_RERANK),
    Route.SCORE: (Route.SCORE, Route.V1_SCORE),
}


@dataclass(frozen=True, slots=True)
class Ranked:
    """A document of a ranking: its place in the list that was sent, and its score."""

    index: int
    score: float


class Classified(NamedTuple):
    """The class of a text, and how probable each class is, in the model's order."""

    label: str | None  # None where the model names none
    probabilities: tuple[float, ...]


def rerank(
    query: str,
    documents: Sequence[str],
    model: str,
    *,
    top: int | None = None,
    truncate: bool = False,
) -> Call[tuple[Ranked, ...]]:
    """The documents that match a query, the best first: all, or the `top` ones.

    Raises:
        Unfit: there are none, or too many.
    """
    _check(documents)
    body: dict[str, Json] = {"model": model, "query": query, "documents": list(documents)}
    count = len(documents)
    if top is not None:
        if top < 1:
            raise Unfit(Reason.CALLER, "top is 1 or more")
        body["top_n"] = top
    read = partial(_ranked, count, min(top or count, count))
    return pooled(Route.RERANK, read, body, truncate=truncate)


def score(
    text: str, others: Sequence[str], model: str, *, truncate: bool = False
) -> Call[tuple[float, ...]]:
    """How well a text matches each of the others, in their order.

    Raises:
        Unfit: there are none, or too many.
    """
    _check(others)
    body: dict[str, Json] = {"model": model, "text_1": text, "text_2": list(others)}
    return pooled(Route.SCORE, partial(_scored, len(others)), body, truncate=truncate)


def classify(
    texts: Sequence[str], model: str, *, truncate: bool = False
) -> Call[tuple[Classified, ...]]:
    """The class of each text.

    Raises:
        Unfit: there are none, or too many.
    """
    _check(texts)
    body: dict[str, Json] = {"model": model, "input": list(texts)}
    return pooled(Route.CLASSIFY, partial(_classified, len(texts)), body, truncate=truncate)


def pooling(
    texts: Sequence[str], model: str, *, task: str | None = None, truncate: bool = False
) -> Call[tuple[Array, ...]]:
    """What the model's pooler gives of each text: a vector, or one row for each token.

    `task` chooses where a model can do several: "embed", "token_embed", "classify" and so on.

    Raises:
        Unfit: there are none, or too many.
    """
    _check(texts)
    body: dict[str, Json] = {"model": model, "input": list(texts), "encoding_format": "float"}
    if task is not None:
        body["task"] = task
    return pooled(Route.POOLING, partial(read_arrays, len(texts)), body, truncate=truncate)


def spelled(call: Call[T]) -> Conversation[T]:
    """The answer from the first spelling of a route that the server has.

    Raises:
        Refused: it has none, or gives no usable answer.
    """
    first: Refused | None = None
    for route in _SPELLINGS[Route(call.route)]:
        outcome = yield replace(call, route=route)
        if isinstance(outcome, Answer):
            value: T = outcome.value
            return value
        first = first or outcome
        if outcome.reason is not Reason.NO_ROUTE_THERE:
            raise outcome
    assert first is not None  # noqa: S101 — every route has a spelling
    raise first


def _check(texts: Sequence[str]) -> None:
    if isinstance(texts, str) or not 1 <= len(texts) <= MOST_TEXTS:
        raise Unfit(Reason.CALLER, f"give 1 to {MOST_TEXTS:,} texts in a list")
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    if size > MOST_SENT:
        raise Unfit(Reason.CALLER, f"the texts have {size:,} bytes; {MOST_SENT:,} are sent at most")


def _ranked(documents: int, wanted: int, raw: Raw) -> tuple[Ranked, ...]:
    """The results, best first whatever order the server gives."""
    rows = [record(row, "a result") for row in items(read_json_object(raw), "results")]
    found = [
        Ranked(integer(row.get("index"), "an index"), _number(row.get("relevance_score")))
        for row in rows
    ]
    if len(found) != wanted or len({one.index for one in found}) != wanted:
        raise Unfit(Reason.WRONG_SHAPE, f"{len(found)} results, of {wanted} documents")
    if not all(0 <= one.index < documents for one in found):
        raise Unfit(Reason.WRONG_SHAPE, "a result is of no document")
    return tuple(sorted(found, key=lambda one: (-one.score, one.index)))


def _scored(texts: int, raw: Raw) -> tuple[float, ...]:
    rows = in_order(read_json_object(raw), texts)
    return tuple(_number(row.get("score")) for row in rows)


def _classified(texts: int, raw: Raw) -> tuple[Classified, ...]:
    return tuple(_class(row) for row in in_order(read_json_object(raw), texts))


def _class(row: Mapping[str, Json]) -> Classified:
    label = row.get("label")
    return Classified(
        plain_line(label) if isinstance(label, str) else None,
        tuple(_number(share) for share in items(row, "probs")),
    )


def _number(value: Json) -> float:
    try:
        number = float(value) if type(value) in (int, float) else float("nan")
    except OverflowError:
        number = float("nan")
    if not isfinite(number):
        raise Unfit(Reason.WRONG_SHAPE, "a score is no number")
    return number
