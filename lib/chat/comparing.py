"""Two answers, or several, beside each other: where they part, and what differs in figures.

Decided here: answers are the same if their tokens are, by id where the server tells ids, else as
text by what a reader takes for a character; and how much a comparison of texts may cost: what
both ends share is taken off first, and very long middles are shown as replaced.
"""

import difflib
from collections.abc import Sequence
from itertools import takewhile
from typing import Literal, NamedTuple

import regex

from lib.api.deltas import Reply, Timing, Usage
from lib.api.text import plain_line
from lib.chat.figures import Figure
from lib.chat.words import ABSENT, count, duration, share

__all__ = [
    "Agreement",
    "Difference",
    "Sent",
    "Table",
    "cache",
    "first_difference",
    "runs_agree",
    "side_by_side",
    "word_diff",
]

Op = Literal["same", "out", "in"]

_GRAPHEME = regex.compile(r"\X")
_WORD = regex.compile(r"\s+|[\p{L}\p{M}\p{N}_]+|.", regex.DOTALL)
_MOST_WORDS = 2_000
_FASTER = 0.8
"""A warm TTFT below this share of the cold one is a difference, above it may be chance."""
_MOST_GRAPHEMES = 50_000
_NEAR = 24
"""Characters shown on either side of a difference."""


class Difference(NamedTuple):
    """Where two answers part: `at` counts tokens or characters from 0, as `unit` says.

    `before` is the end of what both say, `one` and `other` how each goes on.
    """

    at: int
    unit: Literal["token", "character"]
    before: str
    one: str
    other: str


class Agreement(NamedTuple):
    """Whether several answers are the same; `at` is the first token (or character) that is not.

    `same` is None where fewer than two answers can be compared. `groups` are the numbers of the
    answers that agree, the largest group first.
    """

    same: bool | None
    at: int | None
    words: str
    groups: tuple[tuple[int, ...], ...]


