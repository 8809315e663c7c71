"""The blocking client: for pages, scripts and commands; safe to share between threads.

This module alone sends calls by blocking. What is asked stands in `calls` and `asking`.
"""

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, Unpack

from lib.api import calls, inference
from lib.api.answers import Answer, Model, Tokens
from lib.api.asking import Asking
from lib.api.calls import Call
from lib.api.capabilities import Capabilities, Conversation
from lib.api.errors import Refused
from lib.api.inference import Embedded, Generated
from lib.api.refusals import answered
from lib.api.routes import Route
from lib.api.strict_json import Json
from lib.api.transport import Wire

if TYPE_CHECKING:
    from lib.api.arrays import Array
    from lib.api.deltas import Reply
    from lib.api.embedding import EmbedFields, Vectors
    from lib.api.exposure import Exposure
    from lib.api.generation import Generation
    from lib.api.ranking import Classified, Ranked
    from lib.api.streams import Stream
    from lib.api.surface import Surface
    from lib.api.trying import Trial, Tried
    from lib.api.ways import Known

__all__ = ["VllmClient"]

T = TypeVar("T")


class VllmClient(Asking):
    """One server. Every method raises `Refused` where it gets no usable answer."""

    def _open(self) -> None:
        self._wire = Wire(self._target, self._resolver)
        self._learning = threading.Lock()  # one thread finds out, the others wait for it

    def send(self, call: Call[T]) -> Answer[T]:
        """Send any call: its value, and what it took."""
        sending = self._sending(call, call.seconds or self._timeout, retry=True)
        begun = time.perf_counter()
        raw = self._wire.exchange(sending)
        return answered(call, raw, time.perf_counter() - begun, self._target)

    def capabilities(self) -> Capabilities:
        """What the server is and offers; found out once per version, checked every ten seconds."""
        with self._learning:
            return self._hold(self._recalling())

    def _hold(self, conversation: Conversation[T]) -> T:
        """Ask what a conversation asks, until it ends."""
        try:
            call = next(conversation)
            while True:
                try:
                    outcome = self.send(call)
                except Refused as refused:
                    call = conversation.send(refused)
                else:
                    call = conversation.send(outcome)
        except StopIteration as end:
            found: T = end.value
            return found

    def _apart(self, call: Call[T], seconds: float) -> Answer[T]:
        """Send a call over a connection of its own: it takes long, and others wait for a place."""
        target, resolver, sending = self._opening(call, seconds)
        wire = Wire(target, resolver)
        begun = time.perf_counter()
        try:
            raw = wire.exchange(sending)
        finally:
            wire.close()
        return answered(call, raw, time.perf_counter() - begun, target)

    def connect(self, seconds: float | None = None) -> float:
        """Open a connection of its own and close it: the seconds until it stood.

        Name service, address policy and TLS have their part, as before every call; nothing is
        asked. It ends within `seconds` (the client's own time limit, without them).
        """
        return self._wire.connect(self._timeout if seconds is None else seconds)

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

    def debug_version(self) -> Json:
        """The tutorial's release, commit and libraries."""
        return self.send(calls.debug("version")).value

    def debug_stats(self) -> Json:
        """The tutorial's running, waiting and swapped requests."""
        return self.send(calls.debug("stats")).value

    def debug_cache_stats(self) -> Json:
        """The tutorial's free and used blocks."""
        return self.send(calls.debug("cache_stats")).value

    def debug_config(self) -> Json:
        """The tutorial's running configuration."""
        return self.send(calls.debug("config")).value

    def debug_traces(self) -> Json:
        """The tutorial's traces of recent requests."""
        return self.send(calls.debug("traces")).value

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

    def one_token(self, model: str) -> Generated:
        """One token after a short text: proof that the model generates. It costs GPU time."""
        return self.send(inference.one_token(model)).value

    def one_turn(self, model: str) -> Generated:
        """One token of a chat, for servers without completions."""
        return self.send(inference.one_turn(model)).value

    def one_embedding(self, model: str) -> Embedded:
        """One vector of a short text: proof that the model embeds. It costs GPU time."""
        return self.send(inference.one_embedding(model)).value

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

    def rerank(
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

        return (self.send(self._made(make, Route.RERANK))).value

    def score(
        self, text: str, others: Sequence[str], *, model: str, truncate: bool = False
    ) -> tuple[float, ...]:
        """How well a text matches each of the others, in their order. It costs GPU time."""
        from lib.api import ranking  # noqa: PLC0415 — likewise

        def make() -> Call[tuple[float, ...]]:
            return ranking.score(text, others, model, truncate=truncate)

        return (self.send(self._made(make, Route.SCORE))).value

    def classify(
        self, texts: Sequence[str], *, model: str, truncate: bool = False
    ) -> "tuple[Classified, ...]":
        """The class of each text, with all probabilities. It costs GPU time."""
        from lib.api import ranking  # noqa: PLC0415 — likewise

        def make() -> "Call[tuple[Classified, ...]]":
            return ranking.classify(texts, model, truncate=truncate)

        return (self.send(self._made(make, Route.CLASSIFY))).value

    def pooling(
        self, texts: Sequence[str], *, model: str, task: str | None = None, truncate: bool = False
    ) -> "tuple[Array, ...]":
        """What the model's pooler gives: a vector of each text, or one row for each token."""
        from lib.api import ranking  # noqa: PLC0415 — likewise

        def make() -> "Call[tuple[Array, ...]]":
            return ranking.pooling(texts, model, task=task, truncate=truncate)

        return (self.send(self._made(make, Route.POOLING))).value

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

    def surface(self) -> "Surface":
        """Every route of the server, explained; see `lib.api.surface`. It asks much: on demand."""
        from lib.api import surface  # noqa: PLC0415 — only somebody who explores needs it

        return self._hold(surface.surface(self.capabilities()))

    def exposure(self, present: "Collection[Known]" = ()) -> "Exposure":
        """Which routes answer without the key; `present` are those known to be there."""
        from lib.api import exposure  # noqa: PLC0415 — likewise

        return self._hold(exposure.exposure(self.capabilities(), present))

    def try_out(self, trial: "Trial") -> "Tried":
        """The answer to any request, whatever its status. It may cost GPU time."""
        from lib.api import trying  # noqa: PLC0415 — likewise

        call = self._made(lambda: trying.trying(trial), trial.route)
        answer = self._apart(call, trial.seconds)
        return trying.tried(trial.route, answer, self._target)

    def close(self) -> None:
        """Close every connection."""
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
