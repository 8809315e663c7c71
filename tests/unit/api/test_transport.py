import asyncio
import gc
import random
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait

import httpcore
import pytest
from httpcore._backends.sync import SyncStream

from lib.api import AsyncVllmClient, Reason, Refused, VllmClient
from tests.support.authority import Authority
from tests.support.faulty import (
    FaultServer,
    answer,
    answer_json,
    close_at_once,
    drip_body,
    drip_headers,
    hang,
    in_turn,
    redirect,
    slow,
)
from tests.support.waiting import until

GOOD = answer_json({"version": "1.2.3"})
either = pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "async"])


def versions(url, count=1, *, asynchronous, **options):
    """The version, several times over one client."""

    async def awaited():
        async with AsyncVllmClient(url, **options) as client:
            return [await client.version() for _ in range(count)]

    if asynchronous:
        return asyncio.run(awaited())
    with VllmClient(url, **options) as client:
        return [client.version() for _ in range(count)]


@either
@pytest.mark.parametrize("behave", [hang, drip_headers, drip_body], ids=lambda mode: mode.__name__)
def test_the_whole_exchange_ends_at_its_deadline(behave, asynchronous):
    with FaultServer({"/version": behave()}) as server:
        begun = time.monotonic()
        with pytest.raises(Refused) as caught:
            versions(server.url, asynchronous=asynchronous, timeout=0.3)
        assert 0.25 < time.monotonic() - begun < 1.0  # a busy machine adds some
    assert caught.value.reason is Reason.TIMEOUT


@either
def test_one_connection_serves_many_calls(asynchronous):
    with FaultServer({"/version": GOOD}) as server:
        assert versions(server.url, 5, asynchronous=asynchronous) == ["1.2.3"] * 5
        assert server.opened == 1


@either
def test_a_dropped_connection_is_tried_once_more(asynchronous):
    with FaultServer({"/version": in_turn(GOOD, close_at_once(), GOOD)}) as server:
        assert versions(server.url, 2, asynchronous=asynchronous) == ["1.2.3"] * 2
    with FaultServer({"/version": close_at_once()}) as server:
        with pytest.raises(Refused) as caught:
            versions(server.url, asynchronous=asynchronous)
        assert caught.value.reason is Reason.CLOSED
        assert len(server.seen) == 2


@either
def test_no_redirect_is_followed_and_no_key_goes_elsewhere(asynchronous):
    with (
        FaultServer() as other,
        FaultServer({"/version": redirect(f"{other.url}/version")}) as server,
    ):
        with pytest.raises(Refused) as caught:
            versions(server.url, asynchronous=asynchronous, api_key="sk-canary")
        assert caught.value.reason is Reason.REDIRECT
        assert other.seen == []


@either
def test_nothing_is_taken_from_the_environment(asynchronous, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login user password canary\n")
    with FaultServer() as proxy, FaultServer({"/version": GOOD}) as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.lower(), proxy.url)
        monkeypatch.setenv("NETRC", str(netrc))
        assert versions(server.url, asynchronous=asynchronous) == ["1.2.3"]
        assert proxy.seen == []
        assert "authorization" not in server.seen[0].headers


@either
def test_no_cookie_is_kept(asynchronous):
    setting = answer('{"version": "1.2.3"}', headers={"set-cookie": "bomb=" + "x" * 4000})
    with FaultServer({"/version": setting}) as server:
        versions(server.url, 2, asynchronous=asynchronous)
        assert "cookie" not in server.seen[1].headers


@either
def test_the_key_goes_with_every_request_and_the_base_path_before_every_route(asynchronous):
    with FaultServer({"/base/version": GOOD}) as server:
        versions(server.url + "/base/v1", 2, asynchronous=asynchronous, api_key=" sk-1\n")
        assert [seen.headers["authorization"] for seen in server.seen] == ["Bearer sk-1"] * 2


