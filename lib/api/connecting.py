"""Connecting: a connection that is opened for nothing but to see that it opens.

This module alone decides what that takes: the name service, the address policy and, for https, a
handshake with a certificate that is trusted, each as before a request. Nothing is asked over it.
"""

import time

import httpx
from anyio.lowlevel import checkpoint

from lib.api.network import AsyncBackend, Backend, Deadline
from lib.api.pool import trust
from lib.api.resolver import Resolver
from lib.api.target import Target

__all__ = ["try_to_connect", "try_to_connect_async"]


def try_to_connect(target: Target, resolver: Resolver, deadline: Deadline) -> float:
    """Open a connection and close it, within the deadline of this thread: seconds until it stood.

    Raises:
        Exception: one of `FAILURES`.
    """
    host, port = _place(target)
    context = trust(target)
    begun = time.perf_counter()
    stream = Backend(target.policy, resolver, deadline).connect_tcp(host, port)
    try:
        if context is not None:
            stream = stream.start_tls(context, host)
        return time.perf_counter() - begun
    finally:
        stream.close()


async def try_to_connect_async(target: Target, resolver: Resolver) -> float:
    """The same in an event loop; the deadline lies around it."""
    host, port = _place(target)
    context = trust(target)
    await checkpoint()  # loads what anyio needs, 20 ms the first time: no part of connecting
    begun = time.perf_counter()
    stream = await AsyncBackend(target.policy, resolver).connect_tcp(host, port)
    try:
        if context is not None:
            stream = await stream.start_tls(context, host)
        return time.perf_counter() - begun
    finally:
        await stream.aclose()


def _place(target: Target) -> tuple[str, int]:
    url = httpx.URL(target.url)
    return url.raw_host.decode("ascii"), url.port or (443 if url.scheme == "https" else 80)
