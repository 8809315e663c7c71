"""What the dashboard shows to whom: names and origins, headers, login, tickets, keys."""

import asyncio
import base64
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.requests import Request

from lib.servers import Secret, SettingsError
from lib.ui import guard, wire
from lib.watch.places import socket_path
from tests.support.dashboard import dashboard
from tests.support.faulty import FaultServer, answer, answer_json, recorded
from tests.support.ports import free_port
from tests.support.processes import ROOT
from tests.support.waiting import until

CANARY = "sk-canary-7f3a9c51d2"
POLICY = ("default-src 'self'", "frame-ancestors 'self'", "img-src 'self' data: blob:")


def echo():
    """A server that sends the key back wherever it can."""

    async def behave(exchange):
        key = exchange.seen.headers.get("authorization", "none")
        body = {
            "/version": f'{{"version": "{key}"}}',
            "/v1/models": f'{{"data": [{{"id": "{key}"}}]}}',
            "/openapi.json": '{"paths": {"/v1/models": {"get": {}}, "/server_info": {"get": {}}}}',
            "/server_info": f'{{"vllm_config": {{"api_key": "{key}"}}, "env": "{key}"}}',
        }.get(exchange.seen.path.removeprefix("/echo"), metrics(key))
        await answer(body, headers={"x-key": key})(exchange)

    return behave


def metrics(key):
    return (
        f'vllm:num_requests_running{{engine="0",model_name="{key}"}} 1\n'
        f'vllm:cache_config_info{{engine="0",num_gpu_blocks="101",api_key="{key}"}} 1\n'
    )


def refusing():
    async def behave(exchange):
        key = exchange.seen.headers.get("authorization", "none")
        await answer_json({"error": {"message": f"bad key {key}"}}, 401)(exchange)

    return behave


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """A dashboard with a key, and servers that tell it to everybody."""
    data = tmp_path_factory.mktemp("exposed")
    behaviours = {"/echo*": echo(), "/no*": refusing(), "/good*": recorded("metrics.txt")}
    with FaultServer(behaviours) as server:
        listed = ",".join(f"{name}={server.url}/{name}" for name in ("echo", "no", "good"))
        with dashboard(data, VLLM_SERVERS=listed, VLLM_API_KEY=CANARY) as running:
            running.data, running.server = data, server
            until(lambda: any(s.path.startswith("/no/metrics") for s in server.seen), 30)
            # Each request has a connection of its own: an idle one is closed at a moment of the
            # server's choice, which may be that of the next request.
            with httpx.Client(
                base_url=running.url,
                timeout=60,
                trust_env=False,
                limits=httpx.Limits(max_keepalive_connections=0),
            ) as client:
                running.client = client
                yield running


def get(started, path, **headers):
    return started.client.get(path, headers=headers)


PATHS = (
    "/",
    "/rca-cache?server=echo",
    "/rca-cache?server=%3Cscript%3Ealert(1)%3C/script%3E",
    "/nowhere/at/all",
    "/_stcore/health",
    "/_stcore/host-config",
    "/inspector/live",
    "/inspector/live?ticket=1.x",
    f"/{wire.asset_url('live.js')}",
    "/inspector/assets/x/none.js",
    "/inspector/assets/x/..%2f..%2fguard.py",
    "/component/x/y",
    "/media/x",
)


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_has_the_headers(started, path):
    headers = get(started, path).headers
    for rule in POLICY:
        assert rule in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers.get("access-control-allow-origin") != "*"
    assert "script-src" in headers["content-security-policy"]
    assert "'unsafe-eval'" not in headers["content-security-policy"]


@pytest.mark.parametrize("path", PATHS)
def test_a_foreign_name_gets_nothing(started, path):
    for name in ("evil.example", f"evil.example:{urlsplit(started.url).port}", "169.254.169.254"):
        assert get(started, path, host=name).status_code == 403


@pytest.mark.parametrize("path", PATHS)
def test_a_foreign_page_may_not_read_an_answer(started, path):
    answered = get(started, path, origin="http://evil.example")
    allowed = answered.headers.get("access-control-allow-origin")
    assert allowed not in {"*", "http://evil.example", "null"}


