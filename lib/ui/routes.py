"""Our own routes beside Streamlit's: files, the live stream, and answers as they are written.

This module alone decides their paths and who is answered.
"""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send
from streamlit import config

from lib.ui import guard, wire
from lib.ui.health_view import MOST
from lib.ui.house import house
from lib.ui.stream import Wish
from lib.ui.windows import window_named
from lib.ui.writing import Writing

__all__ = ["ANSWER_PATH", "routes", "stream_path"]

ANSWER_PATH = "inspector/answer"
"""Where the stream of an answer is, relative to the root; a page adds run, from and ticket."""

PAGES = {"overview": 0, "rca": 1, "health": MOST, "models": 0}
"""The live views, and how many servers each is of at most; 0 for all."""


def routes() -> list[BaseRoute]:
    """All of them, under the dashboard's base path."""
    base = str(config.get_option("server.baseUrlPath") or "").strip("/")
    home = f"/{base}" if base else ""
    root = f"{home}/inspector"

    def overview(request: Request) -> RedirectResponse:
        """The first page lives at the root; its name typed by hand leads there."""
        query = request.url.query
        return RedirectResponse(f"{home}/?{query}" if query else f"{home}/")

    return [
        Route(f"{home}/overview", overview, methods=["GET"]),
        Route(f"{root}/assets/{{digest}}/{{name}}", wire.asset, methods=["GET"]),
        Route(f"{root}/live", _Live(), methods=["GET"]),
        Route(f"{home}/{ANSWER_PATH}", Writing(), methods=["GET"]),
    ]


def stream_path(page: str, server: str = "") -> str:
    """Where a page's stream is, relative to the root; the page adds window and ticket.

    A page of several servers adds `servers=`, their names with commas between, instead of `server`.
    """
    query = {"page": page, "server": server} if server else {"page": page}
    return f"inspector/live?{urlencode(query)}"


class _Live:
    """`/inspector/live?page=&server=&window=&ticket=`: events for as long as the viewer stays."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = Request(scope).query_params
        page = query.get("page", "")
        told = query.get("servers") or query.get("server", "")
        names = [name for name in dict.fromkeys(told.split(",")) if house().named(name)]
        most = PAGES.get(page, 0)
        if not guard.valid(query.get("ticket", "")):
            await PlainTextResponse("Ask the page for a new ticket.", 401)(scope, receive, send)
        elif page not in PAGES or (most and not names):
            await PlainTextResponse("No such view.", 404)(scope, receive, send)
        else:
            window = window_named(query.get("window")).key
            wish = Wish(page, tuple(names[:most]), window)
            await house().hub.stream(wish, receive, send)
