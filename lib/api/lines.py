"""Lines: one connection of its own for one stream, blocking or in an event loop.

This module alone decides how a stream's bytes are fetched and given up. A stream is read for
minutes and often left in the middle, so it never takes a place of the shared connections, and
closing it closes the connection: that is how a server of this kind learns that nobody listens any
more.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping

import httpx

from lib.api.network import Deadline
from lib.api.pool import async_client, blocking_client
from lib.api.resolver import Resolver
from lib.api.target import Target
from lib.api.transport import Sending, build_request

__all__ = ["AsyncLine", "Line"]


class Line:
    """For one thread."""

    def __init__(self, target: Target, resolver: Resolver, sending: Sending) -> None:
        self._target, self._sending, self._deadline = target, sending, Deadline()
        self._client = blocking_client(target, resolver, self._deadline)
        self._response: httpx.Response | None = None
        self._parts: Iterator[bytes] = iter(())

    def open(self, seconds: float) -> tuple[int, Mapping[str, str]]:
        """Send the request: the status and the headers of its answer.

        Raises:
            Exception: one of `FAILURES`.
        """
        timeout = httpx.Timeout(None, connect=self._sending.connect_seconds)
        request = build_request(self._client, self._target, self._sending, timeout)
        with self._deadline.within(seconds):
            self._response = self._client.send(request, stream=True)
        self._parts = self._response.iter_raw()
        return self._response.status_code, dict(self._response.headers)

    def read(self, seconds: float) -> bytes:
        """The next bytes, at least one; none at the end.

        Raises:
            Exception: one of `FAILURES`.
        """
        with self._deadline.within(seconds):
            return next(self._parts, b"")

    def close(self) -> None:
        """Close the connection, whatever was still to come."""
        if self._response is not None:
            self._response.close()
        self._client.close()


class AsyncLine:
    """For one task of an event loop."""

    def __init__(self, target: Target, resolver: Resolver, sending: Sending) -> None:
        self._target, self._sending = target, sending
        self._client = async_client(target, resolver)
        self._response: httpx.Response | None = None
        self._parts: AsyncGenerator[bytes, None] | None = None

    async def open(self, seconds: float) -> tuple[int, Mapping[str, str]]:
        """Send the request: the status and the headers of its answer.

        Raises:
            Exception: one of `FAILURES`.
        """
        timeout = httpx.Timeout(None, connect=self._sending.connect_seconds)
        request = build_request(self._client, self._target, self._sending, timeout)
        async with asyncio.timeout(seconds):
            self._response = await self._client.send(request, stream=True)
        self._parts = _parts(self._response)
        return self._response.status_code, dict(self._response.headers)

    async def read(self, seconds: float) -> bytes:
        """The next bytes, at least one; none at the end.

        Raises:
            Exception: one of `FAILURES`.
        """
        if self._parts is None:
            return b""
        async with asyncio.timeout(seconds):
            return await anext(self._parts, b"")

    async def close(self) -> None:
        """Close the connection, whatever was still to come; no cancellation keeps it open."""
        await asyncio.shield(asyncio.get_running_loop().create_task(self._closed()))

    async def _closed(self) -> None:
        await self._client.aclose()  # the socket first
        if self._parts is not None:
            await self._parts.aclose()


async def _parts(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """A generator that can be closed: httpx promises an iterator only."""
    try:
        async for part in response.aiter_raw():
            yield part
    finally:
        await response.aclose()
