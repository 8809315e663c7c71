"""What a server told when it was asked, beside its metrics: release, routes, models, configuration.

Asked in the background, one server at a time per thread, and remembered: a page shows what is known
and never waits. One client per server, however many look.
"""

import time
from collections.abc import Callable, Mapping
from concurrent import futures
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock

from lib.api import Capabilities, Refused, Route, VllmClient, calls
from lib.api.strict_json import Json
from lib.servers import Server
from lib.ui.clients import Clients
from lib.ui.listing import Listing
from lib.ui.workers import Workers

__all__ = ["Asked", "Told"]

_SECONDS = 5.0
"""For each question."""
FRESH_SECONDS = 600.0
"""What a server is changes with a restart only; its page asks more often."""
DOCUMENTS_SECONDS = 15.0
REFUSED_SECONDS = 60.0
LIST_SECONDS, NO_LIST_SECONDS = 30.0, 10.0
"""A list of models is asked for while somebody looks at it; more often while there is none."""


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
        self._clients = Clients(environ, _SECONDS)
        self._workers = Workers(3, "asking")
        self._listers = Workers(4, "listing")
        self._lock = Lock()
        self._told: dict[Server, Told] = {}
        self._due: dict[tuple[Server, bool], float] = {}
        self._rounds: dict[tuple[Server, bool], Future[None]] = {}
        self._lists: dict[Server, Listing] = {}
        self._lists_due: dict[Server, float] = {}

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

    def listing(self, server: Server) -> Listing:
        """Its list of models as far as it is known; asks again in the background when that is old.

        Returns at once. Nobody is asked unless somebody wants to know.
        """
        with self._lock:
            if time.monotonic() >= self._lists_due.get(server, 0.0):
                self._lists_due[server] = float("inf")  # until the answer says when
                self._listers.submit(partial(self._list, server))
        return self._lists.get(server, Listing())

    def close(self) -> None:
        """Ask nobody any more."""
        self._workers.close()
        self._listers.close()
        self._clients.close()

    def _round(self, server: Server, documents: bool) -> "Future[None] | None":
        """Begin to ask where that is due; the round that is under way, if there is one."""
        key = (server, documents)
        with self._lock:
            asking = self._rounds.get(key)
            if asking and not asking.done():
                return asking
            if time.monotonic() < self._due.get(key, 0.0):
                return None
            self._rounds[key] = self._workers.submit(partial(self._ask, server, documents))
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
        client = self._clients.of(server)
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

    def _list(self, server: Server) -> None:
        before, pause = self._lists.get(server, Listing()), NO_LIST_SECONDS
        try:
            client = self._clients.of(server)
            answer = client.send(calls.models())
            self._lists[server] = before.answered(answer, time.time(), self._seats(server, client))
            pause = LIST_SECONDS if answer.value else NO_LIST_SECONDS
            if before.refused:  # who comes back may be another release
                self._due.pop((server, False), None)
        except Refused as refused:
            self._lists[server] = before.failed(refused, time.time())
        finally:
            self._lists_due[server] = time.monotonic() + pause

    def _seats(self, server: Server, client: VllmClient) -> int | None:
        """How many requests may run at once, where a cheap route says so."""
        known = self._told.get(server, Told()).capabilities
        if known is None or Route.DEBUG_CONFIG not in known.routes:
            return None
        with suppress(Refused):
            config = client.debug_config()
            seats = config.get("max_num_seqs") if isinstance(config, dict) else None
            return seats if type(seats) is int and seats > 0 else None
        return None
