"""Where the tokens of an answer stand in its text: every way to spell it is followed at once.

Decided here: what may happen between tokens and text. A token may be a control token that the
server left out. A token with U+FFFD is part of a cut character: each may stand for up to four bytes
that are not ASCII. What follows the whole text (a stop text, an end) is not in it, and neither is
what comes before an answer with reasoning. A token has a place if every way gives it the same.
"""

from collections.abc import Sequence

from lib.tokens.alphabets import is_special

__all__ = ["places"]

Span = tuple[int, int]
_BEFORE = -1
"""The position of tokens that come before the text begins."""
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
    ways = _followed(content, tokens, after=after)
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
    return found


def _place(content: bytes, token: bytes | None, start: int, stop: int) -> Span | None:
    """The span of one token in a stretch; none for what stands outside of the text."""
    if stop > start >= 0:
        return start, stop
    if start == _BEFORE:
        return (0, stop) if stop > 0 else None
    return (start, start) if token == b"" and start < len(content) else None


def _followed(
    content: bytes, tokens: Sequence[bytes | None], *, after: bool
) -> list[set[int]] | None:
    """Before each token and after the last, the positions that lie on a way to the end."""
    ways = [{_BEFORE} if after else {0}]
    for token in tokens:
        reached: set[int] = set()
        for at in ways[-1]:
            reached |= _steps(content, token, at, after=after)
        if not reached or len(reached) > _MOST_WAYS:
            return None
        ways.append(reached)
    ways[-1] &= {len(content)}
    for number in range(len(tokens) - 1, -1, -1):
        ways[number] = {
            at
            for at in ways[number]
            if _steps(content, tokens[number], at, after=after) & ways[number + 1]
        }
    return ways if ways[0] else None


def _steps(content: bytes, token: bytes | None, at: int, *, after: bool) -> set[int]:
    """The positions to which a token can lead."""
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