def handshake(started, host, origin):
    """The status of a WebSocket's opening."""
    port = urlsplit(started.url).port
    lines = [
        "GET /_stcore/stream HTTP/1.1",
        f"Host: {host.format(port=port)}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: streamlit",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        *([f"Origin: {origin.format(port=port)}"] if origin else []),
    ]
    with socket.create_connection(("127.0.0.1", port), timeout=60) as plug:
        plug.sendall("\r\n".join([*lines, "", ""]).encode())
        return int(plug.recv(64).split()[1])


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1:{port}", "http://127.0.0.1:{port}", 101),
        ("localhost:{port}", "http://localhost:{port}", 101),
        ("127.0.0.1:{port}", "", 101),  # a program, not a web page
        ("evil.example", "http://evil.example", 403),
        ("evil.example:{port}", "http://evil.example:{port}", 403),
        ("127.0.0.1:{port}", "http://evil.example", 403),
        ("127.0.0.1:{port}", "null", 403),
        ("evil.example", "", 403),
        ("169.254.169.254", "http://169.254.169.254", 403),
        ("localhost.evil.example", "http://localhost.evil.example", 403),
    ],
)
def test_a_foreign_page_gets_no_web_socket(started, host, origin, status):
    assert handshake(started, host, origin) == status


@pytest.mark.parametrize(
    "ticket",
    [
        "",
        "x",
        "9" * 5000,
        "9999999999.0",
        f"9999999999.{'0' * 32}",
        f"{int(time.time()) + 60}.{'f' * 32}",
        "\N{GRINNING FACE}.\x00",
        guard.mint(),  # of another process
    ],
)
def test_the_stream_opens_for_no_forged_ticket(started, ticket):
    for page in ("overview", "rca"):
        query = {"page": page, "server": "good", "window": "1m", "ticket": ticket}
        answered = started.client.get("/inspector/live", params=query)
        assert answered.status_code == 401
        assert answered.text == "Ask the page for a new ticket."


def test_an_expired_ticket_opens_nothing():
    old = guard.mint(time.time() - guard.TICKET_SECONDS - 2)
    assert not guard.valid(old)
    until_then, _, signature = old.partition(".")
    assert not guard.valid(f"{int(until_then) + 1000}.{signature}")


