"""Transport: one exchange with one server, blocking or in an event loop, within its limits.

This module alone decides how an exchange goes: one request, one answer read up to its cap, an end
at the deadline, and one second try where an idle connection turned out to be closed.

httpx 0.28 can lose a slot of its pool for ever when a request is cancelled. So the client of an
event loop is thrown away after every deadline and cancellation, and a new one takes its place.
"""

import asyncio
from dataclasses import dataclass
from functools import lru_cache

import httpcore
import httpx

from lib.api.answers import Raw
from lib.api.body import Body
from lib.api.connecting import try_to_connect, try_to_connect_async
from lib.api.errors import Reason, Refused
from lib.api.failures import FAILURES, dropped, reason_of
from lib.api.network import Deadline
from lib.api.pool import async_client, blocking_client
from lib.api.resolver import Resolver
from lib.api.target import Target
from lib.api.ways import Known

__all__ = ["AsyncWire", "Sending", "Wire", "build_request"]


@dataclass(frozen=True, slots=True)
class Sending:
    """One request in bytes, and what it may take."""

    route: Known
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    body: bytes | None
    kind: str  # of the body
    zipped: bool  # whether gzip is offered
    limit: int  # bytes of the inflated answer
    seconds: float  # for the whole exchange
    connect_seconds: float
    retry: bool  # once, where the connection is dropped before a byte of an answer
    cut: bool = False  # whether the beginning of a longer answer will do
    anonymous: bool = False  # whether the key stays here


class Wire:
    """Exchanges of a blocking client; safe to use from many threads."""

    def __init__(self, target: Target, resolver: Resolver) -> None:
        self._target, self._resolver, self._deadline = target, resolver, Deadline()
        self._client = blocking_client(target, resolver, self._deadline)

    def exchange(self, sending: Sending) -> Raw:
        """The whole answer, whatever its status.

        Raises:
            Refused: there was none.
        """
        try:
            with self._deadline.within(sending.seconds):
                return self._fetch(sending)
        except (RuntimeError, *FAILURES) as error:
            is_closed = self._client.is_closed
            refused = _refused(self._target, sending.route, error, is_closed=is_closed)
        raise refused  # outside the handler: the cause may quote the server, and that the key

    def connect(self, seconds: float) -> float:
        """Open a connection and close it: the seconds until it stood.

        Raises:
            Refused: it could not be opened.
        """
        try:
            with self._deadline.within(seconds):
                return try_to_connect(self._target, self._resolver, self._deadline)
        except FAILURES as error:
            refused = _refused(self._target, None, error)
        raise refused

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def _fetch(self, sending: Sending) -> Raw:
        timeout = httpx.Timeout(sending.seconds, connect=sending.connect_seconds)
        request = build_request(self._client, self._target, sending, timeout)
        try:
            response = self._client.send(request, stream=True)
        except FAILURES as error:
            if not (sending.retry and dropped(error)):
                raise
            response = self._client.send(request, stream=True)
        try:
            headers = dict(response.headers)
            body = Body(headers, sending.limit, cut=sending.cut)
            for chunk in response.iter_raw():
                body.feed(chunk)
                if body.is_full:
                    break
        finally:
            response.close()
        return _raw(response, headers, body, self._target)


