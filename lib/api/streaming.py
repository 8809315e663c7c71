"""Streaming: an answer that comes piece by piece, with the moment of every piece.

This module alone decides what a stream must be: what is asked of it, when it has ended well, how
long it may say nothing and last, and what is told where it breaks. `streams` fetches the bytes,
blocking or awaiting; what they mean stands here, once.
"""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace

from lib.api.answers import Answer, Raw
from lib.api.body import Body
from lib.api.calls import Call
from lib.api.chunks import MOST_RAW, read_chunk, read_whole
from lib.api.deltas import Event, Reply
from lib.api.errors import BadRequest, Reason, Refused, Unfit
from lib.api.failures import reason_of
from lib.api.generation import MOST_SENT, Generation
from lib.api.refusals import answered, failed_midway
from lib.api.sse import Frame, Framing
from lib.api.strict_json import read_json, record
from lib.api.target import Target

__all__ = ["REPORTS", "Intake", "Limits", "replied", "stream_call", "whole_call"]

_MOST_STREAMED = 64 << 20  # bytes of an answer in all
_MOST_EVENTS = 1_000_000
_END = b"[DONE]"
REPORTS: tuple[Mapping[str, bool] | None, ...] = (
    {"include_usage": True, "continuous_usage_stats": True},
    {"include_usage": True},
    None,
)
"""What a stream is asked to report, and what is left of it where a release refuses a part."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a stream may last and say nothing, in seconds; comments say something."""

    seconds: float = 600.0
    quiet: float = 60.0


def whole_call(request: Generation) -> Call[Event]:
    """The request for an answer in one piece."""
    body = {**request.body, "stream": False}
    return Call(request.route, read_whole, body, limit=_MOST_STREAMED, most_sent=MOST_SENT)


def stream_call(request: Generation, options: Mapping[str, bool] | None) -> Call[Event]:
    """The request for a stream, with what it is to report besides the text."""
    told = {} if options is None else {"stream_options": dict(options)}
    body = {**request.body, "stream": True, **told}
    return Call(request.route, read_whole, body, limit=_MOST_STREAMED, most_sent=MOST_SENT)


def replied(answer: Answer[Event]) -> Answer[Reply]:
    """An answer in one piece, its moment the end."""
    reply = Reply()
    reply.add(answer.value._replace(at=answer.seconds))
    return Answer(reply, answer.seconds, answer.status, answer.headers, answer.raw)


