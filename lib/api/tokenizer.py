"""The tokenizer of one served model: a blocking one and one of an event loop.

This module alone decides how many texts of a batch are in flight, and that heavy arithmetic leaves
an event loop alone. What is asked stands in `tokenizing`, what is computed in `lib.tokens`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from decimal import Decimal
from itertools import islice
from typing import Any, TypeVar

from lib.api.answers import Answer, Tokens
from lib.api.async_client import AsyncVllmClient
from lib.api.calls import Call
from lib.api.capabilities import Conversation
from lib.api.client import VllmClient
from lib.api.errors import Refused
from lib.api.learnt import Learnt
from lib.api.tokenizing import DECODINGS, Ended, Source, Tokenizing, advanced, cutting
from lib.tokens import Alignment, Profile
from lib.tokens.budget import Keep, Room, Verified
from lib.tokens.chat import Chat, Rendered
from lib.tokens.cost import cost
from lib.tokens.roundtrip import RoundTrip

__all__ = ["AsyncRemoteTokenizer", "Progress", "RemoteTokenizer"]

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Told after each text of a batch: how many are done, and how many there are."""

_IN_FLIGHT = 4
"""Tokenizing takes a server's event loop, which also serves its other clients."""


class RemoteTokenizer(Tokenizing):
    """A served model's own tokenizer, for pages, scripts and commands; safe between threads.

    Every method that asks raises `Refused` where it gets no usable answer; no exception holds what
    was to be tokenized. A source is a text or a `Chat`.
    """

    def __init__(
        self, client: VllmClient, model: str | None = None, *, learnt: Learnt | None = None
    ) -> None:
        super().__init__(client, model, learnt=learnt)
        self._client = client

    def encode(self, source: Source, special: bool | None = None) -> Tokens:
        """The tokens. `special`: with those the server adds, None as it does by itself."""
        return self._hold(self._encoding(self._client.capabilities(), source, special))

    def count(self, source: Source, special: bool | None = None) -> int:
        """How many tokens it is."""
        known = self._client.capabilities()
        return self._hold(self._encoding(known, source, special, pieces=False)).count

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids; servers leave out those that their vocabulary lacks."""
        return self._hold(self._decoding(self._client.capabilities(), ids))

    def profile(self) -> Profile:
        """What the tokenizer is like: family, normaliser and what it adds."""
        return self._hold(self._knowing(self._client.capabilities())).profile

    def align(
        self, text: str, special: bool | None = None, *, decodings: int = DECODINGS
    ) -> Alignment:
        """Which bytes of the text each token stands for.

        `decodings` bounds how often the server is asked for the text of ids.
        """
        known = self._client.capabilities()
        return self._hold(self._aligning(known, text, special, decodings))

    def render(self, chat: Chat, *, decodings: int = DECODINGS) -> Rendered:
        """What the served template makes of a chat, and which tokens are whose."""
        return self._hold(self._rendering(self._client.capabilities(), chat, decodings))

    def check(self, source: Source, reserve: int = 0) -> Room:
        """Whether it fits into the server's context with so many tokens left for the answer."""
        return self._hold(self._checking(self._client.capabilities(), source, reserve))

    def truncate(
        self,
        text: str,
        budget: int,
        keep: Keep = Keep.FRONT,
        marker: str = "",
        special: bool | None = None,
    ) -> Verified:
        """The text cut to at most so many tokens, as the server itself counts them."""
        known = self._client.capabilities()
        cut = cutting(budget, keep, marker, special)
        return self._hold(self._truncating(known, text, special, cut))

    def cost(self, source: Source, price_per_million: Decimal) -> Decimal:
        """What its tokens cost, in the price's currency."""
        return _cost(self.count(source), price_per_million)

    def round_trip(self, text: str, special: bool | None = None) -> RoundTrip:
        """Whether the text comes back from its tokens, and where it differs."""
        return self._hold(self._going_round(self._client.capabilities(), text, special))

    def encode_batch(
        self,
        texts: Sequence[str],
        special: bool | None = None,
        *,
        pieces: bool = False,
        progress: Progress | None = None,
    ) -> tuple[Tokens, ...]:
        """The tokens of many texts, in their order; the first refusal ends it.

        `progress` is called in the thread that called this.
        """
        known = self._client.capabilities()

        def one(text: str) -> Tokens:
            return self._hold(self._encoding(known, text, special, pieces=pieces))

        return _in_order(one, texts, progress)

    def _hold(self, conversation: Conversation[T]) -> T:
        step = advanced(conversation, None)
        while not isinstance(step, Ended):
            step = advanced(conversation, self._outcome(step))
        return step.value

    def _outcome(self, call: Call[Any]) -> Answer[Any] | Refused:
        try:
            return self._client.send(call)
        except Refused as refused:
            return refused


