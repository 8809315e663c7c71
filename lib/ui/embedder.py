"""Vectors of the watched servers: asked for once, remembered, and made beside the pages.

Decided here: how many vectors are remembered and for how long, that a text which comes twice is
sent once, and how many people may have texts embedded at once. A server may be started again with
another model of the same name: before new vectors join remembered ones, one of these is made again,
and if it has changed, all are forgotten.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lib.api import Refused, Vectors, VllmClient
from lib.servers import Server
from lib.ui.clients import Clients
from lib.ui.workers import Workers
from lib.vectors import unrelated_like
from lib.vectors.agreeing import paired

__all__ = ["Asked", "Embedder", "Store", "digest"]

SECONDS = 20.0
"""For everything but a vector, which takes what the client gives it."""
AT_ONCE = 6
_MOST_BYTES = 256_000_000
_KEPT_SECONDS = 3600.0
_SAME = 0.99
"""Cosine of two vectors of one text by one model at least, whatever batch it is in."""
_WITNESSES = unrelated_like(("a", "\N{CJK UNIFIED IDEOGRAPH-4F60}" * 9))
"""Built-in texts, which are remembered with most models and tell nothing of anybody."""
_OVERHEAD = 250
"""Bytes that a remembered vector takes beside its numbers, about."""

Row = NDArray[np.float32]
Place = tuple[object, ...]


class Asked(NamedTuple):
    """What is asked for, of whom; `kind` is all that changes a vector beside them."""

    server: Server
    model: str
    kind: tuple[int | None, bool, bool]  # dimensions, truncate, raw
    batch_size: int = 32


class Kept(NamedTuple):
    """A remembered vector: of a whole text, or of its beginning only."""

    row: Row
    is_cut: bool


class Store:
    """What is remembered, the least used forgotten first. For any thread."""

    def __init__(
        self, most: int = _MOST_BYTES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._clock = most, clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[Place, tuple[float, int, object]] = OrderedDict()
        self._size = 0

    def get(self, key: Place) -> object | None:
        """What was put there within the last hour."""
        with self._lock:
            at, _, value = self._kept.get(key, (float("-inf"), 0, None))
            if self._clock() - at >= _KEPT_SECONDS:
                return None
            self._kept.move_to_end(key)
            return value

    def put(self, key: Place, value: object, size: int) -> None:
        """Remember something of so many bytes."""
        with self._lock:
            self._size += size - self._kept.pop(key, (0.0, 0, None))[1]
            self._kept[key] = self._clock(), size, value
            while self._size > self._most:
                self._size -= self._kept.popitem(last=False)[1][1]

    def forget(self, beginning: Place) -> None:
        """Forget everything whose key begins so."""
        with self._lock:
            for key in [one for one in self._kept if one[: len(beginning)] == beginning]:
                self._size -= self._kept.pop(key)[1]


class Embedder:
    """For any thread."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._clients = Clients(environ, SECONDS)
        self._workers = Workers(AT_ONCE, "embedding")
        self._store = Store()
        self.is_closed = False

    def client(self, server: Server) -> VllmClient:
        """The client of a server."""
        return self._clients.of(server)

    def submit(self, work: Callable[[], None]) -> "Future[None]":
        """Do something beside the pages."""
        return self._workers.submit(work)

    def missing(self, asked: Asked, texts: Sequence[str]) -> list[str]:
        """The different texts whose vectors are not remembered: what asking for all will cost."""
        return [one for one in dict.fromkeys(texts) if self._known(asked, one) is None]

    def embed(
        self,
        asked: Asked,
        texts: Sequence[str],
        *,
        progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Vectors:
        """The vectors of texts: those that are remembered, and the others from the server.

        Tokens, seconds and batches are of the work that made them, if it was all made at once.

        Raises:
            Refused: the server gave no vector, and none is remembered.
        """
        different = list(dict.fromkeys(texts))
        known = {one: kept for one in different if (kept := self._known(asked, one))}
        missing = [one for one in different if one not in known]
        if missing and self._is_other_model(asked, known, cancelled):
            self._forget(asked)
            known, missing = {}, different
        begun = len(known)

        def tell(done: int, _all: int) -> None:
            if progress:
                progress(begun + done, len(different))

        tell(0, 0)
        made: Vectors | Refused | None = None
        if missing:
            made = self._made(asked, missing, tell, cancelled)
            if isinstance(made, Refused):
                if not known:
                    raise made
            elif _other_length(known, made):
                self._forget(asked)
                return self.embed(asked, texts, progress=progress, cancelled=cancelled)
            else:
                self._remember(asked, missing, made)
        found = _together(asked.model, texts, known, missing, made)
        return self._as_made(asked, texts, found, is_fresh=not known)

    def close(self) -> None:
        """Ask nobody any more."""
        self.is_closed = True
        self._workers.close()
        self._clients.close()

    def _made(
        self,
        asked: Asked,
        texts: Sequence[str],
        progress: Callable[[int, int], None],
        cancelled: Callable[[], bool] | None,
    ) -> Vectors | Refused:
        dimensions, truncate, raw = asked.kind
        try:
            return self.client(asked.server).embed(
                texts,
                model=asked.model,
                batch_size=asked.batch_size,
                dimensions=dimensions,
                truncate=truncate,
                raw=raw,
                progress=progress,
                cancelled=cancelled,
            )
        except Refused as refused:
            return refused

    def _known(self, asked: Asked, text: str) -> Kept | None:
        found = self._store.get(_place(asked, text))
        return found if isinstance(found, Kept) else None

    def _remember(self, asked: Asked, texts: Sequence[str], made: Vectors) -> None:
        for n, text in enumerate(texts):
            if n not in made.failed:
                row = made.rows[n].copy()  # a view would keep all the others
                kept = Kept(row, n in made.truncated)
                self._store.put(_place(asked, text), kept, row.nbytes + _OVERHEAD)

    def _forget(self, asked: Asked) -> None:
        """What is remembered is of another model than the server has now."""
        self._store.forget((asked.server, asked.model))

    def _is_other_model(
        self, asked: Asked, known: Iterable[str], cancelled: Callable[[], bool] | None
    ) -> bool:
        """Whether a text that is remembered gets another vector now; asks for one, if any is."""
        for text in (*_WITNESSES, *known):
            if kept := self._known(asked, text):
                made = self._made(asked, [text], _untold, cancelled)
                if isinstance(made, Refused) or made.failed:
                    return False
                is_longer = made.rows.shape[1:] != kept.row.shape
                return is_longer or bool(paired(made.rows, kept.row[None])[0] < _SAME)
        return False

    def _as_made(
        self, asked: Asked, texts: Sequence[str], found: Vectors, *, is_fresh: bool
    ) -> Vectors:
        """What it cost to make these, where they were made at once, now or before."""
        place = *_place(asked, "\0".join(texts)), "cost"
        if is_fresh:
            if not found.failed:
                self._store.put(place, (found.tokens, found.seconds, found.batches), _OVERHEAD)
            return found
        cost = self._store.get(place)
        if not isinstance(cost, tuple):
            return found._replace(tokens=None)
        tokens, seconds, batches = cost
        return found._replace(tokens=tokens, seconds=seconds, batches=batches)


def _untold(_done: int, _all: int) -> None:
    pass


def digest(text: str) -> bytes:
    """What stands for a text where it is remembered."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _place(asked: Asked, text: str) -> Place:
    return asked.server, asked.model, asked.kind, digest(text)


def _other_length(known: Mapping[str, Kept], made: Vectors) -> bool:
    lengths = {kept.row.shape[0] for kept in known.values()}
    return bool(made.rows.shape[1]) and not lengths <= {made.rows.shape[1]}


def _together(
    model: str,
    texts: Sequence[str],
    known: Mapping[str, Kept],
    missing: Sequence[str],
    made: Vectors | Refused | None,
) -> Vectors:
    """One answer for all texts, out of what was remembered and what was made."""
    refused = made if isinstance(made, Refused) else None
    fresh = None if made is None or isinstance(made, Refused) else made
    sizes = {kept.row.shape[0] for kept in known.values()}
    if fresh is not None and fresh.rows.shape[1]:
        sizes.add(fresh.rows.shape[1])
    rows = np.full((len(texts), next(iter(sizes), 0)), np.nan, np.float32)
    numbers = {text: n for n, text in enumerate(missing)}
    failed: dict[int, str] = {}
    truncated, unanswered = set[int](), set[int]()
    for place, text in enumerate(texts):
        if kept := known.get(text):
            rows[place] = kept.row
            truncated |= {place} if kept.is_cut else set()
        elif fresh is None:
            failed[place] = refused.sentence if refused else ""
            unanswered.add(place)
        else:
            n = numbers[text]
            rows[place] = fresh.rows[n] if fresh.rows.shape[1] else np.nan
            failed |= {place: fresh.failed[n]} if n in fresh.failed else {}
            truncated |= {place} if n in fresh.truncated else set()
            unanswered |= {place} if n in fresh.unanswered else set()
    return Vectors(
        rows,
        failed,
        fresh.tokens if fresh else None,
        frozenset(truncated),
        fresh.seconds if fresh else 0.0,
        model,
        fresh.batches if fresh else (),
        frozenset(unanswered),
        fresh.ended if fresh else refused,
    )