class Intake:
    """What has come of a stream, and whether it may go on. Seconds count from `begun`."""

    def __init__(self, target: Target, call: Call[Event], limits: Limits) -> None:
        self.reply = Reply()
        self._target, self._call, self._limits = target, call, limits
        self._begun = self._alive = time.perf_counter()
        self._framing = Framing()
        self._whole: Body | None = None  # an answer that is no stream is read to its end
        self._raw = Raw(200, {}, b"")
        self._ready: deque[Event] = deque()
        self.failure: Refused | None = None  # why it broke
        self._room, self._events = _MOST_STREAMED, _MOST_EVENTS
        self._has_begun = self._has_choice = self.is_over = False

    @property
    def is_whole(self) -> bool:
        """Whether this is an answer in one piece, as every error is."""
        return self._whole is not None

    @property
    def is_ended(self) -> bool:
        """Whether nothing more is to be read, however it ended."""
        return self.is_over or self.failure is not None

    @property
    def patience(self) -> float:
        """Seconds that the next bytes may take."""
        now = time.perf_counter()
        left = self._begun + self._limits.seconds - now
        return max(min(left, self._alive + self._limits.quiet - now), 0.001)

    def next(self) -> Event | None:
        """The next event; None where more must be read, or all was.

        Raises:
            Refused: the stream broke here.
        """
        if self._ready:
            return self._ready.popleft()
        if self.failure is not None:
            raise self.failure
        return None

    @property
    def fewer(self) -> int | None:
        """Which of `REPORTS` to ask for instead: the server refused a part of this one by name."""
        if not isinstance(self.failure, BadRequest):
            return None
        if "continuous_usage_stats" in self.failure.detail:
            return 1
        return 2 if "stream_options" in self.failure.detail else None

    def opened(self, status: int, headers: Mapping[str, str]) -> None:
        """The answer has begun."""
        self._alive, self._has_begun = time.perf_counter(), True
        self._raw = Raw(status, headers, b"")
        kind = headers.get("content-type", "").lower()
        encoding = headers.get("content-encoding", "identity").strip().lower()
        try:
            if status != 200 or not kind.startswith("text/event-stream"):
                self._whole = Body(headers, self._call.limit)
            elif encoding not in ("", "identity"):
                self._fail(Reason.ENCODING, f"content-encoding {encoding[:40]!r}")
        except Unfit as unfit:
            self._fail(unfit.reason, unfit.detail)

    def take(self, chunk: bytes) -> None:
        """The next bytes have come; none: it has ended."""
        at = time.perf_counter()
        try:
            if self._whole is not None:
                self._take_whole(self._whole, chunk, at)
            elif chunk:
                self._take_frames(chunk, at)
            else:
                self._fail(Reason.CUT_SHORT, "it ended without [DONE]")
        except Unfit as unfit:
            self._fail(unfit.reason, unfit.detail)

    def broke(self, error: Exception) -> None:
        """Nothing more comes, or came at all."""
        reason, detail = reason_of(error)
        if reason is Reason.TIMEOUT:
            reason, detail = self._late()
        elif self._has_begun and self._whole is None:
            reason = Reason.CUT_SHORT
        self._fail(reason, detail)

    def _late(self) -> tuple[Reason, str]:
        limits = self._limits
        if time.perf_counter() - self._begun >= limits.seconds:
            return Reason.OVERTIME, f"it took longer than {limits.seconds:g} s"
        reason = Reason.SILENT if self._has_begun else Reason.TIMEOUT
        return reason, f"nothing came for {limits.quiet:g} s"

    def _take_whole(self, body: Body, chunk: bytes, at: float) -> None:
        if chunk:
            self._alive = at
            body.feed(chunk)
            return
        raw = replace(self._raw, body=self._target.cleared(body.whole()))
        try:
            answer = answered(self._call, raw, at - self._begun, self._target)
        except Refused as refused:
            self.failure = refused
        else:
            self._give(answer.value._replace(at=answer.seconds))
            self.is_over = True

    def _take_frames(self, chunk: bytes, at: float) -> None:
        if at - self._begun >= self._limits.seconds:  # bytes that are there already take no time
            self._fail(*self._late())
            return
        self._room -= len(chunk)
        if self._room < 0:
            raise Unfit(Reason.TOO_LARGE, f"more than {_MOST_STREAMED:,} bytes")
        for frame in self._framing.feed(chunk):
            self._alive = at
            self._events -= 1
            if self._events < 0:
                raise Unfit(Reason.TOO_LARGE, f"more than {_MOST_EVENTS:,} events")
            self._take_frame(frame, at - self._begun)
            if self.is_ended:
                return

    def _take_frame(self, frame: Frame, at: float) -> None:
        text = self._target.cleared(frame.text)
        if frame.kind == "comment":
            self._give(Event(at, "comment", raw=_shown(text)))
        elif text.strip() == _END:
            self._take_end(at)
        else:
            self._take_data(text, at)

    def _take_end(self, at: float) -> None:
        if not self._has_choice:  # some failures before the first token end so
            self._fail(Reason.EMPTY, "it ended before it began")
            return
        self._give(Event(at, "done", raw=_END.decode()))
        self.is_over = True

    def _take_data(self, text: bytes, at: float) -> None:
        if b'"error"' in text:
            value = record(read_json(text), "an event")
            failure = failed_midway(self._call, value, self._target, self._told())
            if failure is not None:
                self.failure = failure
                return
        event = read_chunk(text, at)
        self._has_choice = self._has_choice or bool(event.deltas)
        self._give(event)

    def _give(self, event: Event) -> None:
        self.reply.add(event)
        self._ready.append(event)

    def _fail(self, reason: Reason, detail: str) -> None:
        self.failure = self._target.refuse(
            reason,
            detail,
            route=self._call.route,
            status=self._raw.status if self._has_begun else None,
            told=self._told() or "before its first token",
        )

    def _told(self) -> str:
        """How much of the answer has come; nothing where none has."""
        tokens, chunks = self.reply.tokens or 0, len(self.reply.moments)
        count, unit = (tokens, "token") if tokens and chunks else (chunks, "piece")
        return f"after {count:,} {unit}{'' if count == 1 else 's'}" if count else ""


def _shown(text: bytes) -> str:
    return text[: 4 * MOST_RAW].decode("utf-8", "replace")[:MOST_RAW]
