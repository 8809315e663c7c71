import asyncio

import numpy as np
import pytest

from lib.api import AsyncVllmClient, Reason
from lib.api.errors import refusal
from lib.health import Check, Outcome, State
from lib.health.checks import FULL, LIGHT
from lib.watch import checker as checker_module
from lib.watch.checker import BRIEF, Checker, Looking
from lib.watch.lag import Lag
from lib.watch.poller import Poller
from lib.watch.record import CHECK_PERIOD, checks_of
from tests.support.faulty import FaultServer, answer_json, empty
from tests.unit.watch.test_poller import BODY, Scripted

PERIOD = 0.05
SECONDS = 0.002
AWAY = refusal(Reason.NOT_LISTENING, "http://h")


def passed(wanted):
    """A round in which all is well."""
    return tuple(Outcome(check, True, SECONDS, "") for check in Check if check in wanted)


def but(*others):
    """A round in which all is well but these."""

    def found(wanted):
        found = {one.check: one for one in others}
        return tuple(found.get(one.check, one) for one in passed(wanted))

    return found


def failed(check, reason=Reason.ENGINE_DEAD):
    return Outcome(check, False, SECONDS, "It fails.", reason.value)


def not_offered(check):
    return Outcome(check, None, None, "Not offered.", Reason.NO_ROUTE_THERE.value)


def no_connection(wanted):
    rest = {check: Outcome(check, None, None, "Not asked.") for check in Check if check in wanted}
    found = rest | {Check.CONNECT: failed(Check.CONNECT, Reason.NOT_LISTENING)}
    return tuple(found.values())


class Looks:
    """A looker that finds what it is told to, one round after the other, then for ever the last."""

    def __init__(self, *rounds):
        self.told = list(rounds)
        self.rounds = []
        self.moments = []
        self.under_way = self.most_under_way = 0
        self.closed = False

    async def look(self, wanted, seconds):
        self.rounds.append(wanted)
        self.moments.append(asyncio.get_running_loop().time())
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        told = self.told.pop(0) if len(self.told) > 1 else self.told[0]
        try:
            found = told(wanted)
            found = await found if asyncio.iscoroutine(found) else found
            return tuple(one._replace(at=checker_module.time.time()) for one in found)
        finally:
            self.under_way -= 1

    async def close(self):
        self.closed = True


class Checked:
    """A poller and a checker on one server, and what they have told."""

    def __init__(self, looks, scrapes):
        self.looks, self.ticks, self.checks, self.events = looks, [], [], []
        self.faults = []
        lag, slots = Lag(), asyncio.Semaphore(8)
        self.lag = lag
        self.poller = Poller(
            "chat",
            scrapes,
            period=PERIOD,
            slots=slots,
            lag=lag,
            tell=lambda t, _: self.ticks.append(t),
        )
        self.checker = Checker(self.poller, looks, slots=slots, lag=lag, tell=self.tell)

    def tell(self, tick, events):
        if self.faults:
            raise self.faults.pop()
        self.events += events
        self.checks.append(tick)

    def states(self):
        return [tick.status.state for tick in self.ticks]


@pytest.fixture
def checking(clock):
    """Check beside polling until a condition of what was told is true."""

    def run(looks, condition, *, scrapes=None, polled=True, prepare=None):
        async def check():
            here = Checked(looks, scrapes or Scripted(BODY % 0))
            if prepare:
                prepare(here)
            works = [here.checker.run(), *([here.poller.run()] if polled else [])]
            tasks = [asyncio.create_task(work) for work in works]
            try:
                async with asyncio.timeout(60):
                    while not condition(here):  # noqa: ASYNC110 - takes no time on this clock
                        await asyncio.sleep(0.001)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            return here

        return clock.run(check())

    return run


@pytest.fixture
def quick(monkeypatch):
    """Light rounds each 50 ms, full ones each quarter of a second."""
    monkeypatch.setattr(checker_module, "CHECK_PERIOD", 0.05)
    monkeypatch.setattr(checker_module, "FULL_SECONDS", 0.25)


def rounds(count):
    return lambda here: len(here.checks) >= count


def test_the_first_round_is_full_and_comes_at_once_then_light_ones_follow(quick, checking):
    here = checking(Looks(passed), rounds(12))
    assert here.looks.rounds[0] == FULL
    kinds = here.looks.rounds[1:12]
    assert kinds.count(LIGHT) >= 7
    assert 1 <= kinds.count(FULL) <= 4
    assert np.median(np.diff(here.looks.moments)) == pytest.approx(0.05)
    assert here.looks.closed


def test_rounds_are_five_seconds_apart_in_a_phase_of_the_servers_own(checking, clock):
    here = checking(Looks(passed), rounds(1))
    now = clock.monotonic()
    following = here.checker._next(passed(LIGHT), now)
    assert 0 < following - now <= CHECK_PERIOD
    assert here.checker._next(passed(LIGHT), following) == pytest.approx(following + CHECK_PERIOD)


