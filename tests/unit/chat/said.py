"""Answers as a server would have said them, event by event."""

import math

from lib.api.deltas import (
    Delta,
    Event,
    Probability,
    Reply,
    ServerTimes,
    TokenChoice,
    ToolPart,
    Usage,
)

__all__ = ["choice", "data", "reply", "says", "streamed", "token"]


def says(at, content="", reasoning="", **more):
    """An event that adds to the answer; `tool` is (name, arguments)."""
    told = {key: more.pop(key) for key in ("usage", "times", "prompt_ids") if key in more}
    tool = more.pop("tool", None)
    tools = (ToolPart(0, "call", *tool),) if tool else ()
    return data(at, Delta(content=content, reasoning=reasoning, tools=tools, **more), **told)


def data(at, *deltas, **more):
    """Any event of data."""
    return Event(at, "data", deltas, **more)


def reply(*events, done=True):
    """The answer that they make; the last moment is that of the last event."""
    found = Reply()
    for event in events:
        found.add(event)
    if done and events:
        found.add(Event(events[-1].at, "done"))
    return found


def streamed(*parts, start=0.5, step=0.1, finish="stop", usage=True, times=None, **more):
    """An ordinary stream: a role, a text in parts, an end, the counts of tokens."""
    events = [data(start / 2, Delta())]
    events += [says(start + step * n, part) for n, part in enumerate(parts)]
    end = start + step * len(parts)
    events.append(data(end, Delta(finish=finish, **more)))
    counts = Usage(20, len(parts)) if usage is True else usage or None
    events.append(data(end, usage=counts, times=ServerTimes(**times) if times else None))
    return reply(*events)


def token(text, logprob=-0.5, number=None, raw=None):
    """A token; its bytes are those of its text unless told."""
    return Probability(text, logprob, number, text.encode() if raw is None else raw)


def choice(text, probability=0.5, *others, number=None, raw=None):
    """A chosen token and its alternatives, each (text, probability)."""
    chosen = token(text, math.log(probability), number, raw)
    return TokenChoice(chosen, (chosen, *(token(one, math.log(p)) for one, p in others)))
