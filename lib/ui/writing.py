"""The stream of one answer to a browser, as server-sent events, from any place in it.

Decided here: how often they come. The first part leaves at once, the others together a few times in
the time in which a screen is drawn anew; a browser that connects again says from where it goes on.
"""

import asyncio
import json
import time
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from lib.ui import guard
from lib.ui.answering import Run, is_name
from lib.ui.house import house
from lib.ui.stream import HEADERS, SEND_SECONDS, event

__all__ = ["Writing"]

_BEGIN_SECONDS = 30.0
"""A browser asks for an answer while its request to begin it is under way, and tells that request
again after seconds: a page that stood still is no reason to refuse it."""
_PAUSE = 0.025
_BEAT = 0.5
_AT_ONCE = 500


class Writing:
    """`/inspector/answer?run=&from=&ticket=`: what is written of a run, until it is over."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = Request(scope).query_params
        if not guard.valid(query.get("ticket", "")):
            refusal = PlainTextResponse("Ask the page for a new ticket.", 401)
            await refusal(scope, receive, send)
            return
        leaving = asyncio.create_task(_until_gone(receive))
        try:
            name = query.get("run")
            run = await _begun(name, leaving) if is_name(name) else None
            if run is None:
                await PlainTextResponse("No such answer.", 404)(scope, receive, send)
            else:
                await _write(run, _number(query.get("from", "")), leaving, send)
        finally:
            leaving.cancel()


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


async def _begun(name: str, leaving: "asyncio.Task[None]") -> Run | None:
    """The run, which may be about to begin; None where nobody waits for it any more."""
    end = time.monotonic() + _BEGIN_SECONDS
    while (left := end - time.monotonic()) > 0 and not (leaving.done() or house().hub.is_closing):
        if run := await house().answers.awaited(name, min(left, _BEAT)):
            return run
    return house().answers.get(name)


async def _write(run: Run, sent: int, leaving: "asyncio.Task[None]", send: Send) -> None:
    async with run.read():
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        with suppress(TimeoutError):  # a browser that does not read is not told either
            await _send_parts(run, sent, leaving, send)


async def _send_parts(run: Run, sent: int, leaving: "asyncio.Task[None]", send: Send) -> None:
    def has_news() -> bool:
        return len(run.parts) > sent or run.is_over

    while not leaving.done() and not house().hub.is_closing:
        is_new = await run.bell.until(has_news, _BEAT)
        parts = run.parts[sent : sent + _AT_ONCE]
        if parts:
            sent += len(parts)
            await _send(send, event("parts", _json({"n": sent, "parts": parts})))
            await asyncio.sleep(_PAUSE)
        elif run.is_over:
            await _send(send, event("end", _json({"state": run.state, "sentence": run.sentence})))
            break
        elif not is_new:
            await _send(send, b":\n\n")
    if not leaving.done():
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send(send: Send, data: bytes) -> None:
    async with asyncio.timeout(SEND_SECONDS):
        await send({"type": "http.response.body", "body": data, "more_body": True})


def _json(value: object) -> str:
    """On one line, and with nothing that is no character: a browser would refuse to read it."""
    return json.dumps(value, separators=(",", ":"))


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
