"""Looking: one round of questions to one server, side by side, within one time limit.

Decided here: which request each check is, which checks share an answer, and how the time is
divided. A connection comes first; where it fails nothing else is asked. Then each check runs beside
the others, so that a slow one hides none. Nothing is asked twice in a round: readiness is read off
/health and the list of models, where the server has no route of its own for it.

What is optional is asked of servers that have it. To find that out takes several requests once
(`learn`); a command that looks once asks the route itself and takes 404 for an answer.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from lib.api import AsyncVllmClient, Call, Capabilities, Known, Model, Reason, Refused, Route
from lib.api import calls as questions
from lib.api.inference import one_embedding, one_token, one_turn
from lib.api.text import plain_line
from lib.health import telling
from lib.health.outcome import Check, Outcome
from lib.health.states import is_refused_key
from lib.metrics import Glance, NotMetricsError, wire_names

__all__ = ["FULL", "LIGHT", "Seen", "look", "see"]

LIGHT = frozenset({Check.CONNECT, Check.HEALTH, Check.ENGINE, Check.LOAD})
"""Cheap enough for every few seconds."""
FULL = frozenset(Check) - {Check.METRICS, Check.PROGRESS, Check.INFERENCE}
"""All that a look may ask unasked: metrics are somebody's who scrapes, inference costs."""

_LEARNING_SHARE = 0.5
"""Share of the time left in which to find out what a server offers."""
_ALWAYS_ASKED = frozenset({Route.HEALTH, Route.MODELS, Route.VERSION})
"""Asked without waiting for what is offered."""
_PING: Call[None] = Call(Route.PING, questions.health().read)

T = TypeVar("T")


class Seen(NamedTuple):
    """One round: an outcome for every wanted check, and the figures where metrics were wanted."""

    outcomes: tuple[Outcome, ...]
    glance: Glance | None = None


async def look(
    client: AsyncVllmClient,
    wanted: Iterable[Check],
    *,
    seconds: float,
    now: Callable[[], float],
) -> tuple[Outcome, ...]:
    """One round of the wanted checks, ended within `seconds`; `now` is the wall clock.

    It raises nothing for what a server does: that is the outcome.
    """
    return (await see(client, wanted, seconds=seconds, now=now)).outcomes


async def see(
    client: AsyncVllmClient,
    wanted: Iterable[Check],
    *,
    seconds: float,
    now: Callable[[], float],
    learn: bool = True,
    model: str | None = None,
) -> Seen:
    """The same, with what the metrics say.

    Args:
        client: of the server; its own time limit holds too.
        wanted: the checks; progress takes two readings and passes in no single round.
        seconds: for the whole round.
        now: the wall clock.
        learn: find out first what the server offers; else ask optional routes and see.
        model: which model to ask for a token; without one, the first that is listed.
    """
    asked = frozenset(wanted)
    checks = [check for check in Check if check in asked]
    return await _Round(client, time.monotonic() + seconds, now, model).run(checks, learn=learn)


@dataclass(frozen=True, slots=True)
class _Reply(Generic[T]):
    """The outcome of one question, without words where there was an answer; and the answer."""

    outcome: Outcome
    value: T | None = None