def test_threads_share_a_blocking_client_each_with_its_own_deadline():
    with FaultServer({"/version": slow(0.2, GOOD), "/health": hang()}) as server:
        with VllmClient(server.url, timeout=0.5) as client:
            outcomes = []

            def ask(method):
                try:
                    outcomes.append(method())
                except Refused as refused:
                    outcomes.append(refused.reason)

            methods = [client.version, client.health] * 4
            threads = [threading.Thread(target=ask, args=(method,)) for method in methods]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert sorted(map(str, outcomes)) == ["1.2.3"] * 4 + ["Reason.TIMEOUT"] * 4


@pytest.mark.parametrize("stage", ["looking the name up", "asking"])
def test_a_client_that_is_closed_leaves_no_connection_of_another_thread(stage):
    """No garbage collector is around to close what was left open."""
    looking, closed = threading.Event(), threading.Event()

    def lookup(host, port):
        looking.set()
        if stage != "asking":
            assert closed.wait(20)
        return ("127.0.0.1",)

    with FaultServer({"/version": slow(0.3, GOOD)}) as server:
        client = VllmClient(f"http://model.test:{server.port}", lookup=lookup, timeout=20)
        outcomes = []

        def ask():
            try:
                outcomes.append(client.version())
            except Refused as refused:
                outcomes.append(refused.reason)

        asking = threading.Thread(target=ask)
        gc.disable()
        try:
            asking.start()
            assert looking.wait(20)
            if stage == "asking":
                until(lambda: server.seen)
            client.close()
            closed.set()
            asking.join(20)
            until(lambda: server.connections == 0)
        finally:
            gc.enable()
        assert outcomes == [Reason.CLIENT_CLOSED]


@pytest.mark.parametrize("behave", [hang, drip_headers, drip_body], ids=lambda mode: mode.__name__)
@pytest.mark.parametrize("encrypted", [False, True], ids=["http", "https"])
def test_closing_a_client_ends_what_another_thread_waits_for(behave, encrypted, tmp_path):
    tls = Authority(tmp_path).context() if encrypted else None
    with FaultServer({"/version": behave()}, tls=tls) as server:
        client = VllmClient(server.url, verify=False, timeout=60)
        with ThreadPoolExecutor() as threads:
            asked = threads.submit(client.version)
            until(lambda: server.seen)
            client.close()
            assert asked.exception(20).reason is Reason.CLIENT_CLOSED
        until(lambda: server.connections == 0)


def test_closing_a_client_ends_a_handshake_of_another_thread():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = VllmClient(f"https://127.0.0.1:{listening.getsockname()[1]}", timeout=60)
        with ThreadPoolExecutor() as threads:
            asked = threads.submit(client.version)
            connection, _ = listening.accept()
            with connection:
                connection.settimeout(20)
                assert connection.recv(65536)
                client.close()
                assert asked.exception(20).reason is Reason.CLIENT_CLOSED
                assert connection.recv(65536) == b""


def test_an_answer_that_ends_because_the_client_was_closed_is_not_whole(monkeypatch):
    async def until_the_end(exchange):
        await exchange.send(b"HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\n")
        await exchange.send(b"vllm:num_requests_running 1.0\n")
        begun.set()
        await exchange.reader.read()

    def close_after_the_asker(stream):
        if threading.current_thread() is threading.main_thread():
            wait([asked], 20)
        close(stream)

    begun, close = threading.Event(), SyncStream.close
    monkeypatch.setattr(SyncStream, "close", close_after_the_asker)
    with FaultServer({"/metrics": until_the_end}) as server:
        client = VllmClient(server.url, timeout=60)
        with ThreadPoolExecutor() as threads:
            asked = threads.submit(client.metrics)
            assert begun.wait(20)
            client.close()
            assert asked.exception(20).reason is Reason.CLIENT_CLOSED


