"""The figures of one answer: what is shown beside it, in words and as numbers.

Decided here: which figures there are, what each is counted from, and that what a server does not
report is "not reported" and never 0. Times are those of this client; the server's own stand beside
them, because the difference is the network and the server's own front.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lib.api.deltas import Reply, Timing
from lib.api.text import plain_line
from lib.chat.words import ABSENT, Tone, count, counted, duration, share

__all__ = ["Figure", "figures", "reasoning_words", "short"]

_FULL = 0.9
"""From this share of the context on, the next turns may not fit."""
_UNREPORTED = "not reported"
_SHORT = ("ttft", "rate", "tokens", "finish")
_FINISHES: dict[str, tuple[Tone, str]] = {
    "stop": ("good", "The model ended its answer."),
    "length": ("watch", "It was cut at the number of tokens that was allowed."),
    "tool_calls": ("good", "The model asks for a tool."),
    "abort": ("bad", "The request was stopped on the server."),
    "repetition": ("watch", "The server stopped it because it repeated itself."),
}


class Figure(NamedTuple):
    """One figure; `number` in `unit` is for comparing, None where there is none.

    `key` names it across answers: ttft, first_answer, server_ttft, queue, tpot, rate, total,
    prompt, cached, tokens, reasoning, context, blocks, finish.
    """

    label: str
    value: str
    hint: str = ""
    tone: Tone = ""
    number: float | None = None
    unit: str = ""
    key: str = ""


def figures(
    reply: Reply, timing: Timing, *, limit: int | None = None, block_tokens: int | None = None
) -> tuple[Figure, ...]:
    """Everything that can be said of an answer, in the order in which it is read.

    `limit` is the model's context in tokens, `block_tokens` the tokens of one KV block.
    """
    prompt, held = _prompt(reply), _held(reply)
    return (
        *_times(reply, timing),
        _count("prompt", "Prompt", prompt, "Tokens of the prompt, the chat template included."),
        _cached(reply, prompt),
        _count("tokens", "Answer", timing.tokens, "Tokens generated, those of reasoning included."),
        *_reasoning(reply),
        _context(held, limit),
        _blocks(held, block_tokens),
        _finish(reply),
    )


def short(all_of_them: Sequence[Figure]) -> str:
    """The line under an answer: TTFT 210 ms · 24.1 tokens/s · 142 tokens · stop."""
    known = {one.key: one for one in all_of_them if one.value not in (ABSENT, _UNREPORTED)}
    said: dict[str, Callable[[Figure], str]] = {
        "ttft": lambda one: f"TTFT {one.value}",
        "rate": lambda one: f"{one.value} tokens/s",
        "tokens": lambda one: counted(int(one.number or 0), "token"),
        "finish": lambda one: one.value,
    }
    return " · ".join(said[key](known[key]) for key in _SHORT if key in known)


def reasoning_words(reply: Reply) -> str:
    """How much reasoning there was: "142 tokens, 3.10 s"; "" where there was none."""
    if not reply.reasoning:
        return ""
    tokens, seconds = _reasoning_tokens(reply), _reasoning_seconds(reply)
    said = "" if tokens is None else counted(tokens, "token")
    took = "" if seconds is None else duration(seconds)
    return ", ".join(filter(None, (said, took)))


def _times(reply: Reply, timing: Timing) -> list[Figure]:
    told = reply.times
    found = [_time("ttft", "TTFT", timing.ttft, _ttft_hint(reply, timing))]
    if reply.reasoning and timing.first_answer is not None:
        hint = "From sending to the first word of the answer itself, after the reasoning."
        found.append(_time("first_answer", "First answer", timing.first_answer, hint))
    if told is not None and told.ttft is not None:
        hint = "From arriving at the engine to the first token: its queue and prefill together."
        found.append(_time("server_ttft", "Server's TTFT", told.ttft, hint))
    if told is not None and told.queue is not None:
        found.append(_time("queue", "Queue", told.queue, "Waiting for a seat, as the server says."))
    tpot = "Time per token after the first: by the server's count of tokens, not by chunks."
    total = "From sending to the end of the answer."
    return [
        *found,
        _time("tpot", "TPOT", timing.tpot, tpot),
        _rate(timing.rate),
        _time("total", "Total", timing.total, total),
    ]


def _ttft_hint(reply: Reply, timing: Timing) -> str:
    if not reply.streamed:
        return "The answer came whole, so no first token could be seen."
    hint = "From sending to the first token of any kind, as it arrived here."
    server = reply.times.ttft if reply.times is not None else None
    if server is None or timing.ttft is None:
        return hint
    between = timing.ttft - server
    if between < 0:
        return f"{hint} The server says {duration(server)}, which is longer: it counts otherwise."
    return (
        f"{hint} The server says {duration(server)}: the other {duration(between)} are the network"
        " and what the server does before its engine has the request."
    )


def _time(key: str, label: str, seconds: float | None, hint: str) -> Figure:
    return Figure(label, duration(seconds), hint, number=seconds, unit="s", key=key)


def _rate(rate: float | None) -> Figure:
    hint = "Tokens per second while it was generating, the wait for the first one left out."
    value = ABSENT if rate is None else f"{rate:.{1 if rate < 99.95 else 0}f}"
    return Figure("Tokens/s", value, hint, number=rate, unit="tokens/s", key="rate")


def _count(key: str, label: str, value: int | None, hint: str) -> Figure:
    return Figure(label, count(value), hint, number=value, unit="tokens", key=key)


def _cached(reply: Reply, prompt: int | None) -> Figure:
    label, cached = "Cached", reply.usage.cached if reply.usage is not None else None
    if cached is None:
        hint = (
            "The server did not say what its prefix cache held (--enable-prompt-tokens-details)."
            if reply.done
            else "This is told at the end of an answer, and this one did not come to its end."
        )
        return Figure(label, _UNREPORTED, hint, unit="tokens", key="cached")
    of = f": {share(cached / prompt)} of the prompt" if prompt else ""
    hint = f"Tokens of the prompt that the prefix cache held{of}."
    return Figure(label, count(cached), hint, number=cached, unit="tokens", key="cached")


def _reasoning(reply: Reply) -> list[Figure]:
    told = reply.usage.reasoning if reply.usage is not None else None
    if not reply.reasoning and not told:
        return []
    tokens = _reasoning_tokens(reply)
    hint = "Tokens of the reasoning, and the time until the answer itself began."
    value = reasoning_words(reply) or count(tokens)
    return [Figure("Reasoning", value, hint, number=tokens, unit="tokens", key="reasoning")]


def _reasoning_tokens(reply: Reply) -> int | None:
    """As the server counts them, else the ids that came with reasoning and nothing else."""
    if reply.usage is not None and reply.usage.reasoning is not None:
        return reply.usage.reasoning
    parts = [delta for event in reply.events for delta in event.deltas if delta.reasoning]
    if not reply.streamed or reply.events_left_out:
        return None
    if any(one.ids is None or one.content or one.tools for one in parts):
        return None
    return sum(len(one.ids or ()) for one in parts) or None


def _reasoning_seconds(reply: Reply) -> float | None:
    """From its first piece to the first one of the answer, or to its own last one."""
    times = [event.at for event in reply.events if any(one.reasoning for one in event.deltas)]
    if not times or not reply.streamed:
        return None
    end = reply.first_answer
    return (times[-1] if end is None or end < times[0] else end) - times[0]


def _prompt(reply: Reply) -> int | None:
    if reply.usage is not None and reply.usage.prompt is not None:
        return reply.usage.prompt
    return None if reply.prompt_ids is None else len(reply.prompt_ids)


def _held(reply: Reply) -> int | None:
    """Tokens of the prompt and the answer together: what the request holds of the context."""
    prompt, tokens = _prompt(reply), reply.tokens
    return None if prompt is None or tokens is None else prompt + tokens


def _context(held: int | None, limit: int | None) -> Figure:
    used = held / limit if held is not None and limit else None
    tone: Tone = "watch" if used is not None and used >= _FULL else ""
    of = f" of {count(limit)}" if limit else ", of a limit that is not known"
    hint = f"Prompt and answer together: {count(held)}{of} tokens." if held is not None else ""
    return Figure("Context", share(used), hint, tone, used, "share", "context")


def _blocks(held: int | None, block_tokens: int | None) -> Figure:
    blocks = math.ceil(held / block_tokens) if held is not None and block_tokens else None
    hint = "This server does not say how many tokens a KV block holds."
    if block_tokens:
        hint = (
            f"Blocks of {block_tokens} tokens that prompt and answer fill at the end, reckoned from"
            " their tokens; those shared with others are in it."
        )
    return Figure(
        "KV blocks",
        count(blocks),
        hint,
        number=blocks,
        unit="blocks",
        key="blocks",
    )


def _finish(reply: Reply) -> Figure:
    if reply.finish is None:
        return Figure("Finish", ABSENT, "The server has not said why it ended.", key="finish")
    tone, hint = _FINISHES.get(reply.finish, ("watch", "The server's own word for why it ended."))
    stop = reply.stop
    if isinstance(stop, str):
        hint = f"It met the stop text “{plain_line(stop, 40)}”."
    elif stop is not None:
        hint = f"It met the stop token {stop}."
    return Figure("Finish", plain_line(reply.finish, 30), hint, tone, key="finish")
