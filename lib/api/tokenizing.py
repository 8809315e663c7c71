"""Tokenizing: what a served tokenizer is asked, in which order, as conversations.

Written once for both clients: each conversation yields calls and is sent their outcomes. The
arithmetic is that of `lib.tokens`, whose own questions become calls here. This module alone decides
what is tried a second time, which refusals mean only that there is no answer, and that no exception
holds what a person typed.
"""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from lib.api.answers import Answer, Tokens
from lib.api.asking import Asking
from lib.api.calls import Call
from lib.api.capabilities import Capabilities, Conversation
from lib.api.errors import BadRequest, CallerMistake, NotOffered, Reason, Refused, ServerFault
from lib.api.learnt import SHARED, Key, Known, Learnt
from lib.api.strict_json import Json
from lib.api.text import unquoted
from lib.tokens import Alignment, Decode, Encode, Encoded, Fit, align, learn
from lib.tokens.budget import Keep, Room, Verified, room, verified
from lib.tokens.chat import Chat, EncodeChat, Rendered, render
from lib.tokens.roundtrip import RoundTrip, round_trip

__all__ = ["DECODINGS", "Ended", "Source", "Tokenizing", "advanced", "cutting"]

T = TypeVar("T")
Source = str | Chat

DECODINGS = 4000
"""How often a server is asked for the text of ids, where its pieces do not tell."""
_DECODING_SECONDS = 15.0
"""How long it is asked; after that, tokens stay without a place."""
_WORDS = 12
"""Characters from which on a part of a tool or a name is more than a word of the interface."""


class Tokenizing:
    """A tokenizer of one served model, without the network.

    Args:
        client: the server's client; it stays open and the caller's to close.
        model: a name that the server serves; without one, its first.
        learnt: what was learnt of tokenizers before; without one, that of the process.
    """

    def __init__(
        self, client: Asking, model: str | None = None, *, learnt: Learnt | None = None
    ) -> None:
        self._asking, self._model = client, model
        self._learnt = SHARED if learnt is None else learnt

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._asking.url}, {self._model!r})"

    def _encoding(
        self,
        known: Capabilities,
        source: Source,
        special: bool | None = None,
        *,
        pieces: bool = True,
    ) -> Conversation[Tokens]:
        """The tokens; without their pieces where the server fails over these."""
        typed = list(_typed(source))
        outcome: Answer[Tokens] | Refused
        outcome = yield self._tokenize(known, source, special, pieces=pieces)
        if pieces and known.dialect.strings and _failed(outcome):
            outcome = yield self._tokenize(known, source, special, pieces=False)
        return _value(outcome, typed)

    def _decoding(self, known: Capabilities, ids: Sequence[int]) -> Conversation[str]:
        outcome: Answer[str] | Refused
        outcome = yield self._asking.detokenize_call(known, ids, self._model)
        return _value(outcome)

    def _knowing(self, known: Capabilities, *, anew: bool = False) -> Conversation[Known]:
        """What the tokenizer is like; asked for once."""
        key = self._key(known)
        kept = None if anew else self._learnt.of(key)
        if kept is None:
            profile = yield from self._asked(known, learn(), pieces=True)
            kept = self._learnt.keep(key, profile)
        return kept

    def _aligning(
        self, known: Capabilities, text: str, special: bool | None, decodings: int
    ) -> Conversation[Alignment]:
        tokens = yield from self._encoding(known, text, special)
        encoded = Encoded(tokens.ids, tokens.strings, special)

        def aligned(kept: Known) -> Generator[Decode, str, Alignment]:
            return align(text, encoded, kept.profile, memory=kept.decoded, calls=decodings)

        kept = yield from self._knowing(known)
        found = yield from self._asked(known, aligned(kept))
        if found.fit in (Fit.APPROXIMATE, Fit.UNALIGNED) and not kept.is_fresh:
            # The server may have been started again with another tokenizer under the same names.
            kept = yield from self._knowing(known, anew=True)
            found = yield from self._asked(known, aligned(kept))
        return found

    def _rendering(self, known: Capabilities, chat: Chat, decodings: int) -> Conversation[Rendered]:
        kept = yield from self._knowing(known)
        questions = render(chat, kept.profile, memory=kept.decoded, calls=decodings)
        return (yield from self._asked(known, questions, pieces=True))

    def _checking(self, known: Capabilities, source: Source, reserve: int) -> Conversation[Room]:
        tokens = yield from self._encoding(known, source, pieces=False)
        limit = tokens.max_model_len
        if limit is None:
            name = self._key(known).model
            limit = next((one.max_model_len for one in known.models if one.id == name), None)
        return room(tokens.count, limit, reserve)

    def _truncating(
        self,
        known: Capabilities,
        text: str,
        special: bool | None,
        cut: Callable[[Alignment], Generator[Any, Any, T]],
    ) -> Conversation[T]:
        found = yield from self._aligning(known, text, special, DECODINGS)
        return (yield from self._asked(known, cut(found)))

    def _going_round(
        self, known: Capabilities, text: str, special: bool | None
    ) -> Conversation[RoundTrip]:
        tokens = yield from self._encoding(known, text, special, pieces=False)
        kept = yield from self._knowing(known)
        head, tail = kept.profile.added(tokens.ids, special)
        back = yield from self._decoding(known, tokens.ids[head : tokens.count - tail])
        return round_trip(text, back)

    def _asked(
        self, known: Capabilities, questions: Generator[Any, Any, T], *, pieces: bool = False
    ) -> Conversation[T]:
        """Hold a conversation of `lib.tokens` with the server."""
        answer: Encoded | str | None = None
        begun, mute = time.monotonic(), False
        while True:
            try:
                question = questions.send(answer)
            except StopIteration as end:
                found: T = end.value
                return found
            if not isinstance(question, Decode):
                answer = yield from self._encoded(known, question, pieces=pieces)
            elif mute or time.monotonic() - begun > _DECODING_SECONDS:
                answer = None  # the question stays open, and so does the place of its token
            else:
                answer, mute = yield from self._decoded(known, question)

    def _encoded(
        self, known: Capabilities, question: Encode | EncodeChat, *, pieces: bool
    ) -> Conversation[Encoded]:
        if isinstance(question, EncodeChat):
            chat = question.chat
            tokens = yield from self._encoding(known, chat, chat.special, pieces=pieces)
            return Encoded(tokens.ids, tokens.strings, chat.special)
        try:
            tokens = yield from self._encoding(
                known, question.text, question.special, pieces=pieces
            )
        except BadRequest:
            if question.text:
                raise
            return Encoded(())  # some servers refuse the empty text: then it tells nothing
        return Encoded(tokens.ids, tokens.strings, question.special)

    def _decoded(
        self, known: Capabilities, question: Decode
    ) -> Conversation[tuple[str | None, bool]]:
        """The text of ids, None where the server will not say; and whether it never will."""
        outcome = yield self._asking.detokenize_call(known, question.ids, self._model)
        if isinstance(outcome, NotOffered | BadRequest):
            return None, isinstance(outcome, NotOffered)
        return _value(outcome), False

    def _tokenize(
        self, known: Capabilities, source: Source, special: bool | None, *, pieces: bool
    ) -> Call[Tokens]:
        if isinstance(source, str):
            return self._asking.tokenize_call(
                known, source, self._model, add_special=special, strings=pieces
            )
        return self._asking.tokenize_call(
            known,
            None,
            self._model,
            messages=source.messages,
            options=source.options,
            add_special=source.special if special is None else special,
            strings=pieces,
        )

    def _key(self, known: Capabilities) -> Key:
        named = [one for one in known.models if one.id == self._model]
        first = [one for one in known.models if one.parent is None]
        model = next(iter(named if self._model else first), None)
        name = self._model or (model.id if model else None)
        return Key(self._asking.url, known.version, name, model.root if model else None)


