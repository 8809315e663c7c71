"""Clients that wait for their answers: one for each server, however many threads ask.

Decided here: which addresses they may reach, and that closing is for good: a thread that comes for
a client too late gets one that is closed.
"""

from collections.abc import Mapping
from threading import Lock

from lib.api import VllmClient
from lib.servers import AddressPolicy, Server, setting

__all__ = ["Clients"]


class Clients:
    """For any thread; `seconds` is how long one of their calls may take."""

    def __init__(self, environ: Mapping[str, str], seconds: float) -> None:
        self._allowed = setting(environ, "INSPECTOR_ALLOW_HOSTS")
        self._seconds = seconds
        self._lock = Lock()
        self._made: dict[Server, VllmClient] = {}
        self._is_closed = False

    def of(self, server: Server) -> VllmClient:
        """The client of a server."""
        with self._lock:
            client = self._made.get(server)
            if client is None:
                policy = AddressPolicy.of(server, self._allowed)
                client = self._made[server] = VllmClient.of(server, policy, timeout=self._seconds)
                if self._is_closed:
                    client.close()
            return client

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            self._is_closed = True
            for client in self._made.values():
                client.close()
