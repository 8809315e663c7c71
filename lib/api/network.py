"""Network: connecting, with the address policy and the deadline in the only way to a socket.

This module alone opens connections. Both backends resolve a name once, ask the policy about every
address and connect to the very address that passed; the name is used again only for TLS. The
blocking one also holds every read to the deadline of the whole exchange, which httpx does not know:
its time limits are counted anew for each read.
"""

import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakSet

import httpcore

from lib.api.resolver import Resolver
from lib.servers import AddressPolicy, AddressRefused

__all__ = ["AsyncBackend", "Backend", "Deadline", "permitted"]

_Options = Iterable[httpcore.SOCKET_OPTION] | None
_PIECE = 16_384  # bytes sent under one look at the clock
_TOO_LATE = "the client was closed meanwhile"


class Deadline(threading.local):
    """When the exchange of the current thread must have ended, by the monotonic clock."""

    end = float("inf")

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Hold every connect, read and write of this thread to so many seconds from now."""
        self.end = time.monotonic() + seconds
        try:
            yield
        finally:
            self.end = float("inf")

    def left(self, timeout: float | None) -> float:
        """Seconds that may still pass, at most `timeout`.

        Raises:
            TimeoutError: none are left.
        """
        seconds = self.end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the whole exchange took too long")
        return seconds if timeout is None else min(seconds, timeout)


class _Open:
    """The streams that are open, until all are closed for good."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: WeakSet[httpcore.NetworkStream] = WeakSet()
        self._is_closed = False

    def add(self, stream: httpcore.NetworkStream) -> None:
        """One more.

        Raises:
            ConnectError: it came too late, and is closed.
        """
        with self._lock:
            if not self._is_closed:
                self._streams.add(stream)
                return
        stream.close()
        raise httpcore.ConnectError(_TOO_LATE)

    def close(self) -> None:
        """Close them, and each that another thread is still opening."""
        with self._lock:
            self._is_closed = True
            streams = list(self._streams)
        for stream in streams:
            stream.close()


class _Stream(httpcore.NetworkStream):
    """A stream whose every step is held to the deadline, and ends when another thread closes it."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline, opened: _Open) -> None:
        self._inner, self._deadline, self._open = inner, deadline, opened
        self._socket, self._is_closed = inner.get_extra_info("socket"), False
        opened.add(self)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        part = self._inner.read(max_bytes, self._deadline.left(timeout))
        if not part and self._is_closed:
            raise httpcore.ReadError(_TOO_LATE)  # an end of ours is not the end of the answer
        return part

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PIECE):
            piece = buffer[start : start + _PIECE]
            self._inner.write(piece, self._deadline.left(timeout))

    def close(self) -> None:
        self._is_closed = True
        with suppress(OSError):
            # closing alone wakes nobody who waits for bytes; an SSLSocket's own would drop its TLS
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(timeout)
        with self._socket.dup() as self._socket:  # the handshake takes the other one away
            inner = self._inner.start_tls(ssl_context, server_hostname, left)
        return _Stream(inner, self._deadline, self._open)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 — httpcore's own signature
        return self._inner.get_extra_info(info)


class Backend(httpcore.NetworkBackend):
    """Connects for the blocking client, which one thread may close while another connects."""

    def __init__(self, policy: AddressPolicy, resolver: Resolver, deadline: Deadline) -> None:
        self._policy, self._resolver, self._deadline = policy, resolver, deadline
        self._inner = httpcore.SyncBackend()
        self._open = _Open()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: _Options = None,
    ) -> httpcore.NetworkStream:
        found = self._resolver.addresses(host, port, self._deadline.left(timeout))
        failure: Exception = ConnectionError("no address")
        for address in permitted(self._policy, host, found):
            left = self._deadline.left(timeout)
            try:
                stream = self._inner.connect_tcp(address, port, left, local_address, socket_options)
            except httpcore.ConnectError as error:
                failure = error  # the next address may do: localhost is ::1 and 127.0.0.1
            else:
                return _Stream(stream, self._deadline, self._open)
        raise failure

    def close(self) -> None:
        """Close every connection, also those that the pool does not have yet, or no more."""
        self._open.close()


class AsyncBackend(httpcore.AsyncNetworkBackend):
    """Connects for the client of an event loop, whose deadline lies around the whole exchange."""

    def __init__(self, policy: AddressPolicy, resolver: Resolver) -> None:
        self._policy, self._resolver = policy, resolver
        self._inner = httpcore.AnyIOBackend()
        self._streams: WeakSet[httpcore.AsyncNetworkStream] = WeakSet()
        self._is_closed = False

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 — httpcore's own signature
        local_address: str | None = None,
        socket_options: _Options = None,
    ) -> httpcore.AsyncNetworkStream:
        found = await self._resolver.addresses_async(host, port, timeout)
        failure: Exception = ConnectionError("no address")
        for address in permitted(self._policy, host, found):
            try:
                stream = await self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except httpcore.ConnectError as error:
                failure = error
            else:
                return await self._added(stream)
        raise failure

    async def aclose(self) -> None:
        """Close every connection, also those that another task is still opening."""
        self._is_closed = True
        for stream in list(self._streams):
            await stream.aclose()

    async def _added(self, stream: httpcore.AsyncNetworkStream) -> httpcore.AsyncNetworkStream:
        if self._is_closed:
            await stream.aclose()
            raise httpcore.ConnectError(_TOO_LATE)
        self._streams.add(stream)
        return stream


def permitted(policy: AddressPolicy, host: str, addresses: Iterable[str]) -> list[str]:
    """Those that may be connected to.

    Raises:
        AddressRefused: there is none.
    """
    passed, refused = [], AddressRefused(f"{host} has no address.")
    for address in addresses:
        try:
            policy.check(host, address)
        except AddressRefused as error:
            refused = error
        else:
            passed.append(address)
    if not passed:
        raise refused
    return passed
