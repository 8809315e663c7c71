"""Aligning: text, ids and whatever pieces the server gave become an `Alignment`.

Three ways, the fast first: byte-level pieces that join to the text are placed by arithmetic; else
every token's reading is compared and searched; and where a server gives no pieces, it is asked for
the text of each id. What cannot be placed for sure has no place, with the reason.
"""

from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from lib.tokens.alignment import Alignment
from lib.tokens.alphabets import LETTERS, Family
from lib.tokens.fitting import Fitted, Tokens, fitted, spelled, ways
from lib.tokens.normalise import see
from lib.tokens.profile import Profile
from lib.tokens.questions import Asker, Decode, Decoded, Encoded, Piece, array_of, bytes_of
from lib.tokens.readings import Budget
from lib.tokens.verdict import Answer, Places, judged, unaligned

__all__ = ["align"]

_CALLS = 4000
_LINE_BREAK = 10


def align(
    text: str,
    encoded: Encoded,
    profile: Profile,
    *,
    memory: Decoded | None = None,
    calls: int = _CALLS,
) -> Generator[Decode, str, Alignment]:
    """Find for each token the bytes of the text that it stands for.

    `memory` keeps what was decoded for this server and model; at most `calls` questions are asked.

    Raises:
        Unreadable: the text holds half a character, or the answer an impossible id.
    """
    data, ids = bytes_of(text), array_of(encoded.ids)
    head, tail = profile.added(encoded.ids, encoded.special)
    given = _given(encoded)
    if given is not None and profile.family is Family.BYTE_LEVEL:
        answer = Answer(text, data, ids, given, head, tail)
        places = _by_arithmetic(answer, profile.normaliser)
        if places is not None:
            return judged(answer, places)
    asker = Asker(Decoded() if memory is None else memory, calls)
    note, pieces = "", given
    if pieces is None:
        note = _note(encoded)
        anchor = profile.anchor if profile.drops_blanks else None
        pieces = tuple((yield from spelled(ids.tolist(), asker, anchor)))
        if None in pieces:
            note += " Not every token could be asked for its text."
    answer = Answer(text, data, ids, pieces, head, tail, note.strip())
    return (yield from _searched(answer, profile, asker, decoded=given is None))


def _given(encoded: Encoded) -> tuple[Piece, ...] | None:
    """The pieces, if there is one for each id."""
    if encoded.pieces is None or len(encoded.pieces) != len(encoded.ids):
        return None
    return tuple(encoded.pieces)


def _note(encoded: Encoded) -> str:
    if encoded.pieces is None:
        return ""
    return f"The server named {len(encoded.pieces):,} pieces for {len(encoded.ids):,} tokens."


def _by_arithmetic(answer: Answer, normaliser: str) -> Places | None:
    """Places of byte-level pieces that join to the text; None where they do not."""
    pieces, count = answer.pieces, len(answer.pieces) - answer.head - answer.tail
    if answer.head or answer.tail:
        pieces = pieces[answer.head : answer.head + count]
    try:
        # Line breaks are no letters of the alphabet, so they can part the pieces: to find them in
        # an array takes a quarter of the time of asking each piece for its length.
        joined = "\n".join(pieces).encode("utf-16-le")  # type: ignore[arg-type]  # caught
    except (TypeError, UnicodeEncodeError):
        return None
    codes = np.frombuffer(joined, np.uint16)
    parting = codes == _LINE_BREAK
    breaks = np.flatnonzero(parting)
    if not count or len(breaks) != count - 1:
        return None
    letters = codes[~parting]
    # If they spell what was typed, no normaliser had anything to do.
    for name in dict.fromkeys(["", normaliser]):
        seen = see(answer.text, name)
        if seen is not None and _spells(letters, seen.data):
            bounds = np.zeros(count + 1, np.int64)
            np.subtract(breaks, np.arange(count - 1), out=bounds[1:-1])
            bounds[-1] = len(letters)
            return Places(bounds[:-1], bounds[1:], seen, Family.BYTE_LEVEL, name, tiling=True)
    return None


def _spells(letters: NDArray[np.uint16], data: bytes) -> bool:
    """Are these the letters that stand for the bytes?"""
    same_size = len(letters) == len(data)
    return same_size and np.array_equal(LETTERS[np.frombuffer(data, np.uint8)], letters)


def _searched(
    answer: Answer, profile: Profile, asker: Asker, *, decoded: bool
) -> Generator[Decode, str, Alignment]:
    """Place tokens by trying readings; without the added ones first, then with all of them."""
    best: tuple[Answer, Fitted] | None = None
    budget = Budget()
    for head, tail in dict.fromkeys([(answer.head, answer.tail), (0, 0)]):
        one = Answer(answer.text, answer.data, answer.ids, answer.pieces, head, tail, answer.note)
        last = len(answer.ids) - tail
        tokens = Tokens(answer.ids[head:last].tolist(), answer.pieces[head:last], decoded)
        found = yield from fitted(
            answer.text,
            tokens,
            ways(profile.family, profile.normaliser, decoded=decoded),
            asker,
            budget=budget,
            thorough=profile.family is Family.UNKNOWN,
        )
        if found is not None and (best is None or found.left_open < best[1].left_open):
            best = one, found
        if found is not None and found.is_whole:
            break
    if best is None:
        return unaligned(answer, "The text could not be followed through any normaliser.")
    placed, readings = best[1].placed, best[1].readings
    return judged(
        best[0],
        Places(
            *(placed.starts, placed.ends, readings.seen, readings.family, readings.normaliser),
            grouped=placed.grouped,
            parted=placed.parted,
        ),
    )
