"""The routes of a current vLLM (0.32) that a demo server has, beyond those every release has."""

import asyncio
import gzip
import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lib.demo import process, tokenizers
from lib.demo.demo import Demo
from lib.demo.exposition import render
from lib.demo.families import current_families
from lib.demo.replies import Fields, RefusalError, read_fields, unknown_model
from lib.demo.texts import NO_TEMPLATE

__all__ = ["Current", "check_template", "conversation"]

PLAIN = "text/plain; version=1.0.0; charset=utf-8"
CLASSIC = "text/plain; version=0.0.4; charset=utf-8"


def conversation(messages: list[Any], tools: list[Any], *, closed: bool) -> str:
    """The demo's chat template: messages as one text with special tokens.

    `closed` says whether the end of a last answer is marked, or left open to be continued.
    """
    text = "<s>"
    for message in messages:
        role, content = message.get("role"), _content(message.get("content"))
        if role in {"system", "developer"}:
            text += f"[SYSTEM_PROMPT]{content}[/SYSTEM_PROMPT]"
        elif role == "assistant":
            text += f"{content}</s>"
        elif role == "tool":
            text += f"[TOOL_RESULTS]{content}[/TOOL_RESULTS]"
        else:
            if message is messages[-1] and tools:
                text += f"[AVAILABLE_TOOLS]{json.dumps(tools)}[/AVAILABLE_TOOLS]"
            text += f"[INST]{content}[/INST]"
    return text if closed else text.removesuffix("</s>")


def check_template(body: Mapping[str, Any]) -> None:
    """Refuse what the chat template cannot be asked for."""
    if body.get("continue_final_message") and body.get("add_generation_prompt", True):
        message = (
            "continue_final_message and add_generation_prompt are not compatible. "
            "Use continue_final_message when you want the model to continue the final message, "
            "and add_generation_prompt when you want to add a header that will prompt it to "
            "start a new assistant message instead."
        )
        raise RefusalError(400, "BadRequestError", message)
    if body.get("chat_template"):
        message = (
            "Chat template is passed with request, but --trust-request-chat-template is not "
            "set. Refused request with untrusted chat template."
        )
        raise RefusalError(400, "BadRequestError", message)


def _content(content: object) -> str:
    """A message's text, which may come in parts."""
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


class Current:
    """The handlers, for one demo."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo

    async def metrics(self, _: Request) -> Response:
        """The instrumented page: heeds neither a filter nor compression."""
        return Response(self._page(None), media_type=PLAIN)

    async def metrics_slash(self, request: Request) -> Response:
        """The mounted page: heeds `name[]` and `Accept-Encoding: gzip`."""
        only = request.query_params.getlist("name[]")
        body, headers = self._page(frozenset(only) or None), {}
        if "gzip" in request.headers.get("accept-encoding", ""):
            body, headers = (
                gzip.compress(body, compresslevel=6, mtime=0),
                {"content-encoding": "gzip"},
            )
        return Response(body, media_type=CLASSIC, headers=headers)

    async def load(self, _: Request) -> Response:
        """Constantly 0, as without `--enable-server-load-tracking`."""
        return JSONResponse({"server_load": 0})

    async def kv_event_sources(self, _: Request) -> Response:
        return JSONResponse({})

    async def tokenize(self, request: Request) -> Response:
        fields = await read_fields(request)
        text, add_special_tokens = self._to_encode(fields)
        want_pieces = fields.flag("return_token_strs", default=False)
        self._check(fields)
        tokenizer = await asyncio.to_thread(tokenizers.load, self._demo.role.tokenizer)
        ids = await asyncio.to_thread(tokenizer.encode, text, add_special_tokens=add_special_tokens)
        return JSONResponse(
            {
                "count": len(ids),
                "max_model_len": self._demo.role.limits.max_model_len,
                "tokens": ids,
                "token_strs": tokenizer.pieces(ids) if want_pieces else None,
            }
        )

    async def detokenize(self, request: Request) -> Response:
        fields = await read_fields(request)
        ids = fields.ids("tokens")
        self._check(fields)
        tokenizer = await asyncio.to_thread(tokenizers.load, self._demo.role.tokenizer)
        return JSONResponse({"prompt": await asyncio.to_thread(tokenizer.decode, ids)})

    def _page(self, only: frozenset[str] | None) -> bytes:
        demo = self._demo
        engine = demo.poll()
        families = [
            *process.families(demo.started, demo.cpu_before),
            *current_families(engine, demo.role.model, demo.started),
            *demo.web.families(),
        ]
        return render(families, only)

    def _check(self, fields: Fields) -> None:
        model = fields.text("model", default=self._demo.role.model)
        fields.check()
        if model not in (self._demo.role.model, *self._demo.role.adapters):
            raise unknown_model(model, self._demo.role.model)

    def _to_encode(self, fields: Fields) -> tuple[str, bool]:
        """The text of either form, and whether a start token goes before it."""
        messages = fields.body.get("messages")
        if messages and self._demo.role.dimensions:
            raise RefusalError(400, "BadRequestError", NO_TEMPLATE)
        if isinstance(messages, list) and all(isinstance(one, dict) for one in messages):
            return self._chat(fields, messages), fields.flag("add_special_tokens", default=False)
        prompt = fields.text("prompt")
        if not isinstance(fields.body.get("prompt"), str):
            fields.missing("messages")  # the body is a union: neither form fits
        return prompt, fields.flag("add_special_tokens", default=True)

    def _chat(self, fields: Fields, messages: list[Any]) -> str:
        open_end = fields.flag("continue_final_message", default=False)
        check_template(fields.body)
        return conversation(messages, fields.body.get("tools") or [], closed=not open_end)
