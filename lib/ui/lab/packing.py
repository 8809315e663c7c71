"""An alignment as the browser gets it: small, in the browser's units, and named for people.

Decided here: what travels. Numbers go as steps from each to the next in the smallest type that
holds them; places in the text are counted in UTF-16 units, as browsers count; bytes travel only
where the browser cannot work them out from the text.
"""

import base64
import hashlib
import unicodedata
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from lib.tokens import Alignment, Fit

__all__ = ["JOINED", "packed", "units"]

JOINED = 16
"""Added to the kind of a token that shares a character with the one before it."""
PIECE_LENGTH = 200
MOST_NAMES = 600
"""Characters whose names are sent; beyond, the code points alone say what they are."""
_TYPES = (("b", np.int8), ("h", np.int16), ("i", np.int32))

Numbers = NDArray[np.int64]


def packed(alignment: Alignment, owners: Numbers | None = None) -> dict[str, object]:
    """Everything that the browser draws tokens from; `owners` is the message of each token."""
    places = units(alignment.text)
    seen_as_typed = alignment.seen_starts is None or alignment.seen == alignment.text.encode()
    starts, ends = alignment.seen_starts, alignment.seen_ends
    if starts is None or ends is None:
        starts, ends = alignment.starts, alignment.ends
    joined = np.diff(alignment.groups, prepend=-1) == 0
    shared = np.zeros(len(alignment), np.bool_)
    shared[list(alignment.shared)] = True
    hidden = shared | (starts < 0)
    return {
        "key": _key(alignment, owners),
        "text": alignment.text,
        "ids": _steps(alignment.ids),
        "starts": _steps(_placed(places, alignment.char_starts)),
        "ends": _steps(_placed(places, alignment.char_ends)),
        "bytes_from": _steps(np.where(hidden, -1, starts)),
        "bytes_to": _steps(np.where(hidden, -1, ends)),
        "kinds": _steps(alignment.kinds.astype(np.int64) + JOINED * joined),
        "owners": None if owners is None else _steps(owners),
        "pieces": _pieces(alignment),
        "names": _names(alignment),
        "seen": None if seen_as_typed else base64.b64encode(alignment.seen).decode(),
        "placed": alignment.fit is not Fit.UNALIGNED,
    }


def _key(alignment: Alignment, owners: Numbers | None) -> str:
    """The same for the same tokens: what is on screen need not be drawn again."""
    hashed = hashlib.sha256(alignment.text.encode("utf-8", "surrogatepass"))
    for part in (alignment.ids, alignment.starts, alignment.kinds, owners):
        hashed.update(b"" if part is None else part.tobytes())
    return hashed.hexdigest()[:16]


def units(text: str) -> Numbers:
    """Where each character begins in UTF-16 units, and where the text ends."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    places = np.zeros(len(codes) + 1, np.int64)
    np.cumsum(1 + (codes > 0xFFFF), out=places[1:])
    return places


def _placed(places: Numbers, chars: Numbers) -> Numbers:
    return np.where(chars < 0, -1, places[np.maximum(chars, 0)])


def _steps(values: Numbers) -> list[str]:
    steps = np.diff(values, prepend=0)
    low, high = (int(steps.min()), int(steps.max())) if len(steps) else (0, 0)
    name, kind = next(
        (name, kind)
        for name, kind in _TYPES
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max
    )
    return [name, base64.b64encode(steps.astype(f"<{np.dtype(kind).str[1:]}").tobytes()).decode()]


def _pieces(alignment: Alignment) -> dict[str, str]:
    """What the vocabulary calls each id."""
    _, first = np.unique(alignment.ids, return_index=True)
    return {
        str(int(alignment.ids[index])): _written(piece)
        for index in first.tolist()
        if (piece := alignment.pieces[index]) is not None
    }


def _written(piece: str | bytes) -> str:
    if isinstance(piece, bytes):
        piece = piece.decode("utf-8", "backslashreplace")
    return piece if len(piece) <= PIECE_LENGTH else piece[: PIECE_LENGTH - 1] + "…"


def _names(alignment: Alignment) -> dict[str, str]:
    """Names of the characters, as typed and as the model sees them, by their code points."""
    seen = alignment.seen.decode("utf-8", "replace")
    every = sorted(set(alignment.text) | set(seen))
    return {f"{ord(one):X}": name for one, name in _named(every)}


def _named(characters: Iterable[str]) -> list[tuple[str, str]]:
    named: list[tuple[str, str]] = []
    for one in characters:
        if len(named) == MOST_NAMES:
            break
        name = unicodedata.name(one, _NAMELESS.get(unicodedata.category(one), ""))
        # The browser knows how these are named: by their own code point.
        if name and not name.startswith(("CJK UNIFIED", "HANGUL SYLLABLE")):
            named.append((one, _CONTROLS.get(one, name)))
    return named


_NAMELESS = {"Cc": "CONTROL CHARACTER", "Cs": "LONE SURROGATE", "Co": "PRIVATE USE"}
_CONTROLS = {
    "\0": "NULL",
    "\a": "BELL",
    "\b": "BACKSPACE",
    "\t": "TABULATION",
    "\n": "LINE FEED",
    "\v": "LINE TABULATION",
    "\f": "FORM FEED",
    "\r": "CARRIAGE RETURN",
    "\x1b": "ESCAPE",
    "\x7f": "DELETE",
}
