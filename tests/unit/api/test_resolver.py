import asyncio
import socket
import threading
import time

import pytest

from lib.api.resolver import Resolver, system_lookup
from tests.support.waiting import until


def test_an_address_needs_no_name_service():
    def broken(host, port):
        raise AssertionError("asked")

    resolver = Resolver(broken)
    assert resolver.addresses("10.0.0.5", 80, 0) == ("10.0.0.5",)
    assert asyncio.run(resolver.addresses_async("::1", 80, 0)) == ("::1",)


def test_this_machine_is_known():
    assert set(system_lookup("localhost", 80)) & {"127.0.0.1", "::1"}


def test_an_unknown_name_is_an_error_every_time():
    def unknown(host, port):
        raise socket.gaierror(-2, "Name or service not known")

    resolver = Resolver(unknown)
    for _ in range(2):
        with pytest.raises(socket.gaierror):
            resolver.addresses("nowhere", 80, 5)
        with pytest.raises(socket.gaierror):
            asyncio.run(resolver.addresses_async("nowhere", 80, 5))


def test_a_name_that_cannot_be_encoded_is_an_error():
    def odd(host, port):
        raise UnicodeError("label too long")

    with pytest.raises(socket.gaierror):
        Resolver(odd).addresses("x", 80, 5)


def test_a_hanging_name_service_ends_at_the_deadline_and_holds_one_thread():
    release, asked = threading.Event(), []

    def hanging(host, port):
        asked.append(host)
        release.wait(20)
        return ("10.0.0.5",)

    resolver = Resolver(hanging)
    begun = time.monotonic()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            resolver.addresses("slow", 80, 0.05)

    async def many():
        waits = [resolver.addresses_async("slow", 80, 0.05) for _ in range(5)]
        return await asyncio.gather(*waits, return_exceptions=True)

    assert all(isinstance(error, TimeoutError) for error in asyncio.run(many()))
    assert time.monotonic() - begun < 2
    assert asked == ["slow"]
    release.set()
    until(lambda: not [t for t in threading.enumerate() if t.name == "lookup slow"])
    assert resolver.addresses("slow", 80, 5) == ("10.0.0.5",)


def test_other_names_do_not_wait_for_a_hanging_one():
    release = threading.Event()

    def lookup(host, port):
        if host == "slow":
            release.wait(20)
        return ("10.0.0.5",)

    resolver = Resolver(lookup)
    with pytest.raises(TimeoutError):
        resolver.addresses("slow", 80, 0.01)
    assert resolver.addresses("quick", 80, 5) == ("10.0.0.5",)
    release.set()