def runs(release):
    """A round that is told the release, whatever it wanted to know."""
    told = Outcome(Check.VERSION, release is not None, SECONDS, release or "It fails.")
    return lambda wanted: (*passed(wanted - {Check.VERSION}), told)


def test_another_release_is_an_event_and_the_first_is_none(quick, checking):
    looks = Looks(*map(runs, ("0.31.0", "0.31.0", None, "0.32.0", "0.32.0", "0.31.0")), passed)
    here = checking(looks, rounds(7))
    assert [(one.server, one.kind, one.text) for one in here.events] == [
        ("chat", "release", "0.31.0 → 0.32.0"),
        ("chat", "release", "0.32.0 → 0.31.0"),
    ]


def test_a_tick_of_checks_has_their_latencies_and_is_on_its_own_track(quick, checking):
    slow = Outcome(Check.MODELS, True, 0.3, "m")
    here = checking(Looks(but(slow, not_offered(Check.PING))), rounds(3))
    tick = here.checks[-1]
    assert tick.server == checks_of("chat")
    parts = tick.sample.parts("check_seconds")
    assert parts["models"] == 0.3
    assert parts["health"] == SECONDS
    assert parts["metrics"] in [one.took for one in here.ticks]
    assert "ping" not in tick.sample.layout.parts("check_seconds")
    assert "progress" not in tick.sample.layout.parts("check_seconds")
    told = {one.check: one for one in tick.outcomes}
    assert set(told) == FULL | {Check.METRICS, Check.PROGRESS}
    assert told[Check.PROGRESS].words == here.poller.tracker.progress.words
    assert told[Check.METRICS].passed
    assert told[Check.PING].passed is None
    assert tick.status.state is State.HEALTHY


def test_a_failed_check_has_no_latency_and_its_words(quick, checking):
    here = checking(Looks(but(failed(Check.HEALTH))), rounds(2))
    tick = here.checks[-1]
    assert "health" in tick.sample.layout.parts("check_seconds")
    assert "health" not in tick.sample.parts("check_seconds")
    (health,) = [one for one in tick.outcomes if one.check is Check.HEALTH]
    assert (health.passed, health.words) == (False, "It fails.")


def test_what_was_not_asked_again_is_carried_for_a_while(quick, monkeypatch, checking):
    monkeypatch.setattr(checker_module, "FULL_SECONDS", 1e6)
    monkeypatch.setattr(checker_module, "HEARD_FOR", 0.2)
    here = checking(Looks(passed), rounds(8), polled=False)
    versions = [tick.sample.parts("check_seconds").get("version") for tick in here.checks]
    assert versions[:2] == [SECONDS, SECONDS]
    assert versions[-1] is None
    assert all("version" in tick.sample.layout.parts("check_seconds") for tick in here.checks)
    assert len({tick.sample.layout.key for tick in here.checks[1:]}) == 1


def test_without_a_connection_nothing_of_earlier_rounds_stands(quick, checking):
    here = checking(Looks(passed, no_connection), rounds(3))
    first, *_, last = here.checks
    assert first.sample.parts("check_seconds")["models"] == SECONDS
    assert set(last.sample.parts("check_seconds")) <= {"metrics"}
    told = {one.check: one for one in last.outcomes}
    assert told[Check.MODELS].words == "Not asked: no connection."
    assert told[Check.MODELS].passed is None
    assert "models" in last.sample.layout.parts("check_seconds")


def test_a_failed_reading_is_a_failed_check(quick, checking):
    here = checking(Looks(passed), rounds(4), scrapes=Scripted(AWAY))
    (metrics,) = [one for one in here.checks[-1].outcomes if one.check is Check.METRICS]
    assert (metrics.passed, metrics.kind) == (False, "not listening")
    assert "metrics" not in here.checks[-1].sample.parts("check_seconds")


def test_a_failure_is_looked_at_again_after_a_period_three_times(monkeypatch, checking, clock):
    here = checking(Looks(but(failed(Check.HEALTH))), rounds(3), polled=False)
    assert np.diff(here.looks.moments) == pytest.approx([PERIOD, PERIOD])
    now = clock.monotonic()
    assert here.checker._next(here.looks.told[0](LIGHT), now) == here.checker._light.after(now)


def test_what_only_health_knows_is_believed_after_three_rounds(checking):
    looks = Looks(but(failed(Check.HEALTH)))
    here = checking(looks, lambda here: State.ENGINE_DEAD in here.states())
    assert len(looks.rounds) == 3
    assert here.ticks[-1].sample is not None


def test_what_comes_back_is_asked_everything_again(checking, clock):
    here = checking(Looks(passed, but(failed(Check.HEALTH)), passed), rounds(2), polled=False)
    checker, now = here.checker, clock.monotonic()
    assert checker._wanted(now) == LIGHT
    assert checker._next(passed(LIGHT), now) == now + PERIOD
    checker._take(passed(LIGHT), clock.time())
    assert checker._wanted(now) == FULL


