import asyncio
import socket
import threading

import pytest

from lib.api import AsyncVllmClient, Reason, Refused, VllmClient
from lib.servers import AddressPolicy
from tests.support.faulty import FaultServer, answer_json

VISITOR = AddressPolicy.allowing("")
VERSION = {"/version": answer_json({"version": "1.2.3"})}


def ask(url, *, asynchronous, **options):
    """The version, by either client."""

    async def awaited():
        async with AsyncVllmClient(url, **options) as client:
            return await client.version()

    if asynchronous:
        return asyncio.run(awaited())
    with VllmClient(url, **options) as client:
        return client.version()


either = pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "async"])


@either
def test_a_name_is_resolved_and_its_first_good_address_is_used(asynchronous):
    with FaultServer(VERSION) as server:
        url = f"http://model.test:{server.port}"
        # nobody listens at the first address; a forbidden one is passed over
        found = ("127.0.0.2", "169.254.169.254", "127.0.0.1")
        assert ask(url, asynchronous=asynchronous, lookup=lambda host, port: found) == "1.2.3"
        assert server.seen[0].headers["host"] == f"model.test:{server.port}"


@either
@pytest.mark.parametrize(
    ("policy", "address"),
    [
        (AddressPolicy(), "169.254.169.254"),
        (AddressPolicy(), "::ffff:169.254.169.254"),
        (AddressPolicy(), "0.0.0.0"),
        (VISITOR, "10.0.0.5"),
        (VISITOR, "8.8.8.8"),
    ],
)
def test_a_name_that_leads_to_a_forbidden_address_is_not_connected_to(
    asynchronous, policy, address
):
    with pytest.raises(Refused) as caught:
        ask(
            "http://model.test:9",
            asynchronous=asynchronous,
            policy=policy,
            lookup=lambda *_: (address,),
        )
    assert caught.value.reason is Reason.FORBIDDEN_ADDRESS


@either
def test_a_name_that_changes_its_mind_is_judged_again(asynchronous):
    """DNS rebinding: the second look-up leads elsewhere; the checked address is the one used."""
    with FaultServer(VERSION) as server:
        turns = iter([("127.0.0.1",), ("169.254.169.254",), ("169.254.169.254",)])
        url = f"http://model.test:{server.port}"

        def lookup(host, port):
            return next(turns)

        assert ask(url, asynchronous=asynchronous, policy=VISITOR, lookup=lookup) == "1.2.3"
        with pytest.raises(Refused) as caught:
            ask(url, asynchronous=asynchronous, policy=VISITOR, lookup=lookup)
        assert caught.value.reason is Reason.FORBIDDEN_ADDRESS
        assert len(server.seen) == 1


@either
@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::]",
        "0.0.0.0",
        "[::]",
    ],
)
def test_an_address_is_judged_like_a_name(asynchronous, host):
    with pytest.raises(Refused) as caught:
        ask(f"http://{host}:8000", asynchronous=asynchronous)
    assert caught.value.reason is Reason.FORBIDDEN_ADDRESS


@either
def test_an_unknown_name_is_told(asynchronous):
    def unknown(host, port):
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(Refused) as caught:
        ask("http://nowhere.test", asynchronous=asynchronous, lookup=unknown)
    assert caught.value.reason is Reason.UNKNOWN_HOST


@either
def test_a_hanging_name_service_ends_at_the_deadline(asynchronous):
    release = threading.Event()
    with pytest.raises(Refused) as caught:
        ask(
            "http://slow.test",
            asynchronous=asynchronous,
            timeout=0.2,
            lookup=lambda *_: release.wait(20) and ("127.0.0.1",),
        )
    release.set()
    assert caught.value.reason is Reason.TIMEOUT
