"""Resolver: the addresses of a host name, within a deadline, without holding up anybody else.

This module alone asks the name service. A lookup cannot be interrupted, so each host gets a thread
of its own that is simply left behind when it is late; those who ask for the same host meanwhile
wait for the same lookup, so a dead name service holds one thread per host and no more.
"""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future

__all__ = ["Lookup", "Resolver", "system_lookup"]

Lookup = Callable[[str, int], tuple[str, ...]]


def system_lookup(host: str, port: int) -> tuple[str, ...]:
    """Every address of a host, in the system's order of preference.

    Raises:
        OSError: the name is not known, or the name service fails.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(row[4][0]) for row in found))


class Resolver:
    """Looks hosts up; an address needs no looking up."""

    def __init__(self, lookup: Lookup = system_lookup) -> None:
        self._lookup = lookup
        self._under_way: dict[tuple[str, int], Future[tuple[str, ...]]] = {}
        self._lock = threading.Lock()

    def addresses(self, host: str, port: int, seconds: float | None) -> tuple[str, ...]:
        """The addresses of a host.

        Raises:
            OSError: it is not known.
            TimeoutError: the name service is late.
        """
        return _literal(host) or self._start(host, port).result(seconds)

    async def addresses_async(self, host: str, port: int, seconds: float | None) -> tuple[str, ...]:
        """The same, without blocking the event loop."""
        literal = _literal(host)
        if literal:
            return literal
        lookup = asyncio.wrap_future(self._start(host, port))
        # shielded: others may wait for the same lookup
        return await asyncio.wait_for(asyncio.shield(lookup), seconds)

    def _start(self, host: str, port: int) -> Future[tuple[str, ...]]:
        key = (host, port)
        with self._lock:
            known = self._under_way.get(key)
            if known is not None:
                return known
            future = self._under_way[key] = Future()
        threading.Thread(
            target=self._finish, args=(key, future), name=f"lookup {host}", daemon=True
        ).start()
        return future

    def _finish(self, key: tuple[str, int], future: Future[tuple[str, ...]]) -> None:
        try:
            found = self._lookup(*key)
        except (OSError, UnicodeError) as error:
            outcome: OSError | None = error if isinstance(error, OSError) else socket.gaierror()
        else:
            outcome = None
        with self._lock:
            del self._under_way[key]
        if outcome is None:
            future.set_result(found)
        else:
            future.set_exception(outcome)


def _literal(host: str) -> tuple[str, ...]:
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        return ()