class AsyncWire:
    """Exchanges of a client that belongs to one event loop."""

    def __init__(self, target: Target, resolver: Resolver) -> None:
        self._target, self._resolver = target, resolver
        self._closing: set[asyncio.Task[None]] = set()
        self._inner = _Inner(async_client(target, resolver))
        self._replaced: set[_Inner] = set()  # that are still in use
        self._is_closed = False

    async def exchange(self, sending: Sending) -> Raw:
        """The whole answer, whatever its status.

        Raises:
            Refused: there was none.
        """
        inner = self._inner
        inner.users += 1
        try:
            async with asyncio.timeout(sending.seconds):
                return await self._fetch(inner.client, sending)
        except (RuntimeError, *FAILURES) as error:
            refused = _refused(self._target, sending.route, error, is_closed=self._is_closed)
            if isinstance(error, (TimeoutError, httpcore.TimeoutException)):
                self._replace(inner)
        except asyncio.CancelledError:
            self._replace(inner)
            raise
        finally:
            inner.users -= 1
            if inner in self._replaced and not inner.users:
                self._discard(inner)
        raise refused

    async def connect(self, seconds: float) -> float:
        """Open a connection and close it: the seconds until it stood.

        Raises:
            Refused: it could not be opened.
        """
        try:
            async with asyncio.timeout(seconds):
                return await try_to_connect_async(self._target, self._resolver)
        except FAILURES as error:
            refused = _refused(self._target, None, error)
        raise refused

    async def close(self) -> None:
        """Close every connection, also of discarded clients; no cancellation keeps one open."""
        self._is_closed = True
        for inner in (self._inner, *self._replaced):
            self._discard(inner)
        await asyncio.shield(asyncio.gather(*self._closing))

    def _replace(self, inner: "_Inner") -> None:
        if inner is self._inner and not self._is_closed:
            self._replaced.add(inner)
            self._inner = _Inner(async_client(self._target, self._resolver))

    def _discard(self, inner: "_Inner") -> None:
        """Close in a task of its own, which no cancellation of the caller reaches."""
        self._replaced.discard(inner)
        task = asyncio.get_running_loop().create_task(inner.client.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _fetch(self, client: httpx.AsyncClient, sending: Sending) -> Raw:
        timeout = httpx.Timeout(None, connect=sending.connect_seconds)
        request = build_request(client, self._target, sending, timeout)
        try:
            response = await client.send(request, stream=True)
        except FAILURES as error:
            if not (sending.retry and dropped(error)):
                raise
            response = await client.send(request, stream=True)
        try:
            headers = dict(response.headers)
            body = Body(headers, sending.limit, cut=sending.cut)
            async for chunk in response.aiter_raw():
                body.feed(chunk)
                if body.is_full:
                    break
        finally:
            await response.aclose()
        return _raw(response, headers, body, self._target)


@dataclass(eq=False, slots=True)
class _Inner:
    """An httpx client and how many exchanges use it."""

    client: httpx.AsyncClient
    users: int = 0


def build_request(
    client: httpx.Client | httpx.AsyncClient,
    target: Target,
    sending: Sending,
    timeout: httpx.Timeout,
) -> httpx.Request:
    """The request as httpx takes it."""
    headers = {"accept-encoding": "gzip" if sending.zipped else "identity"}
    if sending.body is not None:
        headers["content-type"] = sending.kind
    request = client.build_request(
        sending.method,
        _url(target.url, sending.path, sending.query),
        headers=headers,
        content=sending.body,
        timeout=timeout,
    )
    if sending.anonymous:
        request.headers.pop("authorization", None)
    return request


@lru_cache(maxsize=8192)
def _url(base: str, path: str, query: tuple[tuple[str, str], ...]) -> httpx.URL:
    """Kept, because encoding a scrape's hundred names costs more than the rest of a request.

    Nine routes of each of some 900 servers: fewer, and a fleet drives out its own.
    """
    return httpx.URL(base + path, params=query) if query else httpx.URL(base + path)


def _raw(response: httpx.Response, headers: dict[str, str], body: Body, target: Target) -> Raw:
    return Raw(response.status_code, headers, target.cleared(body.whole()), cut=body.is_full)


def _refused(
    target: Target, route: Known | None, failure: Exception, *, is_closed: bool = False
) -> Refused:
    """What a failure is told as: once the client is closed, that is why.

    Raises:
        RuntimeError: nothing of the network failed; httpx raises one over a closed client.
    """
    if is_closed:
        return target.refuse(Reason.CLIENT_CLOSED, str(failure), route=route)
    if isinstance(failure, RuntimeError):
        raise failure
    reason, detail = reason_of(failure)
    return target.refuse(reason, detail, route=route)
