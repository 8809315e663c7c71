"""Speaking: how the two clients send a call and hold a conversation, blocking or awaiting.

This module alone does that for both. What is asked stands in `calls` and its like; which question
has which name stands in `client`, `async_client` and `serving`.
"""

import asyncio
import math
import threading
import time
from concurrent.futures import Future, wait
from types import TracebackType
from typing import Self, TypeVar

from lib.api.answers import Answer
from lib.api.asking import Asking
from lib.api.calls import Call
from lib.api.capabilities import Capabilities, Conversation
from lib.api.errors import Reason, Refused
from lib.api.refusals import answered
from lib.api.target import Target
from lib.api.transport import AsyncWire, Wire

__all__ = ["AsyncSpeaking", "Speaking"]

T = TypeVar("T")
_Found = Capabilities | Refused | None
"""What came of an attempt to find out what a server offers; None where it was given up."""


class Speaking(Asking):
    """Sends calls by blocking; safe to share between threads."""

    def _open(self) -> None:
        self._wire = Wire(self._target, self._resolver)
        self._lock = threading.Lock()
        self._attempt: Future[_Found] | None = None

    def send(self, call: Call[T]) -> Answer[T]:
        """Send any call: its value, and what it took."""
        return self._sent(call, call.seconds or self._timeout)

    def capabilities(self) -> Capabilities:
        """What the server is and offers; found out once per version, checked every ten seconds."""
        return self._known(math.inf)

    def _known(self, end: float) -> Capabilities:
        """Find out what the server offers, or share what comes of an attempt under way."""
        mine: Future[_Found] = Future()
        while (attempt := self._joined(mine)) is not mine:
            wait([attempt], min(end - time.monotonic(), threading.TIMEOUT_MAX))
            found = _shared(attempt, self._target)
            if found is not None:
                return found
        return self._learnt(mine, end)

    def _joined(self, mine: Future[_Found]) -> Future[_Found]:
        with self._lock:
            self._attempt = self._attempt or mine
            return self._attempt

    def _learnt(self, mine: Future[_Found], end: float) -> Capabilities:
        outcome: _Found = None
        try:
            outcome = self._hold(self._recalling(), end)
        except Refused as refused:
            if time.monotonic() + self._timeout <= end:  # else it may lack time that others have
                outcome = refused
            raise
        else:
            return outcome
        finally:
            self._attempt = None
            mine.set_result(outcome)

    def _hold(self, conversation: Conversation[T], end: float = math.inf) -> T:
        """Ask what a conversation asks, until it ends; at the latest then (monotonic clock)."""
        try:
            call = next(conversation)
            while True:
                try:
                    outcome = self._sent(call, self._left(call, end))
                except Refused as refused:
                    call = conversation.send(refused)
                else:
                    call = conversation.send(outcome)
        except StopIteration as over:
            found: T = over.value
            return found

    def _sent(self, call: Call[T], seconds: float) -> Answer[T]:
        sending = self._sending(call, seconds, retry=True)
        begun = time.perf_counter()
        raw = self._wire.exchange(sending)
        return answered(call, raw, time.perf_counter() - begun, self._target)

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


class AsyncSpeaking(Asking):
    """Sends calls by awaiting; belongs to the event loop in which it is first used."""

    def _open(self) -> None:
        self._wire = AsyncWire(self._target, self._resolver)
        self._attempt: asyncio.Future[_Found] | None = None

    async def send(self, call: Call[T]) -> Answer[T]:
        """Send any call: its value, and what it took."""
        return await self._sent(call, call.seconds or self._timeout, retry=True)

    async def capabilities(self) -> Capabilities:
        """What the server is and offers; found out once per version, checked every ten seconds."""
        return await self._known(math.inf)

    async def _known(self, end: float) -> Capabilities:
        """Find out what the server offers, or share what comes of an attempt under way."""
        mine: asyncio.Future[_Found] = asyncio.get_running_loop().create_future()
        while (attempt := self._joined(mine)) is not mine:
            await asyncio.wait([attempt], timeout=end - time.monotonic())
            found = _shared(attempt, self._target)
            if found is not None:
                return found
        return await self._learnt(mine, end)

    def _joined(self, mine: asyncio.Future[_Found]) -> asyncio.Future[_Found]:
        self._attempt = self._attempt or mine
        return self._attempt

    async def _learnt(self, mine: asyncio.Future[_Found], end: float) -> Capabilities:
        outcome: _Found = None
        try:
            outcome = await self._hold(self._recalling(), end)
        except Refused as refused:
            if time.monotonic() + self._timeout <= end:  # else it may lack time that others have
                outcome = refused
            raise
        else:
            return outcome
        finally:
            self._attempt = None
            mine.set_result(outcome)

    async def _hold(self, conversation: Conversation[T], end: float = math.inf) -> T:
        """Ask what a conversation asks, until it ends; at the latest then (monotonic clock)."""
        try:
            call = next(conversation)
            while True:
                try:
                    outcome = await self._sent(call, self._left(call, end), retry=True)
                except Refused as refused:
                    call = conversation.send(refused)
                else:
                    call = conversation.send(outcome)
        except StopIteration as over:
            found: T = over.value
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


def _shared(
    attempt: Future[_Found] | asyncio.Future[_Found], target: Target
) -> Capabilities | None:
    """What came of another's attempt; None where it was given up.

    Raises:
        Refused: that is what came of it, or it takes longer than there is time.
    """
    if not attempt.done():
        raise target.refuse(Reason.TIMEOUT, "what it offers was still being found out")
    found = attempt.result()
    if isinstance(found, Refused):
        raise found
    return found