class Table(NamedTuple):
    """Figures side by side: a header, and rows of texts."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Sent(NamedTuple):
    """What one sending of the cache test took."""

    timing: Timing
    usage: Usage | None


# ── Where they part ──


def first_difference(one: Reply, other: Reply) -> Difference | None:
    """Where two answers part; None where they are the same."""
    if one.ids is not None and other.ids is not None:
        return _by_tokens(one, other, one.ids, other.ids)
    return _by_characters(_said(one), _said(other))


def runs_agree(replies: Sequence[Reply]) -> Agreement:
    """Whether the same request gave the same answer each time."""
    if len(replies) < 2:
        return Agreement(None, None, "Fewer than two answers can be compared.", ())
    groups: list[list[int]] = []
    parted: Difference | None = None
    for number, reply in enumerate(replies):
        for group in groups:
            if first_difference(replies[group[0]], reply) is None:
                group.append(number)
                break
        else:
            groups.append([number])
        found = first_difference(replies[0], reply)
        parted = found if parted is None or (found and found.at < parted.at) else parted
    ordered = tuple(tuple(one) for one in sorted(groups, key=len, reverse=True))
    if parted is None:
        return Agreement(True, None, f"All {len(replies)} answers are the same.", ordered)
    words = (
        f"{len(groups)} different answers of {len(replies)}: they part at {parted.unit}"
        f" {count(parted.at + 1)}, after “{parted.before or '(nothing)'}”."
    )
    return Agreement(False, parted.at, words, ordered)


def _said(reply: Reply) -> str:
    calls = "".join(f"\n{call.name}({call.arguments})" for call in reply.tools)
    return reply.reasoning + reply.content + calls


def _by_tokens(
    one: Reply, other: Reply, ids: Sequence[int], others: Sequence[int]
) -> Difference | None:
    at = _common(ids, others)
    if at == len(ids) == len(others):
        return None
    text = _by_characters(_said(one), _said(other)) or Difference(0, "character", "", "", "")
    return text._replace(at=at, unit="token")


def _by_characters(one: str, other: str) -> Difference | None:
    if one == other:
        return None
    first, second = _graphemes(one), _graphemes(other)
    at = _common(first, second)
    before = plain_line("".join(first[max(0, at - _NEAR) : at]), 2 * _NEAR)
    near = [plain_line("".join(part[at : at + _NEAR]), 2 * _NEAR) for part in (first, second)]
    return Difference(at, "character", before, *near)


def _graphemes(text: str) -> list[str]:
    found: list[str] = _GRAPHEME.findall(text[:_MOST_GRAPHEMES])
    return found


def _common(one: Sequence[object], other: Sequence[object]) -> int:
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


# ── Words ──


def word_diff(one: str, other: str) -> tuple[tuple[Op, str], ...]:
    """What is the same, what only the first says (out) and what only the second (in)."""
    first, second = _WORD.findall(one), _WORD.findall(other)
    start = _common(first, second)
    end = _common(first[start:][::-1], second[start:][::-1])
    middle, middles = first[start : len(first) - end], second[start : len(second) - end]
    ops: list[tuple[Op, str]] = [("same", "".join(first[:start]))]
    if max(len(middle), len(middles)) > _MOST_WORDS:
        ops += [("out", "".join(middle)), ("in", "".join(middles))]
    else:
        ops += _ops(middle, middles)
    ops.append(("same", "".join(first[len(first) - end :])))
    return tuple(op for op in ops if op[1])


def _ops(one: Sequence[str], other: Sequence[str]) -> list[tuple[Op, str]]:
    found: list[tuple[Op, str]] = []
    # autojunk bounds the time where one word fills the text
    for tag, i, j, k, m in difflib.SequenceMatcher(None, one, other).get_opcodes():
        if tag == "equal":
            found.append(("same", "".join(one[i:j])))
        else:
            found += [("out", "".join(one[i:j])), ("in", "".join(other[k:m]))]
    return found


# ── Figures ──


def side_by_side(columns: Sequence[tuple[str, Sequence[Figure]]]) -> Table:
    """The figures of several answers; of two, with the second over the first where both count."""
    keys = list(dict.fromkeys(one.key for _, column in columns for one in column))
    header = ("", *(name for name, _ in columns))
    rows = []
    for key in keys:
        found = [next((one for one in column if one.key == key), None) for _, column in columns]
        label = next(one.label for one in found if one is not None)
        values = (ABSENT if one is None else one.value for one in found)
        times = (_times(*found),) if len(found) == 2 else ()
        rows.append((label, *values, *times))
    return Table((*header, "Second / first") if len(columns) == 2 else header, tuple(rows))


def _times(one: Figure | None, other: Figure | None) -> str:
    if one is None or other is None or not one.number or other.number is None:
        return ""
    return f"× {other.number / one.number:.2f}"


# ── The prefix cache ──


def cache(cold: Sent, warm: Sent) -> tuple[str, ...]:
    """What a prompt sent twice tells of the prefix cache: the times, then the server's count."""
    cached = warm.usage.cached if warm.usage is not None else None
    return (_sooner(cold.timing.ttft, warm.timing.ttft, cached), _held(warm.usage))


def _sooner(cold: float | None, warm: float | None, cached: int | None) -> str:
    if cold is None or warm is None:
        return "The time to the first token is not known of both, so nothing is told."
    both = f"first token after {duration(cold)} cold and {duration(warm)} warm"
    if warm < cold * _FASTER:
        times = f"{both}, {cold / max(warm, 1e-6):.1f} times sooner"
        if cached is None:
            return f"It looks as if the cache works: {times}."
        if cached:
            return f"The cache works: {times}."
        return f"{times[0].upper()}{times[1:]}, but not for the cache: something else was slow."
    if cached:
        return f"The cache works, but saves no time that counts: {both}."
    return (
        f"No difference that counts: {both}. The prefix cache is off, the prompt is short, or the"
        " server was busy with others."
    )


def _held(usage: Usage | None) -> str:
    cached = usage.cached if usage is not None else None
    if usage is None or cached is None:
        return "This server does not report cached tokens (--enable-prompt-tokens-details)."
    if not cached:
        return "The server says that none of the prompt's tokens were in its cache."
    of = (
        f" of {count(usage.prompt)} tokens ({share(cached / usage.prompt)})" if usage.prompt else ""
    )
    return f"The server says that {count(cached)}{of} of the prompt were in its cache."
