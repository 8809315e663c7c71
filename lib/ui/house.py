"""The one of everything that a dashboard process has: servers, feed, streams, what was asked.

Made at first use, whoever comes first (the application's start, a page script, a test), and kept
for the life of the process. This module alone knows how they are put together.
"""

import os
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from itertools import islice
from pathlib import Path

from lib.api.kv_events import Stored
from lib.diagnosis import Context, Diagnosis, Outlook
from lib.servers import Server, SettingsError, configured, data_folder
from lib.ui.answering import Answers
from lib.ui.asked import Asked
from lib.ui.board import verdict_of
from lib.ui.doctor import FULL_SECONDS, Doctor
from lib.ui.embedder import Embedder
from lib.ui.exploring import Exploring
from lib.ui.facts import context_of, same_model
from lib.ui.fleet import OverviewView
from lib.ui.foreseen import Foreseen
from lib.ui.frames import RcaView
from lib.ui.health_view import HealthView
from lib.ui.held import Held
from lib.ui.plain import plain
from lib.ui.pressed import Pressed, Pressing
from lib.ui.serving import ModelsView
from lib.ui.stream import Hub, View, Wish
from lib.ui.talks import Talks
from lib.ui.tokenizers import Tokenizers
from lib.ui.windows import window_named
from lib.watch.feed import Feed
from lib.watch.record import checks_of

__all__ = ["SECRETS", "House", "house"]

SECRETS = Path(".streamlit/secrets.toml")
VERSION_LENGTH = 40
SERVERS_READ_EVERY = 1.0
"""Seconds for which the list of servers is not read again: one added in the page shows at once."""
PEERS_SECONDS, MOST_PEERS = 300.0, 8
"""How much of other servers of the same model a diagnosis compares with, and of how many."""


