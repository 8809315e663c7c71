"""What goes out over HTTP besides Streamlit's own: headers, scripts, styles, Plotly.js.

This module alone decides the content security policy, and which requests are refused before
anything else sees them. Nothing comes from another host: a page that needs one is wrong.
"""

import base64
import gzip
import hashlib
import importlib.util
import re
from functools import cache
from pathlib import Path

import streamlit
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from lib.ui import guard

__all__ = ["ASSETS", "Headers", "asset", "asset_url", "plotly_url"]

ASSETS = Path(__file__).parent / "assets"


def _inline_scripts() -> str:
    """The digests of the scripts in Streamlit's start page, which is all that may run inline."""
    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text("utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


POLICY = "; ".join(
    (
        "default-src 'self'",
        # blob: is where Streamlit loads a component's inline script from
        f"script-src 'self' blob: 'wasm-unsafe-eval' {_inline_scripts()}",
        "style-src 'self' 'unsafe-inline'",  # Streamlit's own styles are inline
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
_HEADERS = (
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "SAMEORIGIN"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
)
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_FOR_GOOD = "public, max-age=31536000, immutable"


class Headers:
    """ASGI middleware: headers on every answer; refuses foreign names and machines.

    A WebSocket is refused before it is accepted, which a browser sees as 403.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = _refused(scope) if scope["type"] in {"http", "websocket"} else None
        if scope["type"] != "http":
            await (_RefusedSocket() if refused else self._app)(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS:
                    headers[name] = value
            await send(message)

        await (refused or self._app)(scope, receive, send_with_headers)


class _RefusedSocket:
    """ASGI application that lets no WebSocket in: against our policy (RFC 6455, 1008)."""

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.close", "code": 1008})


def _refused(scope: Scope) -> Response | None:
    headers = dict(scope["headers"])
    if not is_host_allowed(headers.get(b"host", b"").decode("latin-1")):
        return PlainTextResponse("This name is not in server.allowedHosts.", 403)
    # Another server than `streamlit run` may have bound another address than is configured.
    reached = (scope.get("server") or ("127.0.0.1",))[0]
    if guard.is_loopback(reached) or guard.has_login():
        return None
    return PlainTextResponse(guard.refusal(reached) or "", 403)


async def asset(request: Request) -> Response:
    """`/inspector/assets/{digest}/{name}`: a file of ours, or `plotly.js`.

    The digest is part of the address, so that a browser may keep the file for good.
    """
    name = request.path_params["name"]
    # What is remembered by its name is asked for only by names that are files.
    if name not in _files() or request.path_params["digest"] != _digest(name):
        return PlainTextResponse("No such file.", 404)
    body = _packed(name)
    headers = {
        "cache-control": _FOR_GOOD,
        "content-type": _TYPES[Path(name).suffix],
        "vary": "accept-encoding",
    }
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(body, headers=headers | {"content-encoding": "gzip"})
    return Response(gzip.decompress(body), headers=headers | {"content-encoding": "identity"})


def asset_url(name: str) -> str:
    """Where a browser finds a file of `assets/`, relative to the dashboard's root."""
    return f"inspector/assets/{_digest(name)}/{name}"


def plotly_url() -> str:
    """Where a browser finds the Plotly.js that the installed plotly package carries."""
    return asset_url("plotly.js")


@cache
def _packed(name: str) -> bytes:
    """A file, compressed once for as long as the process lives."""
    return gzip.compress(_files()[name].read_bytes(), 6, mtime=0)


@cache
def _digest(name: str) -> str:
    """Our files share one digest, so that they may import each other by a relative path."""
    if name == "plotly.js":
        return hashlib.sha256(_packed(name)).hexdigest()[:16]
    digest = hashlib.sha256()
    for path in sorted(ASSETS.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def _files() -> dict[str, Path]:
    files = {path.name: path for path in ASSETS.iterdir() if path.suffix in _TYPES}
    plotly = importlib.util.find_spec("plotly")
    if plotly and plotly.origin:
        files["plotly.js"] = Path(plotly.origin).parent / "package_data" / "plotly.min.js"
    return files