@pytest.mark.parametrize("stage", ["looking the name up", "asking"])
def test_a_client_that_is_closed_leaves_no_connection_of_another_task(stage):
    looking, closed = threading.Event(), threading.Event()

    def lookup(host, port):
        looking.set()
        if stage != "asking":
            assert closed.wait(20)
        return ("127.0.0.1",)

    async def closing(server):
        client = AsyncVllmClient(f"http://model.test:{server.port}", lookup=lookup, timeout=20)
        asking = asyncio.create_task(client.version())
        await asyncio.to_thread(
            until, lambda: server.seen if stage == "asking" else looking.is_set()
        )
        await client.close()
        closed.set()
        with pytest.raises(Refused) as caught:
            await asking
        await asyncio.to_thread(until, lambda: server.connections == 0)
        return caught.value.reason

    with FaultServer({"/version": slow(0.3, GOOD)}) as server:
        gc.disable()
        try:
            assert asyncio.run(closing(server)) is Reason.CLIENT_CLOSED
        finally:
            gc.enable()


def test_closing_a_client_ends_what_was_asked_before_another_call_was_given_up():
    """A call that is given up leaves the connections that it shared to those who use them yet."""

    async def main(server):
        client = AsyncVllmClient(server.url, timeout=60)
        staying, leaving = (asyncio.create_task(client.version()) for _ in range(2))
        await asyncio.to_thread(until, lambda: len(server.seen) == 2)
        leaving.cancel()
        await asyncio.wait([leaving])
        await client.close()
        async with asyncio.timeout(30):
            with pytest.raises(Refused) as caught:
                await staying
        await asyncio.to_thread(until, lambda: server.connections == 0)
        return caught.value.reason

    with FaultServer({"/version": hang()}) as server:
        assert asyncio.run(main(server)) is Reason.CLIENT_CLOSED


def test_closing_a_client_ends_a_handshake_of_another_task():
    async def silent(reader, writer):
        opened.append(await reader.read(1))
        await reader.read()
        writer.close()

    async def main():
        listening = await asyncio.start_server(silent, "127.0.0.1", 0)
        client = AsyncVllmClient(f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
        async with listening, asyncio.timeout(60):
            asking = asyncio.create_task(client.version())
            while not opened:  # noqa: ASYNC110 - of this loop
                await asyncio.sleep(0.01)
            await client.close()
            with pytest.raises(Refused) as caught:
                await asking
        return caught.value.reason

    opened = []
    assert asyncio.run(main()) is Reason.CLIENT_CLOSED


@either
def test_a_call_over_a_closed_client_is_refused(asynchronous):
    async def awaited(url):
        client = AsyncVllmClient(url)
        await client.close()
        await client.version()

    def blocking(url):
        client = VllmClient(url)
        client.close()
        client.version()

    with FaultServer({"/version": GOOD}) as server:
        with pytest.raises(Refused) as caught:
            asyncio.run(awaited(server.url)) if asynchronous else blocking(server.url)
        assert caught.value.reason is Reason.CLIENT_CLOSED
        assert server.opened == 0


def test_a_call_that_is_cancelled_as_its_client_closes_opens_no_other():
    async def main(server):
        client = AsyncVllmClient(server.url)
        asking = asyncio.create_task(client.version())
        await asyncio.to_thread(until, lambda: server.seen)
        asking.cancel()
        await client.close()
        with pytest.raises(Refused) as caught:
            await client.version()
        assert caught.value.reason is Reason.CLIENT_CLOSED

    with FaultServer({"/version": hang()}) as server:
        asyncio.run(main(server))
        assert server.opened == 1


def test_an_error_that_nothing_of_the_network_raised_is_no_refusal(monkeypatch):
    def no_thread(thread):
        raise RuntimeError("can't start new thread")

    with VllmClient("http://model.test") as client:
        monkeypatch.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError, match="new thread"):
            client.version()


def test_an_interrupted_close_leaves_no_connection(monkeypatch):
    def interrupted(pool):
        raise KeyboardInterrupt

    monkeypatch.setattr(httpcore.ConnectionPool, "close", interrupted)
    with FaultServer({"/version": GOOD}) as server:
        client = VllmClient(server.url)
        client.version()
        gc.disable()
        try:
            with pytest.raises(KeyboardInterrupt):
                client.close()
            until(lambda: server.connections == 0)
        finally:
            gc.enable()


