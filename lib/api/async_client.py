"""The client of an event loop: for the watcher and for whatever runs beside it.

This module alone sends calls by awaiting, and decides how a scrape is asked for. An object belongs
to the event loop in which it is first used. What is asked stands in `calls` and `asking`.
"""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, Unpack

from lib.api import calls, inference
from lib.api.answers import Answer, Model, Tokens
from lib.api.asking import Asking
from lib.api.calls import Call
from lib.api.capabilities import Capabilities, Conversation
from lib.api.errors import BadRequest, NotOffered, Refused, WronglyAnswered
from lib.api.inference import Embedded, Generated
from lib.api.refusals import answered
from lib.api.routes import Route
from lib.api.strict_json import Json
from lib.api.transport import AsyncWire

if TYPE_CHECKING:
    from lib.api.arrays import Array
    from lib.api.deltas import Reply
    from lib.api.embedding import EmbedFields, Vectors
    from lib.api.exposure import Exposure
    from lib.api.generation import Generation
    from lib.api.ranking import Classified, Ranked
    from lib.api.streams import AsyncStream
    from lib.api.surface import Surface
    from lib.api.trying import Trial, Tried
    from lib.api.ways import Known

__all__ = ["AsyncVllmClient"]

T = TypeVar("T")


class AsyncVllmClient(Asking):
    """One server. Every method raises `Refused` where it gets no usable answer."""

    def _open(self) -> None:
        self._wire = AsyncWire(self._target, self._resolver)
        self._learning = asyncio.Lock()
        self._filters: bool | None = None  # whether `/metrics/` works here; None: not known

    async def send(self, call: Call[T]) -> Answer[T]:
        """Send any call: its value, and what it took."""
        return await self._sent(call, call.seconds or self._timeout, retry=True)

    async def scrape(self, deadline: float, names: Sequence[str] = ()) -> bytes:
        """One reading of the metrics, as cheap as the server allows, and never tried again.

        Args:
            deadline: seconds from now in which the whole exchange must end.
            names: the samples that are wanted; where the server filters, it sends only these.

        Whether it filters is found out by asking for it. It is found out anew after any failure,
        and after `forget`.
        """
        end = time.monotonic() + deadline
        if names and self._filters is not False:
            try:
                answer = await self._sent(calls.metrics(names), deadline, retry=False)
            except (NotOffered, WronglyAnswered, BadRequest):
                self._filters = False  # no such route, or nothing came through the filter
            except Refused:
                self._filters = None
                raise
            else:
                self._filters = True
                return answer.value
        try:
            left = max(end - time.monotonic(), 0.001)
            return (await self._sent(calls.metrics(), left, retry=False)).value
        except Refused:
            self._filters = None
            raise

    def forget(self) -> None:
        """Find out anew what the server can do: it has another version."""
        self._filters = None
        self._memory.forget()

    async def capabilities(self) -> Capabilities:
        """What the server is and offers; found out once per version, checked every ten seconds."""
        async with self._learning:
            return await self._hold(self._recalling())

    async def _hold(self, conversation: Conversation[T]) -> T:
        """Ask what a conversation asks, until it ends."""
        try:
            call = next(conversation)
            while True:
                try:
                    outcome = await self.send(call)
                except Refused as refused:
                    call = conversation.send(refused)
                else:
                    call = conversation.send(outcome)
        except StopIteration as end:
            found: T = end.value
            return found

    async def _sent(self, call: Call[T], seconds: float, *, retry: bool) -> Answer[T]:
        sending = self._sending(call, seconds, retry=retry)
        begun = time.perf_counter()
        raw = await self._wire.exchange(sending)
        return answered(call, raw, time.perf_counter() - begun, self._target)

    async def _apart(self, call: Call[T], seconds: float) -> Answer[T]:
        """Send a call over a connection of its own: it takes long, and others wait for a place."""
        target, resolver, sending = self._opening(call, seconds)
        wire = AsyncWire(target, resolver)
        begun = time.perf_counter()
        try:
            raw = await wire.exchange(sending)
        finally:
            await wire.close()
        return answered(call, raw, time.perf_counter() - begun, target)

    async def connect(self, seconds: float | None = None) -> float:
        """Open a connection of its own and close it: the seconds until it stood.

        Name service, address policy and TLS have their part, as before every call; nothing is
        asked. It ends within `seconds` (the client's own time limit, without them).
        """
        return await self._wire.connect(self._timeout if seconds is None else seconds)

    async def health(self) -> None:
        """Return if the server calls itself well."""
        await self.send(calls.health())

    async def ready(self) -> None:
        """Return if a model is ready to answer."""
        for call in self._ready_calls(await self.capabilities()):
            self._check_ready(await self.send(call))

    async def version(self) -> str:
        """The release."""
        return (await self.send(calls.version())).value

    async def models(self) -> tuple[Model, ...]:
        """The models it serves."""
        return (await self.send(calls.models())).value

    async def load(self) -> int:
        """Requests in flight; always 0 without `--enable-server-load-tracking`."""
        return (await self.send(calls.load())).value

    async def is_sleeping(self) -> bool:
        """Whether its engine sleeps or is paused, in development mode; the engine answers."""
        return (await self.send(calls.is_sleeping())).value

    async def is_paused(self) -> bool:
        """Whether its engine is paused or sleeps, in development mode; the engine answers."""
        return (await self.send(calls.is_paused())).value

    async def server_info(self) -> dict[str, Json]:
        """The whole running configuration, in development mode."""
        return (await self.send(calls.server_info())).value

    async def tokenizer_info(self) -> dict[str, Json]:
        """The tokenizer's configuration."""
        return (await self.send(calls.tokenizer_info())).value

    async def openapi(self) -> dict[str, Json]:
        """The description of its routes."""
        return (await self.send(calls.openapi())).value

    async def metrics(self, names: Sequence[str] = ()) -> bytes:
        """Prometheus text: all of it, or these samples where the server can filter."""
        return (await self.send(calls.metrics(names))).value

    async def debug_version(self) -> Json:
        """The tutorial's release, commit and libraries."""
        return (await self.send(calls.debug("version"))).value

    async def debug_stats(self) -> Json:
        """The tutorial's running, waiting and swapped requests."""
        return (await self.send(calls.debug("stats"))).value

    async def debug_cache_stats(self) -> Json:
        """The tutorial's free and used blocks."""
        return (await self.send(calls.debug("cache_stats"))).value

    async def debug_config(self) -> Json:
        """The tutorial's running configuration."""
        return (await self.send(calls.debug("config"))).value

    async def debug_traces(self) -> Json:
        """The tutorial's traces of recent requests."""
        return (await self.send(calls.debug("traces"))).value

    async def tokenize(
        self,
        text: str | None = None,
        *,
        model: str | None = None,
        **fields: Unpack[calls.TokenizeFields],
    ) -> Tokens:
        """The tokens of a text, or of `messages` through the model's chat template."""
        call = self.tokenize_call(await self.capabilities(), text, model, **fields)
        return (await self.send(call)).value

    async def detokenize(self, ids: Sequence[int], *, model: str | None = None) -> str:
        """The text of tokens."""
        return (await self.send(self.detokenize_call(await self.capabilities(), ids, model))).value

    async def one_token(self, model: str) -> Generated:
        """One token after a short text: proof that the model generates. It costs GPU time."""
        return (await self.send(inference.one_token(model))).value

    async def one_turn(self, model: str) -> Generated:
        """One token of a chat, for servers without completions."""
        return (await self.send(inference.one_turn(model))).value

    async def one_embedding(self, model: str) -> Embedded:
        """One vector of a short text: proof that the model embeds. It costs GPU time."""
        return (await self.send(inference.one_embedding(model))).value

    async def embed(
        self, texts: Sequence[str], *, model: str, **how: "Unpack[EmbedFields]"
    ) -> "Vectors":
        """The vectors of any number of texts, in their order. It costs GPU time.

        A text that is too long, or that the server refuses, fails alone; after any other refusal,
        what was made until then is given, and only without any it is raised.
        """
        from lib.api import embedding  # noqa: PLC0415 — it needs numpy, which takes long to import

        known = await self.capabilities()

        def make() -> "Conversation[Vectors]":
            return embedding.embedding(self, known, texts, model, how)

        return await self._hold(self._made(make, Route.EMBEDDINGS))

    async def too_long(
        self, texts: Sequence[str], limit: int | None = None, *, model: str
    ) -> Mapping[int, int]:
        """Which texts have more tokens than `limit` (None: than the model takes), and how many."""
        from lib.api import lengths  # noqa: PLC0415 — likewise only for embedding

        known = await self.capabilities()
        return await self._hold(lengths.too_long(self, known, texts, limit, model))

    async def rerank(
        self,
        query: str,
        documents: Sequence[str],
        *,
        model: str,
        top: int | None = None,
        truncate: bool = False,
    ) -> "tuple[Ranked, ...]":
        """The documents that match a query, the best first. It costs GPU time."""
        from lib.api import ranking  # noqa: PLC0415 — likewise

        def make() -> "Call[tuple[Ranked, ...]]":
            return ranking.rerank(query, documents, model, top=top, truncate=truncate)

        return (await self.send(self._made(make, Route.RERANK))).value

    async def score(
        self, text: str, others: Sequence[str], *, model: str, truncate: bool = False
    ) -> tuple[float, ...]:
        """How well a text matches each of the others, in their order. It costs GPU time."""
        from lib.api import ranking  # noqa: PLC0415 — likewise

        def make() -> Call[tuple[float, ...]]:
            return ranking.score(text, others, model, truncate=truncate)

        return (await self.send(self._made(make, Route.SCORE))).value

    async def classify(
        self, texts: Sequence[str], *, model: str, truncate: bool = False
    ) -> "tuple[Classified, ...]":
        """The class of each text, with all probabilities. It costs GPU time."""
        from lib.api import ranking  # noqa: PLC0415 — likewise

        def make() -> "Call[tuple[Classified, ...]]":
            return ranking.classify(texts, model, truncate=truncate)

        return (await self.send(self._made(make, Route.CLASSIFY))).value

    async def pooling(
        self, texts: Sequence[str], *, model: str, task: str | None = None, truncate: bool = False
    ) -> "tuple[Array, ...]":
        """What the model's pooler gives: a vector of each text, or one row for each token."""
        from lib.api import ranking  # noqa: PLC0415 — likewise

        def make() -> "Call[tuple[Array, ...]]":
            return ranking.pooling(texts, model, task=task, truncate=truncate)

        return (await self.send(self._made(make, Route.POOLING))).value

    async def generate(self, request: "Generation", *, seconds: float = 600.0) -> "Answer[Reply]":
        """The answer to a request in one piece, within so many seconds. It costs GPU time."""
        from lib.api import streaming  # noqa: PLC0415 — most clients generate nothing

        return streaming.replied(await self._apart(streaming.whole_call(request), seconds))

    def stream(
        self, request: "Generation", *, seconds: float = 600.0, quiet: float = 60.0
    ) -> "AsyncStream":
        """The answer to a request as it comes: a context manager of its events.

        Args:
            request: made by `chat`, `completion` or `judged`.
            seconds: for the whole answer.
            quiet: seconds without a word after which it is given up.
        """
        from lib.api import streaming, streams  # noqa: PLC0415 — most clients generate nothing

        return streams.AsyncStream(self._opening, request, streaming.Limits(seconds, quiet))

    async def chat(
        self, model: str, messages: Sequence[calls.Message], **fields: Json
    ) -> "Answer[Reply]":
        """The next turn of a chat, in one piece; `fields` are the server's own parameters."""
        return await self.generate(self._chat(model, messages, fields))

    def chat_stream(
        self, model: str, messages: Sequence[calls.Message], **fields: Json
    ) -> "AsyncStream":
        """The next turn of a chat, as it comes: see `stream`."""
        return self.stream(self._chat(model, messages, fields))

    async def complete(
        self, model: str, prompt: str | Sequence[int], **fields: Json
    ) -> "Answer[Reply]":
        """A text, or the tokens of one, continued, in one piece."""
        return await self.generate(self._completion(model, prompt, fields))

    def complete_stream(
        self, model: str, prompt: str | Sequence[int], **fields: Json
    ) -> "AsyncStream":
        """A text, or the tokens of one, continued, as it comes: see `stream`."""
        return self.stream(self._completion(model, prompt, fields))

    async def surface(self) -> "Surface":
        """Every route of the server, explained; see `lib.api.surface`. It asks much: on demand."""
        from lib.api import surface  # noqa: PLC0415 — only somebody who explores needs it

        return await self._hold(surface.surface(await self.capabilities()))

    async def exposure(self, present: "Collection[Known]" = ()) -> "Exposure":
        """Which routes answer without the key; `present` are those known to be there."""
        from lib.api import exposure  # noqa: PLC0415 — likewise

        return await self._hold(exposure.exposure(await self.capabilities(), present))

    async def try_out(self, trial: "Trial") -> "Tried":
        """The answer to any request, whatever its status. It may cost GPU time."""
        from lib.api import trying  # noqa: PLC0415 — likewise

        call = self._made(lambda: trying.trying(trial), trial.route)
        answer = await self._apart(call, trial.seconds)
        return trying.tried(trial.route, answer, self._target)

    async def close(self) -> None:
        """Close every connection."""
        await self._wire.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
