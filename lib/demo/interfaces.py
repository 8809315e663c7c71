"""Other makers' interfaces of a demo server: responses, messages, invocations.

As in the real server they are other forms of one thing: each is written anew as a chat or a
completion, answered as such, and its answer told in its own form. None of them is streamed here.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lib.demo import tokenizers
from lib.demo.current import conversation
from lib.demo.demo import Demo
from lib.demo.generation import Generation
from lib.demo.replies import Fields, read_fields, refusal
from lib.demo.wishes import chat_wish, completion_wish

__all__ = ["Interfaces", "is_scaling", "sorted_out"]

Body = dict[str, Any]
Handler = Callable[[Request], Awaitable[Response]]
NO_STREAM = "The demo does not stream this interface."
ENDS = {"stop": "end_turn", "length": "max_tokens"}


class Interfaces:
    """The handlers, for one demo that generates."""

    def __init__(self, demo: Demo, generation: Generation) -> None:
        self._demo = demo
        self._generation = generation

    async def responses(self, request: Request) -> Response:
        asked = dict((await read_fields(request)).body)
        messages = asked.get("input")
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        limit = asked.get("max_output_tokens")
        done = await self._chat(request, asked, asked.get("instructions"), messages, limit)
        return done if isinstance(done, Response) else JSONResponse(_response(done, asked))

    async def messages(self, request: Request) -> Response:
        fields = await read_fields(request)
        asked = dict(fields.body)
        if "max_tokens" not in asked:
            fields.missing("max_tokens")
        fields.check()
        done = await self._chat(
            request, asked, asked.get("system"), asked.get("messages"), asked["max_tokens"]
        )
        return done if isinstance(done, Response) else JSONResponse(_message(done))

    async def count_tokens(self, request: Request) -> Response:
        fields = await read_fields(request)
        messages = _led(fields.body.get("system"), fields.body.get("messages"))
        if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
            raise refusal("messages must be a list of messages", "messages")
        tokenizer = await asyncio.to_thread(tokenizers.load, self._demo.role.tokenizer)
        text = conversation(messages, [], closed=True)
        count = len(await asyncio.to_thread(tokenizer.encode, text, add_special_tokens=False))
        context = {"original_input_tokens": count}
        return JSONResponse({"input_tokens": count, "context_management": context})

    async def invocations(self, request: Request) -> Response:
        """A chat or a completion, by the fields of the body."""
        fields = await read_fields(request)
        form = chat_wish if "messages" in fields.body else completion_wish
        return await self._generation.answered(request, fields, form)

    async def _chat(
        self, request: Request, asked: Body, system: object, messages: object, limit: object
    ) -> Body | Response:
        """The chat's answer; a response as it is where nobody is there to read it."""
        if asked.get("stream"):
            raise refusal(NO_STREAM, "stream")
        body = {
            "model": asked.get("model") or self._demo.role.model,
            "messages": _led(system, messages),
            "temperature": asked.get("temperature"),
        }
        body |= {} if limit is None else {"max_tokens": limit}
        fields = Fields({name: value for name, value in body.items() if value is not None})
        response = await self._generation.answered(request, fields, chat_wish)
        if response.status_code != 200:
            return response
        whole: Body = json.loads(bytes(response.body))
        return whole


def sorted_out(handlers: Mapping[str, Handler]) -> Handler:
    """`/invocations`: the handler of the first of these fields that the body has."""

    async def invocations(request: Request) -> Response:
        body = (await read_fields(request)).body
        for field, handler in handlers.items():
            if field in body:
                return await handler(request)
        raise refusal("Cannot find suitable handler for request. Expected one of the known types.")

    return invocations


async def is_scaling(_: Request) -> Response:
    """A demo is never scaled."""
    return JSONResponse({"is_scaling_elastic_ep": False})


def _led(system: object, messages: object) -> object:
    """The messages with what the system says before them."""
    if isinstance(system, str) and isinstance(messages, list):
        return [{"role": "system", "content": system}, *messages]
    return messages


def _response(done: Body, asked: Mapping[str, Any]) -> Body:
    choice, usage = done["choices"][0], done["usage"]
    is_cut = choice["finish_reason"] == "length"
    part: Body = {"type": "output_text", "text": _text(choice), "annotations": [], "logprobs": None}
    output: list[Body] = []
    thoughts = choice["message"].get("reasoning")
    if thoughts:
        told = [{"type": "reasoning_text", "text": thoughts}]
        output.append({"id": _id("rs"), "type": "reasoning", "summary": [], "content": told})
    said = {"role": "assistant", "status": "completed", "content": [part]}
    output.append({"id": _id("msg"), "type": "message", **said})
    return {
        "id": _id("resp"),
        "object": "response",
        "created_at": int(time.time()),
        "model": done["model"],
        "status": "incomplete" if is_cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        "instructions": asked.get("instructions"),
        "max_output_tokens": asked.get("max_output_tokens"),
        "output": output,
        "usage": {
            "input_tokens": usage["prompt_tokens"],
            "output_tokens": usage["completion_tokens"],
            "total_tokens": usage["total_tokens"],
        },
    }


def _message(done: Body) -> Body:
    choice, usage = done["choices"][0], done["usage"]
    return {
        "id": done["id"],
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": _text(choice)}],
        "model": done["model"],
        "stop_reason": ENDS.get(choice["finish_reason"], "end_turn"),
        "usage": {
            "input_tokens": usage["prompt_tokens"],
            "output_tokens": usage["completion_tokens"],
        },
    }


def _text(choice: Body) -> str:
    return choice["message"]["content"] or ""


def _id(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(8)}"
