"""Deltas: what a generating server says piece by piece, as values, and what it comes to.

This module alone decides what a part of an answer holds, how parts make a whole, how much of a long
answer is kept in detail, and which moments its figures are taken from. Chunks are not tokens: one
may bring none or many, so tokens are counted by the server's usage or by ids, never by chunks.
`chunks` reads these values from a server's bytes.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, NamedTuple

__all__ = [
    "Delta",
    "Event",
    "Probability",
    "Reply",
    "ServerTimes",
    "Timing",
    "TokenChoice",
    "ToolCall",
    "ToolPart",
    "Turn",
    "Usage",
    "timing",
]

_MOST_EVENTS = 20_000
_MOST_RAW = 16_000_000  # characters of all kept events
_MOST_PROBABILITIES = 200_000  # of chosen and other tokens of all choices: some 50 MB


class Probability(NamedTuple):
    """One token that was or could have been chosen."""

    token: str  # its text; empty where the server names its id only
    logprob: float | None  # natural; None where not told; −9999 is vLLM's word for impossible
    id: int | None = None
    bytes_: bytes | None = None  # may be half a character, for which `token` then stands U+FFFD


class TokenChoice(NamedTuple):
    """A token of the answer, and the likeliest ones in its place (itself included, as a rule)."""

    chosen: Probability
    top: tuple[Probability, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolPart:
    """A piece of a tool call; empty where this piece does not tell."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class ToolCall(NamedTuple):
    """A tool that the model wants called; `arguments` is the JSON text as far as it has come."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Delta:
    """What one event adds to one choice."""

    index: int = 0
    content: str = ""
    reasoning: str = ""
    tools: tuple[ToolPart, ...] = ()
    choices: tuple[TokenChoice, ...] = ()
    ids: tuple[int, ...] | None = None
    finish: str | None = None  # stop, length, tool_calls, abort, repetition …
    stop: str | int | None = None  # the stop text or token id that was met

    @property
    def has_output(self) -> bool:
        """Whether the model said something here: what counts for the time to the first token."""
        return bool(
            self.content or self.reasoning or any(one.name or one.arguments for one in self.tools)
        )


class Usage(NamedTuple):
    """Tokens as the server counts them; None is not told, which is not 0."""

    prompt: int | None = None
    completion: int | None = None
    cached: int | None = None  # of the prompt's, found in the prefix cache
    reasoning: int | None = None  # of the completion's


class ServerTimes(NamedTuple):
    """What the server measured of this request, in seconds (`--enable-per-request-metrics`)."""

    prefill: float | None = None  # from its seat to its first token
    generation: float | None = None
    queue: float | None = None
    mean_itl: float | None = None
    tokens_per_second: float | None = None

    @property
    def ttft(self) -> float | None:
        """From its arrival at the engine to its first token.

        What vLLM calls `time_to_first_token_ms` begins when the request was scheduled: the queue
        is not in it.
        """
        return None if self.prefill is None or self.queue is None else self.queue + self.prefill


class Event(NamedTuple):
    """One line of a stream, or a whole answer.

    `at` counts seconds from the moment at which the request began to be sent.
    """

    at: float
    kind: Literal["data", "comment", "done", "whole"]
    deltas: tuple[Delta, ...] = ()
    usage: Usage | None = None
    times: ServerTimes | None = None
    prompt_ids: tuple[int, ...] | None = None
    id: str = ""
    model: str = ""
    fingerprint: str = ""
    raw: str = ""  # the line as text, at most 4,000 characters of it

    @property
    def has_output(self) -> bool:
        """Whether any choice goes on in it."""
        return any(delta.has_output for delta in self.deltas)


class Turn:
    """One choice of an answer, as far as it has come."""

    def __init__(self, room: "_Room") -> None:
        self.choices: list[TokenChoice] = []
        self.choices_left_out = 0  # tokens whose probabilities are not kept
        self.ids: list[int] | None = None  # None where the server tells none
        self.finish: str | None = None
        self.stop: str | int | None = None
        self._content = _Text()
        self._reasoning = _Text()
        self._tools: dict[int, _Tool] = {}
        self._room = room  # for probabilities

    @property
    def content(self) -> str:
        return self._content.whole

    @property
    def reasoning(self) -> str:
        return self._reasoning.whole

    @property
    def tools(self) -> list[ToolCall]:
        """The tool calls in the order of their index."""
        return [tool.call for _, tool in sorted(self._tools.items())]

    def add(self, delta: Delta) -> None:
        """Take the next piece."""
        self._content.add(delta.content)
        self._reasoning.add(delta.reasoning)
        for part in delta.tools:
            self._tools.setdefault(part.index, _Tool()).add(part)
        for choice in delta.choices:
            if self._room.takes(1 + len(choice.top)):
                self.choices.append(choice)
            else:
                self.choices_left_out += 1
        if delta.ids is not None:
            self.ids = [] if self.ids is None else self.ids
            self.ids.extend(delta.ids)
        self.finish = delta.finish or self.finish
        self.stop = self.stop if delta.stop is None else delta.stop


class Reply:
    """An answer as far as it has come. What it says of the first choice it says directly.

    One thread adds to it; others may read it meanwhile.
    """

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.times: ServerTimes | None = None
        self.prompt_ids: tuple[int, ...] | None = None
        self.id = self.model = self.fingerprint = ""
        self.events: list[Event] = []  # without their probabilities, which `choices` has
        self.events_left_out = 0
        self.done = False  # whether the server said that this is all
        self.moments: list[float] = []  # seconds at which output came; of every event
        # tokens that were told with the first and the newest output; None where none were
        self.first_tokens: int | None = None
        self.last_tokens: int | None = None
        self.first_answer: float | None = None
        self.total: float | None = None  # seconds of the newest event
        self.streamed = True
        self._turns: dict[int, Turn] = {}
        self._raw_room, self._room = _Room(_MOST_RAW), _Room(_MOST_PROBABILITIES)

    def add(self, event: Event) -> None:
        """Take the next event."""
        for delta in event.deltas:
            if delta.index not in self._turns:
                self._turns[delta.index] = Turn(self._room)
            self._turns[delta.index].add(delta)
        self.usage = _newer(self.usage, event.usage)
        self._time(event)
        self.times = event.times or self.times
        self.prompt_ids = self.prompt_ids if event.prompt_ids is None else event.prompt_ids
        self.id, self.model = event.id or self.id, event.model or self.model
        self.fingerprint = event.fingerprint or self.fingerprint
        self.done = self.done or event.kind in ("done", "whole")
        self._keep(event)

    def choice(self, number: int = 0) -> Turn:
        """A choice by its number; an empty one where nothing has come for it."""
        return self._turns.get(number) or Turn(self._room)

    @property
    def content(self) -> str:
        return self.choice().content

    @property
    def reasoning(self) -> str:
        return self.choice().reasoning

    @property
    def tools(self) -> list[ToolCall]:
        return self.choice().tools

    @property
    def choices(self) -> list[TokenChoice]:
        """The tokens of the first choice with their probabilities, where they were asked for."""
        return self.choice().choices

    @property
    def ids(self) -> list[int] | None:
        return self.choice().ids

    @property
    def finish(self) -> str | None:
        return self.choice().finish

    @property
    def stop(self) -> str | int | None:
        return self.choice().stop

    @property
    def tokens(self) -> int | None:
        """Tokens generated so far, of all choices: by usage, else by ids, else not known."""
        if self.usage is not None and self.usage.completion is not None:
            return self.usage.completion
        told = [turn.ids for turn in list(self._turns.values()) if turn.ids is not None]
        return sum(map(len, told)) if told else None

    def _time(self, event: Event) -> None:
        self.total = event.at
        self.streamed = self.streamed and event.kind != "whole"
        if event.has_output and self.streamed:
            self.moments.append(event.at)
            self.last_tokens = self.tokens if _counts(event) else None
            if len(self.moments) == 1:
                self.first_tokens = self.last_tokens
            if self.first_answer is None and any(delta.content for delta in event.deltas):
                self.first_answer = event.at

    def _keep(self, event: Event) -> None:
        if len(self.events) >= _MOST_EVENTS or not self._raw_room.takes(len(event.raw)):
            self.events_left_out += 1
            return
        if any(delta.choices for delta in event.deltas):
            bare = tuple(replace(delta, choices=()) for delta in event.deltas)
            event = event._replace(deltas=bare)
        self.events.append(event)


class Timing(NamedTuple):
    """Seconds of an answer as this client saw them; None where they cannot be told."""

    ttft: float | None  # to the first event with output, reasoning and tool calls included
    first_answer: float | None  # to the first content that is no reasoning
    last: float | None  # to the last event with output
    total: float | None  # to the end
    gaps: tuple[float, ...]  # between events with output
    tokens: int | None  # generated
    tpot: float | None  # seconds per token, from the first output to the last
    rate: float | None  # tokens per second while generating
    chunks: int  # events with output


def timing(reply: Reply) -> Timing:
    """The times of an answer; of one that was not streamed, only the total and the tokens."""
    moments, tokens = reply.moments, reply.tokens
    first, last = (moments[0], moments[-1]) if moments else (None, None)
    tpot = _per_token(reply)
    return Timing(
        ttft=first,
        first_answer=reply.first_answer,
        last=last,
        total=reply.total,
        gaps=tuple(after - before for before, after in pairwise(moments)),
        tokens=tokens,
        tpot=tpot,
        rate=1 / tpot if tpot else None,
        chunks=len(moments),
    )


def _per_token(reply: Reply) -> float | None:
    """By the tokens that came between: what came unseen before or after took no part of that time.

    Where they are told at the end only, the first output is taken for one token, the last for all.
    """
    moments, tokens = reply.moments, reply.tokens
    if len(moments) < 2 or tokens is None:
        return None
    first = 1 if reply.first_tokens is None else reply.first_tokens
    last = tokens if reply.last_tokens is None else reply.last_tokens
    return (moments[-1] - moments[0]) / (last - first) if last > first else None


def _counts(event: Event) -> bool:
    """Whether it tells how many tokens there are by then."""
    has_usage = event.usage is not None and event.usage.completion is not None
    return has_usage or any(delta.ids is not None for delta in event.deltas)


def _newer(old: Usage | None, new: Usage | None) -> Usage | None:
    """Of each count what was told last: not every chunk tells all of them."""
    if old is None or new is None:
        return new or old
    return Usage(*(then if now is None else now for then, now in zip(old, new, strict=True)))


class _Room:
    """For what may be endless: how much more of it is kept."""

    def __init__(self, left: int) -> None:
        self._left = left

    def takes(self, size: int) -> bool:
        """Whether that much is kept too; once it is not, nothing more is."""
        self._left -= size
        return self._left >= 0


class _Text:
    """A text that grows in one thread, and is joined when any thread looks at it."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._joined = (0, "")  # how many parts, and they as one text; replaced as a pair

    def add(self, part: str) -> None:
        if part:
            self._parts.append(part)

    @property
    def whole(self) -> str:
        (taken, text), count = self._joined, len(self._parts)
        if count > taken:
            text += "".join(self._parts[taken:count])
            self._joined = count, text
        return text


class _Tool:
    """One tool call that grows."""

    def __init__(self) -> None:
        self._id = self._name = ""
        self._arguments = _Text()

    def add(self, part: ToolPart) -> None:
        self._id, self._name = self._id or part.id, self._name or part.name
        self._arguments.add(part.arguments)

    @property
    def call(self) -> ToolCall:
        return ToolCall(self._id, self._name, self._arguments.whole)
