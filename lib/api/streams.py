"""Streams: an answer's events as they come, for a `for` or an `async for`.

This module alone fetches a stream and gives it up. It is sent once; only where a release refuses by
name what it was asked to report, which costs nothing, it is asked again for less.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from anyio.lowlevel import checkpoint

from lib.api.calls import Call
from lib.api.deltas import Event, Reply
from lib.api.failures import FAILURES
from lib.api.generation import Generation
from lib.api.lines import AsyncLine, Line
from lib.api.resolver import Resolver
from lib.api.streaming import REPORTS, Intake, Limits, stream_call
from lib.api.target import Target
from lib.api.transport import Sending

__all__ = ["AsyncStream", "Stream"]

Opening = Callable[[Call[Any], float], tuple[Target, Resolver, Sending]]


class _Asked:
    """A request to stream: what is asked of it, and what has come."""

    def __init__(self, opening: Opening, request: Generation, limits: Limits) -> None:
        self._opening, self._request, self._limits = opening, request, limits
        self._report = 0  # which of `REPORTS`
        self._intake: Intake | None = None

    @property
    def reply(self) -> Reply:
        """The answer as far as it has come."""
        return self._intake.reply if self._intake else Reply()

    def _sending(self) -> tuple[Call[Event], tuple[Target, Resolver, Sending]]:
        call = stream_call(self._request, REPORTS[self._report])
        return call, self._opening(call, self._limits.seconds)

    def _is_answered(self, intake: Intake) -> bool:
        """Whether this is the answer, and not a refusal to report so much.

        Raises:
            Refused: it is another refusal.
        """
        if intake.failure is None:
            return True
        report = intake.fewer
        if report is None or report <= self._report:
            raise intake.failure
        self._report = report
        return False


class Stream(_Asked):
    """A stream for one thread: `with client.stream(request) as events: for event in events: …`.

    Entering sends the request and waits for its first sign; leaving closes the connection, and the
    server gives the request up. Entering and every step raise `Refused` where the stream breaks;
    `reply` keeps what had come.
    """

    _line: Line | None = None

    def __enter__(self) -> Self:
        try:
            while not self._opened():
                pass
        except BaseException:
            self.close()
            raise
        return self

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        while self._intake is not None:
            event = self._intake.next()
            if event is not None:
                return event
            if self._line is None:
                break
            self._read(self._intake, self._line)
        raise StopIteration

    def close(self) -> None:
        """Close the connection; more than once does no harm."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _opened(self) -> bool:
        call, sending = self._sending()
        line = self._line = Line(*sending)
        intake = self._intake = Intake(sending[0], call, self._limits)
        try:
            intake.opened(*line.open(intake.patience))
        except FAILURES as error:
            intake.broke(error)
        while intake.is_whole and not intake.is_ended:
            self._read(intake, line)
        if intake.is_ended:
            self.close()
        return self._is_answered(intake)

    def _read(self, intake: Intake, line: Line) -> None:
        try:
            intake.take(line.read(intake.patience))
        except FAILURES as error:
            intake.broke(error)
        if intake.is_ended:
            self.close()


class AsyncStream(_Asked):
    """The same for one task of an event loop; cancelling the task closes the connection."""

    _line: AsyncLine | None = None

    async def __aenter__(self) -> Self:
        try:
            while not await self._opened():
                pass
        except BaseException:
            await self.close()
            raise
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while self._intake is not None:
            event = self._intake.next()
            if event is not None:
                return event
            if self._line is None:
                break
            await self._read(self._intake, self._line)
        raise StopAsyncIteration

    async def close(self) -> None:
        """Close the connection; more than once does no harm."""
        line, self._line = self._line, None
        if line is not None:
            await line.close()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _opened(self) -> bool:
        call, sending = self._sending()
        line = self._line = AsyncLine(*sending)
        await checkpoint()  # loads what anyio needs, 20 ms the first time: no part of the answer
        intake = self._intake = Intake(sending[0], call, self._limits)
        try:
            intake.opened(*await line.open(intake.patience))
        except FAILURES as error:
            intake.broke(error)
        while intake.is_whole and not intake.is_ended:
            await self._read(intake, line)
        if intake.is_ended:
            await self.close()
        return self._is_answered(intake)

    async def _read(self, intake: Intake, line: AsyncLine) -> None:
        try:
            intake.take(await line.read(intake.patience))
        except FAILURES as error:
            intake.broke(error)
        if intake.is_ended:
            await self.close()
