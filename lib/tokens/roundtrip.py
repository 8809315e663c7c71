"""The round trip: is the text that came back from its tokens the text that went in?

Decided here: when two texts count as the same (equal, or equal after a change that a tokenizer is
known to make), and how differences are told character by character. The comparison goes through
both texts window by window, so that its time grows with the texts and not with their square.
"""

import difflib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lib.tokens.normalise import NORMALISERS

__all__ = ["MOST_DIFFERENCES", "Difference", "RoundTrip", "named", "round_trip"]

MOST_DIFFERENCES = 100
_WINDOW = 256
_SURE = 3
"""Characters that must agree for a window to be trusted up to there."""
_NAMED = 12
_STEP = 4_096


class Difference(NamedTuple):
    """Characters `start` to `end` of what went in came back as `back_start` to `back_end`."""

    start: int
    end: int
    typed: str
    back_start: int
    back_end: int
    back: str


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """What came of it.

    `normaliser` names the change after which the texts are equal: "" for none, and None where no
    known change makes them equal. `more`: there are differences beyond those listed.
    """

    normaliser: str | None
    differences: tuple[Difference, ...] = ()
    more: bool = False

    @property
    def is_equal(self) -> bool:
        return self.normaliser == ""


def round_trip(
    text: str, back: str, before: Sequence[str] = (), after: Sequence[str] = ()
) -> RoundTrip:
    """Compare; `before` and `after` are the added tokens' texts, each taken off `back` once."""
    if text == back:
        return RoundTrip("")
    back = _without(back, before, after)
    name = _equal_after(text, back)
    if name == "":
        return RoundTrip("")
    differences, more = _differences(text, back)
    return RoundTrip(name, tuple(differences), more)


def named(text: str, most: int = _NAMED) -> str:
    """The characters as code points with their names, as U+0007 control character."""
    shown = [
        f"U+{ord(letter):04X} {unicodedata.name(letter, _unnamed(letter))}".rstrip()
        for letter in text[:most]
    ]
    rest = len(text) - most
    return ", ".join(shown) + (f", and {rest:,} more" if rest > 0 else "")


def _unnamed(letter: str) -> str:
    kinds = {"Cc": "control character", "Cs": "lone surrogate", "Co": "private use"}
    return kinds.get(unicodedata.category(letter), "unassigned")


def _without(back: str, before: Sequence[str], after: Sequence[str]) -> str:
    for one in before:
        back = back.removeprefix(one)
    for one in reversed(after):
        back = back.removesuffix(one)
    return back


def _equal_after(text: str, back: str) -> str | None:
    """The name of the change after which both are equal; None where there is none."""
    changed = {name: change(text) for name, change in NORMALISERS.items()}
    for name, seen in changed.items():
        if seen == back:
            return name
    for name, seen in changed.items():
        if seen.strip(" ") == back.strip(" "):
            return ", ".join(filter(None, (name, "blanks at the ends aside")))
    return None


def _differences(text: str, back: str) -> tuple[list[Difference], bool]:
    found: list[Difference] = []
    at = there = 0
    while True:
        same = _alike(text, at, back, there)
        at, there = at + same, there + same
        if at == len(text) and there == len(back):
            return found, False
        if len(found) >= MOST_DIFFERENCES:
            return found, True
        found_here, at, there = _window(text, at, back, there)
        found += found_here
        if len(found) > MOST_DIFFERENCES:
            return found[:MOST_DIFFERENCES], True


def _alike(text: str, at: int, back: str, there: int) -> int:
    """How many characters from there on are the same."""
    start = at
    while text[at : at + _STEP] == back[there : there + _STEP] and at < len(text):
        step = min(_STEP, len(text) - at)
        at, there = at + step, there + step
    for one, other in zip(text[at : at + _STEP], back[there : there + _STEP], strict=False):
        if one != other:
            break
        at += 1
    return at - start


def _window(text: str, at: int, back: str, there: int) -> tuple[list[Difference], int, int]:
    """The differences in the next characters, and where to go on: after a stretch that is sure."""
    one, other = text[at : at + _WINDOW], back[there : there + _WINDOW]
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    steps = matcher.get_opcodes()
    whole = at + len(one) == len(text) and there + len(other) == len(back)
    sure = len(steps)
    if not whole:
        stretches = [n for n, step in enumerate(steps) if step[0] == "equal" and _is_sure(step)]
        # What follows the last sure stretch may be better told with what comes after the window.
        sure = stretches[-1] if stretches else len(steps)
    found = [
        Difference(at + i, at + j, one[i:j], there + k, there + m, other[k:m])
        for tag, i, j, k, m in steps[:sure]
        if tag != "equal"
    ]
    if sure < len(steps):
        return found, at + steps[sure][1], there + steps[sure][3]
    return found, at + len(one), there + len(other)


def _is_sure(step: tuple[str, int, int, int, int]) -> bool:
    return step[2] - step[1] >= _SURE
