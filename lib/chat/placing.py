"""Where the tokens of an answer stand in its text: every way to spell it is followed at once.

Decided here: what may happen between tokens and text. A token may be a control token that the
server left out. A token with U+FFFD is part of a cut character: each may stand for up to four bytes
that are not ASCII; one of nothing belongs to the cut character that follows. What follows the whole
text (a stop text, an end) is not in it, and neither is what comes before an answer with reasoning.
Where there is no other way, each token may have lost the blank before it, as those of SentencePiece
do when a server decodes them one by one. A token has a place if every way gives it the same.
"""

from collections.abc import Callable, Sequence
from functools import partial

from lib.tokens.alphabets import is_special

__all__ = ["places"]

Span = tuple[int, int]
Way = Callable[[bytes | None, int], set[int]]
_BEFORE = -1
"""The position of tokens that come before the text begins."""
_START = -2
"""Where every way begins."""
_MOST_WAYS = 64
_REPLACED = "\ufffd".encode()
_CUT = 4
"""Bytes of a character at most."""


def places(
    content: bytes, tokens: Sequence[bytes | None], *, after: bool = False
) -> list[Span | None] | None:
    """The byte span of each token in the text; None for one that is not in it.

    Tokens whose places are sure only together have the same span, that of all of them. The spans
    begin and end between characters. `after`: the text begins after other tokens (reasoning).
    Returns None where there is no way to place the tokens, or too many.
    """
    way = partial(_steps, content, after=after)
    ways = _followed(content, tokens, way) or _followed(
        content, tokens, lambda token, at: way(token, at) | _after_blank(content, token, at, way)
    )
    if ways is None:
        return None
    sure = [next(iter(one)) if len(one) == 1 else None for one in ways]
    sure = [None if at is not None and _is_inside(content, at) else at for at in sure]
    found: list[Span | None] = [None] * len(tokens)
    begin = 0
    for end in range(1, len(ways)):
        start, stop = sure[begin], sure[end]
        if stop is None or start is None:
            continue
        for token in range(begin, end):
            found[token] = _place(content, tokens[token], start, stop)
        begin = end
    _join_nothing(content, tokens, found)
    return found


def _place(content: bytes, token: bytes | None, start: int, stop: int) -> Span | None:
    """The span of one token in a stretch; none for what stands outside of the text."""
    if stop > start >= 0:
        return start, stop
    if start == _BEFORE:
        return (0, stop) if stop > 0 else None
    return (start, start) if token == b"" and start < len(content) else None


def _join_nothing(content: bytes, tokens: Sequence[bytes | None], found: list[Span | None]) -> None:
    """Give tokens of nothing to the character that they are the beginning of."""
    for number in range(len(tokens) - 2, -1, -1):
        span, following = found[number], found[number + 1]
        if span is None or following is None or tokens[number] != b"" or span[0] != span[1]:
            continue
        if following[1] > following[0] == span[1] and content[span[1]] >= 0x80:
            found[number] = following


def _followed(content: bytes, tokens: Sequence[bytes | None], way: Way) -> list[set[int]] | None:
    """Before each token and after the last, the positions that lie on a way to the end."""
    ways = [way(None, _START)]
    for token in tokens:
        reached: set[int] = set()
        for at in ways[-1]:
            reached |= way(token, at)
        if not reached or len(reached) > _MOST_WAYS:
            return None
        ways.append(reached)
    ways[-1] &= {len(content)}
    for number in range(len(tokens) - 1, -1, -1):
        ways[number] = {at for at in ways[number] if way(tokens[number], at) & ways[number + 1]}
    return ways if ways[0] else None


def _after_blank(content: bytes, token: bytes | None, at: int, way: Way) -> set[int]:
    """The positions to which a token can lead that has lost its blank."""
    has_blank = at >= 0 and content[at : at + 1] == b" "
    return way(token, at + 1) if has_blank and token is not None else set()


def _steps(content: bytes, token: bytes | None, at: int, *, after: bool) -> set[int]:
    """The positions to which a token can lead."""
    if at == _START:
        return {_BEFORE} if after else {0}
    if at == _BEFORE:
        begun = _spelt(content, token, 0) if token else set()
        stripped = token.lstrip() if token else b""
        if stripped and stripped != token:
            begun |= _spelt(content, stripped, 0)  # blanks before an answer are taken off
        return begun | {_BEFORE}
    if token is None:
        return set()
    found = _spelt(content, token, at)
    if at == len(content):
        if not after or _is_control(token) or not token.strip():
            found.add(at)
    elif _is_control(token) and (at or not after):
        found.add(at)
    return found


def _spelt(content: bytes, token: bytes, at: int) -> set[int]:
    if _REPLACED in token:
        return _cut(content, token, at)
    if content.startswith(token, at):
        return {at + len(token)}
    left = len(content) - at
    is_last = 0 < left < len(token) and token.startswith(content[at:])
    return {len(content)} if is_last else set()


def _cut(content: bytes, token: bytes, at: int) -> set[int]:
    """A token of which parts are cut characters: literal text, and stretches that may be any."""
    ends = {at}
    for number, literal in enumerate(token.split(_REPLACED)):
        if number:
            ends = {near for end in ends for near in _stretch(content, end)}
        ends = {end + len(literal) for end in ends if content.startswith(literal, end)}
    return ends


def _stretch(content: bytes, at: int) -> range:
    """From nothing to four bytes that are not ASCII."""
    end = at
    while end < min(at + _CUT, len(content)) and content[end] >= 0x80:
        end += 1
    return range(at, end + 1)


def _is_control(token: bytes) -> bool:
    return len(token) < 100 and is_special(token.decode("utf-8", "replace"))


def _is_inside(content: bytes, at: int) -> bool:
    """Is the position inside of a character?"""
    return 0 <= at < len(content) and content[at] & 0xC0 == 0x80
