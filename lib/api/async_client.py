"""The client of an event loop: for the watcher and for whatever runs beside it.

This module alone names its usual calls, and decides how a scrape is asked for; `async_serving`
names the others, and `speaking` sends them. An object belongs to the event loop in which it is
first used. What is asked stands in `calls` and `asking`.
"""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar, Unpack

from lib.api import calls
from lib.api.answers import Answer, Model, Tokens
from lib.api.async_serving import AsyncServing
from lib.api.capabilities import Conversation
from lib.api.errors import BadRequest, NotOffered, Refused, WronglyAnswered
from lib.api.routes import Route
from lib.api.strict_json import Json

if TYPE_CHECKING:
    from lib.api.deltas import Reply
    from lib.api.embedding import EmbedFields, Vectors
    from lib.api.generation import Generation
    from lib.api.streams import AsyncStream

__all__ = ["AsyncVllmClient"]

T = TypeVar("T")


class AsyncVllmClient(AsyncServing):
    """One server. Every method raises `Refused` where it gets no usable answer."""

    def _open(self) -> None:
        super()._open()
        self._filters: bool | None = None  # whether `/metrics/` works here; None: not known

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
