"""Where the time of an answer went: phases from sending to the end, and pauses with their names.

Decided here:

- Queue and prefill are told apart only where the server reports them; else they are one wait.
- A gap is a pause above five times the median gap and a quarter of a second: below that, it is the
  pulse of a batch.
- A pause is named by what the server's own figures show in its seconds. They are of the whole
  server, so that the words say what happened at the same time, not what caused it.
- The server is looked at about once a second: what happens between two looks may not be seen, and
  of a shorter phase only what was seen next to it can be told.

Segments follow each other without a gap from 0 to the total. Times are seconds since the request
began to be sent.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from statistics import median_low
from typing import Literal, NamedTuple

from lib.api.deltas import Delta, Event, Reply, Timing
from lib.chat.words import counted, duration, share

__all__ = ["Moment", "Pause", "Segment", "Waterfall", "waterfall"]

Kind = Literal["network", "queue", "prefill", "wait", "reasoning", "answer", "tool", "pause", "end"]

_PAUSE_MEDIANS = 5
_PAUSE_SECONDS = 0.25
_FULL_CACHE = 0.95
_MOST_SEGMENTS = 400
_MOST_MARKS = 20_000


class Moment(NamedTuple):
    """The server's figures at one look; None where not reported.

    `preemptions` and `swapped` are what happened since the look before.
    """

    at: float
    running: float | None = None
    waiting: float | None = None
    kv: float | None = None
    preemptions: float | None = None
    swapped: float | None = None


class Segment(NamedTuple):
    """A phase. `network` and `end` are before and after what the server did."""

    kind: Kind
    start: float
    end: float
    words: str


class Pause(NamedTuple):
    """A gap between two pieces that is longer than the others, and what there was meanwhile."""

    start: float
    end: float
    words: str


class Waterfall(NamedTuple):
    """`marks` are the times at which output came, thinned out where there are very many."""

    total: float
    segments: tuple[Segment, ...]
    marks: tuple[float, ...]
    pauses: tuple[Pause, ...]
    notes: tuple[str, ...]


def waterfall(reply: Reply, timing: Timing, samples: Sequence[Moment] = ()) -> Waterfall:
    """The phases of an answer; `samples` are the server's looks from before until after it."""
    told = (one for one in samples if any(value is not None for value in one[1:]))
    looks = sorted(told, key=lambda one: one.at)
    total = max(timing.total or 0.0, timing.last or 0.0)
    first = total if timing.ttft is None else timing.ttft
    pauses = _pauses(reply.moments, looks)
    segments = [
        *_before(reply, first, looks),
        *_writing(reply, pauses),
        *_after(timing.last, total),
    ]
    every = max(1, -(-len(reply.moments) // _MOST_MARKS))
    return Waterfall(
        total,
        tuple(one for one in segments if one.end > one.start),
        tuple(reply.moments[::every]),
        pauses,
        tuple(_notes(reply, looks, pauses)),
    )


# ── Before the first token ──


def _before(reply: Reply, first: float, looks: Sequence[Moment]) -> list[Segment]:
    """From sending to the first token: as the server tells it, as far as it does."""
    told = reply.times
    if told is None or told.queue is None:
        whole = "" if reply.streamed else " The answer came whole: generating is in it too."
        queued = round(_most(looks, 0.0, first, lambda one: one.waiting) or 0)
        said = ""
        if queued:
            said = (
                f" Around then, {counted(queued, 'request')} waited on this server, this one"
                " perhaps among them."
            )
        return [
            Segment(
                "wait", 0.0, first, f"Queue and prefill, which are not told apart.{said}{whole}"
            )
        ]
    server = first if told.ttft is None else min(max(told.ttft, 0.0), first)
    network = 0.0 if not reply.streamed else first - server
    queued_until = min(network + max(told.queue, 0.0), first)
    way = (
        "The network, there and back, and what the server does before its engine has the request:"
        f" {duration(network)}."
    )
    prefill = "Prefill: the prompt is read, and the first token made."
    if told.ttft is None:
        prefill += " The network's share is not known and in it."
    return [
        Segment("network", 0.0, network, way),
        Segment("queue", network, queued_until, f"Waiting for a seat: {duration(told.queue)}."),
        *_prefill(reply, told.ttft, queued_until, first, prefill),
    ]


def _prefill(
    reply: Reply, ttft: float | None, start: float, first: float, words: str
) -> list[Segment]:
    """Up to the first token; of an answer that came whole, the rest of it follows."""
    if reply.streamed or ttft is None:
        return [Segment("prefill", start, first, words)]
    end = min(max(ttft, start), first)
    rest = "Generating, and the way back: the answer came whole."
    return [Segment("prefill", start, end, words), Segment("answer", end, first, rest)]


# ── From the first token to the last ──


def _writing(reply: Reply, pauses: Sequence[Pause]) -> list[Segment]:
    """What was being generated between each two pieces; equal neighbours are one segment."""
    named = {one.start: one for one in pauses}
    kinds = _kinds(reply)
    found: list[Segment] = []
    for number, (start, end) in enumerate(pairwise(reply.moments), 1):
        kind: Kind = kinds[number] if number < len(kinds) else "answer"
        pause = named.get(start)
        if pause is not None and pause.end == end:
            found.append(Segment("pause", start, end, pause.words))
        elif found and (found[-1].kind == kind or _is_full(found)):
            found[-1] = found[-1]._replace(end=end)
        else:
            found.append(Segment(kind, start, end, ""))
    return [_worded(one) for one in found]


def _is_full(segments: Sequence[Segment]) -> bool:
    """Whether the last one takes the rest; a pause never does, for its words tell its length."""
    return len(segments) >= _MOST_SEGMENTS and segments[-1].kind != "pause"


def _worded(segment: Segment) -> Segment:
    names: dict[str, str] = {"reasoning": "Reasoning", "answer": "Answer", "tool": "Tool call"}
    if segment.kind not in names:
        return segment
    took = duration(segment.end - segment.start)
    return segment._replace(words=f"{names[segment.kind]}: {took}.")


def _kinds(reply: Reply) -> list[Literal["reasoning", "answer", "tool"]]:
    """What each piece of output was; shorter than the moments where events are not kept."""
    return [_kind(event) for event in reply.events if event.has_output]


def _kind(event: Event) -> Literal["reasoning", "answer", "tool"]:
    def any_of(asked: Callable[[Delta], object]) -> bool:
        return any(asked(delta) for delta in event.deltas)

    if any_of(lambda one: one.content):
        return "answer"
    return "reasoning" if any_of(lambda one: one.reasoning) else "tool"


def _after(last: float | None, total: float) -> list[Segment]:
    if last is None:
        return []
    return [
        Segment("end", last, total, "After the last token: the server's counts and its goodbye.")
    ]


# ── Pauses ──


def _pauses(moments: Sequence[float], looks: Sequence[Moment]) -> tuple[Pause, ...]:
    gaps = [(end - start, start, end) for start, end in pairwise(moments)]
    if not gaps:
        return ()
    least = max(_PAUSE_MEDIANS * median_low(gap for gap, _, _ in gaps), _PAUSE_SECONDS)
    return tuple(
        Pause(start, end, f"A pause of {duration(gap)}: {_named(looks, start, end)}.")
        for gap, start, end in gaps
        if gap > least
    )


def _named(looks: Sequence[Moment], start: float, end: float) -> str:
    """What this server's figures show in those seconds."""
    seen = _during(looks, start, end)
    if not seen:
        return "this server's figures of these seconds are not known"
    preempted = round(sum(one.preemptions or 0.0 for one in seen))
    if preempted > 0:
        return f"{counted(preempted, 'preemption')} on this server in these seconds"
    swapped = round(sum(one.swapped or 0.0 for one in seen))
    if swapped > 0:
        return f"{counted(swapped, 'request')} swapped out on this server in these seconds"
    full = max((one.kv for one in seen if one.kv is not None), default=0.0)
    if full >= _FULL_CACHE:
        return f"the KV cache of this server was {share(full)} full in these seconds"
    joined = _joined(looks, start, end)
    if joined > 0:
        more = counted(joined, "more request") + " began on this server"
        return f"{more} in these seconds, and a prefill may hold up the others"
    return "nothing in this server's figures explains it"


def _joined(looks: Sequence[Moment], start: float, end: float) -> int:
    """By how many the running requests rose from just before to the end of it."""
    told = [(one.at, one.running) for one in looks if one.running is not None]
    before = [running for at, running in told if at <= start][-1:]
    within = [running for at, running in told if start < at] if before else []
    upto = sum(1 for at, _ in told if start < at < end) + 1  # the look after it knows the most
    return round(max(within[:upto], default=0.0) - before[0]) if before and within else 0


def _during(looks: Sequence[Moment], start: float, end: float) -> list[Moment]:
    """The looks within, and the first one after: it tells what happened since the one before."""
    found = [one for one in looks if start < one.at <= end]
    later = [one for one in looks if one.at > end]
    return [*found, *later[:1]]


# ── The whole ──


def _notes(reply: Reply, looks: Sequence[Moment], pauses: Sequence[Pause]) -> Iterable[str]:
    running = _running(reply.moments, looks)
    if running:
        others = max(0, round(max(running)) - 1)
        yield (
            f"Up to {counted(others, 'other request')} ran on this server while it was written."
            if others
            else "No other request was seen running on this server while it was written."
        )
    if pauses:
        longest = max(pauses, key=lambda one: one.end - one.start)
        more = f" There were {len(pauses)} pauses; this is the longest." if len(pauses) > 1 else ""
        yield longest.words + more
    if reply.events_left_out:
        yield f"{counted(reply.events_left_out, 'event')} of this long answer are not kept."


def _running(moments: Sequence[float], looks: Sequence[Moment]) -> list[float]:
    """The running requests between its first and its last token, when it was surely one of them."""
    within = (one.running for one in looks if moments and moments[0] <= one.at <= moments[-1])
    return [running for running in within if running is not None]


def _most(
    looks: Sequence[Moment], start: float, end: float, of: Callable[[Moment], float | None]
) -> float | None:
    values = [of(one) for one in _during(looks, start, end)]
    return max((value for value in values if value is not None), default=None)