class AsyncRemoteTokenizer(Tokenizing):
    """The same in an event loop; it belongs to that of its client."""

    def __init__(
        self, client: AsyncVllmClient, model: str | None = None, *, learnt: Learnt | None = None
    ) -> None:
        super().__init__(client, model, learnt=learnt)
        self._client = client

    async def encode(self, source: Source, special: bool | None = None) -> Tokens:
        """The tokens. `special`: with those the server adds, None as it does by itself."""
        return await self._hold(self._encoding(await self._client.capabilities(), source, special))

    async def count(self, source: Source, special: bool | None = None) -> int:
        """How many tokens it is."""
        known = await self._client.capabilities()
        return (await self._hold(self._encoding(known, source, special, pieces=False))).count

    async def decode(self, ids: Sequence[int]) -> str:
        """The text of ids; servers leave out those that their vocabulary lacks."""
        return await self._hold(self._decoding(await self._client.capabilities(), ids))

    async def profile(self) -> Profile:
        """What the tokenizer is like: family, normaliser and what it adds."""
        return (await self._hold(self._knowing(await self._client.capabilities()))).profile

    async def align(
        self, text: str, special: bool | None = None, *, decodings: int = DECODINGS
    ) -> Alignment:
        """Which bytes of the text each token stands for.

        `decodings` bounds how often the server is asked for the text of ids.
        """
        known = await self._client.capabilities()
        return await self._hold(self._aligning(known, text, special, decodings))

    async def render(self, chat: Chat, *, decodings: int = DECODINGS) -> Rendered:
        """What the served template makes of a chat, and which tokens are whose."""
        return await self._hold(self._rendering(await self._client.capabilities(), chat, decodings))

    async def check(self, source: Source, reserve: int = 0) -> Room:
        """Whether it fits into the server's context with so many tokens left for the answer."""
        return await self._hold(self._checking(await self._client.capabilities(), source, reserve))

    async def truncate(
        self,
        text: str,
        budget: int,
        keep: Keep = Keep.FRONT,
        marker: str = "",
        special: bool | None = None,
    ) -> Verified:
        """The text cut to at most so many tokens, as the server itself counts them."""
        known = await self._client.capabilities()
        cut = cutting(budget, keep, marker, special)
        return await self._hold(self._truncating(known, text, special, cut))

    async def cost(self, source: Source, price_per_million: Decimal) -> Decimal:
        """What its tokens cost, in the price's currency."""
        return _cost(await self.count(source), price_per_million)

    async def round_trip(self, text: str, special: bool | None = None) -> RoundTrip:
        """Whether the text comes back from its tokens, and where it differs."""
        return await self._hold(self._going_round(await self._client.capabilities(), text, special))

    async def encode_batch(
        self,
        texts: Sequence[str],
        special: bool | None = None,
        *,
        pieces: bool = False,
        progress: Progress | None = None,
    ) -> tuple[Tokens, ...]:
        """The tokens of many texts, in their order; the first refusal ends it."""
        known = await self._client.capabilities()

        async def one(text: str) -> Tokens:
            return await self._hold(self._encoding(known, text, special, pieces=pieces))

        return await _gathered(one, texts, progress)

    async def _hold(self, conversation: Conversation[T]) -> T:
        step = await asyncio.to_thread(advanced, conversation, None)
        while not isinstance(step, Ended):
            step = await asyncio.to_thread(advanced, conversation, await self._outcome(step))
        return step.value

    async def _outcome(self, call: Call[Any]) -> Answer[Any] | Refused:
        try:
            return await self._client.send(call)
        except Refused as refused:
            return refused


def _cost(tokens: int, price_per_million: Decimal) -> Decimal:
    return cost(tokens, price_per_million) or Decimal(0)


def _in_order(
    work: Callable[[str], T], texts: Sequence[str], progress: Progress | None
) -> tuple[T, ...]:
    """The results of a few threads; what is in flight ends before an error is raised."""
    results: dict[int, T] = {}
    waiting = enumerate(texts)
    running: dict[Future[T], int] = {}
    with ThreadPoolExecutor(_IN_FLIGHT, "tokenizing") as pool:
        while True:
            for index, text in islice(waiting, _IN_FLIGHT - len(running)):
                running[pool.submit(work, text)] = index
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                results[running.pop(future)] = future.result()
                if progress is not None:
                    progress(len(results), len(texts))
    return tuple(results[index] for index in range(len(texts)))


async def _gathered(
    work: Callable[[str], Awaitable[T]], texts: Sequence[str], progress: Progress | None
) -> tuple[T, ...]:
    """The results of a few tasks; the first error ends the others."""
    results: dict[int, T] = {}
    waiting = enumerate(texts)

    async def some(share: Iterator[tuple[int, str]]) -> None:
        for index, text in share:
            results[index] = await work(text)
            if progress is not None:
                progress(len(results), len(texts))

    tasks = [asyncio.ensure_future(some(waiting)) for _ in range(_IN_FLIGHT)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return tuple(results[index] for index in range(len(texts)))