class House:
    """Everything that pages and streams share. For any thread.

    `hub` are the live streams; `asked` is what servers told when a page asked them, `held` what
    their caches hold while somebody looks, `pressing` the checks that somebody asks for by a
    button; `tokenizers`, `embedder` and `exploring` are those of the servers as pages ask them;
    `answers` are what models are writing, and `talks` the conversations of the Chat page.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.data = data_folder(environ)
        self.hub = Hub(self._view)
        self.asked = Asked(environ)
        self.held = Held(environ, self.asked)
        self.pressing = Pressing(environ)
        self.tokenizers = Tokenizers(environ)
        self.embedder = Embedder(environ)
        self.answers = Answers(environ)
        self.exploring = Exploring(environ, self.answers)
        self.talks = Talks()
        self._lock = threading.Lock()
        self._feed: Feed | None = None
        self._is_closed = False
        self._watched: tuple[float, tuple[Server, ...]] = (float("-inf"), ())
        self._complaint = ""

    @property
    def feed(self) -> Feed:
        """The live figures; starts the watcher if none runs."""
        with self._lock:
            if self._feed is None:
                self._feed = Feed(self.data, self.watched(), environ=self.environ)
                if not self._is_closed:
                    self._feed.start()
            return self._feed

    @cached_property
    def _foreseen(self) -> Foreseen:
        return Foreseen(self.feed, self.diagnosis)

    @cached_property
    def _doctor(self) -> Doctor:
        return Doctor(self.feed, self._facts)

    # ── Servers ──

    def watched(self) -> tuple[Server, ...]:
        """All servers, as configured now; the last good list where the configuration is faulty."""
        read, servers = self._watched
        if time.monotonic() - read < SERVERS_READ_EVERY:
            return servers
        try:
            servers = configured(self.environ, SECRETS)
            self._complaint = ""
        except SettingsError as error:
            self._complaint = str(error)
        self._watched = (time.monotonic(), servers)
        return servers

    def forget_servers(self) -> None:
        """Read the list of servers again at the next question."""
        self._watched = (float("-inf"), self._watched[1])

    def named(self, name: str | None) -> Server | None:
        """The server of that name."""
        return next((server for server in self.watched() if server.name == name), None)

    # ── What all views share (`lib.ui.board.Board`) ──

    def banner(self) -> Mapping[str, str] | None:
        """What is wrong with the dashboard itself, in a sentence."""
        sentence = self._complaint or (self.feed.pulse.sentence if self.watched() else "")
        return {"tone": "watch", "text": sentence} if sentence else None

    def listed(self) -> Sequence[Mapping[str, object]]:
        """All servers with their states, for the sidebar."""
        return [self._listed(server) for server in self.watched()]

    def _listed(self, server: Server) -> Mapping[str, object]:
        verdict = verdict_of(self.feed.latest(server.id), self.brief(server.id))
        return {
            "name": server.name,
            "simulated": server.simulated,
            "tone": verdict["tone"],
            "words": verdict["words"],
        }

    def brief(self, server: str) -> Diagnosis:
        """What is wrong with a server, from the last minutes; returns at once."""
        return self._doctor.brief(server)

    def walk(self) -> None:
        """Look after the brief diagnoses, for a little while."""
        self._doctor.walk([server.id for server in self.watched()])

    def diagnosis(self, server: str) -> Diagnosis:
        """What is wrong with a server, from half an hour."""
        return self._doctor.full(server)

    def forecast(self, server: str) -> Outlook:
        """What comes next for a server, and what its waiting requests wait for."""
        return self._foreseen.of(server)

    def _facts(self, server: str, depth: float) -> Context:
        """What is known of a server beside its metrics; for its page its peers too."""
        deep = depth >= FULL_SECONDS
        found = next((one for one in self.watched() if one.id == server), None)
        if found is None:
            return Context()
        end = time.time()
        return context_of(
            self.asked.told(found, documents=deep),
            self.asked.listing(found),
            self.feed.latest(server),
            self.feed.latest(checks_of(server)),
            {
                peer.name: self.feed.window(peer.id, end - PEERS_SECONDS, end)
                for peer in (self._peers(found) if deep else ())
            },
        )

    def _peers(self, server: Server) -> Sequence[Server]:
        """Other servers that list a model of its own."""
        ours = self.asked.listing(server).models
        others = (other for other in self.watched() if other != server)
        same = (one for one in others if same_model(ours, self.asked.listing(one).models))
        return tuple(islice(same, MOST_PEERS))

    def cached(self, server: Server) -> Mapping[str, Stored] | None:
        """Blocks of its KV cache that hold tokens, by engine; None where that is not told."""
        return self.held.of(server)

    def version(self, server: Server) -> str:
        """The release that a server runs, "" while it is not known."""
        return plain(self.asked.told(server).version, VERSION_LENGTH)

    def pressed(self, server: Server) -> Pressed:
        """What the buttons have brought of a server."""
        return self.pressing.told(server)

    def models(self, server: Server) -> Sequence[str]:
        """The ids of the models that a server lists, adapters too; none if it was not asked yet."""
        listed = self.asked.listing(server).models
        return [model.id for model in listed or ()]

    def block_size(self, server: Server) -> int | None:
        """Tokens in a block of its KV cache, as its metrics tell; None where they do not."""
        newest = self.feed.latest(server.id)
        configs = newest.sample.layout.configs if newest and newest.sample else ()
        sizes = {config.get("block_size", "") for config in configs}
        size = sizes.pop() if len(sizes) == 1 else ""
        return int(size) if size.isascii() and size.isdigit() and 0 < int(size) < 2**20 else None

    def _view(self, wish: Wish) -> View:
        span = window_named(wish.window)
        servers = [server for name in wish.servers if (server := self.named(name))]
        if wish.page == "rca" and servers:
            return RcaView(self.feed, self, servers[0], span, period=self.feed.period)
        if wish.page == "health" and servers:
            return HealthView(self.feed, self, servers, span)
        if wish.page == "models":
            return ModelsView(self.feed, self, self.asked)
        return OverviewView(self.feed, span, self)

    def close(self) -> None:
        """Stop what was started, for good: nothing begins anew after it."""
        with self._lock:
            self._is_closed, feed = True, self._feed
        asking = (self.tokenizers, self.pressing, self.embedder, self.asked, self.held)
        with ExitStack() as ending:  # one that fails leaves no other open
            if feed:
                ending.callback(feed.stop)
            for part in (*asking, self.answers, self.exploring):  # the last first
                ending.callback(part.close)


_lock = threading.Lock()
_house: list[House] = []


def house() -> House:
    """The house of this process."""
    with _lock:
        if not _house:
            _house.append(House(os.environ))
        return _house[0]
