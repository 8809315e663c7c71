"""Pool: httpx as this project wants it, for one target.

This module alone sets httpx up: connections go through our network backend, no cookie is kept,
nothing is taken from the environment, and the key stands in one header of a client that knows one
origin only.
"""

import logging
import ssl
from collections.abc import AsyncIterator, Iterator
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy

import certifi
import httpcore
import httpx

from lib.api.network import AsyncBackend, Backend, Deadline
from lib.api.resolver import Resolver
from lib.api.target import Target

__all__ = ["async_client", "blocking_client", "trust"]

_IDLE_SECONDS = 4.0  # a connection is kept; uvicorn closes its own end after 5
_MOST_CONNECTIONS = 16


def blocking_client(target: Target, resolver: Resolver, deadline: Deadline) -> httpx.Client:
    """A client for many threads."""
    _quiet()
    backend = Backend(target.policy, resolver, deadline)
    pool = httpcore.ConnectionPool(
        ssl_context=trust(target),
        max_connections=_MOST_CONNECTIONS,
        keepalive_expiry=_IDLE_SECONDS,
        network_backend=backend,
    )
    return httpx.Client(
        transport=_Pool(pool, backend),
        cookies=_no_cookies(),
        headers=_headers(target),
        trust_env=False,
    )


def async_client(target: Target, resolver: Resolver) -> httpx.AsyncClient:
    """A client for one event loop."""
    _quiet()
    backend = AsyncBackend(target.policy, resolver)
    pool = httpcore.AsyncConnectionPool(
        ssl_context=trust(target),
        max_connections=_MOST_CONNECTIONS,
        keepalive_expiry=_IDLE_SECONDS,
        network_backend=backend,
    )
    return httpx.AsyncClient(
        transport=_AsyncPool(pool, backend),
        cookies=_no_cookies(),
        headers=_headers(target),
        trust_env=False,
    )


class _Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body on its way from httpcore to httpx."""

    def __init__(self, inner: httpcore.Response) -> None:
        self._inner = inner

    def __iter__(self) -> Iterator[bytes]:
        yield from self._inner.iter_stream()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._inner.aiter_stream():
            yield part

    def close(self) -> None:
        self._inner.close()

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Pool(httpx.BaseTransport):
    """httpx's own transport takes no network backend, so this one hands over to httpcore."""

    def __init__(self, pool: httpcore.ConnectionPool, backend: Backend) -> None:
        self._pool, self._backend = pool, backend

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return _response(self._pool.handle_request(_core(request)))

    def close(self) -> None:
        try:
            self._pool.close()
        finally:
            self._backend.close()


class _AsyncPool(httpx.AsyncBaseTransport):
    """The same in an event loop."""

    def __init__(self, pool: httpcore.AsyncConnectionPool, backend: AsyncBackend) -> None:
        self._pool, self._backend = pool, backend

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return _response(await self._pool.handle_async_request(_core(request)))

    async def aclose(self) -> None:
        try:
            await self._pool.aclose()
        finally:
            await self._backend.aclose()


def _core(request: httpx.Request) -> httpcore.Request:
    url = request.url
    return httpcore.Request(
        request.method,
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )


def _response(response: httpcore.Response) -> httpx.Response:
    return httpx.Response(response.status, headers=response.headers, stream=_Stream(response))


def trust(target: Target) -> ssl.SSLContext | None:
    """Whom to trust at a target; None where nothing is encrypted: reading authorities is slow."""
    return _trust(target.verify) if target.url.startswith("https:") else None


def _headers(target: Target) -> dict[str, str]:
    headers = {"accept": "*/*", "user-agent": "vllm-inspector"}
    if target.key is not None:
        headers["authorization"] = f"Bearer {target.key.reveal()}"
    return headers


def _no_cookies() -> CookieJar:
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


@lru_cache(maxsize=16)
def _trust(verify: bool | str) -> ssl.SSLContext:
    """Whom to trust: the system's authorities and certifi's, those of a file, or anybody."""
    context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    if verify is True:
        context.load_verify_locations(certifi.where())
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _quiet() -> None:
    """At INFO the library logs every address, at DEBUG its engine logs every header."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
