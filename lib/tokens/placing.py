"""Placing all tokens of one answer in what the tokenizer saw of the text.

Runs of tokens with one reading are compared with the text at once. Where such a run stops, the
lattice searches on to the next sure place. Where no reading fits, tokens stay without a place up to
the next stretch of text that only one run of tokens can spell, and the alignment says so.
"""

from collections.abc import Generator
from dataclasses import dataclass, field

import numpy as np

from lib.tokens.alphabets import Family
from lib.tokens.lattice import search
from lib.tokens.normalise import Numbers
from lib.tokens.questions import Asker, Decode
from lib.tokens.readings import Readings

__all__ = ["Placed", "place"]

_CHUNK = 64
_ANCHOR = 16
"""Bytes that an anchor must have: shorter ones are found again by chance."""
_TAIL = 3
"""Bytes that the last tokens must spell to be placed from the end of the text."""
_TRIES = 40
_SCANNED = 256
"""Tokens looked at for the next anchor."""


@dataclass(slots=True)
class Placed:
    """Spans in what the tokenizer saw; -1 where a token has no place."""

    starts: Numbers
    ends: Numbers
    grouped: set[int] = field(default_factory=set)
    parted: int | None = None
    """The first byte that no token could be fitted to."""
    cost: int = 0
    """What the readings that were chosen cost in all."""

    @property
    def missing(self) -> int:
        """Tokens without a place."""
        return int(np.count_nonzero(self.starts < 0))


@dataclass(slots=True)
class _Run:
    """One text being placed, and what its readings spell when joined."""

    readings: Readings
    asker: Asker
    ids: list[int]
    placed: Placed
    joined: bytes
    places: Numbers
    odd: Numbers
    """Indices of the tokens that have several readings, then the number of tokens."""


def place(readings: Readings, asker: Asker, ids: list[int]) -> Generator[Decode, str, Placed]:
    """Place every token that has one sure place."""
    run = _begun(readings, asker, ids)
    index = at = tries = 0
    if _whole(run):
        return run.placed
    while index < len(ids):
        reached = _bulk(run, index, at) if readings.plain[index] else (index, at)
        reached = _singles(run, *reached)
        if reached[0] == index:
            reached = yield from _followed(run, index, at)
        if reached[0] == index:
            run.placed.parted = at if run.placed.parted is None else run.placed.parted
            tries += 1
            anchor = _anchor(run, index, at) if tries <= _TRIES else None
            if anchor is None:
                return run.placed
            reached = anchor
        index, at = reached
    if run.placed.parted is None and not readings.may_end(at):
        run.placed.parted = at
    return run.placed


def _begun(readings: Readings, asker: Asker, ids: list[int]) -> _Run:
    unknown = np.full(len(ids), -1, np.int64)
    return _Run(
        readings,
        asker,
        ids,
        Placed(unknown, unknown.copy()),
        b"".join(one or b"" for one in readings.exact),
        np.concatenate([[0], readings.places()]).astype(np.int64),
        np.append(np.flatnonzero(~np.array(readings.plain, bool)), len(ids)),
    )


def _followed(run: _Run, index: int, at: int) -> Generator[Decode, str, tuple[int, int]]:
    """Search on to the next sure place; where there is none, stay."""
    way = yield from search(run.readings, index, at, run.asker, run.ids)
    if way is None:
        return index, at
    for offset, (start, end) in enumerate(way.spans):
        run.placed.starts[index + offset] = start
        run.placed.ends[index + offset] = end
    run.placed.grouped |= way.grouped
    run.placed.cost += way.cost
    return index + len(way.spans), way.reached


def _whole(run: _Run) -> bool:
    """Place all tokens at once, if their readings join to the text.

    Only the whole answer tells a blank that was put before a text from one that was typed.
    """
    data, readings = run.readings.seen.data, run.readings
    if not run.ids or None in readings.exact:
        return False
    before = readings.family is Family.SENTENCEPIECE and run.joined == b" " + data
    if not before and run.joined != data:
        return False
    shifted = np.maximum(run.places - before, 0)
    run.placed.starts[:], run.placed.ends[:] = shifted[:-1], shifted[1:]
    run.placed.cost = int(before)
    return True


def _singles(run: _Run, index: int, at: int) -> tuple[int, int]:
    """Place the tokens from here on of which one reading fits, though they have several."""
    while index < len(run.ids) and (end := _only(run, index, at)) is not None:
        index, at = index + 1, end
        if index < len(run.ids) and run.readings.plain[index]:
            break
    return index, at


def _only(run: _Run, index: int, at: int) -> int | None:
    """Place one token if only one of its readings fits, and say where it ends."""
    options = run.readings.options(index, at)
    if len(options) != 1 or run.readings.budget.steps < 0:
        return None
    start, end, cost = options[0]
    if index + 1 == len(run.ids) and not run.readings.may_end(end):
        return None
    run.placed.starts[index], run.placed.ends[index] = start, end
    run.placed.cost += cost
    return end


def _bulk(run: _Run, index: int, at: int) -> tuple[int, int]:
    """Place the tokens from here on as far as their one reading fits, and say how far that is."""
    last = int(run.odd[np.searchsorted(run.odd, index)])
    begin = int(run.places[index])
    length = _common(run.joined, begin, int(run.places[last]), run.readings.seen.data, at)
    reached = int(np.searchsorted(run.places[: last + 1], begin + length, "right")) - 1
    reached = max(reached, index)
    shift = at - begin
    run.placed.starts[index:reached] = run.places[index:reached] + shift
    run.placed.ends[index:reached] = run.places[index + 1 : reached + 1] + shift
    return reached, int(run.places[reached]) + shift


def _common(joined: bytes, begin: int, end: int, data: bytes, at: int) -> int:
    """How many bytes the two have in common; the cost grows with the answer, not with the text."""
    done, chunk = 0, _CHUNK
    most = min(end - begin, len(data) - at)
    while done < most:
        size = min(chunk, most - done)
        ours = joined[begin + done : begin + done + size]
        theirs = data[at + done : at + done + size]
        if ours != theirs:
            alike = np.frombuffer(ours, np.uint8) == np.frombuffer(theirs, np.uint8)
            return done + int(np.argmin(alike))
        done, chunk = done + size, min(chunk * 2, 1 << 20)
    return done


def _anchor(run: _Run, index: int, at: int) -> tuple[int, int] | None:
    """The next token that has a sure place again: what it begins is in both only once."""
    data, joined, places = run.readings.seen.data, run.joined, run.places
    budget = run.readings.budget
    for first in range(index + 1, min(index + _SCANNED, len(places) - 1)):
        if not run.readings.plain[first]:
            continue
        budget.steps -= 1 + (len(data) - at) // 1000
        if budget.steps < 0:
            return None
        last = int(run.odd[np.searchsorted(run.odd, first)])
        begin, end = int(places[first]), int(places[last])
        if last == len(places) - 1 and end - begin >= _TAIL and data.endswith(joined[begin:], at):
            return first, len(data) - (end - begin)
        if end - begin < _ANCHOR:
            continue
        # The shortest run of whole tokens that is long enough.
        end = int(places[np.searchsorted(places, begin + _ANCHOR)])
        words = joined[begin:end]
        found = data.find(words, at)
        again = found >= 0 and data.find(words, found + 1) >= 0
        since = int(places[index])
        only = joined.find(words, since) == begin and joined.find(words, begin + 1) < 0
        if found >= 0 and only and not again:
            return first, found
    return None
