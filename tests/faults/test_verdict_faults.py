"""What only checks can tell, through the real watcher: the verdict, in time, and its history."""

import time

import pytest

from lib.health import Check, State
from lib.health.verdicts import DOWN_AFTER
from lib.watch import checks_of
from tests.faults.stalls import Stalls
from tests.faults.test_hostile_faults import metrics
from tests.support.faulty import (
    FaultServer,
    answer,
    answer_json,
    empty,
    recorded,
    reset,
)
from tests.support.waiting import until

GOOD = {
    "*": answer_json({"detail": "Not Found"}, 404),
    "/metrics": recorded("metrics.txt"),
    "/metrics/": recorded("metrics.txt"),
    "/health": empty(),
    "/version": recorded("version.json"),
    "/v1/models": recorded("models.json"),
    "/openapi.json": recorded("openapi.json"),
    "/load": recorded("load.json"),
    "/ping": empty(),
}


UNSHAKEN = "2"
"""A period at which three readings in a row, which make an outage, outlast a machine's stall."""


def is_calm(stalls, begun):
    """Whether this machine has not stood still since then: else it was late, not the server."""
    return stalls.within(begun, time.monotonic()) < 0.3


def in_state(one, state, timeout=30.0):
    """Wait until the only server is in a state; the tick that says so."""

    def tick():
        newest = one.latest("chat")
        return newest if newest and newest.status.state is state else None

    return until(tick, timeout)


def outcomes(one):
    """What the checks have found by now."""
    tick = one.feed.latest(checks_of(one.servers["chat"].id))
    return {} if tick is None else {found.check: found for found in tick.outcomes}


def passing(one, checks):
    """The newest tick of the checks, where these and no others have passed."""
    tick = one.feed.latest(checks_of(one.servers["chat"].id))
    passed = {found.check for found in tick.outcomes if found.passed} if tick else set()
    return tick if passed == checks else None


def rounds(server):
    """How often its health was asked for."""
    return sum(seen.path == "/health" for seen in tuple(server.seen))


def events(one):
    return [event.kind for event in one.feed.events(0, 1e12, one.servers["chat"].id)]


def is_over(kinds):
    """Whether an outage was told, and its end."""
    return bool(kinds) and (kinds[0], kinds[-1]) == ("down", "up")


def test_a_healthy_server_passes_every_check_that_it_offers(watched):
    offered = set(Check) - {Check.ENGINE, Check.INFERENCE}
    begun = time.monotonic()
    with FaultServer(GOOD) as server, watched({"chat": server.url}) as one:
        in_state(one, State.HEALTHY)
        # One that a machine which stood still made late is asked again half a minute later.
        tick = until(lambda: passing(one, offered), 40)
        found = {found.check: found for found in tick.outcomes}
        assert found[Check.ENGINE].passed is None
        parts = tick.sample.parts("check_seconds")
        assert set(parts) == {check.value for check in offered} - {"progress"}
        assert all(0 < seconds < time.monotonic() - begun for seconds in parts.values())
        assert one.feed.servers == (one.servers["chat"].id,)


@pytest.mark.alone
def test_an_engine_that_health_calls_dead_is_dead_though_its_metrics_are_fresh(watched):
    """F19."""
    with (
        Stalls() as stalls,
        FaultServer(GOOD) as server,
        watched({"chat": server.url}, "1") as one,
    ):
        in_state(one, State.HEALTHY)
        begun = time.monotonic()
        until(lambda: Check.HEALTH in outcomes(one))
        broken, before = time.time(), rounds(server)
        server["/health"] = empty(503)
        dead = in_state(one, State.ENGINE_DEAD)
        assert dead.sample is not None
        asked, was_calm = rounds(server) - before, is_calm(stalls, begun)
        assert asked <= DOWN_AFTER + 1 or not was_calm  # it is told at the reading that follows
        assert "engine is dead" in dead.status.reason
        mended, before = time.time(), rounds(server)
        server["/health"] = empty()
        in_state(one, State.HEALTHY)
        asked, was_calm = rounds(server) - before, is_calm(stalls, begun)
        assert asked <= 2 or not was_calm
        until(lambda: is_over(events(one)))
        server_id = one.servers["chat"].id
        found = one.feed.states(server_id, broken, time.time())
        told = [stretch.state for stretch in found]
        calmly = [State.HEALTHY, State.FAILING, State.ENGINE_DEAD, State.HEALTHY]
        assert (told == calmly and events(one) == ["down", "up"]) or not is_calm(stalls, begun)
        dead = next(one for one in found if one.state is State.ENGINE_DEAD)
        assert "engine is dead" in dead.reason
        well = [one for one in found if one.state is State.HEALTHY]
        assert well[-1].start > mended


def test_a_key_that_only_the_list_of_models_wants_is_a_refused_key(watched):
    refused = {"/v1/models": recorded("error_401_models.json", 401)}
    with FaultServer(GOOD | refused) as server, watched({"chat": server.url}, UNSHAKEN) as one:
        denied = in_state(one, State.DENIED)
        assert denied.sample is not None
        assert "key" in denied.status.reason
        until(lambda: events(one) == ["key refused"])


def test_a_server_without_metrics_is_not_down(watched):
    absent = dict.fromkeys(("/metrics", "/metrics/"), GOOD["*"])
    with (
        Stalls() as stalls,
        FaultServer(GOOD | absent) as server,
        watched({"chat": server.url}, "0.5") as one,
    ):
        begun = time.monotonic()
        told = in_state(one, State.NO_METRICS)
        assert told.status.reason.startswith("/health passes, but: ")
        one.ticked("chat", 3)
        states = {tick.state for tick in one.feed.states(told.server, told.at, time.time())}
        told_well = states == {State.NO_METRICS} and "down" not in events(one)
        assert told_well or not is_calm(stalls, begun), states


def test_a_restarted_servers_start_is_measured(watched):
    with (
        FaultServer({"*": metrics(start=100, tokens=90)}) as server,
        watched({"chat": server.url}) as one,
    ):
        one.answered("chat", 2)
        before = events(one).count("down")  # of a machine that was slow to begin with
        server["*"] = reset()
        until(lambda: events(one).count("down") > before, 20)
        started = int(time.time()) - 36
        server["*"] = metrics(start=started, tokens=1)
        until(lambda: "loaded" in events(one), 20)
        (loaded,) = [event for event in one.feed.events(0, 1e12) if event.kind == "loaded"]
        seconds = int(loaded.text.split()[3])
        assert loaded.text == f"It was ready {seconds} s after its process started."
        assert 36 <= seconds <= time.time() - started + 1


def test_a_server_that_says_too_much_is_kept_short(watched):
    long = {"/version": answer_json({"version": "9" * 100_000}), "/health": answer("x" * 100_000)}
    with FaultServer(GOOD | long) as server, watched({"chat": server.url}) as one:
        found = until(lambda: outcomes(one) if Check.VERSION in outcomes(one) else None)
        assert all(len(outcome.words) <= 300 for outcome in found.values())
        assert all(outcome.words.isprintable() for outcome in found.values())
