"""Why an answer ended as it did, and what to do about it.

Decided here: which ends and which texts tell of a setting that is amiss, on either side. Each
remark names the field or the flag that mends it.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from lib.api.deltas import Reply
from lib.api.text import plain_line
from lib.chat.words import Note, count, counted

__all__ = ["THINKING", "coach"]

THINKING = ("<think>", "</think>", "<|begin_of_thought|>", "[THINK]")
"""Marks that a reasoning parser would have taken out of the text."""
_CALLING = ("<tool_call>", "[TOOL_CALLS]", "<|python_tag|>", "<function=", "<｜tool▁calls▁begin｜>")
_TAIL = 4_000
_LONGEST_UNIT = 200
_TIMES, _REPEATED = 6, 120
"""So many times, and so many characters in all, are no style any more."""


def coach(reply: Reply, values: Mapping[str, Any]) -> tuple[Note, ...]:
    """Remarks on an answer that has ended; `values` are the parameters that were sent."""
    return tuple(
        note
        for notes in (_ended(reply, values), _empty(reply), _unparsed(reply), _written(reply))
        for note in notes
    )


def _ended(reply: Reply, values: Mapping[str, Any]) -> Iterator[Note]:
    if reply.finish == "length":
        yield _cut(reply, values)
    elif reply.finish == "stop":
        yield _stopped(reply, values)
    elif reply.finish == "tool_calls":
        yield Note("", "The model asks for a tool: paste its result and send it back.")
    elif reply.finish == "abort":
        yield Note("bad", "The request was stopped on the server before the model had ended.")
    elif reply.finish == "repetition":
        yield Note(
            "watch", "The server stopped it because it repeated itself; a repetition penalty helps."
        )
    elif reply.finish is not None:
        yield Note("watch", f"The server ended it with “{plain_line(reply.finish, 30)}”.")


def _cut(reply: Reply, values: Mapping[str, Any]) -> Note:
    limit = values.get("max_completion_tokens", values.get("max_tokens"))
    if reply.reasoning and not reply.content and not reply.tools:
        all_of_it = f"all of max_tokens ({count(limit)})" if limit else "all the tokens it had"
        return Note(
            "bad",
            f"The reasoning took {all_of_it}, so there is no answer: raise max_tokens, or lower"
            " reasoning_effort.",
        )
    tokens = reply.tokens
    if limit is not None and tokens is not None and tokens < limit:
        return Note(
            "watch",
            f"It was cut after {counted(tokens, 'token')}, before max_tokens ({count(limit)}): the"
            " context is full, or the server allows no more. Shorten the conversation.",
        )
    at = f"max_tokens ({count(limit)})" if limit is not None else "the number of tokens allowed"
    return Note("watch", f"It was cut at {at}: raise it, or continue the answer.")


def _stopped(reply: Reply, values: Mapping[str, Any]) -> Note:
    stop = reply.stop
    if isinstance(stop, str):
        kept = " It is part of the text." if values.get("include_stop_str_in_output") else ""
        return Note("", f"It ended at the stop text “{plain_line(stop, 40)}”.{kept}")
    if stop is not None:
        listed = values.get("stop_token_ids")
        asked = isinstance(listed, list) and stop in listed
        whose = "which was asked for" if asked else "one of the model's own ends"
        return Note("", f"It ended at the token {stop}, {whose}.")
    return Note("", "The model ended it by itself, with its end-of-text token.")


def _empty(reply: Reply) -> Iterator[Note]:
    if reply.content or reply.tools or reply.finish != "stop":
        return
    if reply.reasoning:
        yield Note("watch", "There is reasoning but no answer: the model ended after thinking.")
    elif isinstance(reply.stop, str):
        yield Note("watch", "The answer is empty: the stop text came first.")
    else:
        yield Note(
            "watch",
            "The answer is empty: the model's first token was its end. Is it the right chat"
            " template? min_tokens 1 asks for more.",
        )


def _unparsed(reply: Reply) -> Iterator[Note]:
    """What a parser of the server would have taken out of the text."""
    content = reply.content
    if not reply.reasoning and any(mark in content for mark in THINKING):
        yield Note(
            "watch",
            "The model's thinking stands in the answer: this server runs without"
            " --reasoning-parser, or with another model's.",
        )
    if not reply.tools and any(mark in content for mark in _CALLING):
        yield Note(
            "watch",
            "A tool call stands in the text: this server runs without --enable-auto-tool-choice and"
            " --tool-call-parser, or with another model's.",
        )


def _written(reply: Reply) -> Iterator[Note]:
    for call in reply.tools:
        if not _is_object(call.arguments):
            name = plain_line(call.name, 40)
            yield Note("watch", f"The arguments for {name} are no JSON object.")
    unit = _repeated(reply.content) or _repeated(reply.reasoning)
    if unit:
        said = plain_line(unit.strip(), 40)
        yield Note(
            "watch",
            f"It repeats “{said}” to its end: a higher temperature or a repetition_penalty helps.",
        )


def _is_object(arguments: str) -> bool:
    try:
        return isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        return False


def _repeated(text: str) -> str:
    """What the end of a text says again and again; "" where nothing, or only blanks."""
    tail = text[-_TAIL:]
    for length in range(1, _LONGEST_UNIT + 1):
        times = max(_TIMES, -(-_REPEATED // length))
        unit = tail[-length:]
        if len(tail) >= length * times and tail.endswith(unit * times):
            return unit if any(char.isalnum() for char in unit) else ""
    return ""
