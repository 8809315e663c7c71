"""From places to an alignment: spans in the typed text, the kind of each token, and how sure it is.

Everything that is said about an alignment in words is said here, in one sentence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lib.tokens.alignment import Alignment, Fit, Kind, char_spans, faults
from lib.tokens.alphabets import Family, is_special, is_unknown
from lib.tokens.normalise import NORMALISERS, Numbers, Seen
from lib.tokens.questions import Piece

__all__ = ["Answer", "Places", "judged"]

_MARK = "\u2581".encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """What was typed and what came back; `head` and `tail` tokens at the ends were added."""

    text: str
    data: bytes
    ids: Numbers
    pieces: tuple[Piece, ...]
    head: int
    tail: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Places:
    """Spans of the tokens between the added ones, in what the tokenizer saw."""

    starts: Numbers
    ends: Numbers
    seen: Seen
    family: Family
    normaliser: str
    grouped: set[int] = field(default_factory=set)
    parted: int | None = None
    tiling: bool = False
    """Are the spans known to follow each other without a gap, from first to last byte?"""


def judged(answer: Answer, places: Places) -> Alignment:
    """The alignment that follows from places; one without any span if they are unsound."""
    count = len(places.starts)
    missing = 0 if places.tiling else int(np.count_nonzero(places.starts < 0))
    nothing = places.parted is not None and not (places.ends > places.starts).any()
    if missing * 2 > count or nothing:
        return unaligned(answer, _parted(answer, places))
    found = _aligned(answer, places, missing)
    unsound = faults(found) if found.fit is not Fit.EXACT or found.normaliser else ""
    return unaligned(answer, unsound) if unsound else found


def unaligned(answer: Answer, reason: str) -> Alignment:
    """Tokens of which none has a place, but for those that the server added."""
    unknown = np.full(len(answer.ids) - answer.head - answer.tail, -1, np.int64)
    starts = _padded(answer, unknown, 0, len(answer.data))
    chars = _padded(answer, unknown, 0, len(answer.text))
    kinds = np.full(len(answer.ids), Kind.TEXT, np.uint8)
    _mark_added(answer, kinds)
    reason = " ".join(filter(None, [answer.note, reason]))
    return Alignment(
        answer.text,
        answer.ids,
        answer.pieces,
        *(starts, starts, chars, chars, kinds),
        fit=Fit.UNALIGNED,
        reason=reason,
        seen_starts=starts,
        seen_ends=starts,
    )


def _aligned(answer: Answer, places: Places, missing: int) -> Alignment:
    seen, size = places.seen, len(answer.data)
    typed_starts, typed_ends = seen.typed(places.starts, places.ends, size)
    starts, ends = _padded(answer, typed_starts, 0, size), _padded(answer, typed_ends, 0, size)
    char_starts, char_ends = char_spans(answer.data, starts, ends)
    whole = places.tiling and seen.low is None
    dropped = () if whole else _dropped(starts, ends, size)
    fit = _fit(answer, places, missing)
    return Alignment(
        answer.text,
        answer.ids,
        answer.pieces,
        *(starts, ends, char_starts, char_ends, _kinds(answer, places, starts, ends)),
        fit=fit,
        normaliser=places.normaliser if fit is not Fit.EXACT else "",
        reason=_reason(answer, places, fit, missing, dropped),
        dropped=dropped,
        seen=seen.data,
        seen_starts=_padded(answer, places.starts, 0, len(seen.data)),
        seen_ends=_padded(answer, places.ends, 0, len(seen.data)),
    )


def _padded(answer: Answer, inner: Numbers, first: int, last: int) -> Numbers:
    """Spans of the added tokens around the others: nothing, at either end of the text."""
    if not answer.head and not answer.tail:
        return inner
    return np.concatenate(
        [np.full(answer.head, first, np.int64), inner, np.full(answer.tail, last, np.int64)]
    )


def _mark_added(answer: Answer, kinds: NDArray[np.uint8]) -> None:
    kinds[: answer.head] = Kind.ADDED
    kinds[len(kinds) - answer.tail :] = Kind.ADDED


def _fit(answer: Answer, places: Places, missing: int) -> Fit:
    if missing or places.parted is not None:
        return Fit.APPROXIMATE
    if places.grouped:
        return Fit.GROUPED
    if places.normaliser and NORMALISERS[places.normaliser](answer.text) != answer.text:
        return Fit.NORMALISED
    return Fit.EXACT


def _kinds(answer: Answer, places: Places, starts: Numbers, ends: Numbers) -> NDArray[np.uint8]:
    kinds = np.zeros(len(starts), np.uint8)
    inner = slice(answer.head, len(starts) - answer.tail)
    own, here, there = kinds[inner], starts[inner], ends[inner]
    raw = np.frombuffer(answer.data + b"\0", np.uint8)
    # UTF-8 continues a character with the bytes 0x80 to 0xBF, as signed numbers those below -64.
    inside = raw.view(np.int8) < -64
    known = here >= 0
    own[(inside[here] | inside[there]) & known & (there > here)] = Kind.PARTIAL
    own[list(places.grouped)] = Kind.PARTIAL
    if places.seen.low is not None:
        own[known & _changed(raw, places, here, there)] = Kind.NORMALISED
    _mark_odd(own, answer, places, here, there)
    _mark_added(answer, kinds)
    return kinds


def _changed(
    raw: NDArray[np.uint8], places: Places, starts: Numbers, ends: Numbers
) -> NDArray[np.bool_]:
    """Does the model see other bytes for a token than were typed?"""
    low, high = places.seen.arrays()
    data = np.frombuffer(places.seen.data, np.uint8)
    width = high - low
    same = (width == 1) & (raw[np.minimum(low, len(raw) - 1)] == data)
    if places.family is Family.SENTENCEPIECE:
        mark = [raw[np.minimum(low + k, len(raw) - 1)] == byte for k, byte in enumerate(_MARK)]
        same |= (width == 3) & (data == 0x20) & mark[0] & mark[1] & mark[2]
    first, last = np.maximum(places.starts, 0), np.maximum(places.ends, 0)
    right = np.concatenate([[0], np.cumsum(same)])
    wide = np.concatenate([[0], np.cumsum(width)])
    all_same = right[last] - right[first] == last - first
    changed: NDArray[np.bool_] = (~all_same | (wide[last] - wide[first] != ends - starts)) & (
        last > first
    )
    return changed


def _mark_odd(
    own: NDArray[np.uint8], answer: Answer, places: Places, starts: Numbers, ends: Numbers
) -> None:
    """Mark control tokens, unknown ones and those of no bytes; few, so looked at one by one."""
    raw = np.frombuffer(answer.data + b"\0", np.uint8)
    # Control tokens and `<unk>` all stand in brackets: the typed ones show in the text.
    first = raw[starts]
    odd = (first == 0x3C) | (first == 0x5B) | (ends == starts)
    if places.family is not Family.BYTE_LEVEL:
        odd |= np.fromiter(map(_may_be_odd, _inner(answer)), bool, len(own))
    for index in np.flatnonzero(odd).tolist():
        piece = answer.pieces[answer.head + index]
        kind = _odd_kind(piece, nothing=starts[index] >= 0 and starts[index] == ends[index])
        if kind is Kind.UNKNOWN and isinstance(piece, str):
            typed = answer.data[starts[index] : ends[index]]
            kind = Kind.SPECIAL if typed == piece.strip("\u2581 ").encode() else kind
        if kind is not None:
            own[index] = kind


def _inner(answer: Answer) -> Sequence[Piece]:
    return answer.pieces[answer.head : len(answer.pieces) - answer.tail]


def _may_be_odd(piece: Piece) -> bool:
    return isinstance(piece, str) and is_unknown(piece)


def _odd_kind(piece: Piece, *, nothing: bool) -> Kind | None:
    if nothing:
        blank = isinstance(piece, str) and piece and not piece.strip("\u2581 ")
        return Kind.PREFIX if blank else Kind.ADDED
    if not isinstance(piece, str):
        return None
    if is_unknown(piece):
        return Kind.UNKNOWN
    return Kind.SPECIAL if is_special(piece) else None


def _dropped(starts: Numbers, ends: Numbers, size: int) -> tuple[tuple[int, int], ...]:
    """Typed bytes between two tokens that both have a place, of which neither stands for them."""
    before = np.concatenate([[0], np.maximum.accumulate(ends)]) if len(ends) else np.array([0])
    after = np.append(starts, size)
    sure_before = np.concatenate([[True], ends >= 0])
    sure_after = np.append(starts >= 0, True)
    gaps = np.flatnonzero((after > before) & sure_before & sure_after)
    return tuple(zip(before[gaps].tolist(), after[gaps].tolist(), strict=True))


def _reason(
    answer: Answer,
    places: Places,
    fit: Fit,
    missing: int,
    dropped: tuple[tuple[int, int], ...],
) -> str:
    """What a person should know, in plain sentences; "" where the alignment is exact."""
    said = [answer.note]
    if fit is Fit.APPROXIMATE:
        said.append(f"{missing:,} tokens have no sure place." if missing else "")
        said.append(_parted(answer, places))
    elif fit is Fit.GROUPED:
        said.append(f"{len(places.grouped):,} tokens are shown in groups that share their bytes.")
    elif fit is Fit.NORMALISED:
        said.append(f"The tokenizer changes the text before it cuts it ({places.normaliser}).")
    # WordPiece keeps no blank at all: to name each would hide what else was dropped.
    wordless = places.family is Family.WORDPIECE
    lost = [span for span in dropped if not (wordless and answer.data[slice(*span)].isspace())]
    if lost and fit is not Fit.APPROXIMATE:
        said.append(_lost(answer, lost))
    return " ".join(filter(None, said))


def _lost(answer: Answer, lost: list[tuple[int, int]]) -> str:
    first, last = lost[0]
    text = answer.data[first:last].decode("utf-8", "replace")
    names = " ".join(f"U+{ord(letter):04X}" for letter in text[:4])
    more = f", and {len(lost) - 1:,} more" if len(lost) > 1 else ""
    return f"The tokenizer dropped {names} at byte {first:,}{more}."


def _parted(answer: Answer, places: Places) -> str:
    at = places.parted
    if at is None:
        return "The tokens do not spell the text."
    if at >= len(places.seen.data):
        return "There are more tokens than the text accounts for."
    low, _ = places.seen.arrays()
    byte = int(low[at])
    char = len(answer.data[:byte].decode("utf-8", "ignore")) + 1
    return f"From character {char:,} on, the tokens do not spell the text."