@pytest.mark.parametrize("address", ["0.0.0.0", "::", ""])
def test_it_refuses_to_listen_for_others_without_a_login(address, tmp_path):
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.address", address]
    ended = subprocess.run(
        [*command, "--server.port", str(free_port())],
        cwd=ROOT,
        env=os.environ | {"INSPECTOR_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert ended.returncode == 1
    assert "without a login: configure one ([auth] in" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def asked(kind, server, host=b"localhost"):
    """Whether the middleware lets a request through that reached this address."""
    passed, sent = [], []

    async def app(scope, receive, send):
        passed.append(scope)

    async def receive():
        return {"type": f"{kind}.connect"}

    async def send(message):
        sent.append(message)

    scope = {"type": kind, "server": (server, 80), "headers": [(b"host", host)], "path": "/"}
    asyncio.run(wire.Headers(app)(scope, receive, send))
    return bool(passed)


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_another_server_that_bound_another_address_serves_nobody(kind):
    """`uvicorn app:app --host 0.0.0.0` knows nothing of our rule."""
    assert asked(kind, "127.0.0.1")
    assert not asked(kind, "192.0.2.7")
    assert not asked(kind, "127.0.0.1", b"evil.example")


def test_invented_names_of_files_are_not_remembered():
    """Without a login anybody may ask: it must not fill the memory."""
    before = wire._packed.cache_info().currsize, wire._digest.cache_info().currsize

    for number in range(20):
        params = {"name": f"{number}.js", "digest": "x"}
        request = Request({"type": "http", "headers": [], "path_params": params})
        assert asyncio.run(wire.asset(request)).status_code == 404
    assert (wire._packed.cache_info().currsize, wire._digest.cache_info().currsize) == before


def hear(path, seconds, *words):
    """Every byte that the watcher tells a dashboard, until each of the words was among them."""
    heard, end = b"", time.monotonic() + seconds
    with socket.socket(socket.AF_UNIX) as ear:
        ear.settimeout(60)
        ear.connect(str(path))
        while time.monotonic() < end or not all(word in heard for word in words):
            said = ear.recv(1 << 20)
            assert said, "the watcher has left"
            heard += said
    return heard


def test_the_key_is_in_nothing_that_leaves_or_stays(started):
    """Log, history, socket, command lines; pages and streams are looked at in a browser."""
    until((started.data / "history.sqlite").exists, 20)
    heard = hear(socket_path(started.data), 2, b"echo")
    needle = CANARY.encode()
    assert needle not in heard
    for path in (path for path in started.data.rglob("*") if path.is_file()):
        assert needle not in read(path), path.name
    commands = [read(path) for path in Path("/proc").glob("[0-9]*/cmdline")]
    assert any(b"lib.watch" in command for command in commands)
    assert not any(needle in command for command in commands)
    assert needle not in started.process.log.read_bytes()
    assert all(
        seen.headers.get("authorization") == f"Bearer {CANARY}" for seen in asked_of(started)
    )


def read(path):
    """What is in a file; nothing where it is gone meanwhile, with its process for one."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def asked_of(started):
    return [seen for seen in started.server.seen if "/metrics" in seen.path]


@pytest.mark.parametrize(
    "key", ["sk canary", "sk-canary\nx", "sk-canary\x00", "sk-canaryé", "canary" * 2000]
)
def test_a_key_that_cannot_be_one_is_refused_without_being_told(key, tmp_path):
    environ = {
        **os.environ,
        "INSPECTOR_DATA": str(tmp_path),
        "VLLM_SERVERS": "a=http://127.0.0.1:9",
    }
    with pytest.raises(SettingsError) as caught:
        Secret(key)
    assert "canary" not in str(caught.value)
    if "\x00" in key:
        return  # no environment holds it
    ended = subprocess.run(
        [sys.executable, "-m", "lib.watch", "--once"],
        cwd=ROOT,
        env={**environ, "VLLM_API_KEY": key},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert ended.returncode == 2
    assert "canary" not in ended.stdout + ended.stderr


SINKS = re.compile(
    r"unsafe_allow_html|unsafe_allow_javascript|st\.html\(|insertAdjacentHTML|outerHTML|innerHTML"
    r"|document\.write|\beval\(|\bexec\(|new Function|\bpickle\b|marshal|verify=False|shell=True"
    r"|yaml\.load|\bos\.system|to_csv|download_button|st\.dataframe|st\.table|st\.markdown"
)
EXCUSED = {
    # Constants of ours: the style sheet of the frame, the shapes of states.
    'st.html(f"<style>{STYLE}</style>")': "lib/ui/shell.py",
    # Its cells are made harmless to a spreadsheet by `lib.tokens.batch.csv_of`.
    "st.download_button(": "lib/ui/lab/batching.py",
    # Likewise, by the same function; its other files are numbers, JSON and Parquet.
    "given.download_button(": "lib/ui/vectors/downloads.py",
    "svg.innerHTML = SHAPES[tone] ?? SHAPES.unknown;": "lib/ui/assets/dom.js",
}


def test_no_sink_reads_markup_and_no_export_holds_formulas():
    """What writes a table to a file must first make formulas harmless: one does, and is named."""
    suffixes = {".py", ".js", ".css", ".html"}
    files = [ROOT / "app.py", *(ROOT / "lib").rglob("*"), *(ROOT / "pages").rglob("*")]
    found = {
        line.strip(): path.relative_to(ROOT).as_posix()
        for path in files
        if path.suffix in suffixes
        for line in path.read_text().splitlines()
        if SINKS.search(line)
    }
    assert found.items() <= EXCUSED.items()