def cutting(
    budget: int, keep: Keep, marker: str, special: bool | None
) -> Callable[[Alignment], Generator[Encode, Encoded, Verified]]:
    """How a text whose tokens have their places is cut to a budget."""

    def cut(found: Alignment) -> Generator[Encode, Encoded, Verified]:
        return verified(found, budget, keep, marker, special=special)

    return cut


@dataclass(frozen=True, slots=True)
class Ended(Generic[T]):
    """What a conversation came to."""

    value: T


def advanced(
    conversation: Conversation[T], outcome: Answer[Any] | Refused | None
) -> Call[Any] | Ended[T]:
    """One step of a conversation: its next call, or its end. The first step takes no outcome."""
    try:
        return next(conversation) if outcome is None else conversation.send(outcome)
    except StopIteration as end:
        return Ended(end.value)


def _failed(outcome: Answer[Any] | Refused) -> bool:
    """Whether the server itself broke, as some do over pieces that are no whole characters."""
    return isinstance(outcome, ServerFault) and outcome.reason is Reason.SERVER_ERROR


def _value(outcome: Answer[T] | Refused, typed: Sequence[str] = ()) -> T:
    if isinstance(outcome, Refused):
        if not isinstance(outcome, CallerMistake):  # whose detail is our own
            outcome.detail = unquoted(outcome.detail, typed)
        raise outcome
    return outcome.value


def _typed(source: Source) -> Iterator[str]:
    """What a person typed, as far as a server's message could quote it."""
    if isinstance(source, str):
        yield source
        return
    for message in source.messages:
        content = message.get("content")
        if isinstance(content, str):
            yield content
    others = (*source.messages, *source.tools, source.template_arguments)
    yield from (text for one in others for text in _texts(one) if len(text) >= _WORDS)


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
