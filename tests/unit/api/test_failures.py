import asyncio
import errno
import logging
import ssl
import time
import traceback

import httpcore
import pytest

from lib.api import AsyncVllmClient, Reason, Refused, VllmClient
from lib.api.failures import dropped, reason_of
from tests.support.authority import Authority
from tests.support.faulty import MODES, FaultServer, answer_json, black_hole, closed_port, garbage

either = pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "async"])
VERSION = {"/version": answer_json({"version": "1.2.3"})}

EXPECTED = {
    "hang": Reason.TIMEOUT,
    "drip headers": Reason.TIMEOUT,
    "drip body": Reason.TIMEOUT,
    "half body": Reason.CLOSED,
    "close at once": Reason.CLOSED,
    "reset": Reason.CLOSED,
    "reset in the middle": Reason.CLOSED,
    "garbage": Reason.WRONG_SCHEME,
    "redirect": Reason.REDIRECT,
    "html": Reason.HTML,
    "empty": Reason.EMPTY,
    "401": Reason.KEY_REFUSED,
    "403": Reason.FORBIDDEN,
    "404": Reason.NO_ROUTE_THERE,
    "405": Reason.NO_ROUTE_THERE,
    "429": Reason.BUSY,
    "500": Reason.SERVER_ERROR,
    "501": Reason.NO_TASK,
    "502": Reason.GATEWAY,
    "503": Reason.BUSY,
    "503 scaling": Reason.SCALING,
    "503 full": Reason.BUSY,
    "error inside 200": Reason.NO_TASK,
    "10 MB": Reason.TOO_LARGE,
    "endless": Reason.TOO_LARGE,
    "gzip bomb": Reason.TOO_LARGE,
    "bad gzip": Reason.ENCODING,
    "cut gzip": Reason.ENCODING,
    "unknown encoding": Reason.ENCODING,
    "double gzip": Reason.ENCODING,
    "header flood": Reason.TOO_LARGE,
    "bad json": Reason.NOT_JSON,
    "bad utf-8": Reason.NOT_JSON,
    "deep json": Reason.NOT_JSON,
    "NaN": Reason.NOT_JSON,
    "infinity": Reason.NOT_JSON,
    "long integer": Reason.NOT_JSON,
    "null": Reason.WRONG_SHAPE,
    "list": Reason.WRONG_SHAPE,
    "wrong nesting": Reason.WRONG_SHAPE,
}


def test_every_fault_has_its_expected_reason():
    assert set(EXPECTED) == set(MODES)


def refused(url, *, asynchronous=False, **options):
    """The refusal of a version call, by either client."""
    options = {"timeout": 5.0} | options

    async def awaited():
        async with AsyncVllmClient(url, **options) as client:
            await client.version()

    def blocking():
        with VllmClient(url, **options) as client:
            client.version()

    with pytest.raises(Refused) as caught:
        asyncio.run(awaited()) if asynchronous else blocking()
    return caught.value


