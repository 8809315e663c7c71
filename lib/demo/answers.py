"""What a request gets: the tokens of its whole answer, fixed before the engine has made the first.

The scheduler decides when a token leaves; this module decides which it is, what it adds to which
part of the message, and why the answer ends. The answer depends on the model, the prompt, the seed
and the temperature alone; above temperature 0 it varies where no seed is given.
"""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lib.demo import forms, prose
from lib.demo.tokenizers import Tokenizer
from lib.demo.wishes import Wish

__all__ = ["Answer", "Span", "answer"]

Parts = list[tuple[str, str]]
MOST_SENTENCES = 1 << 14


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the answer's text: `content`, `thought`, `call`, `arguments`, or `hidden`."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, as it will be once all its tokens are made."""

    ids: tuple[int, ...]
    text: str
    """All that the tokens say, with what a parser hides."""
    known: tuple[int, ...]
    """How many characters of the text are there after each token; 0 before the first."""
    spans: tuple[Span, ...]
    finish: str
    stop: str | None

    def between(self, first: int, last: int) -> Iterator[tuple[str, str]]:
        """What the tokens from `first` on, before `last`, add to the message: part and text."""
        start, end = self.known[first], self.known[last]
        for span in self.spans:
            low, high = max(start, span.start), min(end, span.end)
            if low >= high:
                continue
            if span.kind != "call":
                yield span.kind, self.text[low:high]
            elif high == span.end:  # a name comes at once
                yield span.kind, self.text[span.start : span.end]
            else:
                yield "hidden", ""

    def count(self, kind: str) -> int:
        """How many tokens a part of the message has."""
        tokens = range(len(self.ids))
        return sum(any(part == kind for part, _ in self.between(n, n + 1)) for n in tokens)


def answer(wish: Wish, tokenizer: Tokenizer) -> Answer:
    """The answer to a request."""
    dice = random.Random(_dice(wish))
    parts = [*_thoughts(wish, tokenizer, dice), *_message(wish, dice)]
    text = "".join(part for _, part in parts)
    ids = tokenizer.encode(text, add_special_tokens=False)
    needed = wish.limit if wish.ignore_end else min(wish.least, wish.limit)
    if len(ids) < needed:
        text, ids = _lengthened(wish, tokenizer, text, needed)
        parts = [*parts[:-1], ("content", text[sum(len(part) for _, part in parts[:-1]) :])]
    return _cut(wish, tokenizer, ids, _spans(parts))


def _dice(wish: Wish) -> str:
    drawn = "" if wish.temperature == 0 else wish.seed
    if drawn is None:
        drawn = random.SystemRandom().getrandbits(64)
    return f"{wish.model}|{wish.prompt}|{wish.temperature}|{drawn}"


def _thoughts(wish: Wish, tokenizer: Tokenizer, dice: random.Random) -> Parts:
    forced = wish.tool_choice not in {"none", "auto"}
    if not wish.thinks or forced:
        return []
    # A call or a form is soon decided.
    effort = wish.effort or ("minimal" if wish.tools or wish.form else "")
    thought = prose.thoughts(wish.topic, dice, effort=effort)
    if wish.thought_limit is not None:
        ids = tokenizer.encode(thought, add_special_tokens=False)
        thought = "".join(tokenizer.growth(ids[: wish.thought_limit]))
    return [("hidden", "<think>"), ("thought", thought), ("hidden", "</think>\n\n")]


def _message(wish: Wish, dice: random.Random) -> Parts:
    """The parts of what is said, in their order."""
    if wish.form:
        return [("content", forms.fitting(wish.form, wish.topic, dice))]
    tool = None if wish.tool_choice == "none" else _tool(wish)
    if tool is not None:
        asked = tool.get("parameters")
        schema = {"type": "object"} | (asked if isinstance(asked, dict) else {})
        arguments = forms.fitting({"json": schema}, wish.topic, dice)
        name = str(tool["name"])
        before, between = '[TOOL_CALLS][{"name": "', '", "arguments": '
        return [
            ("hidden", before),
            ("call", name),
            ("hidden", between),
            ("arguments", arguments),
            ("hidden", "}]"),
        ]
    if wish.result is not None:
        return [("content", prose.report(wish.result, wish.topic, dice))]
    return [("content", prose.answer(wish.topic, wish.opening, dice))]


def _tool(wish: Wish) -> Mapping[str, Any] | None:
    """The tool to call: the one that is named, or the one whose words were used."""
    tools: list[Mapping[str, Any]] = [one["function"] for one in wish.tools]
    if wish.tool_choice == "auto" and wish.result is not None:
        return None  # it has its result; now it speaks
    said = set(wish.topic.lower().split())

    def fits(tool: Mapping[str, Any]) -> int:
        words = json.dumps([tool.get("name"), tool.get("description")]).lower()
        return sum(word.strip("?.!,") in words for word in said if len(word) > 3)

    named = [tool for tool in tools if tool["name"] == wish.tool_choice]
    return named[0] if named else max(tools, key=fits)


def _lengthened(wish: Wish, tokenizer: Tokenizer, text: str, needed: int) -> tuple[str, list[int]]:
    """A text that goes on until it has so many tokens."""
    count = 8
    dice = random.Random(_dice(wish))
    more = text
    while count < MOST_SENTENCES:
        more = text + prose.answer(wish.topic, text, random.Random(dice.random()), sentences=count)
        ids = tokenizer.encode(more, add_special_tokens=False)
        if len(ids) >= needed:
            break
        count *= 2
    return more, ids


def _spans(parts: Parts) -> tuple[Span, ...]:
    spans, place = [], 0
    for kind, text in parts:
        spans.append(Span(kind, place, place + len(text)))
        place += len(text)
    return tuple(spans)


def _cut(wish: Wish, tokenizer: Tokenizer, ids: list[int], spans: tuple[Span, ...]) -> Answer:
    """Where the answer ends: at a stop string, at its limit, or by itself."""
    grown = tokenizer.growth(ids)
    text = "".join(grown)
    known = [0]
    for piece in grown:
        known.append(known[-1] + len(piece))
    found = [(text.find(one) + len(one), one) for one in wish.stop if one and one in text]
    ends, stop = min(found, default=(len(text) + 1, ""))
    tokens = next((n for n, there in enumerate(known) if there >= ends), len(ids) + 1)
    finish = "stop"
    if tokens > wish.limit and (wish.limit <= len(ids) or wish.ignore_end):
        tokens, finish, stop = wish.limit, "length", ""
    elif tokens > len(ids):
        ids, stop = [*ids, tokenizer.end], ""
        known.append(known[-1])
    shown = ends if wish.keep_stop else ends - len(stop)
    if stop:
        known = [min(there, shown) for there in known]
    return Answer(
        ids=tuple(ids[:tokens]),
        text=text,
        known=tuple(known[: tokens + 1]),
        spans=spans,
        finish=finish,
        stop=stop or None,
    )
