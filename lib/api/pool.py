"""Pool: the connections to one target, and the headers of what goes over them.

This module alone sets httpcore up, the engine of httpx: connections go through our network backend
and the key stands in one header. What httpx adds (redirects, cookies, settings of the environment)
must not happen here, and loading it takes longer than a whole check of a server.
"""

import logging
import ssl
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

import certifi
import httpcore

from lib.api.network import AsyncBackend, Backend, Deadline
from lib.api.resolver import Resolver
from lib.api.target import Target

__all__ = ["async_pool", "blocking_pool", "headers_of", "headers_to", "trust"]

_IDLE_SECONDS = 4.0  # a connection is kept; uvicorn closes its own end after 5
_MOST_CONNECTIONS = 16


def blocking_pool(
    target: Target, resolver: Resolver, deadline: Deadline
) -> httpcore.ConnectionPool:
    """Connections for many threads."""
    _quiet()
    return httpcore.ConnectionPool(
        ssl_context=trust(target),
        max_connections=_MOST_CONNECTIONS,
        keepalive_expiry=_IDLE_SECONDS,
        network_backend=Backend(target.policy, resolver, deadline),
    )


def async_pool(target: Target, resolver: Resolver) -> httpcore.AsyncConnectionPool:
    """Connections for one event loop."""
    _quiet()
    return httpcore.AsyncConnectionPool(
        ssl_context=trust(target),
        max_connections=_MOST_CONNECTIONS,
        keepalive_expiry=_IDLE_SECONDS,
        network_backend=AsyncBackend(target.policy, resolver),
    )


def headers_to(target: Target) -> dict[str, str]:
    """What goes with every request to a target."""
    sent = {"host": urlsplit(target.url).netloc, "accept": "*/*", "user-agent": "vllm-inspector"}
    if target.key is not None:
        sent["authorization"] = f"Bearer {target.key.reveal()}"
    return sent


def headers_of(response: httpcore.Response) -> Mapping[str, str]:
    """The headers of an answer, names in lower case; a repeated one joins its values."""
    found: dict[str, str] = {}
    for raw_name, raw_value in response.headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("utf-8", "replace")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def trust(target: Target) -> ssl.SSLContext | None:
    """Whom to trust at a target; None where nothing is encrypted: reading authorities is slow."""
    return _trust(target.verify) if target.url.startswith("https:") else None


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
    """At DEBUG the library logs every header."""
    logging.getLogger("httpcore").setLevel(logging.WARNING)
