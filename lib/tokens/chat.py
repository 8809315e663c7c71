"""Chats: what a served template makes of messages, and which tokens stand for which message.

Decided here:

- The text that the template wrote is spelled from the pieces where these are exact (byte-level,
  SentencePiece); else the server decodes the ids.
- A token belongs to a message if it stands for any of its bytes. All others are overhead, of the
  message that they stand before; after the last message they are the closing.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lib.tokens.align import align
from lib.tokens.alignment import Alignment, Kind
from lib.tokens.profile import Profile
from lib.tokens.questions import Decode, Decoded, Encoded
from lib.tokens.template import Sent, contents_of, joined, layout_of, marked, place, shapes_of

__all__ = [
    "TEMPLATE",
    "UNPLACED",
    "Chat",
    "EncodeChat",
    "Part",
    "Rendered",
    "Sent",
    "double_start",
    "render",
]

TEMPLATE, UNPLACED = -1, -2
"""Instead of a message's number: the token is the template's, or nobody knows where it stands."""

_CALLS = 4000
_NAMED = 3
_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat as OpenAI's API has it.

    `special` asks for a beginning token besides the template's; None leaves that to the server.
    """

    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] = ()
    add_generation_prompt: bool = True
    continue_final_message: bool = False
    template_arguments: Mapping[str, Any] = field(default_factory=dict)
    special: bool | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The further fields of a request for its tokens, in vLLM's words."""
        given: dict[str, Any] = {
            # vLLM refuses both at once, and would add the prompt by itself.
            "add_generation_prompt": self.add_generation_prompt and not self.continue_final_message,
        }
        if self.continue_final_message:
            given["continue_final_message"] = True
        if self.tools:
            given["tools"] = list(self.tools)
        if self.template_arguments:
            given["chat_template_kwargs"] = dict(self.template_arguments)
        return given


@dataclass(frozen=True, slots=True)
class EncodeChat:
    """Which tokens is this chat? Answered with `Encoded`."""

    chat: Chat


class Part(NamedTuple):
    """One message: the tokens of its content, and the template's before it. `found`: wholly."""

    role: str
    tokens: int
    overhead: int
    found: bool


@dataclass(frozen=True, eq=False)
class Rendered:
    """A chat in tokens.

    `alignment` is that of the text which the template wrote. `owners` has the number of its message
    for each token, or `TEMPLATE`, or `UNPLACED`. `closing` counts the template's tokens after the
    last content. `remarks` are plain sentences on what a person should know.
    """

    alignment: Alignment
    owners: NDArray[np.int64]
    parts: tuple[Part, ...]
    contents: tuple[Sent, ...]
    closing: int
    remarks: tuple[str, ...]

    @property
    def text(self) -> str:
        """What the template wrote, as the model sees it."""
        return self.alignment.text

    @property
    def tokens(self) -> int:
        return len(self.owners)

    @property
    def overhead(self) -> int:
        """Tokens of the template in all."""
        return int(np.count_nonzero(self.owners == TEMPLATE))

    @property
    def share(self) -> float | None:
        """The part of all tokens that is the template's; None where there are none."""
        return self.overhead / self.tokens if self.tokens else None


def render(
    chat: Chat, profile: Profile, *, memory: Decoded | None = None, calls: int = _CALLS
) -> Generator[EncodeChat | Decode, Encoded | str, Rendered]:
    """Find out what the server's template makes of a chat.

    Raises:
        Unreadable: the answer names an impossible id.
    """
    encoded = yield from _encoded(chat)
    text = yield from _text(encoded, profile)
    contents, layout = contents_of(chat.messages), None
    if contents:
        messages, names = marked(chat.messages, (chat.tools, chat.template_arguments))
        other = yield from _encoded(replace(chat, messages=messages))
        layout = layout_of((yield from _text(other, profile)), names)
    sent, left_out, unfound = place(text, contents, shapes_of(encoded, profile), layout)
    # What the template wrote is as the model sees it: nothing changes it any more.
    plain = replace(profile, normaliser="", bare=((), ()))
    told = Encoded(encoded.ids, encoded.pieces, special=False)
    alignment = yield from align(text, told, plain, memory=memory, calls=calls)
    owners = _owners(alignment, sent)
    remarks = [*_missing(chat, left_out, unfound), double_start(encoded.ids, profile)]
    remarks += [_no_text() if encoded.ids and not text else "", *_parsed(chat, alignment, owners)]
    parts, closing = _parts(chat, alignment, owners, sent, {*left_out, *unfound})
    return Rendered(alignment, owners, parts, sent, closing, tuple(filter(None, remarks)))


