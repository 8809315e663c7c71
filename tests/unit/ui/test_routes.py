import asyncio
import gzip

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from lib.ui import guard, wire
from lib.ui.routes import routes


class Browser:
    """Asks the routes without a socket between."""

    def __init__(self):
        app = Starlette(routes=routes(), middleware=[Middleware(wire.Headers)])
        self.transport = httpx.ASGITransport(app)

    def get(self, path, **how):
        async def ask():
            client = httpx.AsyncClient(transport=self.transport, base_url="http://localhost")
            async with client:
                return await client.get(path, **how)

        return asyncio.run(ask())


@pytest.fixture
def browser():
    return Browser()


def get(browser, path, **headers):
    return browser.get(path, headers=headers)


def test_every_answer_carries_the_policy(browser):
    for path in ("/inspector/nowhere", f"/{wire.asset_url('live.js')}", "/inspector/live"):
        headers = get(browser, path).headers
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"].split("style-src")[0]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


def test_scripts_may_be_kept_for_good_and_come_compressed(browser):
    answer = get(browser, f"/{wire.asset_url('live.js')}")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.text == (wire.ASSETS / "live.js").read_text()


def test_a_client_that_cannot_unpack_gets_the_file_itself(browser):
    answer = browser.get(f"/{wire.asset_url('live.css')}", headers={"accept-encoding": "identity"})
    assert answer.content == (wire.ASSETS / "live.css").read_bytes()


def test_plotly_is_the_one_of_the_installed_package(browser):
    packed = wire._packed("plotly.js")
    assert gzip.decompress(packed).startswith(b"/**\n* plotly.js")
    assert get(browser, f"/{wire.plotly_url()}").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "inspector/assets/0000000000000000/live.js",
        "inspector/assets/x/../wire.py",
        "inspector/assets/x/%2e%2e%2fwire.py",
        "inspector/assets/x/guard.py",
    ],
)
def test_nothing_else_is_given_out(browser, path):
    assert get(browser, f"/{path}").status_code == 404


@pytest.mark.parametrize("ticket", ["", "1.x", "9999999999.00000000000000000000000000000000"])
def test_the_stream_wants_a_ticket(browser, ticket):
    assert browser.get("/inspector/live", params={"ticket": ticket}).status_code == 401


def test_a_page_that_is_not_there_has_no_stream(browser):
    query = {"ticket": guard.mint(), "page": "secrets"}
    assert browser.get("/inspector/live", params=query).status_code == 404
    query = {"ticket": guard.mint(), "page": "rca", "server": "unknown"}
    assert browser.get("/inspector/live", params=query).status_code == 404
    query = {"ticket": guard.mint(), "page": "health", "servers": "unknown,,another"}
    assert browser.get("/inspector/live", params=query).status_code == 404


def test_a_foreign_name_is_refused(browser):
    assert get(browser, "/inspector/live", host="evil.example").status_code == 403


def test_scripts_put_text_into_the_page_as_text_only():
    for path in wire.ASSETS.glob("*.js"):
        script = path.read_text()
        for sink in ("insertAdjacentHTML", "outerHTML", "document.write", "eval(", "new Function"):
            assert sink not in script, f"{path.name}: {sink}"
        # The shapes of states are constants of ours, and the only markup that is ever parsed.
        assert script.count("innerHTML") == (1 if path.name == "dom.js" else 0)


def test_invented_names_of_files_are_not_remembered(browser):
    known = wire._packed.cache_info().currsize, wire._digest.cache_info().currsize
    for number in range(50):
        assert get(browser, f"/inspector/assets/x/invented-{number}.js").status_code == 404
    assert (wire._packed.cache_info().currsize, wire._digest.cache_info().currsize) == known


@pytest.mark.parametrize(
    ("host", "reached", "messages"),
    [
        (b"localhost", "127.0.0.1", ["websocket.accept"]),
        (b"evil.example", "127.0.0.1", ["websocket.close"]),
        (b"localhost", "192.0.2.1", ["websocket.close"]),
    ],
)
def test_a_websocket_is_refused_like_a_page(host, reached, messages):
    said = []

    async def inside(_scope, _receive, send):
        await send({"type": "websocket.accept"})

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        said.append(message["type"])

    scope = {"type": "websocket", "headers": [(b"host", host)], "server": (reached, 8501)}
    asyncio.run(wire.Headers(inside)(scope, receive, send))
    assert said == messages


def test_overviews_name_leads_to_the_root_with_its_query(browser):
    assert get(browser, "/overview").headers["location"] == "/"
    assert get(browser, "/overview?window=1m&server=a").headers["location"] == (
        "/?window=1m&server=a"
    )
