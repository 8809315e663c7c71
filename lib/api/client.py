"""The blocking client: for pages, scripts and commands; safe to share between threads.

This module alone names its usual calls; `serving` names the others, and `speaking` sends them.
What is asked stands in `calls` and `asking`.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar, Unpack

from lib.api import calls
from lib.api.answers import Answer, Model, Tokens
from lib.api.capabilities import Conversation
from lib.api.routes import Route
from lib.api.serving import Serving
from lib.api.strict_json import Json

if TYPE_CHECKING:
    from lib.api.deltas import Reply
    from lib.api.embedding import EmbedFields, Vectors
    from lib.api.generation import Generation
    from lib.api.streams import Stream

__all__ = ["VllmClient"]

T = TypeVar("T")


class VllmClient(Serving):
    """One server. Every method raises `Refused` where it gets no usable answer."""

    def health(self) -> None:
        """Return if the server calls itself well."""
        self.send(calls.health())

    def ready(self) -> None:
        """Return if a model is ready to answer."""
        for call in self._ready_calls(self.capabilities()):
            self._check_ready(self.send(call))

    def version(self) -> str:
        """The release."""
        return self.send(calls.version()).value

    def models(self) -> tuple[Model, ...]:
        """The models it serves."""
        return self.send(calls.models()).value

    def load(self) -> int:
        """Requests in flight; always 0 without `--enable-server-load-tracking`."""
        return self.send(calls.load()).value

    def is_sleeping(self) -> bool:
        """Whether its engine sleeps or is paused, in development mode; the engine answers."""
        return self.send(calls.is_sleeping()).value

    def is_paused(self) -> bool:
        """Whether its engine is paused or sleeps, in development mode; the engine answers."""
        return self.send(calls.is_paused()).value

    def server_info(self) -> dict[str, Json]:
        """The whole running configuration, in development mode."""
        return self.send(calls.server_info()).value

    def tokenizer_info(self) -> dict[str, Json]:
        """The tokenizer's configuration."""
        return self.send(calls.tokenizer_info()).value

    def openapi(self) -> dict[str, Json]:
        """The description of its routes."""
        return self.send(calls.openapi()).value

    def metrics(self, names: Sequence[str] = ()) -> bytes:
        """Prometheus text: all of it, or these samples where the server can filter."""
        return self.send(calls.metrics(names)).value

    def tokenize(
        self,
        text: str | None = None,
        *,
        model: str | None = None,
        **fields: Unpack[calls.TokenizeFields],
    ) -> Tokens:
        """The tokens of a text, or of `messages` through the model's chat template."""
        call = self.tokenize_call(self.capabilities(), text, model, **fields)
        return self.send(call).value

    def detokenize(self, ids: Sequence[int], *, model: str | None = None) -> str:
        """The text of tokens."""
        return self.send(self.detokenize_call(self.capabilities(), ids, model)).value

    def embed(self, texts: Sequence[str], *, model: str, **how: "Unpack[EmbedFields]") -> "Vectors":
        """The vectors of any number of texts, in their order. It costs GPU time.

        A text that is too long, or that the server refuses, fails alone; after any other refusal,
        what was made until then is given, and only without any it is raised.
        """
        from lib.api import embedding  # noqa: PLC0415 — it needs numpy, which takes long to import

        known = self.capabilities()

        def make() -> "Conversation[Vectors]":
            return embedding.embedding(self, known, texts, model, how)

        return self._hold(self._made(make, Route.EMBEDDINGS))

    def too_long(
        self, texts: Sequence[str], limit: int | None = None, *, model: str
    ) -> Mapping[int, int]:
        """Which texts have more tokens than `limit` (None: than the model takes), and how many."""
        from lib.api import lengths  # noqa: PLC0415 — likewise only for embedding

        known = self.capabilities()
        return self._hold(lengths.too_long(self, known, texts, limit, model))

    def generate(self, request: "Generation", *, seconds: float = 600.0) -> "Answer[Reply]":
        """The answer to a request in one piece, within so many seconds. It costs GPU time."""
        from lib.api import streaming  # noqa: PLC0415 — most clients generate nothing

        return streaming.replied(self._apart(streaming.whole_call(request), seconds))

    def stream(
        self, request: "Generation", *, seconds: float = 600.0, quiet: float = 60.0
    ) -> "Stream":
        """The answer to a request as it comes: a context manager of its events.

        Args:
            request: made by `chat`, `completion` or `judged`.
            seconds: for the whole answer.
            quiet: seconds without a word after which it is given up.
        """
        from lib.api import streaming, streams  # noqa: PLC0415 — most clients generate nothing

        return streams.Stream(self._opening, request, streaming.Limits(seconds, quiet))

    def chat(
        self, model: str, messages: Sequence[calls.Message], **fields: Json
    ) -> "Answer[Reply]":
        """The next turn of a chat, in one piece; `fields` are the server's own parameters."""
        return self.generate(self._chat(model, messages, fields))

    def chat_stream(
        self, model: str, messages: Sequence[calls.Message], **fields: Json
    ) -> "Stream":
        """The next turn of a chat, as it comes: see `stream`."""
        return self.stream(self._chat(model, messages, fields))

    def complete(self, model: str, prompt: str | Sequence[int], **fields: Json) -> "Answer[Reply]":
        """A text, or the tokens of one, continued, in one piece."""
        return self.generate(self._completion(model, prompt, fields))

    def complete_stream(self, model: str, prompt: str | Sequence[int], **fields: Json) -> "Stream":
        """A text, or the tokens of one, continued, as it comes: see `stream`."""
        return self.stream(self._completion(model, prompt, fields))