def double_start(ids: Sequence[int], profile: Profile) -> str:
    """One sentence where the token that begins a text stands there twice; else ""."""
    first = profile.prefix[:1]
    if not first or tuple(ids[:2]) != first * 2:
        return ""
    return (
        "The token that begins a text stands there twice: once from the server and once from the"
        " template or the text."
    )


def _encoded(chat: Chat) -> Generator[EncodeChat | Decode, Encoded | str, Encoded]:
    answer = yield EncodeChat(chat)
    return answer if isinstance(answer, Encoded) else Encoded(())


def _text(encoded: Encoded, profile: Profile) -> Generator[EncodeChat | Decode, Encoded | str, str]:
    """What the template wrote; "" where neither pieces nor the server tell."""
    spelled = joined(encoded, profile.family)
    if spelled is not None:
        return spelled
    answer = yield Decode(tuple(encoded.ids))
    return answer if isinstance(answer, str) else ""


def _owners(alignment: Alignment, sent: Sequence[Sent]) -> NDArray[np.int64]:
    starts, ends = alignment.char_starts, alignment.char_ends
    owners = np.where(starts < 0, UNPLACED, TEMPLATE).astype(np.int64)
    spans = [one for one in sent if one.end > one.start]
    if not spans or not len(owners):
        return owners
    last = np.array([one.end for one in spans])
    first = np.array([one.start for one in spans])
    numbers = np.array([one.message for one in spans])
    near = np.searchsorted(last, starts, "right")
    inside = near < len(spans)
    near = np.minimum(near, len(spans) - 1)
    inside &= (starts >= 0) & (ends > starts) & (first[near] < ends)
    owners[inside] = numbers[near[inside]]
    return owners


def _parts(
    chat: Chat,
    alignment: Alignment,
    owners: NDArray[np.int64],
    sent: Sequence[Sent],
    unsure: set[int],
) -> tuple[tuple[Part, ...], int]:
    """The tokens of each message and of the template before it, and those of the closing."""
    next_one = np.array([*(one.message for one in sent), len(chat.messages)])
    starts = alignment.char_starts[owners == TEMPLATE]
    before = next_one[np.searchsorted([one.start for one in sent], starts, "left")]
    overhead = np.bincount(before, minlength=len(chat.messages) + 1)
    own = np.bincount(owners[owners >= 0], minlength=len(chat.messages))
    parts = [
        Part(_role(message), int(own[index]), int(overhead[index]), index not in unsure)
        for index, message in enumerate(chat.messages)
    ]
    return tuple(parts), int(overhead[-1])


def _role(message: Mapping[str, Any]) -> str:
    role = message.get("role")
    return role[:_LONGEST_NAME] if isinstance(role, str) else ""


def _name(chat: Chat, index: int) -> str:
    role = _role(chat.messages[index])
    return f"message {index + 1}" + (f" ({role})" if role else "")


def _missing(chat: Chat, left_out: list[int], unfound: list[int]) -> Iterator[str]:
    for index in left_out:
        yield f"The template leaves out {_name(chat, index)}: the model never sees it."
    for index in unfound:
        yield f"What the template makes of {_name(chat, index)} cannot be told from the rest."


def _no_text() -> str:
    return "The server tells neither the pieces nor the text of its tokens, only their ids."


def _parsed(chat: Chat, alignment: Alignment, owners: NDArray[np.int64]) -> Iterator[str]:
    """What was typed into a message and is read as a control token."""
    found: dict[int, dict[str, None]] = {}
    for at in np.flatnonzero((alignment.kinds == Kind.SPECIAL) & (owners >= 0)).tolist():
        start, end = int(alignment.char_starts[at]), int(alignment.char_ends[at])
        typed = alignment.text[start:end][:_LONGEST_NAME].strip()
        found.setdefault(int(owners[at]), {})[typed] = None
    for index, names in sorted(found.items()):
        shown = ", ".join(list(names)[:_NAMED]) + (" and others" if len(names) > _NAMED else "")
        yield f"Text in {_name(chat, index)} is read as control tokens: {shown}."
