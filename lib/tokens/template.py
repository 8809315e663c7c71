"""Templates: the text that a served template wrote, and where the contents of messages stand in it.

Nothing is guessed. Pieces spell the text where they are exact. The same chat with a mark in the
place of each content shows what the template writes between them; the contents, as typed or without
the blanks at their ends, must then fill exactly the rest. Where a template looks into the contents,
only what occurs once is taken for one.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from lib.tokens.alphabets import REPLACEMENT, Family, byte_of, is_special, read_byte_level
from lib.tokens.normalise import NORMALISERS
from lib.tokens.profile import Profile
from lib.tokens.questions import Encoded, Piece

__all__ = ["Layout", "Sent", "contents_of", "joined", "layout_of", "marked", "place", "shapes_of"]

Message = Mapping[str, Any]
Layout = list[str | int]
"""What a template writes, in turn with the numbers of the contents between."""
Shapes = Callable[[str], list[str]]


class Sent(NamedTuple):
    """Where a content stands in what the template wrote: message, and characters of the text."""

    message: int
    start: int
    end: int


def joined(encoded: Encoded, family: Family) -> str | None:
    """The text that pieces spell; None where they do not say it exactly."""
    if encoded.pieces is None or len(encoded.pieces) != len(encoded.ids):
        return None
    try:
        pieces = [_spelled(piece, family) for piece in encoded.pieces]
        return None if None in pieces else b"".join(filter(None, pieces)).decode()
    except UnicodeError:
        return None


def _spelled(piece: Piece, family: Family) -> bytes | None:
    if isinstance(piece, bytes) or piece is None:
        return piece
    if family is Family.BYTE_LEVEL:
        # Control tokens of some models hold letters that the alphabet lacks: these are literal.
        data = read_byte_level(piece)
        return piece.encode() if data is None else data
    if family is Family.SENTENCEPIECE:
        byte = byte_of(piece)
        return piece.replace("\u2581", " ").encode() if byte is None else bytes([byte])
    exact = family is Family.PLAIN and REPLACEMENT not in piece
    return piece.encode() if exact else None


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list | tuple):
        for part in content:
            text = part.get("text") if isinstance(part, Mapping) else None
            if isinstance(text, str):
                yield text


def contents_of(messages: Sequence[Message]) -> list[tuple[int, str]]:
    """The contents that can be told from the template, with their message: more than blanks."""
    return [
        (index, text)
        for index, message in enumerate(messages)
        for text in _texts(message.get("content"))
        if text.strip()
    ]


def marked(messages: Sequence[Message], beside: object) -> tuple[list[Message], dict[str, int]]:
    """The messages with a mark for each content, and the marks' numbers.

    No mark occurs in the messages or in what is sent `beside` them.
    """
    written, letters = repr((messages, beside)), "Mrk"
    while letters in written:
        letters += "q"
    names: dict[str, int] = {}

    def mark(text: str) -> str:
        if not text.strip():
            return text
        name = f"{letters}{len(names)}x"
        names[name] = len(names)
        return name

    changed = [
        {**one, "content": _with_texts(one["content"], mark)} if "content" in one else one
        for one in messages
    ]
    return changed, names


def _with_texts(content: object, change: Callable[[str], str]) -> object:
    if isinstance(content, str):
        return change(content)
    if isinstance(content, list | tuple):
        return [
            {**part, "text": change(part["text"])}
            if isinstance(part, Mapping) and isinstance(part.get("text"), str)
            else part
            for part in content
        ]
    return content


def layout_of(template: str, names: Mapping[str, int]) -> Layout | None:
    """The layout that a chat with marks shows; None where its text is not known."""
    if not template:
        return None
    parts = re.split("(" + "|".join(map(re.escape, names)) + ")", template)
    return [names.get(part, part) if at % 2 else part for at, part in enumerate(parts)]


def shapes_of(encoded: Encoded, profile: Profile) -> Shapes:
    """What may stand for a content: as typed, without blanks at its ends, as the model sees it."""
    change = NORMALISERS.get(profile.normaliser, str)
    pieces = encoded.pieces or ()
    controls = {one for one in pieces if isinstance(one, str) and is_special(one)}
    control = "|".join(map(re.escape, controls)) or "(?!)"
    # SentencePiece puts its blank before a text, and what follows a control token is one.
    after_control = re.compile(f"(?:{control})(?!{control}|$)")

    def shapes(content: str) -> list[str]:
        found = [content, content.strip(), content.rstrip(), content.lstrip()]
        found += [change(shape) for shape in found]
        if profile.family is Family.SENTENCEPIECE:
            found += [shape.replace("\u2581", " ") for shape in found]
            found += [after_control.sub(r"\g<0> ", shape) for shape in found]
        return list(dict.fromkeys(found))

    return shapes


def place(
    text: str, contents: Sequence[tuple[int, str]], shapes: Shapes, layout: Layout | None
) -> tuple[tuple[Sent, ...], list[int], list[int]]:
    """The places of the contents; the messages that are left out, and those not found."""
    there = set(range(len(contents))) if layout is None else {*layout[1::2]}
    left_out = [index for at, (index, _) in enumerate(contents) if at not in there]
    sent = None if layout is None else _filled(text, contents, shapes, layout)
    if sent is None:
        sent = _searched(text, [one for at, one in enumerate(contents) if at in there], shapes)
    told = Counter(one.message for one in sent)
    wanted = Counter(index for at, (index, _) in enumerate(contents) if at in there)
    unfound = [index for index in wanted if told[index] < wanted[index]]
    return tuple(sent), list(dict.fromkeys(left_out)), unfound


def _filled(
    text: str, contents: Sequence[tuple[int, str]], shapes: Shapes, layout: Layout
) -> list[Sent] | None:
    """The contents where the layout has them; None where they do not fill it."""
    sent: list[Sent] = []
    between = [str(one) for one in layout[::2]]
    if not text.startswith(between[0]):
        return None
    at = len(between[0])
    for place, after in zip(layout[1::2], between[1:], strict=True):
        index, content = contents[int(place)]
        for shown in shapes(content):
            if text.startswith(shown + after, at):
                sent.append(Sent(index, at, at + len(shown)))
                at += len(shown) + len(after)
                break
        else:
            return None
    return sent if at == len(text) else None


def _searched(text: str, contents: Sequence[tuple[int, str]], shapes: Shapes) -> list[Sent]:
    """Contents in their order, as far as each occurs once in what is left of the text."""
    sent: list[Sent] = []
    at = 0
    for index, content in contents:
        for shown in shapes(content):
            start = text.find(shown, at) if shown else -1
            if start >= 0 and text.find(shown, start + 1) < 0:
                sent.append(Sent(index, start, start + len(shown)))
                at = start + len(shown)
                break
    return sent