@pytest.mark.parametrize("away", [no_connection, but(failed(Check.HEALTH, Reason.TIMEOUT))])
def test_who_is_away_is_asked_no_more_than_whether_it_is_back(quick, away, checking):
    here = checking(Looks(away), rounds(9))
    assert here.looks.rounds[0] == FULL
    assert set(here.looks.rounds[1:]) == {BRIEF}


def test_the_pollers_first_failure_calls_for_a_round(checking):
    scrapes = Scripted(BODY % 0, BODY % 0, AWAY)
    here = checking(Looks(passed), lambda here: len(here.looks.rounds) >= 2, scrapes=scrapes)
    first_failure = next(tick for tick in here.ticks if tick.sample is None)
    assert here.looks.moments[1] - (first_failure.mono + first_failure.took) < PERIOD


def test_never_two_rounds_at_once(quick, checking):
    async def slow(wanted):
        await asyncio.sleep(0.2)
        return passed(wanted)

    looks = Looks(slow)
    checking(looks, rounds(3), scrapes=Scripted(AWAY, BODY % 0, AWAY, BODY % 0))
    assert looks.most_under_way == 1


def test_a_reading_never_waits_for_a_check(checking):
    async def hanging(_):
        await asyncio.sleep(30)

    looks = Looks(hanging)
    here = checking(looks, lambda here: len(here.ticks) >= 8)
    assert looks.under_way == 0  # ended by the cancellation
    assert looks.closed
    assert here.checks == []


def test_what_nobody_foresaw_is_survived(quick, caplog, checking):
    def broken(_):
        raise RuntimeError("mine")

    here = checking(Looks(broken, passed), lambda here: len(here.looks.rounds) >= 4)
    assert "in an unforeseen way" in caplog.text
    assert len(here.checks[-1].outcomes) > 2


def test_what_nobody_foresaw_in_telling_costs_that_round_only(quick, caplog, checking):
    here = checking(
        Looks(passed),
        rounds(3),
        prepare=lambda here: here.faults.append(MemoryError("mine")),
    )
    assert len(here.looks.rounds) == len(here.checks) + 1
    assert np.diff(here.looks.moments)[1:] == pytest.approx(0.05)
    assert caplog.text.count("MemoryError: mine") == 1


def test_running_out_of_time_while_the_loop_stood_still_is_no_fault_of_the_server(
    monkeypatch, checking
):
    monkeypatch.setattr(checker_module, "OWN_FAULT_SECONDS", 0.2)
    late = but(failed(Check.HEALTH, Reason.TIMEOUT))

    def held_up(wanted):
        monkeypatch.setattr(Lag, "since", lambda *_: 0.3)
        return late(wanted)

    here = checking(Looks(held_up), lambda here: here.looks.rounds, polled=False)
    assert here.checks == []
    assert [here.checker._is_own_fault(late(LIGHT), 0.0) for _ in range(3)] == [True, False, False]


def test_where_the_loop_is_held_up_rounds_are_left_out(quick, checking, clock):
    def burden(here):
        here.lag.mean = lambda _: 0.5
        asyncio.get_running_loop().call_later(0.3, setattr, here.lag, "mean", lambda _: 0.0)

    begun = clock.monotonic()
    here = checking(Looks(passed), rounds(1), polled=False, prepare=burden)
    assert here.looks.moments[0] - begun >= 0.3


def test_a_server_that_asks_to_be_left_alone_is_not_checked_meanwhile(checking):
    busy = refusal(Reason.BUSY, "http://h", retry_after=0.6)
    here = checking(
        Looks(but(failed(Check.HEALTH))),
        lambda here: len(here.looks.rounds) >= 2 and len(here.ticks) >= 2,
        scrapes=Scripted(busy),
    )
    first = here.ticks[0].mono + here.ticks[0].took
    assert [moment for moment in here.looks.moments if first + 0.01 < moment < first + 0.59] == []


def test_a_light_round_asks_only_what_is_offered(quick, checking):
    here = checking(Looks(but(not_offered(Check.ENGINE))), rounds(8), polled=False)
    assert here.looks.rounds[0] == FULL
    assert {asked for asked in here.looks.rounds if asked != FULL} == {LIGHT - {Check.ENGINE}}


def test_a_light_round_does_not_find_out_anew_what_is_offered():
    routes = {"/health": empty(), "/load": answer_json({"server_load": 2})}
    with FaultServer(routes) as server:

        async def look():
            async with AsyncVllmClient(server.url) as client:
                return await Looking(client).look(LIGHT - {Check.ENGINE}, 4.0)

        found = {one.check: one for one in asyncio.run(look())}
    assert found[Check.LOAD].figure == 2
    assert sorted(seen.path for seen in server.seen) == ["/health", "/load"]
