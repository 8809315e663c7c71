"""What a request for text asks for: a body read into a `Wish`, or refused in vLLM's words.

This module alone knows the fields of `/v1/chat/completions` and `/v1/completions`, and which of
them a release knows. What is written is decided in `answers`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lib.demo.bounds import logprobs, longest_answer, temperature, whole
from lib.demo.constraints import asked_form, asked_thoughts, asked_tools
from lib.demo.current import check_template, conversation
from lib.demo.replies import Fields, refusal, unknown_model, wrong_type
from lib.demo.roles import Role
from lib.demo.tokenizers import Tokenizer

__all__ = ["Wish", "chat_wish", "completion_wish"]

COMPLETION_TOKENS = 16
"""`max_tokens` of a completion that names none."""
NO_MESSAGE = "Cannot apply chat template to an empty conversation. Provide at least one message."


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One request, understood. Lengths in tokens."""

    chat: bool
    model: str
    prompt: tuple[int, ...]
    text: str
    """The prompt as text."""
    topic: str
    """What the user said last."""
    opening: str
    """The text that the answer goes on with; empty where it begins anew."""
    result: str | None
    """What a tool gave back, where that was said last."""
    limit: int
    least: int
    stop: tuple[str, ...]
    keep_stop: bool
    ignore_end: bool
    seed: int | None
    temperature: float
    logprobs: int | None
    """How many alternatives of each token to tell; None where no probability is asked."""
    tell_ids: bool
    tell_prompt: bool
    ids_as_tokens: bool
    echo: bool
    stream: bool
    usage: bool
    continuous: bool
    tools: tuple[Mapping[str, Any], ...]
    tool_choice: str
    """`none`, `auto`, `required`, or the name of a tool."""
    form: Mapping[str, Any]
    """What the answer's text must fit: `json`, `json_object`, `regex`, `choice` or `grammar`."""
    thinks: bool
    show_thoughts: bool
    effort: str
    thought_limit: int | None


def chat_wish(fields: Fields, role: Role, tokenizer: Tokenizer) -> Wish:
    """A request to `/v1/chat/completions`.

    Raises:
        RefusalError: it cannot be served.
    """
    body = fields.body
    model = _model(fields, role)
    messages = _messages(fields)
    fields.check()
    tools, choice = asked_tools(body, role)
    going_on = _goes_on(body, messages)
    text = conversation(messages, list(tools), closed=not going_on)
    prompt = tokenizer.encode(text, add_special_tokens=False)
    alternatives = whole(body, "top_logprobs") or 0
    if alternatives and not body.get("logprobs"):
        raise refusal("when using `top_logprobs`, `logprobs` must be set to true.", "top_logprobs")
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    return Wish(
        chat=True,
        topic=_said(messages),
        opening=_text(messages[-1]) if going_on else "",
        result=_text(messages[-1]) if messages[-1].get("role") == "tool" else None,
        limit=longest_answer(role, len(prompt), limit, "messages"),
        logprobs=logprobs(alternatives) if body.get("logprobs") else None,
        tell_prompt=bool(body.get("return_prompt_text")),
        echo=False,
        tools=tools,
        tool_choice=choice,
        **asked_thoughts(body, role, going_on=going_on),
        **_common(body, role, model, prompt, text),
    )


def completion_wish(fields: Fields, role: Role, tokenizer: Tokenizer) -> Wish:
    """A request to `/v1/completions`.

    Raises:
        RefusalError: it cannot be served.
    """
    body = fields.body
    model = _model(fields, role)
    fields.check()
    prompt, text = _prompt(body, tokenizer)
    alternatives = whole(body, "logprobs")
    return Wish(
        chat=False,
        topic=_asked(text),
        opening=text.rpartition("[/INST]")[2].removeprefix("<s>"),
        result=None,
        limit=longest_answer(
            role, len(prompt), body.get("max_tokens", COMPLETION_TOKENS), "prompt"
        ),
        logprobs=None if alternatives is None else logprobs(alternatives),
        tell_prompt=False,
        echo=bool(body.get("echo")),
        tools=(),
        tool_choice="none",
        thinks=False,
        show_thoughts=True,
        effort="",
        thought_limit=None,
        **_common(body, role, model, prompt, text),
    )


