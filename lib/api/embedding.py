"""Embedding: the vectors of any number of texts, as a conversation that either client can hold.

This module alone decides what a batch is, which text is not sent, and who pays for a refusal. A
text that the server refuses costs itself: its batch is halved until only it is left, and what was
made is never asked for again. Any other refusal ends the work; what was done until then is kept.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Literal, NamedTuple, TypedDict

import numpy as np

from lib.api import arrays, lengths
from lib.api.answers import Answer
from lib.api.arrays import MOST_BYTES, MOST_DIMENSIONS, Array, Rows
from lib.api.asking import Asking
from lib.api.calls import Call
from lib.api.capabilities import Capabilities, Conversation
from lib.api.errors import BadRequest, CallerMistake, NotOffered, Reason, Refused, Unfit
from lib.api.pooled import MOST_SENT, MOST_TEXTS, SECONDS, pooled
from lib.api.routes import Route
from lib.api.strict_json import Json
from lib.api.text import unquoted

__all__ = ["Batch", "EmbedFields", "Embedding", "Vectors", "embedding"]

_NUMBER = {"base64": 6, "float": 26}  # bytes of a number in an answer at most
_TELLING = 12  # characters from which on a text is more than a word or two
_FUTILE = 64
"""Refusals without a single vector, after which the request itself is at fault, and not a text."""


class Batch(NamedTuple):
    """One request that gave vectors."""

    size: int  # texts
    tokens: int | None  # as the server counts them; None where it does not
    seconds: float


class Vectors(NamedTuple):
    """Vectors of texts, one row for each, all NaN for a text that has none.

    `failed` says of every such text why; those of them in `unanswered` were never judged by the
    server, because the work was cancelled or `ended` early by a refusal. `dimensions` of `rows` are
    0 where no text has a vector.
    """

    rows: Array  # texts × dimensions, float32
    failed: Mapping[int, str]
    tokens: int | None  # of all texts; None where a batch was not counted
    truncated: frozenset[int]  # texts of which the model saw only the beginning
    seconds: float  # from the first question to the last answer
    model: str
    batches: tuple[Batch, ...]
    unanswered: frozenset[int] = frozenset()
    ended: Refused | None = None


class EmbedFields(TypedDict, total=False):
    """How texts are embedded; what is left out is as said here."""

    batch_size: int  # texts of one request: 32
    encoding: Literal["base64", "float"]  # base64, which is a quarter as long; both are equal
    dimensions: int | None  # shorter vectors, of models made for it (Matryoshka)
    truncate: bool  # cut over-long texts, and mark them, instead of failing them
    raw: bool  # without the model's last step, which makes every length 1
    seconds: float  # for each request: 120
    progress: Callable[[int, int], None] | None  # told how many texts are done, and of how many
    cancelled: Callable[[], bool] | None  # asked before every request; what was made is kept


def embedding(
    asking: Asking, known: Capabilities, texts: Sequence[str], model: str, how: EmbedFields
) -> Conversation[Vectors]:
    """The vectors of texts, in their order.

    Raises:
        Unfit: it must not be asked like this.
        Refused: (in the conversation) the server gave no vector at all.
    """
    size, dimensions = how.get("batch_size", 32), how.get("dimensions")
    if isinstance(texts, str):
        raise Unfit(Reason.CALLER, "give a list of texts")
    if how.get("encoding", "base64") not in _NUMBER:
        raise Unfit(Reason.CALLER, "encoding is base64 or float")
    if not 1 <= size <= MOST_TEXTS:
        raise Unfit(Reason.CALLER, f"a batch has 1 to {MOST_TEXTS} texts")
    if dimensions is not None and not 1 <= dimensions <= MOST_DIMENSIONS:
        raise Unfit(Reason.CALLER, f"a vector has 1 to {MOST_DIMENSIONS:,} dimensions")
    return Embedding(asking, known, texts, model, how).work()


class Embedding:
    """The work on one list of texts, and how far it is."""

    def __init__(
        self,
        asking: Asking,
        known: Capabilities,
        texts: Sequence[str],
        model: str,
        how: EmbedFields,
    ) -> None:
        self._asking, self._known, self._texts, self._model = asking, known, texts, model
        self._how = how
        self._limit = lengths.limit_of(known, model)
        self._rows: Array | None = None
        self._made: set[int] = set()
        self._failed: dict[int, str] = {}
        self._over: set[int] = set()
        self._judged: set[int] = set()
        self._batches: list[Batch] = []
        self._refusals = 0  # before the first vector
        self._ended: Refused | None = None

    def work(self) -> Conversation[Vectors]:
        """Ask for all of them; halves of a refused batch come last, when others have succeeded."""
        begun = time.perf_counter()
        waiting = deque(self._parts())
        while waiting and self._goes_on():
            part = yield from self._fitting(waiting.popleft())
            if part and self._goes_on():
                waiting.extend((yield from self._asked(part)))
            self._tell()
        if self._ended is not None and not self._made:
            raise self._ended
        return self._result(time.perf_counter() - begun)

    def _parts(self) -> Iterator[list[int]]:
        """The texts in batches, bounded in number and bytes."""
        most, part, size = self._how.get("batch_size", 32), list[int](), 0
        for index, text in enumerate(self._texts):
            length = len(text.encode("utf-8", "surrogatepass"))
            if part and (len(part) == most or size + length > MOST_SENT):
                yield part
                part, size = [], 0
            part.append(index)
            size += length
        if part:
            yield part

    def _fitting(self, part: list[int]) -> Conversation[list[int]]:
        """Those of a batch that may be sent; the others fail here."""
        fitting = []
        for index in part:
            if index not in self._judged and self._goes_on():
                yield from self._judge(index)
            if index not in self._failed:
                fitting.append(index)
        return fitting

    def _judge(self, index: int) -> Conversation[None]:
        text = self._texts[index]
        self._judged.add(index)
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            self._failed[index] = "It holds half a character (a lone surrogate); remove it."
            return
        if size > MOST_SENT:
            self._failed[index] = f"It has {size:,} bytes; {MOST_SENT:,} are sent at most."
        elif self._limit is not None and lengths.may_be_over(text, self._limit):
            yield from self._measure(index, self._limit)

    def _measure(self, index: int, limit: int) -> Conversation[None]:
        counted = yield from lengths.count(
            self._asking, self._known, self._texts[index], self._model
        )
        if isinstance(counted, NotOffered):
            self._limit = None  # nobody counts here: the server's own refusal will tell
        elif isinstance(counted, BadRequest | CallerMistake):
            return
        elif isinstance(counted, Refused):
            self._ended = counted.with_traceback(None)
        elif counted > limit:
            self._over.add(index)
            if not self._how.get("truncate"):
                self._failed[index] = f"It has {counted:,} tokens; the model takes {limit:,}."

    def _asked(self, part: list[int]) -> Conversation[list[list[int]]]:
        """Ask for a batch; what of it is to be asked for again, in halves."""
        outcome: Answer[Rows] | Refused = yield self._call(part)
        if isinstance(outcome, Answer):
            self._keep(part, outcome)
            return []
        self._refusals += not self._made
        futile = self._refusals >= _FUTILE
        if futile or not isinstance(outcome, BadRequest) or outcome.reason is Reason.UNKNOWN_MODEL:
            outcome.detail = _discreet(outcome, [self._texts[index] for index in part])
            self._ended = outcome.with_traceback(None)  # its frames hold what was typed
        elif len(part) == 1:
            self._failed[part[0]] = _why(outcome, self._texts[part[0]])
        else:
            middle = len(part) // 2
            return [part[:middle], part[middle:]]
        return []

    def _call(self, part: Sequence[int]) -> Call[Rows]:
        how = self._how
        encoding, dimensions = how.get("encoding", "base64"), how.get("dimensions")
        texts = [self._texts[index] for index in part]
        body: dict[str, Json] = {"model": self._model, "input": texts, "encoding_format": encoding}
        if dimensions is not None:
            body["dimensions"] = dimensions
        if how.get("raw"):
            body["use_activation"] = False
        most = min(MOST_DIMENSIONS, MOST_BYTES // 4 // len(self._texts))
        wanted = dimensions if self._rows is None else self._rows.shape[1]
        read = partial(arrays.read_rows, len(part), most, wanted)
        expected = len(part) * (most * _NUMBER[encoding] + 200)
        return pooled(
            Route.EMBEDDINGS,
            read,
            body,
            expected=expected,
            truncate=how.get("truncate", False),
            seconds=how.get("seconds", SECONDS),
        )

    def _keep(self, part: Sequence[int], answer: Answer[Rows]) -> None:
        rows, tokens = answer.value
        if self._rows is None:
            self._rows = np.full((len(self._texts), rows.shape[1]), np.nan, np.float32)
        self._rows[list(part)] = rows
        self._batches.append(Batch(len(part), tokens, answer.seconds))
        for index, broken in zip(part, np.isnan(rows[:, 0]), strict=True):
            if broken:
                self._failed[index] = "The server's vector of it is not all numbers."
            else:
                self._made.add(index)

    def _goes_on(self) -> bool:
        cancelled = self._how.get("cancelled")
        return self._ended is None and not (cancelled is not None and cancelled())

    def _tell(self) -> None:
        progress = self._how.get("progress")
        if progress is not None:
            progress(len(self._made) + len(self._failed), len(self._texts))

    def _result(self, seconds: float) -> Vectors:
        count = len(self._texts)
        unanswered = frozenset(range(count)) - self._made - self._failed.keys()
        why = "It was cancelled before this text had its turn."
        if self._ended is not None:
            why = f"It ended before this text had its vector: {self._ended.sentence}"
        counts = [batch.tokens for batch in self._batches]
        known = [tokens for tokens in counts if tokens is not None]
        return Vectors(
            np.full((count, 0), np.nan, np.float32) if self._rows is None else self._rows,
            dict(sorted((self._failed | dict.fromkeys(unanswered, why)).items())),
            sum(known) if len(known) == len(counts) else None,
            frozenset(self._over & self._made),
            seconds,
            self._model,
            tuple(self._batches),
            unanswered,
            self._ended,
        )


def _why(refused: Refused, text: str) -> str:
    over = refused.excess
    if over is not None and over.limit is not None:
        return f"It is longer than the {over.limit:,} tokens that the model takes."
    return f"The server refuses it: {_discreet(refused, [text])}"


def _discreet(refused: Refused, texts: Sequence[str]) -> str:
    """What the server said, unless it quotes a text; a word or two stands there by chance."""
    return unquoted(refused.detail, (text for text in texts if len(text) >= _TELLING))
