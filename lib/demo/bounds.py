"""The numbers of a request for text, checked in vLLM's order and refused in its words."""

import math
from collections.abc import Mapping
from typing import Any

from lib.demo.replies import RefusalError, refusal, wrong_type
from lib.demo.roles import Role

__all__ = ["logprobs", "longest_answer", "temperature", "whole"]

MAX_LOGPROBS = 20


def whole(body: Mapping[str, Any], name: str) -> int | None:
    """An integer, where there is one."""
    value = body.get(name)
    if value is not None and type(value) is not int:
        raise wrong_type(name, "integer", value)
    return value


def _real(body: Mapping[str, Any], name: str, default: float) -> float:
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(name, "number", value)
    if not math.isfinite(value):
        raise refusal(f"{name} must be a finite number, got {value}.", name, value)
    return float(value)


def temperature(body: Mapping[str, Any]) -> float:
    """The temperature, once all that shapes the sampling is found right."""
    temperature = _real(body, "temperature", 1.0)
    if temperature < 0:
        message = f"temperature must be non-negative, got {temperature}."
        raise refusal(message, "temperature", temperature)
    if temperature > 2:
        raise refusal(
            f"temperature must be in [0, 2], got {temperature}.", "temperature", temperature
        )
    top_p = _real(body, "top_p", 1.0)
    if not 0 < top_p <= 1:
        raise refusal(f"top_p must be in (0, 1], got {top_p}.", "top_p", top_p)
    for name in ("presence_penalty", "frequency_penalty"):
        if not -2 <= (value := _real(body, name, 0.0)) <= 2:
            raise refusal(f"{name} must be in [-2, 2], got {value}.")
    if not 0 <= (min_p := _real(body, "min_p", 0.0)) <= 1:
        raise refusal(f"min_p must be in [0, 1], got {min_p}.")
    if (top_k := whole(body, "top_k") or 0) < -1:
        raise refusal(f"top_k must be 0 (disable), or at least 1, got {top_k}.")
    return temperature


def logprobs(count: int) -> int:
    """How many alternatives of each token are told."""
    if count < 0:
        raise refusal("`logprobs` must be a positive value or -1.", "logprobs", count)
    if count > MAX_LOGPROBS:
        message = (
            f"Requested sample logprobs of {count}, which is greater than max allowed: "
            f"{MAX_LOGPROBS}"
        )
        raise refusal(message, "logprobs", count)
    return count


def longest_answer(role: Role, prompt: int, asked: object, where: str) -> int:
    """How long the answer may be."""
    longest = role.limits.max_model_len
    if asked is not None and type(asked) is not int:
        raise wrong_type("max_tokens", "integer", asked)
    if isinstance(asked, int) and asked < 1:
        raise refusal(f"max_tokens must be at least 1, got {asked}.", "max_tokens", asked)
    if role.tutorial:
        return _old_limit(longest, prompt, asked, where)
    if isinstance(asked, int) and asked > longest:
        message = (
            f"max_tokens={asked} cannot be greater than max_model_len={longest}. "
            "Please request fewer output tokens."
        )
        raise refusal(message, "max_tokens", asked)
    if prompt > longest:
        # The real one stops counting there.
        message = (
            f"This model's maximum context length is {longest} tokens. However, your prompt "
            f"contains at least {longest + 1} input tokens, which exceeds this limit even without "
            "any output tokens. Please reduce the length of the input prompt."
        )
        raise refusal(message, "input_tokens", longest + 1)
    if prompt == longest:
        message = (
            f"The decoder prompt (length {prompt}) plus the number of requested output tokens "
            f"(at least 1) is longer than the maximum model length of {longest}. Make sure that "
            "`max_model_len` is no smaller than the number of text tokens (prompt + requested "
            "output tokens)."
        )
        raise refusal(message)
    return min(longest - prompt, asked if isinstance(asked, int) else longest)


def _old_limit(longest: int, prompt: int, asked: object, where: str) -> int:
    wanted = asked if isinstance(asked, int) else max(1, longest - prompt)
    if prompt + wanted > longest:
        message = (
            f"This model's maximum context length is {longest} tokens. However, you requested "
            f"{prompt + wanted} tokens ({prompt} in the {where}, {wanted} in the completion). "
            f"Please reduce the length of the {where} or completion."
        )
        raise RefusalError(400, "BadRequestError", message)
    return wanted