# ── The parts of a body ───────────────────────────────────────────────────────────────────────────


def _common(
    body: Mapping[str, Any], role: Role, model: str, prompt: list[int], text: str
) -> dict[str, Any]:
    """What both routes know alike."""
    options = body.get("stream_options")
    if options is not None and not body.get("stream"):
        message = "Stream options can only be defined when `stream=True`."
        raise refusal(message, "stream_options")
    options = options if isinstance(options, dict) else {}
    if (whole(body, "n") or 1) != 1:
        raise refusal(f"n must be at most 1, got {body['n']}.")
    stop = body.get("stop") or []
    if not isinstance(stop, str | list):
        raise wrong_type("stop", "list", stop)
    current = not role.tutorial
    return {
        "model": model,
        "prompt": tuple(prompt),
        "text": text,
        "least": whole(body, "min_tokens") or 0,
        "stop": (stop,) if isinstance(stop, str) else tuple(map(str, stop)),
        "keep_stop": bool(body.get("include_stop_str_in_output")),
        "ignore_end": bool(body.get("ignore_eos")),
        "seed": whole(body, "seed"),
        "temperature": temperature(body),
        "tell_ids": current and bool(body.get("return_token_ids")),
        "ids_as_tokens": bool(body.get("return_tokens_as_token_ids")),
        "stream": bool(body.get("stream")),
        "usage": bool(options.get("include_usage")),
        "continuous": current
        and bool(options.get("include_usage") and options.get("continuous_usage_stats")),
        "form": asked_form(body, role),
    }


def _model(fields: Fields, role: Role) -> str:
    model = fields.text("model", default=None if role.tutorial else role.model)
    if model and model not in (role.model, *role.adapters):
        raise unknown_model(model, role.model)
    return model


def _messages(fields: Fields) -> list[dict[str, Any]]:
    messages = fields.body.get("messages")
    if messages is None:
        fields.missing("messages")
    elif not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        raise wrong_type("messages", "list", messages)
    elif not messages:
        raise refusal(NO_MESSAGE)
    elif not all(isinstance(one.get("role"), str) for one in messages):
        raise wrong_type("messages.role", "string", messages)
    return messages or []


def _goes_on(body: Mapping[str, Any], messages: list[dict[str, Any]]) -> bool:
    check_template(body)
    going_on = bool(body.get("continue_final_message"))
    return going_on and messages[-1].get("role") == "assistant"


def _prompt(body: Mapping[str, Any], tokenizer: Tokenizer) -> tuple[list[int], str]:
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1 and isinstance(prompt[0], str | list):
        prompt = prompt[0]
    if isinstance(prompt, str) and prompt:
        return tokenizer.encode(prompt, add_special_tokens=True), prompt
    if isinstance(prompt, list) and prompt and all(type(one) is int for one in prompt):
        if min(prompt) < 0 or max(prompt) >= tokenizer.size:
            raise refusal(f"Token id {max(prompt)} is out of vocabulary")
        return prompt, tokenizer.decode(prompt)
    raise refusal("Either prompt or prompt_embeds must be provided and non-empty.", "prompt")


# ── What was said ─────────────────────────────────────────────────────────────────────────────────


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, dict))
        return "\n".join(str(part) for part in parts if part)
    return str(content or "")


def _said(messages: list[dict[str, Any]]) -> str:
    said = [_text(one) for one in messages if one.get("role") == "user"]
    return said[-1] if said else _text(messages[-1])


def _asked(text: str) -> str:
    """The last thing a templated text asks, or the end of one without a template."""
    asked = re.findall(r"\[INST\](.*?)\[/INST\]", text, re.DOTALL)
    return asked[-1] if asked else text[-400:]
