"""`/v1/chat/completions` and `/v1/completions`: real requests through the simulated scheduler.

What is answered is fixed beforehand (`answers`), how it looks is decided in `wire`; this module
decides when: a token leaves once the scheduler has made it, a client that goes away frees its seat
at once, and an engine that restarts cuts its streams off.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from lib.demo import tokenizers
from lib.demo.answers import answer
from lib.demo.demo import Demo
from lib.demo.replies import Fields, RefusalError, read_fields
from lib.demo.roles import Role
from lib.demo.tokenizers import Tokenizer
from lib.demo.visitors import LostError, Visitor, Visitors
from lib.demo.wire import Wire
from lib.demo.wishes import Wish, chat_wish, completion_wish

__all__ = ["Generation"]

EVENTS = "text/event-stream; charset=utf-8"
BUSY = (
    "The engine is currently busy and cannot accept new requests. "
    "Please try again later or on a different instance."
)
LOST = "EngineCore encountered an issue. See stack trace (above) for the root cause."
Understand = Callable[[Fields, Role, Tokenizer], Wish]


class Generation:
    """The handlers, for one demo."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self._visitors = Visitors(demo)

    async def chat(self, request: Request) -> Response:
        return await self.answered(request, await read_fields(request), chat_wish)

    async def completion(self, request: Request) -> Response:
        return await self.answered(request, await read_fields(request), completion_wish)

    async def answered(self, request: Request, fields: Fields, understand: Understand) -> Response:
        """The answer to a body that was read already, while the one who asked is still there."""
        role = self._demo.role
        _check_text(fields)
        tokenizer = await asyncio.to_thread(tokenizers.load, role.tokenizer)
        wish = await asyncio.to_thread(understand, fields, role, tokenizer)
        made = await asyncio.to_thread(answer, wish, tokenizer)
        visitor = self._enter(wish, made.ids)
        wire = Wire(role, wish, made, tokenizer, visitor.request)
        if wish.stream:
            return Stream(self._events(wire, visitor), lambda: self._visitors.leave(visitor))
        try:
            return await self._whole(request, wire, visitor)
        finally:
            self._visitors.leave(visitor)

    def _enter(self, wish: Wish, ids: tuple[int, ...]) -> Visitor:
        try:
            visitor = self._visitors.enter(wish.prompt, ids, wish.limit)
        except ValueError as error:  # fewer blocks than its context is long
            raise RefusalError(400, "BadRequestError", str(error)) from error
        if visitor is None:
            raise RefusalError(503, "Service Unavailable", BUSY)
        return visitor

    async def _whole(self, request: Request, wire: Wire, visitor: Visitor) -> Response:
        made = asyncio.create_task(_finished(visitor))
        gone = asyncio.create_task(_gone(request.receive))
        try:
            await asyncio.wait([made, gone], return_when=asyncio.FIRST_COMPLETED)
            if not made.done():
                return Response(status_code=499)  # nobody is there to read it
            made.result()
        except LostError as error:
            raise RefusalError(500, "InternalServerError", LOST) from error
        finally:
            made.cancel()
            gone.cancel()
        await self._demo.answering()
        return JSONResponse(wire.whole())

    async def _events(self, wire: Wire, visitor: Visitor) -> AsyncIterator[str]:
        seen = 0
        async for made in visitor.progress():
            await self._demo.answering()
            chunks = [wire.opening()] if seen == 0 else []
            chunks.append(wire.chunk(seen, made))
            for chunk in chunks:
                if chunk is not None:
                    yield _event(chunk)
            seen = made
        if usage := wire.closing():
            yield _event(usage)
        yield "data: [DONE]\n\n"


class Stream(StreamingResponse):
    """Server-sent events; `leave` is called when they end, however they do."""

    media_type = EVENTS

    def __init__(self, events: AsyncIterator[str], leave: Callable[[], None]) -> None:
        super().__init__(events)
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            # Without its last piece the server cuts the connection off, as a crash would.
            with contextlib.suppress(LostError):
                await super().__call__(scope, receive, send)
        finally:
            self._leave()


def _check_text(fields: Fields) -> None:
    """Refuse halves of characters, which JSON can name and no text can hold."""
    try:
        json.dumps(fields.body, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise RefusalError(400, "Bad Request", "There was an error parsing the body") from error


def _event(chunk: dict[str, Any]) -> str:
    return f"data: {json.dumps(chunk, ensure_ascii=False, separators=(',', ':'))}\n\n"


async def _finished(visitor: Visitor) -> None:
    async for _ in visitor.progress():
        pass


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
