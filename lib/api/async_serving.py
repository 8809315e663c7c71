"""Serving: the calls of the awaiting client beside the usual ones, each under its name.

This module alone names them: what pages seldom ask, other makers' interfaces, ranking, and what
somebody asks who explores a server. How each is asked stands in the modules that it imports.
"""

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from lib.api import calls, further, inference
from lib.api.calls import Call, Message
from lib.api.inference import Embedded, Generated
from lib.api.routes import Route
from lib.api.speaking import AsyncSpeaking
from lib.api.strict_json import Json

if TYPE_CHECKING:
    from lib.api.arrays import Array
    from lib.api.exposure import Exposure
    from lib.api.further import Heard, Written
    from lib.api.multipart import File
    from lib.api.ranking import Classified, Ranked
    from lib.api.surface import Surface
    from lib.api.trying import Trial, Tried
    from lib.api.ways import Known

__all__ = ["AsyncServing"]


class AsyncServing(AsyncSpeaking):
    """What one server can be asked beside the usual; see `AsyncVllmClient`."""

    async def ping(self) -> None:
        """Return if the server calls itself well, as SageMaker asks."""
        await self.send(further.ping())

    async def docs(self) -> str:
        """The web page on which its routes can be tried, where it has one."""
        return (await self.send(further.docs())).value

    async def is_scaling(self) -> bool:
        """Whether the number of its engines is being changed."""
        return (await self.send(further.is_scaling())).value

    async def kv_event_sources(self) -> dict[str, Json]:
        """Where each engine publishes what happens in its KV cache."""
        return (await self.send(further.kv_event_sources())).value

    async def count_tokens(self, model: str, messages: Sequence[Message], **fields: Json) -> int:
        """The tokens of a chat in Anthropic's form. It costs no GPU time."""
        return (await self.send(further.count_tokens(model, messages, **fields))).value

    async def responses(
        self,
        model: str,
        prompt: str | Sequence[Message],
        *,
        seconds: float = 600.0,
        **fields: Json,
    ) -> "Written":
        """An answer in the form of OpenAI's responses. It costs GPU time."""

        def make() -> "Call[Written]":
            return further.responses(model, prompt, **fields)

        return (await self._apart(self._made(make, Route.RESPONSES), seconds)).value

    async def response(self, name: str) -> "Written":
        """A response that the server has kept, by its id."""
        return (await self.send(further.response(name))).value

    async def messages(
        self,
        model: str,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        seconds: float = 600.0,
        **fields: Json,
    ) -> "Written":
        """A chat's next turn in Anthropic's form. It costs GPU time."""

        def make() -> "Call[Written]":
            return further.messages(model, messages, max_tokens, **fields)

        return (await self._apart(self._made(make, Route.MESSAGES), seconds)).value

    async def transcribe(
        self, model: str, recording: "File", *, seconds: float = 600.0, **fields: str
    ) -> "Heard":
        """The words of a recording. It costs GPU time."""

        def make() -> "Call[Heard]":
            return further.listen(Route.TRANSCRIPTIONS, recording, model, **fields)

        return (await self._apart(self._made(make, Route.TRANSCRIPTIONS), seconds)).value

    async def translate(
        self, model: str, recording: "File", *, seconds: float = 600.0, **fields: str
    ) -> "Heard":
        """The words of a recording in English. It costs GPU time."""

        def make() -> "Call[Heard]":
            return further.listen(Route.TRANSLATIONS, recording, model, **fields)

        return (await self._apart(self._made(make, Route.TRANSLATIONS), seconds)).value

    async def invoke(self, body: Mapping[str, Json], *, seconds: float = 600.0) -> Json:
        """Whatever the body asks for: a chat, a completion, vectors. It may cost GPU time."""

        def make() -> Call[Json]:
            return further.invoke(body)

        return (await self._apart(self._made(make, Route.INVOCATIONS), seconds)).value

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

    async def one_token(self, model: str) -> Generated:
        """One token after a short text: proof that the model generates. It costs GPU time."""
        return (await self.send(inference.one_token(model))).value

    async def one_turn(self, model: str) -> Generated:
        """One token of a chat, for servers without completions."""
        return (await self.send(inference.one_turn(model))).value

    async def one_embedding(self, model: str) -> Embedded:
        """One vector of a short text: proof that the model embeds. It costs GPU time."""
        return (await self.send(inference.one_embedding(model))).value

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
        from lib.api import ranking  # noqa: PLC0415 — it needs numpy, which takes long to import

        def make() -> "Call[tuple[Ranked, ...]]":
            return ranking.rerank(query, documents, model, top=top, truncate=truncate)

        return await self._hold(ranking.spelled(self._made(make, Route.RERANK)))

    async def score(
        self, text: str, others: Sequence[str], *, model: str, truncate: bool = False
    ) -> tuple[float, ...]:
        """How well a text matches each of the others, in their order. It costs GPU time."""
        from lib.api import ranking  # noqa: PLC0415 — it needs numpy, which takes long to import

        def make() -> Call[tuple[float, ...]]:
            return ranking.score(text, others, model, truncate=truncate)

        return await self._hold(ranking.spelled(self._made(make, Route.SCORE)))

    async def classify(
        self, texts: Sequence[str], *, model: str, truncate: bool = False
    ) -> "tuple[Classified, ...]":
        """The class of each text, with all probabilities. It costs GPU time."""
        from lib.api import ranking  # noqa: PLC0415 — it needs numpy, which takes long to import

        def make() -> "Call[tuple[Classified, ...]]":
            return ranking.classify(texts, model, truncate=truncate)

        return (await self.send(self._made(make, Route.CLASSIFY))).value

    async def pooling(
        self, texts: Sequence[str], *, model: str, task: str | None = None, truncate: bool = False
    ) -> "tuple[Array, ...]":
        """What the model's pooler gives: a vector of each text, or one row for each token."""
        from lib.api import ranking  # noqa: PLC0415 — it needs numpy, which takes long to import

        def make() -> "Call[tuple[Array, ...]]":
            return ranking.pooling(texts, model, task=task, truncate=truncate)

        return (await self.send(self._made(make, Route.POOLING))).value

    async def surface(self, *, seconds: float = 60.0) -> "Surface":
        """Every route of the server, explained; see `lib.api.surface`. It asks much: on demand.

        All of it must end within so many seconds.
        """
        from lib.api import surface  # noqa: PLC0415 — only somebody who explores needs it

        end = time.monotonic() + seconds
        return await self._hold(surface.surface(await self._known(end)), end)

    async def exposure(
        self,
        present: "Collection[Known]" = (),
        unknown: Iterable[str] = (),
        *,
        seconds: float = 60.0,
    ) -> "Exposure":
        """Which routes answer without the key, found out within so many seconds.

        Args:
            present: the routes that are known to be there.
            unknown: the titles of those that the server lists and nobody knows: they are not asked.
            seconds: for all of it.
        """
        from lib.api import exposure  # noqa: PLC0415 — likewise

        end = time.monotonic() + seconds
        return await self._hold(exposure.exposure(await self._known(end), present, unknown), end)

    async def try_out(self, trial: "Trial") -> "Tried":
        """The answer to any request, whatever its status. It may cost GPU time."""
        from lib.api import trying  # noqa: PLC0415 — likewise

        call = self._made(lambda: trying.trying(trial), trial.route)
        answer = await self._apart(call, trial.seconds)
        # in a thread: to hide what is secret in 8 MB takes seconds
        return await asyncio.to_thread(trying.tried, trial.route, answer, self._target)
