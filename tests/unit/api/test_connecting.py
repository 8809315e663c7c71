import asyncio
import socket
import ssl
import threading
import time

import pytest

from lib.api import AsyncVllmClient, Reason, Refused, VllmClient
from lib.servers import AddressPolicy
from tests.support.authority import Authority
from tests.support.faulty import FaultServer, answer_json, black_hole, closed_port, hang
from tests.support.waiting import until

either = pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "async"])


def connect(url, count=1, seconds=None, *, asynchronous, **options):
    """The seconds of the last of so many connections of one client."""

    async def awaited():
        async with AsyncVllmClient(url, **options) as client:
            return [await client.connect(seconds) for _ in range(count)][-1]

    if asynchronous:
        return asyncio.run(awaited())
    with VllmClient(url, **options) as client:
        return [client.connect(seconds) for _ in range(count)][-1]


def reason(url, **options):
    with pytest.raises(Refused) as caught:
        connect(url, **options)
    assert url in caught.value.sentence
    return caught.value.reason


@either
def test_each_connection_is_a_new_one_and_asks_nothing(asynchronous):
    with FaultServer() as server:
        assert 0 < connect(server.url, 20, asynchronous=asynchronous) < 1
        until(lambda: server.opened == 20 and server.connections == 0)
        assert server.seen == []


@either
def test_a_server_that_hangs_can_be_connected_to_beside_a_request(asynchronous):
    async def awaited():
        async with AsyncVllmClient(server.url, timeout=5) as client:
            asking = asyncio.create_task(client.health())
            await asyncio.to_thread(until, lambda: server.seen)
            took = await client.connect()
            asking.cancel()
            return took

    with FaultServer({"/health": hang()}) as server:
        if asynchronous:
            assert asyncio.run(awaited()) < 1
        else:
            with VllmClient(server.url, timeout=0.3) as client:
                with pytest.raises(Refused):
                    client.health()
                assert client.connect() < 0.3
                assert client._wire._deadline.end == float("inf")


@either
def test_the_certificate_is_part_of_connecting(asynchronous, tmp_path):
    ours = Authority(tmp_path)
    with FaultServer(tls=ours.context()) as server:
        took = connect(server.url, asynchronous=asynchronous, verify=str(ours.file))
        assert 0 < took < 2
        assert reason(server.url, asynchronous=asynchronous) is Reason.TLS
        connect(server.url, asynchronous=asynchronous, verify=False)
        until(lambda: server.connections == 0)
        assert server.seen == []
    with FaultServer(tls=ours.context(expired=True)) as server:
        old = reason(server.url, asynchronous=asynchronous, verify=str(ours.file))
        assert old is Reason.TLS
    with FaultServer(tls=ours.context("other.test")) as server:
        other = reason(server.url, asynchronous=asynchronous, verify=str(ours.file))
        assert other is Reason.TLS


@either
def test_a_name_is_what_the_certificate_is_held_against(asynchronous, tmp_path):
    ours = Authority(tmp_path)
    with FaultServer(tls=ours.context("model.test")) as server:
        options = {"verify": str(ours.file), "lookup": lambda *_: ("127.0.0.1",)}
        url = f"https://model.test:{server.port}"
        assert connect(url, asynchronous=asynchronous, **options) < 2


@either
def test_https_to_a_server_without_it_is_the_wrong_scheme(asynchronous):
    with FaultServer() as server:
        url = server.url.replace("http:", "https:")
        assert reason(url, asynchronous=asynchronous) is Reason.WRONG_SCHEME


@either
def test_a_closed_port_is_told(asynchronous):
    with closed_port() as url:
        assert reason(url, asynchronous=asynchronous) is Reason.NOT_LISTENING


@either
def test_the_policy_and_the_name_service_are_asked(asynchronous):
    forbidden = reason(
        "http://model.test:9", asynchronous=asynchronous, lookup=lambda *_: ("169.254.169.254",)
    )
    assert forbidden is Reason.FORBIDDEN_ADDRESS
    visitor = AddressPolicy.allowing("")
    assert reason("http://10.0.0.5", asynchronous=asynchronous, policy=visitor) is (
        Reason.FORBIDDEN_ADDRESS
    )

    def unknown(host, port):
        raise socket.gaierror(-2, "Name or service not known")

    assert reason("http://nowhere.test", asynchronous=asynchronous, lookup=unknown) is (
        Reason.UNKNOWN_HOST
    )


@either
def test_a_host_that_swallows_packets_ends_at_the_deadline(asynchronous):
    with black_hole() as url:
        begun = time.monotonic()
        assert reason(url, seconds=0.2, asynchronous=asynchronous) is Reason.TIMEOUT
        assert 0.15 < time.monotonic() - begun < 1


@either
def test_a_handshake_that_never_ends_is_ended_and_leaves_nothing_open(asynchronous):
    """Bytes that look like the head of a long TLS record, and then nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ended = []

        def swallow():
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"\x16\x03\x03\x40\x00")
                while connection.recv(4096):
                    pass
                ended.append(True)

        thread = threading.Thread(target=swallow, daemon=True)
        thread.start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        assert reason(url, seconds=0.3, asynchronous=asynchronous, timeout=9) is Reason.TIMEOUT
        until(lambda: ended)
        thread.join(5)


def test_a_cancelled_connection_is_closed():
    async def main(url):
        async with AsyncVllmClient(url) as client:
            for _ in range(50):
                task = asyncio.create_task(client.connect())
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
            await client.connect()

    with FaultServer() as server:
        asyncio.run(main(server.url))
        until(lambda: server.connections == 0)


@either
def test_authorities_are_read_only_where_something_is_encrypted(asynchronous, monkeypatch):
    """They take 50 ms, a third of a short command."""

    def no_reading(*_, **__):
        raise AssertionError("authorities were read")

    monkeypatch.setattr(ssl, "create_default_context", no_reading)
    with FaultServer({"/version": answer_json({"version": "1"})}) as server:
        assert connect(server.url, asynchronous=asynchronous, verify="/no/such/file") < 1
