"""The one of everything that a dashboard process has: settings, servers, feed, hub, clients.

Made at first use, whoever comes first (a page script, the application's start, a test), and kept for
the life of the process. This module alone knows how they are put together.
"""

import os
import threading
import time
from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from lib.diagnosis import Diagnosis, diagnose
from lib.servers import AddressPolicy, Server, SettingsError, configured, data_folder, setting
from lib.ui import plain
from lib.ui.fleet import OverviewView
from lib.ui.frames import DIAGNOSED_OVER, RcaView, status_of
from lib.ui.stream import Hub, View
from lib.ui.windows import window_named
from lib.watch.feed import Feed

__all__ = ["SECRETS", "House", "house"]

SECRETS = Path(".streamlit/secrets.toml")
SERVERS_READ_EVERY = 1.0
"""Seconds for which the list of servers is not read again: adding one in the page shows at once."""
DIAGNOSED_EVERY = 10.0


class House:
    """Everything that pages and streams share."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.data = data_folder(environ)
        self._lock = threading.RLock()
        self._watched: tuple[float, tuple[Server, ...]] = (-1e9, ())
        self._diagnoses: dict[str, tuple[float, Diagnosis]] = {}
        self._versions: dict[str, str] = {}
        self.complaint = ""

    @cached_property
    def feed(self) -> Feed:
        """The live figures. Starts the watcher if none runs."""
        with self._lock:
            feed = Feed(self.data, self.watched(), environ=self.environ)
            feed.start()
            return feed

    @cached_property
    def hub(self) -> Hub:
        """The live streams."""
        return Hub(self._view)

    def watched(self) -> tuple[Server, ...]:
        """All servers, as configured now. A fault in the configuration is kept as `complaint`."""
        read, servers = self._watched
        if time.monotonic() - read < SERVERS_READ_EVERY:
            return servers
        try:
            servers = configured(self.environ, SECRETS)
            self.complaint = ""
        except SettingsError as error:
            self.complaint = str(error)
        self._watched = (time.monotonic(), servers)
        return servers

    def forget_servers(self) -> None:
        """Read the list of servers again at the next question."""
        self._watched = (-1e9, self._watched[1])

    def named(self, name: str | None) -> Server | None:
        """The server of that name."""
        return next((server for server in self.watched() if server.name == name), None)

    # ── What all views share ──

    def banner(self) -> dict[str, str] | None:
        """What is wrong with the dashboard itself, in a sentence."""
        sentence = self.complaint or self.feed.pulse.sentence
        return {"tone": "watch", "text": sentence} if sentence else None

    def servers(self) -> Sequence[Mapping[str, object]]:
        """Every server with its state, for the sidebar."""
        return [self._listed(server) for server in self.watched()]

    def _listed(self, server: Server) -> Mapping[str, object]:
        newest = self.feed.latest(server.id)
        state = status_of(newest.status if newest else None)
        return {
            "name": server.name,
            "simulated": server.simulated,
            "tone": state["tone"],
            "words": state["words"],
        }

    def diagnosis(self, server: str) -> Diagnosis:
        """What is wrong with a server, at most `DIAGNOSED_EVERY` seconds old."""
        made, diagnosis = self._diagnoses.get(server, (-1e9, Diagnosis((), (), ())))
        if time.monotonic() - made >= DIAGNOSED_EVERY:
            end = time.time()
            diagnosis = diagnose(self.feed.window(server, end - DIAGNOSED_OVER, end))
            self._diagnoses[server] = (time.monotonic(), diagnosis)
        return diagnosis

    def version(self, server: Server) -> str:
        """The version a server gave when a page asked it; "" before."""
        return self._versions.get(server.id, "")

    def _view(self, key: Hashable) -> View:
        page, name, window = key  # type: ignore[misc]  # keys are made by lib.ui.routes alone
        span = window_named(window)
        server = self.named(name)
        if page == "rca" and server is not None:
            return RcaView(self.feed, server, span, self, self.feed.period)
        return OverviewView(self.feed, span, self)

    def close(self) -> None:
        """Stop what was started."""
        if "feed" in self.__dict__:
            self.feed.stop()


_lock = threading.Lock()
_house: list[House] = []


def house() -> House:
    """The house of this process."""
    with _lock:
        if not _house:
            _house.append(House(os.environ))
        return _house[0]
