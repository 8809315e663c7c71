"""What a server's tokenizer is like, learnt once per server and model by a few questions.

A text that a person types cannot tell: plain ASCII fits every family. So the empty text tells which
tokens the server adds, and one probe text, with a character for every difference that we know,
tells the family of the pieces and the normaliser. Both are found by trying, never by name.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from lib.tokens.alphabets import Family
from lib.tokens.fitting import Fitted, Tokens, fitted, spelled, ways
from lib.tokens.questions import Asker, Decode, Decoded, Encode, Encoded, Piece
from lib.tokens.readings import Budget

__all__ = ["PROBE", "Profile", "learn"]

PROBE = "a x1 \uff21\u00e9e\u0301\ufb01 \u4f60\n\U0001f600  \tQ\u2581\u0120<0x0A>##ing b"
"""Fullwidth, precomposed, decomposed, ligature, Chinese, line break, emoji, blanks, a capital, and
what other alphabets write for a blank, a byte and a continued word."""

_MOST_ADDED = 64
_CALLS = 200


@dataclass(frozen=True, slots=True)
class Profile:
    """How one server's tokenizer behaves.

    `prefix` and `suffix` are the ids that it adds by itself, `bare` those that it adds even when
    asked to add none. `anchor` is an ordinary token, `drops_blanks` whether decoding one token
    loses its blank.
    """

    family: Family = Family.UNKNOWN
    normaliser: str = ""
    prefix: tuple[int, ...] = ()
    suffix: tuple[int, ...] = ()
    bare: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    anchor: int | None = None
    drops_blanks: bool = False

    def added(self, ids: Sequence[int], special: bool | None) -> tuple[int, int]:
        """How many tokens at either end of an answer the server added by itself."""
        before, after = self.bare if special is False else (self.prefix, self.suffix)
        if len(ids) < len(before) + len(after):
            return 0, 0
        head = len(before) if tuple(ids[: len(before)]) == before else 0
        tail = len(after) if after and tuple(ids[-len(after) :]) == after else 0
        return head, tail


def learn() -> Generator[Encode | Decode, Encoded | str, Profile]:
    """Ask what the server adds to a text, and how its tokenizer cuts the probe."""
    empty = yield from _encoded(Encode("", special=True))
    bare = yield from _encoded(Encode("", special=False))
    probe = yield from _encoded(Encode(PROBE, special=True))
    prefix, suffix = _halves(empty.ids, probe.ids)
    anyway: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    if bare.ids:
        anyway = _halves(bare.ids, (yield from _encoded(Encode(PROBE, special=False))).ids)
    inner = list(probe.ids[len(prefix) : len(probe.ids) - len(suffix)])
    asker = Asker(Decoded(), _CALLS)
    if probe.pieces is not None and len(probe.pieces) == len(probe.ids):
        pieces = probe.pieces[len(prefix) : len(probe.ids) - len(suffix)]
        found = yield from _best(Tokens(inner, pieces), asker)
        drops = found is not None and found.readings.family in _DROPS
    else:
        found, drops = yield from _without_pieces(inner, asker)
    whole = found is not None and found.is_whole
    family = found.readings.family if found is not None and whole else Family.UNKNOWN
    normaliser = found.readings.normaliser if found is not None and whole else ""
    anchor = _anchor(inner, found)
    return Profile(family, normaliser, prefix, suffix, anyway, anchor, drops)


_DROPS = (Family.SENTENCEPIECE, Family.WORDPIECE)


def _encoded(question: Encode) -> Generator[Encode, Encoded | str, Encoded]:
    answer = yield question
    return answer if isinstance(answer, Encoded) else Encoded(())


def _halves(empty: Sequence[int], probe: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Which tokens of the empty text go before a text, and which after it."""
    if len(empty) > _MOST_ADDED:
        return (), ()
    head = 0
    while head < min(len(empty), len(probe)) and empty[head] == probe[head]:
        head += 1
    tail = tuple(empty[head:])
    ends = len(tail) + head <= len(probe) and tuple(probe[len(probe) - len(tail) :]) == tail
    return tuple(empty[:head]), tail if ends else ()


def _best(tokens: Tokens, asker: Asker) -> Generator[Encode | Decode, Encoded | str, Fitted | None]:
    every = ways(Family.UNKNOWN, "", decoded=tokens.decoded)
    return (yield from fitted(PROBE, tokens, every, asker, budget=Budget(), thorough=True))


def _without_pieces(
    ids: list[int], asker: Asker
) -> Generator[Encode | Decode, Encoded | str, tuple[Fitted | None, bool]]:
    """The best reading of decoded ids, and whether they had to be decoded after another one."""
    pieces = yield from spelled(ids, asker, None)
    found = yield from _best(Tokens(ids, pieces, decoded=True), asker)
    if found is not None and found.is_whole and found.readings.family is Family.PLAIN:
        return found, False
    anchor = _ordinary(ids, pieces)
    if anchor is None:
        return found, False
    pieces = yield from spelled(ids, asker, anchor)
    return (yield from _best(Tokens(ids, pieces, decoded=True), asker)), True


def _anchor(ids: list[int], found: Fitted | None) -> int | None:
    return None if found is None else _ordinary(ids, found.readings.pieces)


def _ordinary(ids: list[int], pieces: Sequence[Piece]) -> int | None:
    """A token that is a letter or two: what follows it is decoded as inside a text."""
    for one, piece in zip(ids, pieces, strict=True):
        letters = piece.strip("\u2581\u0120 ") if isinstance(piece, str) else ""
        if letters.isascii() and letters.isalpha():
            return one
    return None
