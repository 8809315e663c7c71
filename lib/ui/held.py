"""How many blocks a server's KV cache holds, where it publishes what happens in it.

Decided here: a server is asked where it publishes, and listened to, only while somebody looks at
its page; one that publishes nothing is not asked again for a while.
"""

import threading
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from lib.api import Refused, Route, VllmClient
from lib.api.kv_events import KvSource, Stored, sources_in
from lib.api.kv_listener import KvListener, own_address
from lib.servers import AddressPolicy, AddressRefused, Server, setting
from lib.ui.asked import Asked

__all__ = ["Held"]

AGAIN_SECONDS = 300.0
"""After so long a server that publishes nothing is asked again."""
_SECONDS = 5.0
"""For the question where it publishes."""


class _Ear:
    """What is known of one server: who listens, else when to ask again (monotonic clock)."""

    def __init__(self) -> None:
        self.listener: KvListener | None = None
        self.is_asking = False
        self.due = 0.0

    @property
    def is_due(self) -> bool:
        return self.listener is None and not self.is_asking and time.monotonic() >= self.due


class Held:
    """For any thread."""

    def __init__(self, environ: Mapping[str, str], asked: Asked) -> None:
        self._allowed = setting(environ, "INSPECTOR_ALLOW_HOSTS")
        self._asked = asked
        self._lock = threading.Lock()
        self._ears: dict[Server, _Ear] = {}
        self._closed = False

    def of(self, server: Server) -> Mapping[str, Stored] | None:
        """Blocks that hold tokens, by engine; None where that is not told. Returns at once."""
        with self._lock:
            ear = self._ears.setdefault(server, _Ear())
            if ear.listener and not ear.listener.is_alive():
                ear.listener, ear.due = None, 0.0  # nobody has looked for a while
            if ear.is_due:
                self._begin(server, ear)
            return ear.listener.counts() if ear.listener else None

    def close(self) -> None:
        """Listen to nobody any more."""
        with self._lock:
            self._closed = True
            for ear in self._ears.values():
                if ear.listener:
                    ear.listener.stop()

    def _begin(self, server: Server, ear: _Ear) -> None:
        """Ask in the background where it publishes, if it knows that question."""
        known = self._asked.told(server).capabilities
        if known is None or Route.KV_EVENT_SOURCES not in known.routes:
            return
        ear.is_asking = True
        ask = threading.Thread(target=self._listen, args=(server, ear), daemon=True)
        ask.name = f"kv sources {server.name}"
        ask.start()

    def _listen(self, server: Server, ear: _Ear) -> None:
        policy = AddressPolicy.of(server, self._allowed)
        try:
            sources = _sources(server, policy)
            listener = KvListener(own_address(server.url, policy), sources) if sources else None
        except (Refused, AddressRefused, OSError):
            listener = None
        with self._lock:
            ear.is_asking, ear.due = False, time.monotonic() + AGAIN_SECONDS
            if listener is not None and not self._closed:
                ear.listener = listener
                listener.start()


def _sources(server: Server, policy: AddressPolicy) -> tuple[KvSource, ...]:
    client = VllmClient.of(server, policy, timeout=_SECONDS)
    try:
        return sources_in(client.kv_event_sources(), urlsplit(server.url).hostname or "")
    finally:
        client.close()
