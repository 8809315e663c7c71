"""Which part of a text costs how many tokens: its paragraphs, and its runs of an unusual kind.

Decided here: what a paragraph is, which kinds of runs there are, and that a token belongs to the
part in which its last typed byte lies, because most vocabularies put a blank before a word and not
after it. Tokens that stand for nothing typed belong to no part.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import regex
from numpy.typing import NDArray

from lib.tokens.statistics import Placed

__all__ = ["MOST_CHARACTERS", "ORDINARY", "KindCost", "Parts", "kind_costs", "paragraphs", "runs"]

Numbers = NDArray[np.int64]

MOST_CHARACTERS = 500_000
"""Characters in which runs are looked for; the rest of a longer text counts as ordinary."""
ORDINARY = "ordinary text"

_SIGNS: dict[str, str] = {
    "indent": r"(?m:^)[ \t]{2,}+(?=\S)",
    "blanks": r"[ \t]{3,}+|\n(?:[ \t]*+\n){2,}+",
    "UUID": r"\b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b",
    "hexadecimal": r"\b(?=[A-Fa-f]{0,40}+\d)(?=\d{0,40}+[A-Fa-f])[0-9A-Fa-f]{12,}+\b",
    # All of small letters, capitals and digits, and soon: a long word or a path rarely has them.
    # Looking further would take long where many begin in vain.
    "base64": r"(?=[A-Za-z+/_-]{0,40}+\d)(?=[A-Z0-9+/_-]{0,40}+[a-z])"
    r"(?=[a-z0-9+/_-]{0,40}+[A-Z])[A-Za-z0-9+/_-]{24,}+={0,2}+",
    "link": r"https?://[^\s<>\"']++",
    "long number": r"\d(?:[.,:/-]?\d){5,}+",
    "repeated sign": r"(?P<sign>[^\w\s])(?P=sign){3,}+",
    "emoji": r"[[\p{Extended_Pictographic}\p{RI}]--\p{ASCII}]"
    r"[[\p{Extended_Pictographic}\p{RI}\p{EMod}\u200d\ufe0f\u20e3]--\p{ASCII}]*+",
}
_SCRIPTS = {
    "Chinese": r"\p{Han}",
    "Japanese kana": r"\p{Hiragana}\p{Katakana}\u30fc",
    "Korean": r"\p{Hangul}",
    "Cyrillic": r"\p{Cyrillic}",
    "Greek": r"\p{Greek}",
    "Arabic": r"\p{Arabic}",
    "Hebrew": r"\p{Hebrew}",
    "Devanagari": r"\p{Devanagari}",
    "Bengali": r"\p{Bengali}",
    "Tamil": r"\p{Tamil}",
    "Thai": r"\p{Thai}",
    "Burmese": r"\p{Myanmar}",
    "Amharic": r"\p{Ethiopic}",
    "Georgian": r"\p{Georgian}",
    "Armenian": r"\p{Armenian}",
    "other script": r"[\p{L}--[\p{Latin}\p{Common}\p{Inherited}]]",
}
_KINDS = (*_SIGNS, *_SCRIPTS)


def _pattern() -> "regex.Pattern[str]":
    patterns = list(_SIGNS.values())
    for letters in _SCRIPTS.values():
        word = rf"[{letters}][{letters}\p{{M}}]*+"
        patterns.append(rf"{word}(?:[[\s\p{{P}}]--\n]{{1,3}}+{word})*")
    named = [f"(?P<k{number}>{one})" for number, one in enumerate(patterns)]
    return regex.compile("|".join([*named, r"\p{Latin}++|."]), regex.V1 | regex.DOTALL)


_RUN = _pattern()
_PARAGRAPH_END = regex.compile(r"\n(?:[ \t\r]*+\n)++")


@dataclass(frozen=True, eq=False)
class Parts:
    """Parts that follow each other and cover a text: byte spans, and the tokens of each."""

    starts: Numbers
    ends: Numbers
    tokens: Numbers
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def bytes_per_token(self) -> NDArray[np.float64]:
        """The lower, the dearer; NaN where a part has no token of its own."""
        sizes = (self.ends - self.starts).astype(np.float64)
        rates = np.full(len(sizes), np.nan)
        np.divide(sizes, self.tokens, out=rates, where=self.tokens > 0)
        return rates

    def dearest(self, most: int) -> list[int]:
        """The parts with the fewest bytes per token, worst first; those without tokens never."""
        rates = self.bytes_per_token
        order = np.argsort(rates, kind="stable")
        return [int(index) for index in order[:most] if not np.isnan(rates[index])]


class KindCost(NamedTuple):
    """All runs of one kind. `extra` is how many tokens they take beyond the ordinary rate.

    `extra` is None where the text has no ordinary part to compare with.
    """

    kind: str
    runs: int
    bytes: int
    tokens: int
    bytes_per_token: float | None
    extra: float | None


def paragraphs(placed: Placed) -> Parts:
    """The parts between blank lines; what ends a paragraph belongs to it."""
    ends = [found.end() for found in _PARAGRAPH_END.finditer(placed.text)]
    return _parts(placed, [*ends, len(placed.text)], "paragraph")


def runs(placed: Placed) -> Parts:
    """Runs of an unusual kind, and the ordinary text between them."""
    ends: list[int] = []
    found_kinds: list[str] = []
    at = 0
    for found in _RUN.finditer(placed.text, 0, MOST_CHARACTERS):
        name = found.lastgroup
        if name is None:
            continue
        if found.start() > at:
            ends.append(found.start())
            found_kinds.append(ORDINARY)
        at = found.end()
        ends.append(at)
        found_kinds.append(_KINDS[int(name[1:])])
    return _parts(placed, [*ends, len(placed.text)], [*found_kinds, ORDINARY])


def kind_costs(parts: Parts) -> tuple[KindCost, ...]:
    """What each kind of runs costs, the one that costs most beyond the ordinary first."""
    names = sorted(set(parts.kinds))
    index = np.array([names.index(kind) for kind in parts.kinds], np.int64)
    sizes = np.bincount(index, parts.ends - parts.starts, len(names)).astype(int).tolist()
    tokens = np.bincount(index, parts.tokens, len(names)).astype(int).tolist()
    counts = np.bincount(index, minlength=len(names)).tolist()
    rates = {
        name: size / count if count else None
        for name, size, count in zip(names, sizes, tokens, strict=True)
    }
    usual = rates.get(ORDINARY)
    found = [
        KindCost(
            name, counts[n], sizes[n], tokens[n], rates[name], _extra(sizes[n], tokens[n], usual)
        )
        for n, name in enumerate(names)
    ]
    return tuple(sorted(found, key=lambda one: (-(one.extra or 0.0), one.kind)))


def _extra(size: int, tokens: int, usual: float | None) -> float | None:
    return None if usual is None else tokens - size / usual


def _parts(placed: Placed, char_ends: list[int], names: str | list[str]) -> Parts:
    """Parts that end before the given characters, the empty last one left out."""
    kept = [n for n, end in enumerate(char_ends) if end > (char_ends[n - 1] if n else 0)]
    ends = _byte_offsets(placed.text, [char_ends[n] for n in kept])
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)[: len(ends)]
    written = placed.ends > placed.starts
    owners = np.searchsorted(ends, placed.ends[written] - 1, side="right")
    tokens = np.bincount(owners, minlength=len(ends))[: len(ends)].astype(np.int64)
    chosen = [names] * len(kept) if isinstance(names, str) else [names[n] for n in kept]
    return Parts(starts, ends, tokens, tuple(chosen))


def _byte_offsets(text: str, chars: Iterable[int]) -> Numbers:
    """The byte at which each of the characters begins."""
    raw = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.int8)
    begins = np.append(np.flatnonzero(raw >= -64), len(raw))
    return np.asarray(begins[list(chars)], np.int64)
