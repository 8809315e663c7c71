"""How an answer looks on the wire: whole or in chunks, in a current release's form or an old one's.

Keys, their order and what is left out are those that real servers sent.
"""

import hashlib
import secrets
import time
from typing import Any

from lib.demo.answers import Answer
from lib.demo.blocks import BLOCK_TOKENS
from lib.demo.roles import Role
from lib.demo.scheduler import Request
from lib.demo.shares import Shares
from lib.demo.tokenizers import Tokenizer
from lib.demo.wishes import Wish

__all__ = ["Wire"]

Body = dict[str, Any]


class Wire:
    """One answer being told. `request` is what the engine knows about it."""

    def __init__(
        self, role: Role, wish: Wish, answer: Answer, tokenizer: Tokenizer, request: Request
    ) -> None:
        self._role = role
        self._wish = wish
        self._answer = answer
        self._request = request
        self._id = ("chatcmpl-" if wish.chat else "cmpl-") + secrets.token_hex(8)
        self._created = int(time.time())
        self._calls = f"chatcmpl-tool-{secrets.token_hex(8)}"
        self._bare = role.tutorial
        self._hides = wish.thinks and not wish.show_thoughts
        self._shares = Shares(role, wish, answer, tokenizer)

    # ── In chunks ─────────────────────────────────────────────────────────────────────────────────

    def opening(self) -> Body | None:
        """The chunk that says who speaks; a completion has none."""
        if not self._wish.chat:
            return None
        choice = {
            "index": 0,
            "delta": {"role": "assistant", "content": ""},
            "logprobs": None,
            "finish_reason": None,
        }
        chunk = self._chunk([choice])
        if self._wish.continuous:
            chunk["usage"] = self._running_usage(0)
        if not self._bare:
            chunk["prompt_token_ids"] = list(self._wish.prompt) if self._wish.tell_ids else None
            chunk["prompt_text"] = self._wish.text if self._wish.tell_prompt else None
        return chunk

    def chunk(self, first: int, last: int) -> Body | None:
        """The tokens from `first` on, before `last`; None where they show nothing."""
        over = last == len(self._answer.ids)
        finish = self._finish() if over else None
        if self._wish.chat:
            choice = self._chat_choice(first, last, finish)
        else:
            choice = self._completion_choice(first, last, finish)
        if choice is None:
            return None
        chunk = self._chunk([choice])
        if self._wish.continuous:
            chunk["usage"] = self._running_usage(last)
        if over and not self._wish.usage and not self._bare:
            chunk["system_fingerprint"] = self._fingerprint()
        return chunk

    def closing(self) -> Body | None:
        """The chunk with the usage, where it was asked for."""
        if not self._wish.usage:
            return None
        chunk = self._chunk([]) | {"usage": self._usage()}
        if not self._bare:
            chunk["system_fingerprint"] = self._fingerprint()
        if self._role.tells_times:
            chunk["metrics"] = self._times()
        return _without_nothing(chunk)

    def _chunk(self, choices: list[Body]) -> Body:
        return {
            "id": self._id,
            "object": "chat.completion.chunk" if self._wish.chat else "text_completion",
            "created": self._created,
            "model": self._wish.model or self._role.model,
            "choices": choices,
        }

    def _chat_choice(self, first: int, last: int, finish: str | None) -> Body | None:
        told = self._wish.logprobs is not None or self._wish.tell_ids
        delta = self._delta(first, last)
        if delta is None and finish is None and (self._hides or not told):
            return None
        logprobs = None if self._hides else self._shares.chat(first, last)
        choice: Body = {
            "index": 0,
            "delta": delta or {},
            "logprobs": logprobs,
            "finish_reason": finish,
        }
        if finish is not None:
            choice["stop_reason"] = self._answer.stop
        if not self._bare:
            choice["token_ids"] = self._ids(first, last)
        return choice

    def _delta(self, first: int, last: int) -> Body | None:
        """What these tokens add to the message; None where a parser keeps it to itself."""
        delta: Body = {}
        calls: Body = {}
        hidden = False
        for part, text in self._answer.between(first, last):
            if part == "hidden" or (part == "thought" and self._hides):
                hidden = True
            elif part == "call":
                calls = {"id": self._calls, "type": "function", "index": 0}
                calls["function"] = {"name": text}
            elif part == "arguments":
                calls.setdefault("index", 0)
                calls.setdefault("function", {})["arguments"] = text
            else:
                name = self._thought() if part == "thought" else "content"
                delta[name] = delta.get(name, "") + text
        if calls:
            delta = {"content": None, **delta, "tool_calls": [calls]}
        return delta or (None if hidden else {"content": ""})

    def _thought(self) -> str:
        """Under which name thoughts go."""
        return "reasoning_content" if self._bare else "reasoning"

    def _completion_choice(self, first: int, last: int, finish: str | None) -> Body:
        text = "".join(text for _, text in self._answer.between(first, last))
        echo = self._wish.echo and first == 0
        if echo and not self._wish.tell_ids:
            text = self._wish.text + text
        choice: Body = {
            "index": 0,
            "text": text,
            "logprobs": self._shares.completion(first, last),
            "finish_reason": finish,
            "stop_reason": self._answer.stop if finish else None,
        }
        if not self._bare:
            prompt = first == 0 and (self._wish.tell_ids or self._wish.echo)
            choice["prompt_token_ids"] = list(self._wish.prompt) if prompt else None
            choice["token_ids"] = self._ids(first, last)
        return choice

    # ── Whole ─────────────────────────────────────────────────────────────────────────────────────

    def whole(self) -> Body:
        """The answer in one piece."""
        chat, every = self._wish.chat, len(self._answer.ids)
        body = self._chunk([self._whole_chat(every) if chat else self._whole_text(every)])
        body["object"] = "chat.completion" if chat else "text_completion"
        if self._bare:
            return body | {"usage": self._usage()} | ({"prompt_logprobs": None} if chat else {})
        body |= {"service_tier": None, "system_fingerprint": self._fingerprint()}
        body["usage"] = self._usage()
        if chat:
            body["prompt_logprobs"] = None
            body["prompt_token_ids"] = list(self._wish.prompt) if self._wish.tell_ids else None
            body["prompt_text"] = self._wish.text if self._wish.tell_prompt else None
        body |= {"kv_transfer_params": None, "ec_transfer_params": None}
        body["metrics"] = self._times() if self._role.tells_times else None
        return body

    def _whole_chat(self, every: int) -> Body:
        delta = self._delta(0, every) or {}
        calls = [
            {name: call[name] for name in ("id", "type", "function")}
            for call in delta.get("tool_calls", [])
            if "id" in call
        ]
        content = delta.get("content", None if calls else "")
        message: Body = {"role": "assistant", "content": content}
        if self._bare:
            message["tool_calls"] = calls
            if self._wish.thinks:
                message["reasoning_content"] = delta.get("reasoning_content")
        else:
            nothing = ("refusal", "annotations", "audio", "function_call")
            message |= dict.fromkeys(nothing) | {"reasoning": delta.get("reasoning")}
            message |= {"tool_calls": calls} if calls else {}
        choice: Body = {
            "index": 0,
            "message": message,
            "logprobs": None if self._hides else self._shares.chat(0, every),
            "finish_reason": self._finish(),
            "stop_reason": self._answer.stop,
        }
        if not self._bare:
            choice |= {"token_ids": self._ids(0, every), "routed_experts": None}
        return choice

    def _whole_text(self, every: int) -> Body:
        choice = self._completion_choice(0, every, self._finish())
        if self._bare:
            return choice | {"prompt_logprobs": None}
        prompt = choice.pop("prompt_token_ids")
        return choice | {
            "prompt_logprobs": None,
            "prompt_token_ids": prompt if self._wish.tell_ids else None,
            "routed_experts": None,
        }

    # ── What both forms tell alike ────────────────────────────────────────────────────────────────

    def _finish(self) -> str:
        """Why it ended; a call that the model itself chose has a name of its own."""
        called = any(span.kind == "call" for span in self._answer.spans)
        own = self._wish.tool_choice in {"auto", "required"}
        return (
            "tool_calls"
            if called and own and self._answer.finish == "stop"
            else (self._answer.finish)
        )

    def _ids(self, first: int, last: int) -> list[int] | None:
        shown = self._wish.tell_ids and not self._hides
        return list(self._answer.ids[first:last]) if shown else None

    def _fingerprint(self) -> str:
        digest = hashlib.sha256(self._role.name.encode()).hexdigest()
        return f"vllm-{self._role.version}-{digest[:8]}"

    def _running_usage(self, made: int) -> Body:
        prompt = len(self._wish.prompt)
        usage: Body = {
            "prompt_tokens": prompt,
            "total_tokens": prompt + made,
            "completion_tokens": made,
        }
        if self._wish.chat:
            usage["completion_tokens_details"] = None
        return usage

    def _usage(self) -> Body:
        made, prompt = len(self._answer.ids), len(self._wish.prompt)
        usage: Body = {
            "prompt_tokens": prompt,
            "total_tokens": prompt + made,
            "completion_tokens": made,
            "prompt_tokens_details": self._cached() if self._role.tells_cached else None,
        }
        if not self._bare:
            thought = {"reasoning_tokens": self._answer.count("thought")}
            usage["completion_tokens_details"] = thought if self._role.may_think else None
        return usage

    def _cached(self) -> Body:
        cached = self._request.cached
        full = len(self._wish.prompt) // BLOCK_TOKENS * BLOCK_TOKENS
        return {
            "cached_tokens": cached,
            "created_cache_tokens": full - cached if self._wish.chat else None,
            "multimodal_tokens": None,
        }

    def _times(self) -> Body:
        """`metrics`: in milliseconds, and the first token's time without the queue."""
        request, made = self._request, len(self._answer.ids)
        decode = request.last_token - request.first_token
        inference = request.last_token - request.scheduled
        return {
            "time_to_first_token_ms": 1000 * (request.first_token - request.scheduled),
            "generation_time_ms": 1000 * decode,
            "queue_time_ms": 1000 * (request.scheduled - request.arrived),
            "mean_itl_ms": 1000 * decode / (made - 1) if made > 1 else None,
            "tokens_per_second": made / inference,
            "speculative_decoding": None,
        }


def _without_nothing(body: Body) -> Body:
    """The last chunk leaves out what it has nothing to say about."""
    return {
        name: _without_nothing(value) if isinstance(value, dict) else value
        for name, value in body.items()
        if value is not None
    }
