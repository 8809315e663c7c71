"""What a server told when it was asked, beside its metrics: release, routes, configuration.

Asked in the background, one server at a time per thread, and remembered: a page shows what is known
and never waits. One client per server, however many look.
"""

import time
from collections.abc import Callable, Mapping
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Lock

from lib.api import Capabilities, Refused, Route, VllmClient
from lib.api.strict_json import Json
from lib.servers import AddressPolicy, Server, setting

__all__ = ["Asked", "Told"]

FRESH_SECONDS = 600.0
"""What a server is changes with a restart only; its page asks more often."""
DOCUMENTS_SECONDS = 15.0
REFUSED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Told:
    """The answers of one round; `refused` says why there are none. `extra` are whole documents."""

    capabilities: Capabilities | None = None
    refused: str = ""
    extra: Mapping[str, Json] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """The release, "" while it is not known."""
        return (self.capabilities and self.capabilities.version) or ""


_DOCUMENTS: tuple[tuple[Route, str, Callable[[VllmClient], Json]], ...] = (
    (Route.SERVER_INFO, "server_info", VllmClient.server_info),
    (Route.DEBUG_CONFIG, "debug_config", VllmClient.debug_config),
    (Route.DEBUG_VERSION, "debug_version", VllmClient.debug_version),
    (Route.DEBUG_STATS, "debug_stats", VllmClient.debug_stats),
    (Route.DEBUG_CACHE_STATS, "debug_cache_stats", VllmClient.debug_cache_stats),
    (Route.DEBUG_TRACES, "debug_traces", VllmClient.debug_traces),
)


class Asked:
    """For any thread."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._allowed = setting(environ, "INSPECTOR_ALLOW_HOSTS")
        self._workers = ThreadPoolExecutor(3, thread_name_prefix="asking")
        self._lock = Lock()
        self._clients: dict[Server, VllmClient] = {}
        self._told: dict[Server, Told] = {}
        self._due: dict[tuple[Server, bool], float] = {}
        self._rounds: dict[tuple[Server, bool], Future[None]] = {}

    def told(self, server: Server, *, documents: bool = False, wait: float = 0.0) -> Told:
        """What is known; asks again in the background when that is old.

        `documents` are wanted by the page of one server only. `wait` is how many seconds the first
        answer is worth waiting for.
        """
        is_first = (server, documents) not in self._due
        asking = self._round(server, documents)
        if asking and is_first and wait:
            futures.wait([asking], timeout=wait)
        return self._told.get(server, Told())

    def close(self) -> None:
        """Ask nobody any more."""
        self._workers.shutdown(wait=False, cancel_futures=True)
        for client in self._clients.values():
            client.close()

    def _round(self, server: Server, documents: bool) -> "Future[None] | None":
        """Begin to ask where that is due; the round that is under way, if there is one."""
        key = (server, documents)
        with self._lock:
            asking = self._rounds.get(key)
            if asking and not asking.done():
                return asking
            if time.monotonic() < self._due.get(key, 0.0):
                return None
            self._rounds[key] = self._workers.submit(self._ask, server, documents)
            return self._rounds[key]

    def _ask(self, server: Server, documents: bool) -> None:
        told = self._answers(server, documents=documents)
        before = self._told.get(server, Told())
        if told.refused and before.capabilities:
            told = replace(before, refused=told.refused)
        elif not documents:
            told = replace(told, extra=before.extra)
        self._told[server] = told
        fresh = DOCUMENTS_SECONDS if documents else FRESH_SECONDS
        pause = REFUSED_SECONDS if told.refused and not documents else fresh
        self._due[server, documents] = time.monotonic() + pause

    def _answers(self, server: Server, *, documents: bool) -> Told:
        client = self._client(server)
        try:
            known = client.capabilities()
        except Refused as refused:
            return Told(refused=refused.sentence)
        extra: dict[str, Json] = {}
        for route, name, ask in _DOCUMENTS if documents else ():
            # A route that is listed but not given is as good as absent.
            with suppress(Refused):
                extra |= {name: ask(client)} if route in known.routes else {}
        return Told(known, extra=extra)

    def _client(self, server: Server) -> VllmClient:
        with self._lock:
            client = self._clients.get(server)
            if client is None:
                policy = AddressPolicy.of(server, self._allowed)
                client = self._clients[server] = VllmClient.of(server, policy, timeout=5.0)
            return client