@dataclass
class _Round:
    """The questions of one round: each is asked once, whoever needs its answer."""

    client: AsyncVllmClient
    end: float  # by the monotonic clock
    now: Callable[[], float]
    model: str | None
    _models: tuple[Model, ...] = ()
    _page: bytes | None = None
    _learning: asyncio.Task[Capabilities | None] | None = None
    _tasks: dict[Check, asyncio.Task[Outcome]] = field(default_factory=dict)

    async def run(self, checks: Sequence[Check], *, learn: bool) -> Seen:
        found: dict[Check, Outcome] = {}
        if Check.CONNECT in checks:
            found[Check.CONNECT] = await self._connect()
            if not found[Check.CONNECT].passed:
                rest = {one: self._unasked(one, "Not asked: no connection.") for one in checks}
                return Seen(tuple((rest | found).values()))
        async with asyncio.TaskGroup() as self._group:
            if learn and not telling.NEEDED.issuperset(checks):
                self._learning = self._group.create_task(self._learn())
            tasks = {check: self._of(check) for check in checks if check not in found}
        found |= {check: task.result() for check, task in tasks.items()}
        glance = self._read(found)
        return Seen(tuple(found[check] for check in checks), glance)

    # ── One question ──

    async def _asked(self, check: Check, work: Awaitable[T]) -> _Reply[T]:
        """Wait for an answer, as long as there is time."""
        at, begun = self.now(), time.perf_counter()
        try:
            async with asyncio.timeout(self._left()):
                value = await work
        except TimeoutError:
            return _Reply(telling.late(check, time.perf_counter() - begun, at))
        except Refused as refused:
            seconds = time.perf_counter() - begun
            return _Reply(telling.refusal_told(check, refused, seconds, at))
        return _Reply(Outcome(check, True, time.perf_counter() - begun, "", at=at), value)

    async def _sent(self, check: Check, call: Call[T]) -> _Reply[T]:
        """Send a call, unless the server is known to lack its route."""
        if await self._offers(call.route) is False:
            return _Reply(self._unasked(check, telling.NOT_OFFERED, Reason.NO_ROUTE_THERE))
        reply = await self._asked(check, self.client.send(call))
        return _Reply(reply.outcome, None if reply.value is None else reply.value.value)

    def _of(self, check: Check) -> asyncio.Task[Outcome]:
        ways = {
            Check.HEALTH: self._health,
            Check.READY: self._ready,
            Check.VERSION: self._version,
            Check.MODELS: self._list,
            Check.PING: self._ping,
            Check.LOAD: self._load,
            Check.ENGINE: self._engine,
            Check.METRICS: self._metrics,
            Check.PROGRESS: self._progress,
            Check.INFERENCE: self._infer,
        }
        if check not in self._tasks:
            self._tasks[check] = self._group.create_task(ways[check]())
        return self._tasks[check]

    def _left(self) -> float:
        return max(self.end - time.monotonic(), 0.0)

    def _unasked(self, check: Check, words: str, reason: Reason | None = None) -> Outcome:
        return Outcome(check, None, None, words, reason.value if reason else "", at=self.now())

    # ── What is offered ──

    async def _learn(self) -> Capabilities | None:
        """What the server offers; None where that is not to be had in its share of the time."""
        try:
            async with asyncio.timeout(_LEARNING_SHARE * self._left()):
                return await self.client.capabilities()
        except (Refused, TimeoutError):
            return None

    async def _known(self) -> Capabilities | None:
        return await self._learning if self._learning else None

    async def _offers(self, route: Known) -> bool | None:
        """Whether a route is there; None where only asking it would tell."""
        if route in _ALWAYS_ASKED:
            return True
        known = await self._known()
        return None if known is None else route in known.routes

    # ── The checks ──

    async def _connect(self) -> Outcome:
        reply = await self._asked(Check.CONNECT, self.client.connect(max(self._left(), 0.001)))
        return reply.outcome if reply.value is None else reply.outcome._replace(seconds=reply.value)

    async def _health(self) -> Outcome:
        return (await self._sent(Check.HEALTH, questions.health())).outcome

    async def _ping(self) -> Outcome:
        return (await self._sent(Check.PING, _PING)).outcome

    async def _version(self) -> Outcome:
        reply = await self._sent(Check.VERSION, questions.version())
        return reply.outcome._replace(words=plain_line(reply.value or reply.outcome.words))

    async def _list(self) -> Outcome:
        reply = await self._sent(Check.MODELS, questions.models())
        if reply.value is None:
            return reply.outcome
        self._models = reply.value
        words = plain_line(", ".join(one.id for one in self._models)) or "It lists no model."
        return reply.outcome._replace(words=words, figure=float(len(self._models)))

    async def _load(self) -> Outcome:
        reply = await self._sent(Check.LOAD, questions.load())
        if reply.value is None:
            return reply.outcome
        words = f"{reply.value:,} request{'' if reply.value == 1 else 's'} in flight"
        return reply.outcome._replace(words=words, figure=float(reply.value))

    async def _ready(self) -> Outcome:
        known = await self._known()
        if known is None or known.dialect.ready is not None:
            own = (await self._asked(Check.READY, self.client.send(questions.ready()))).outcome
            if known is not None or not (own.passed is None or is_refused_key(own.kind)):
                return own
        health, models = await asyncio.gather(self._of(Check.HEALTH), self._of(Check.MODELS))
        return telling.ready_by(health, models)

    async def _engine(self) -> Outcome:
        asleep, paused = await asyncio.gather(
            self._sent(Check.ENGINE, questions.is_sleeping()),
            self._sent(Check.ENGINE, questions.is_paused()),
        )
        answers = (asleep.outcome, paused.outcome)
        return telling.engine_told(answers, sleeps=bool(asleep.value), paused=bool(paused.value))

    async def _metrics(self) -> Outcome:
        work = self.client.scrape(max(self._left(), 0.001), wire_names())
        reply = await self._asked(Check.METRICS, work)
        self._page = reply.value
        return reply.outcome

    async def _infer(self) -> Outcome:
        models, engine = await asyncio.gather(self._of(Check.MODELS), self._of(Check.ENGINE))
        if why := telling.hindrance(models, engine):
            return self._unasked(Check.INFERENCE, f"Not asked: {why}.")
        name = self._chosen()
        if name is None:
            words, reason = "It does not list that model.", Reason.UNKNOWN_MODEL
            return Outcome(Check.INFERENCE, False, None, words, reason.value, at=self.now())
        # in the order of trying: few servers offer all three
        ways: tuple[Call[Any], ...] = (one_token(name), one_turn(name), one_embedding(name))
        for call in ways:
            reply = await self._sent(Check.INFERENCE, call)
            if reply.value is not None:
                return reply.outcome._replace(words=telling.made(name, reply.value))
            if reply.outcome.passed is not None:
                return reply.outcome
        # asked for and not to be had is no success
        words, reason = "It offers no way to generate or embed.", Reason.NO_TASK
        return Outcome(Check.INFERENCE, False, None, words, reason.value, at=self.now())

    async def _progress(self) -> Outcome:
        return self._unasked(Check.PROGRESS, "It takes two readings.")

    def _chosen(self) -> str | None:
        """The model to ask: the wanted one if it is listed, else the first that is no adapter."""
        models = sorted(self._models, key=lambda one: one.parent is not None)
        listed = [one.id for one in models]
        if self.model is None:
            return listed[0] if listed else None
        return self.model if self.model in listed else None

    def _read(self, found: dict[Check, Outcome]) -> Glance | None:
        """The figures of the page; read last, so that reading makes no other check look slow."""
        if self._page is None or Check.METRICS not in found:
            return None
        outcome = found[Check.METRICS]
        try:
            glance = Glance.at(self._page)
        except NotMetricsError as error:
            kind, words = Reason.NOT_METRICS.value, f"Not metrics: {error}"
            found[Check.METRICS] = outcome._replace(passed=False, kind=kind, words=words)
            return None
        found[Check.METRICS] = outcome._replace(words=telling.figures(glance))
        return glance
