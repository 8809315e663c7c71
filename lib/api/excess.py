"""Excess: by how much a request is longer than a model's context, read from a server's words.

This module alone decides which sentences of which servers say so. vLLM counts no further than one
token beyond its limit, so its number of a prompt's tokens is often only the least it can be.
"""

import re
from typing import NamedTuple

__all__ = ["Excess", "excess"]

_SIGNS = (
    r"maximum context length|max_model_len|maximum model length|model's context length"
    r"|available context size|exceed_context_size"
)
_LIMIT = (
    r"(?:maximum context length (?:is|of)|greater than max_model_len=|maximum model length of"
    r"|model's context length \(|available context size \()\s*(\d{1,9})"
)
_PROMPT = (
    r"(\d{1,9}) in the (?:messages|prompt)|(\d{1,9}) input tokens|prompt \(length (\d{1,9})\)"
    r"|(\d{1,9}) tokens from the input|(?:input|request) \((\d{1,9}) tokens\)"
)
_ANSWER = (
    r"(\d{1,9}) in the completion|(\d{1,9}) output tokens|max_tokens=(\d{1,9})"
    r"|too large: (\d{1,9})|(\d{1,9}) tokens for the completion"
)


class Excess(NamedTuple):
    """Numbers of tokens; None where the server does not tell."""

    limit: int | None  # of prompt and answer together
    prompt: int | None
    answer: int | None  # that were asked for
    exact: bool = True  # whether the prompt has just so many, or at least so many

    @property
    def over(self) -> int | None:
        """Tokens that must go, from the prompt or from the answer; more where it is not exact."""
        if self.limit is None or self.prompt is None:
            return None
        return max(self.prompt + (self.answer or 0) - self.limit, 0) or None

    @property
    def room(self) -> int | None:
        """The longest answer that fits after this prompt; None where none does, or none knows."""
        if self.limit is None or self.prompt is None or not self.exact:
            return None
        return max(self.limit - self.prompt, 0) or None

    @property
    def words(self) -> str:
        """What is known, as part of a sentence."""
        least = "" if self.exact else "at least "
        known = (
            (self.prompt, f"the prompt has {least}{self.prompt or 0:,} tokens"),
            (self.answer, f"the answer may have {self.answer or 0:,}"),
            (self.limit, f"the limit of both is {self.limit or 0:,}"),
        )
        return ", ".join(words for number, words in known if number is not None)


def excess(message: str, asked: int | None = None) -> Excess | None:
    """What a server's message says of a context that is too short; None where it says nothing.

    Args:
        message: the server's own words.
        asked: the tokens that the request asked for, where the message does not repeat them.
    """
    if not re.search(_SIGNS, message):
        return None
    limit, prompt, answer = (_number(one, message) for one in (_LIMIT, _PROMPT, _ANSWER))
    if limit is None and prompt is None:
        return None
    exact = re.search(r"at least \d+ input tokens", message) is None
    return Excess(limit, prompt, asked if answer is None else answer, exact)


def _number(pattern: str, message: str) -> int | None:
    found = re.search(pattern, message)
    return int(next(group for group in found.groups() if group)) if found else None
