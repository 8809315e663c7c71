"""Checks that somebody asks for by a button: one at a time per server, however many press.

They run in the background and are remembered; every page that shows the server shows the result,
with the time at which it was asked. Decided here: how long such a round may take, and that a server
which is at rest is never asked for a token: that has brought sleeping engines down.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any, TypeVar

from lib.api import AsyncVllmClient, Reason
from lib.health import Check, Outcome, State
from lib.health.checks import FULL, see
from lib.servers import AddressPolicy, Server, setting
from lib.ui.plain import plain
from lib.ui.workers import Workers

__all__ = ["Pressed", "Pressing"]

T = TypeVar("T")
ROUND_SECONDS = 8.0
INFERENCE_SECONDS = 60.0
"""Under load one token may wait long in the queue: that is a finding, too."""
AT_ONCE = 6
"""Rounds of a kind at once: of all servers that can be chosen. Looks wait for no token."""
AT_REST = {State.ASLEEP: "asleep", State.PAUSED: "paused"}
_BEFORE_INFERENCE = frozenset({Check.CONNECT, Check.MODELS, Check.ENGINE, Check.INFERENCE})


@dataclass(frozen=True, slots=True)
class Pressed:
    """What the buttons have brought of one server so far; times are wall-clock seconds.

    `round` is the newest look on request, `token` the newest inference check and `model` the one
    that it asked.
    """

    round: tuple[Outcome, ...] = ()
    token: Outcome | None = None
    model: str = ""
    is_looking: bool = False
    is_inferring: bool = False


class Pressing:
    """For any thread."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._allowed = setting(environ, "INSPECTOR_ALLOW_HOSTS")
        self._workers = {what: Workers(AT_ONCE, what) for what in ("look", "infer")}
        self._lock = Lock()
        self._running: dict[tuple[Server, str], Future[None]] = {}
        self._rounds: dict[Server, tuple[Outcome, ...]] = {}
        self._tokens: dict[Server, tuple[str, Outcome]] = {}
        self._ends: set[Callable[[], object]] = set()
        self._is_closed = False

    def told(self, server: Server) -> Pressed:
        """What is known; returns at once."""
        model, token = self._tokens.get(server, ("", None))
        return Pressed(
            self._rounds.get(server, ()),
            token,
            model,
            self._runs(server, "look"),
            self._runs(server, "infer"),
        )

    def look(self, server: Server) -> None:
        """Begin a round of all checks, unless one is under way."""
        self._begin(server, "look", lambda: self._look(server))

    def infer(self, server: Server, model: str, state: State) -> None:
        """Begin to ask a model for one token, unless one is asked; `state` is the server's."""
        if state in AT_REST:
            words = (
                f"Not asked: its engine is {AT_REST[state]}, and a request could wake or crash it."
            )
            refused = Outcome(Check.INFERENCE, None, None, words, AT_REST[state], at=time.time())
            self._tokens[server] = (plain(model), refused)
            return
        self._begin(server, "infer", lambda: self._infer(server, model))

    def close(self) -> None:
        """End what is under way, and begin nothing any more."""
        for workers in self._workers.values():
            workers.close()
        with self._lock:
            self._is_closed = True
            for end in self._ends:
                end()

    def _runs(self, server: Server, what: str) -> bool:
        running = self._running.get((server, what))
        return running is not None and not running.done()

    def _begin(self, server: Server, what: str, work: Callable[[], None]) -> None:
        with self._lock:
            if not self._runs(server, what):
                self._running[server, what] = self._workers[what].submit(work)

    def _look(self, server: Server) -> None:
        wanted = FULL | {Check.METRICS}
        self._rounds[server] = asyncio.run(self._ended(self._round(server, wanted, ROUND_SECONDS)))

    def _infer(self, server: Server, model: str) -> None:
        asking = self._round(server, _BEFORE_INFERENCE, INFERENCE_SECONDS, model)
        outcomes = {one.check: one for one in asyncio.run(self._ended(asking))}
        token = outcomes[Check.INFERENCE]
        if token.kind == Reason.NO_TASK.value:
            token = token._replace(passed=None)  # nothing failed: nothing is offered
        self._tokens[server] = (plain(model), token)

    async def _ended(self, asking: Coroutine[Any, Any, T]) -> T:
        """The same, ended from the thread that closes this."""
        task = asyncio.ensure_future(asking)
        end = partial(asyncio.get_running_loop().call_soon_threadsafe, task.cancel)
        with self._lock:
            self._ends.add(end)
            if self._is_closed:
                task.cancel()
        try:
            return await task
        finally:
            with self._lock:
                self._ends.discard(end)

    async def _round(
        self, server: Server, wanted: frozenset[Check], seconds: float, model: str | None = None
    ) -> tuple[Outcome, ...]:
        """One round with a client of its own: it lives in this round's event loop."""
        policy = AddressPolicy.of(server, self._allowed)
        async with AsyncVllmClient.of(server, policy, timeout=seconds) as client:
            return (await see(client, wanted, seconds=seconds, now=time.time, model=model)).outcomes