@pytest.mark.parametrize("turns", range(1, 5))
@pytest.mark.parametrize("part", ["pool", "client"])
def test_a_cancelled_close_leaves_no_connection(part, turns):
    async def main(server):
        client = AsyncVllmClient(server.url)
        await asyncio.gather(*(client.version() for _ in range(3)))
        close = client._wire._inner.client.aclose if part == "pool" else client.close
        closing = asyncio.create_task(close())
        for _ in range(turns):
            await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait([closing])
        await asyncio.to_thread(until, lambda: server.connections == 0)

    with FaultServer({"/version": GOOD}) as server:
        gc.disable()
        try:
            asyncio.run(main(server))
        finally:
            gc.enable()


@pytest.mark.parametrize("first", [hang(), GOOD], ids=["hanging", "answering"])
@pytest.mark.parametrize(("tasks", "times"), [(20, 50), (1, 400)])
def test_a_client_survives_many_cancellations(first, tasks, times):
    """Each of these leaves a shared httpx 0.28 pool dead or with connections that never return."""

    async def cancel_soon(client):
        for _ in range(times):
            task = asyncio.create_task(client.version())
            await asyncio.sleep(random.random() * 0.006)
            task.cancel()
            await asyncio.wait([task])

    async def main(server):
        async with AsyncVllmClient(server.url, timeout=5) as client:
            await asyncio.gather(*(cancel_soon(client) for _ in range(tasks)))
            server["/version"] = GOOD
            assert [await client.version() for _ in range(20)] == ["1.2.3"] * 20
            pool = client._wire._inner.client._transport._pool
            await asyncio.to_thread(until, lambda: server.connections == len(pool.connections))
        return asyncio.all_tasks() - {asyncio.current_task()}

    with FaultServer({"/version": first}) as server:
        assert asyncio.run(main(server)) == set()
        until(lambda: server.connections == 0)


def test_a_client_survives_many_deadlines():
    async def main(server):
        async with AsyncVllmClient(server.url, timeout=0.02) as client:
            for _ in range(10):
                calls = [client.version() for _ in range(20)]
                late = await asyncio.gather(*calls, return_exceptions=True)
                assert {refused.reason for refused in late} == {Reason.TIMEOUT}
            server["/version"] = GOOD
            client._timeout = 5
            assert [await client.version() for _ in range(20)] == ["1.2.3"] * 20
            await asyncio.to_thread(until, lambda: server.connections == 1)

    with FaultServer({"/version": hang()}) as server:
        asyncio.run(main(server))
        until(lambda: server.connections == 0)


def test_a_deadline_of_one_call_leaves_another_of_the_same_client_alone():
    async def main(server):
        async with AsyncVllmClient(server.url, timeout=0.6) as client:
            good = asyncio.create_task(client.version())
            await asyncio.sleep(0.05)
            stopped = asyncio.create_task(client.health())
            await asyncio.sleep(0.05)
            stopped.cancel()
            return await good

    with FaultServer({"/version": slow(0.3, GOOD), "/health": hang()}) as server:
        assert asyncio.run(main(server)) == "1.2.3"


def test_a_second_cancellation_does_not_leave_a_connection_open():
    async def main(server):
        client = AsyncVllmClient(server.url)
        for _ in range(20):
            task = asyncio.create_task(client.version())
            await asyncio.to_thread(until, lambda: server.connections)
            task.cancel()
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await client.close()

    with FaultServer({"/version": hang()}) as server:
        asyncio.run(main(server))
        until(lambda: server.connections == 0)


@either
@pytest.mark.parametrize("place", ["http://a b\x7f/", "http://xn--\xff/", "http://[bad", "\x80"])
def test_a_redirect_to_no_address_is_a_redirect(asynchronous, place):
    with FaultServer({"/version": redirect(place)}) as server:
        with pytest.raises(Refused) as caught:
            versions(server.url, asynchronous=asynchronous)
        assert caught.value.reason is Reason.REDIRECT
        assert caught.value.detail.isprintable()