def everything_shown(error):
    """The error, its traceback, and every local variable of the project's own frames."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [frame for frame in told.stack if "/lib/" in frame.filename]
    assert frames
    variables = [f"{name}={value}" for f in frames for name, value in (f.locals or {}).items()]
    plain = "".join(traceback.format_exception(error))
    return "\n".join([plain, repr(error), repr(vars(error)), *variables])


@either
@pytest.mark.parametrize("mode", MODES)
def test_every_fault_has_its_reason_within_its_time_and_shows_no_key(mode, asynchronous, caplog):
    caplog.set_level(logging.DEBUG)
    # Only what never answers uses its time up; the rest has enough of it on a busy machine too.
    timeout = 2.5 if EXPECTED[mode] is Reason.TIMEOUT else 20.0
    options = {"asynchronous": asynchronous, "timeout": timeout, "api_key": "sk-canary"}
    with FaultServer({"/version": MODES[mode]()}) as server:
        begun = time.monotonic()
        error = refused(server.url, **options)
        assert time.monotonic() - begun < 2 * timeout  # a machine that stalls adds some
        assert server.seen[0].headers["authorization"] == "Bearer sk-canary"
    assert error.reason is EXPECTED[mode]
    assert error.__context__ is None
    assert "canary" not in everything_shown(error) + caplog.text


@either
@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nbad header sk-canary\r\n\r\n",
        b"sk-canary is not HTTP\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nlocation: http://x/?k=sk-canary\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: sk-canary\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: sk-canary\r\n\r\n",
        b"HTTP/1.1 200 sk-canary\r\ncontent-length: 9\r\n\r\nsk-canary",
    ],
)
def test_a_server_that_sends_the_key_back_in_any_place_gets_it_shown_nowhere(
    sent, asynchronous, caplog
):
    caplog.set_level(logging.DEBUG)
    with FaultServer({"/version": garbage(sent)}) as server:
        error = refused(server.url, asynchronous=asynchronous, api_key="sk-canary")
    assert "canary" not in everything_shown(error) + caplog.text


@either
def test_a_closed_port_is_told_at_once(asynchronous):
    with closed_port() as url:
        begun = time.monotonic()
        error = refused(url, asynchronous=asynchronous, timeout=100)
        assert time.monotonic() - begun < 10
    assert error.reason is Reason.NOT_LISTENING


@either
def test_a_port_that_takes_no_connection_costs_less_than_the_whole_time(asynchronous):
    with black_hole() as url:
        begun = time.monotonic()
        error = refused(url, asynchronous=asynchronous, timeout=7)
        assert time.monotonic() - begun < 7  # 4.2 of them for the connection
    assert error.reason is Reason.TIMEOUT


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@either
def test_a_certificate_of_a_named_authority_is_trusted(authority, asynchronous):
    with FaultServer(VERSION, tls=authority.context()) as server:
        for verify in (str(authority.file), False):
            if asynchronous:
                client = AsyncVllmClient(server.url, verify=verify)

                async def ask(client=client):
                    async with client:
                        return await client.version()

                assert asyncio.run(ask()) == "1.2.3"
            else:
                with VllmClient(server.url, verify=verify) as client:
                    assert client.version() == "1.2.3"


@either
@pytest.mark.parametrize("fault", ["unknown authority", "expired", "wrong name"])
def test_a_bad_certificate_is_told_and_never_passed_over(authority, fault, asynchronous):
    context = authority.context(
        "other.test" if fault == "wrong name" else "127.0.0.1", expired=fault == "expired"
    )
    verify = True if fault == "unknown authority" else str(authority.file)
    with FaultServer(VERSION, tls=context) as server:
        error = refused(server.url, asynchronous=asynchronous, verify=verify, api_key="sk-canary")
        assert server.seen == []
    assert error.reason is Reason.TLS
    assert "verify in the secrets file" in error.sentence
    assert "certificate verify failed" in error.detail


@either
def test_the_wrong_scheme_is_told(authority, asynchronous):
    with FaultServer(VERSION) as plain:
        url = plain.url.replace("http:", "https:")
        assert refused(url, asynchronous=asynchronous).reason in (
            Reason.WRONG_SCHEME,
            Reason.CLOSED,
        )
    with FaultServer({"/version": garbage()}) as tls_like:
        assert refused(tls_like.url, asynchronous=asynchronous).reason is Reason.WRONG_SCHEME


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENETUNREACH, "Network is unreachable"), Reason.NO_ROUTE),
        (OSError(errno.EHOSTUNREACH, "No route to host"), Reason.NO_ROUTE),
        (ConnectionResetError(104, "reset"), Reason.CLOSED),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), Reason.WRONG_SCHEME),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), Reason.CLOSED),
        (ssl.SSLError(1, "[SSL: NO_PROTOCOLS_AVAILABLE]"), Reason.TLS),
        (httpcore.PoolTimeout(), Reason.TIMEOUT),
        (httpcore.RemoteProtocolError("illegal status line"), Reason.NOT_HTTP),
        (httpcore.ReadError(), Reason.CLOSED),
    ],
)
def test_a_wrapped_cause_decides(error, reason):
    wrapped = httpcore.ConnectError("wrapped")
    wrapped.__cause__ = error
    assert reason_of(error)[0] is reason
    assert reason_of(wrapped)[0] is reason


def test_only_a_connection_that_gave_no_byte_is_called_dropped():
    gone = httpcore.RemoteProtocolError("Server disconnected without sending a response.")
    assert dropped(gone)
    assert dropped(httpcore.ReadError())
    assert not dropped(httpcore.RemoteProtocolError("peer closed connection"))
    assert not dropped(TimeoutError())
