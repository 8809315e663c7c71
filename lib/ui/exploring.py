"""The routes of the watched servers, and requests to them that people put together.

Decided here: how long a list of routes is remembered, that servers are asked for it only while
somebody explores them, that what is open is asked for once at a time, how many trials run at once,
and that one which is given up is ended at the server too: its connection is closed.
"""

import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from lib.api import (
    AsyncVllmClient,
    Exposure,
    Refused,
    State,
    Surface,
    Trial,
    Tried,
)
from lib.servers import AddressPolicy, Server, SettingsError, setting
from lib.ui.answering import Answers, Full
from lib.ui.clients import Clients
from lib.ui.workers import Workers

__all__ = ["Checked", "Exploring", "Found", "Full", "Sending"]

T = TypeVar("T")
_KEPT_SECONDS, _REFUSED_SECONDS = 300.0, 5.0
_SECONDS = 10.0
"""For each question about routes."""
_AT_ONCE, _CHECKS, _TRIALS = 8, 4, 12
_LOST = "It ended in a way that was not thought of; the log says more."
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """The routes of a server; `refused` says why there are none, or no newer ones."""

    surface: Surface | None = None
    refused: str = ""
    is_asking: bool = True


@dataclass(frozen=True, slots=True)
class Checked:
    """What a server gives without a key, or why that cannot be told; asked at this wall-clock."""

    at: float
    exposure: Exposure | None = None
    refused: str = ""


@dataclass(eq=False)
class Sending:
    """A trial on its way; times are of the monotonic clock. Its answer, or why there is none."""

    trial: Trial
    begun: float = field(default_factory=time.monotonic)
    tried: Tried | None = None
    refused: str = ""
    ended: float | None = None
    work: "Future[None] | None" = None

    @property
    def is_running(self) -> bool:
        return self.work is not None and not self.work.done()

    @property
    def seconds(self) -> float:
        """Since it was sent, until it ended; 0 where it never began."""
        now = time.monotonic() if self.is_running else self.begun
        return (now if self.ended is None else self.ended) - self.begun

    def wait(self, seconds: float) -> None:
        """Give it a moment."""
        if self.work:
            wait_for([self.work], timeout=seconds)

    def stop(self) -> None:
        """End it here, and by that at the server."""
        if self.work and self.work.cancel():
            self.refused = self.refused or "Given up before there was an answer."
            self.ended = time.monotonic()


class Exploring:
    """For any thread."""

    def __init__(self, environ: Mapping[str, str], answers: Answers) -> None:
        self._allowed = setting(environ, "INSPECTOR_ALLOW_HOSTS")
        self.has_control = _may_control(environ)
        self._answers = answers
        self._workers = Workers(_AT_ONCE, "exploring")
        self._checkers = Workers(_CHECKS, "exposure")
        self._lock = threading.Lock()
        self._clients = Clients(environ, _SECONDS)
        self._found: dict[Server, Found] = {}
        self._due: dict[Server, float] = {}
        self._rounds: dict[Server, Future[None]] = {}
        self._checks: dict[Server, Future[Checked]] = {}
        self._sendings: list[Sending] = []

    def found(self, server: Server, *, wait: float = 0.0) -> Found:
        """What is known; asks again in the background when that is old.

        `wait` is how many seconds a first answer is worth waiting for.
        """
        asking = self._round(server)
        if asking and wait and server not in self._found:
            wait_for([asking], timeout=wait)
        return self._found.get(server, Found())

    def peek(self, server: Server) -> Surface | None:
        """The routes of a server that somebody has explored; nobody is asked."""
        return self._found.get(server, Found()).surface

    def forget(self, server: Server) -> None:
        """Ask again at the next question."""
        self._due.pop(server, None)

    def check(self, server: Server) -> "Future[Checked]":
        """Begin to ask every route without the key; who asks meanwhile gets the same answer."""
        with self._lock:
            asking = self._checks.get(server)
            if asking is None or asking.done():
                asking = self._checks[server] = self._checkers.submit(partial(self._check, server))
            return asking

    def send(self, server: Server, trial: Trial) -> Sending:
        """Begin a trial.

        Raises:
            Full: as many are under way as may be at once.
        """
        with self._lock:
            self._sendings = [one for one in self._sendings if one.is_running]
            if len(self._sendings) >= _TRIALS:
                raise Full
            sending = Sending(trial)
            sending.work = self._answers.spawn(self._try_out(server, sending))
            self._sendings.append(sending)
        return sending

    def close(self) -> None:
        """Ask nobody any more."""
        for sending in self._sendings:
            sending.stop()
        self._workers.close()
        self._checkers.close()
        self._clients.close()

    def _round(self, server: Server) -> "Future[None] | None":
        with self._lock:
            asking = self._rounds.get(server)
            if asking and not asking.done():
                return asking
            if time.monotonic() < self._due.get(server, 0.0):
                return None
            self._rounds[server] = self._workers.submit(partial(self._ask, server))
            return self._rounds[server]

    def _ask(self, server: Server) -> None:
        before = self._found.get(server, Found())
        try:
            found = Found(self._clients.of(server).surface(), is_asking=False)
        except Refused as refused:
            found = Found(before.surface, refused.sentence, is_asking=False)
        except Exception:
            log.exception("The routes of a server could not be listed.")
            found = Found(before.surface, _LOST, is_asking=False)
        self._found[server] = found
        pause = _REFUSED_SECONDS if found.refused else _KEPT_SECONDS
        self._due[server] = time.monotonic() + pause

    def _check(self, server: Server) -> Checked:
        surface = self.peek(server)
        listed = surface.routes if surface else ()
        there = [one for one in listed if one.state is not State.ABSENT]
        present = [one.route for one in there if one.route]
        unknown = [one.title for one in there if one.route is None]
        begun = time.time()
        try:
            return Checked(begun, self._clients.of(server).exposure(present, unknown))
        except Refused as refused:
            return Checked(begun, refused=refused.sentence)
        except Exception:
            log.exception("What a server gives without a key could not be found out.")
            return Checked(begun, refused=_LOST)

    async def _try_out(self, server: Server, sending: Sending) -> None:
        policy = AddressPolicy.of(server, self._allowed)
        try:
            async with AsyncVllmClient.of(server, policy, control=self.has_control) as client:
                sending.tried = await client.try_out(sending.trial)
        except Refused as refused:
            sending.refused = refused.sentence
        except Exception:
            log.exception("A trial ended in a way that was not thought of.")
            sending.refused = _LOST
        finally:
            sending.ended = time.monotonic()


def _may_control(environ: Mapping[str, str]) -> bool:
    """Whether the operator has switched control on; what cannot be read has not."""
    try:
        return setting(environ, "INSPECTOR_CONTROL") == "on"
    except SettingsError:
        return False
