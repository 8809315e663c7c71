"""Whether an answer arrived whole: what is missing or at odds in the stream itself.

Decided here: what of a stream is a fault, what only worth knowing. Nothing here judges what the
model said.
"""

from collections.abc import Iterator

from lib.api.deltas import Reply
from lib.chat.words import Note, counted

__all__ = ["integrity"]

_MANY = 1.2
"""Tokens per chunk from which on chunks are no measure of tokens."""


def integrity(reply: Reply, *, stopped: bool = False) -> tuple[Note, ...]:
    """Remarks on an answer; `stopped`: the person stopped it, so that its end may be missing."""
    notes = [*_text(reply), *_counts(reply)]
    if reply.streamed and reply.events:
        notes += [*_end(reply), *_chunks(reply)] if not stopped else _chunks(reply)
    return tuple(notes)


def _text(reply: Reply) -> Iterator[Note]:
    broken = (reply.content + reply.reasoning).count("\ufffd")
    if broken:
        yield Note(
            "bad",
            f"{counted(broken, 'character')} arrived as U+FFFD: the model broke off inside of a"
            " character, or the server decoded its tokens one by one.",
        )


def _counts(reply: Reply) -> Iterator[Note]:
    usage = reply.usage.completion if reply.usage is not None else None
    ids = reply.ids
    if usage is not None and ids is not None and len(ids) != usage:
        yield Note(
            "watch",
            f"The server counts {counted(usage, 'token')} but told {counted(len(ids), 'id')}.",
        )
    if reply.events_left_out:
        yield Note("", f"{counted(reply.events_left_out, 'event')} are left out of the log.")


def _end(reply: Reply) -> Iterator[Note]:
    if not reply.done:
        yield Note("bad", "The stream ended without [DONE]: the rest of the answer may be missing.")
    if reply.finish is None:
        yield Note("bad", "The server never said why the answer ended.")
    if reply.usage is None or reply.usage.completion is None:
        yield Note("watch", "The server told no usage: tokens and their times are not known.")


def _chunks(reply: Reply) -> Iterator[Note]:
    silent = _silent(reply)
    if silent:
        yield Note(
            "",
            f"{counted(silent, 'chunk')} brought nothing to read: control tokens, or parts of a"
            " character or of a tool call that were held back.",
        )
    tokens, chunks = reply.tokens, len(reply.moments)
    if tokens and chunks and tokens / chunks >= _MANY:
        yield Note(
            "",
            f"{tokens / chunks:.1f} tokens came per chunk: a gap is not the time of one token.",
        )


def _silent(reply: Reply) -> int:
    """Chunks without output, apart from the first with the role, the end and the counts."""
    data = [event for event in reply.events if event.kind == "data" and event.deltas]
    return sum(
        1
        for event in data[1:]
        if not event.has_output and all(delta.finish is None for delta in event.deltas)
    )
