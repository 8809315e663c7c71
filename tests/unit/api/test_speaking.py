import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.api import AsyncVllmClient, Reason, Refused, VllmClient
from tests.support.faulty import FaultServer, hang, in_turn, slow
from tests.support.waiting import PATIENCE, until
from tests.unit.api.test_client import VLLM

either = pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "async"])
VERSION = VLLM["/version"]


def asked(server, *questions, asynchronous, timeout):
    """What comes of questions to one client (a value or a reason) and the seconds of each.

    The first is on its way before the others are asked.
    """

    async def awaited(client, question):
        begun = time.monotonic()
        try:
            outcome = await question(client)
        except Refused as refused:
            outcome = refused.reason
        return outcome, time.monotonic() - begun

    async def awaiting():
        async with AsyncVllmClient(server.url, timeout=timeout) as client:
            first = asyncio.create_task(awaited(client, questions[0]))
            await asyncio.to_thread(until, lambda: server.seen)
            others = [awaited(client, question) for question in questions[1:]]
            return await asyncio.gather(first, *others)

    def blocked(client, question):
        begun = time.monotonic()
        try:
            outcome = question(client)
        except Refused as refused:
            outcome = refused.reason
        return outcome, time.monotonic() - begun

    if asynchronous:
        return asyncio.run(awaiting())
    with VllmClient(server.url, timeout=timeout) as client, ThreadPoolExecutor(16) as threads:
        first = threads.submit(blocked, client, questions[0])
        until(lambda: server.seen)
        others = [threads.submit(blocked, client, question) for question in questions[1:]]
        return [one.result() for one in (first, *others)]


def capabilities(client):
    return client.capabilities()


def surface(client):
    return client.surface(seconds=0.5)


@either
def test_who_comes_while_a_hung_server_is_asked_waits_no_longer_than_who_asked(asynchronous):
    with FaultServer({"/version": hang()}) as server:
        outcomes = asked(server, *[capabilities] * 12, asynchronous=asynchronous, timeout=1.0)
        assert {outcome for outcome, _ in outcomes} == {Reason.TIMEOUT}
        assert max(seconds for _, seconds in outcomes) < 1.0 * PATIENCE  # in turn it took 12
        assert len(server.seen) < 4  # one, on a machine that is not busy


@either
def test_who_comes_while_a_server_is_asked_shares_what_is_found(asynchronous):
    with FaultServer(VLLM | {"/version": slow(0.3, VERSION)}) as server:
        outcomes = asked(server, *[capabilities] * 12, asynchronous=asynchronous, timeout=20)
        assert {found.version for found, _ in outcomes} == {"0.32.0"}
        assert [seen.path for seen in server.seen].count("/version") == 1


@either
def test_nobody_waits_longer_for_anothers_attempt_than_there_is_time(asynchronous):
    with FaultServer({"/version": hang()}) as server:
        outcomes = asked(server, capabilities, surface, asynchronous=asynchronous, timeout=4)
        assert [outcome for outcome, _ in outcomes] == [Reason.TIMEOUT] * 2
        assert outcomes[1][1] < 0.5 * PATIENCE


@either
def test_who_has_more_time_does_not_give_up_with_who_has_less(asynchronous):
    with FaultServer(VLLM | {"/version": in_turn(hang(), VERSION)}) as server:
        outcomes = asked(server, surface, capabilities, asynchronous=asynchronous, timeout=20)
        assert outcomes[0][0] is Reason.TIMEOUT
        assert outcomes[1][0].version == "0.32.0"


def test_an_attempt_that_is_cancelled_is_taken_up_by_another():
    async def main(server):
        async with AsyncVllmClient(server.url, timeout=20) as client:
            first, second = (asyncio.create_task(client.capabilities()) for _ in range(2))
            await asyncio.to_thread(until, lambda: server.seen)
            first.cancel()
            known = await second
            assert first.cancelled()
            return known.version

    with FaultServer(VLLM | {"/version": in_turn(hang(), VERSION)}) as server:
        assert asyncio.run(main(server)) == "0.32.0"


def test_who_is_cancelled_while_waiting_leaves_the_attempt_alone():
    async def main(server):
        async with AsyncVllmClient(server.url, timeout=20) as client:
            first, second, third = (asyncio.create_task(client.capabilities()) for _ in range(3))
            await asyncio.to_thread(until, lambda: server.seen)
            second.cancel()
            assert (await first) is (await third)
            assert second.cancelled()

    with FaultServer(VLLM | {"/version": slow(0.3, VERSION)}) as server:
        asyncio.run(main(server))
        assert [seen.path for seen in server.seen].count("/version") == 1


def test_an_attempt_that_is_interrupted_is_taken_up_by_another(monkeypatch):
    asking, waiting = threading.Event(), threading.Event()

    def interrupted(*_):
        asking.set()
        assert waiting.wait(20)
        monkeypatch.undo()
        raise KeyboardInterrupt

    with (
        FaultServer(VLLM) as server,
        VllmClient(server.url, timeout=20) as client,
        ThreadPoolExecutor() as threads,
    ):
        monkeypatch.setattr(client, "_hold", interrupted)
        first = threads.submit(client.capabilities)
        assert asking.wait(20)
        attempt = client._attempt
        second = threads.submit(client.capabilities)
        until(lambda: attempt._waiters)
        waiting.set()
        assert second.result(20).version == "0.32.0"
        assert isinstance(first.exception(20), KeyboardInterrupt)
