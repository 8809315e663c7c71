"""What tokenizers do to a text before they cut it, and which typed bytes each seen byte comes from.

A normaliser is never believed by its name: its segments, changed one by one, must join to the whole
text changed at once, and the tokens must then spell that. The cuts are made where no normaliser
looks across: not before a combining mark, a joining jamo or a halfwidth voice mark.
"""

import functools
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["NORMALISERS", "Seen", "see"]

Numbers = NDArray[np.int64]

# SentencePiece's nmt_nfkc as its compiled table behaves, tried on every code point: what it drops
# and what it reads as a blank. It keeps the fullwidth tilde, which NFKC would change.
_DROPPED = dict.fromkeys(
    [*range(0x1, 0x9), 0xB, *range(0xE, 0x20), 0x7F, 0x8F, 0x9F],
)
_BLANKED = dict.fromkeys(
    [
        *(0x9, 0xA, 0xC, 0xD, 0x61C, 0x1680, 0x200B, 0x200C, 0x200E, 0x200F),
        *(0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD),
    ],
    " ",
)
_NMT: dict[int, str | None] = {**_DROPPED, **_BLANKED}
_TILDE = "\uff5e"
_LONGEST_MELTED = 4


@dataclass(frozen=True, slots=True)
class Seen:
    """The bytes that a tokenizer saw; byte k comes from the typed bytes `low[k]` to `high[k]`.

    Both are None where it saw what was typed, byte by byte.
    """

    data: bytes
    low: Numbers | None = None
    high: Numbers | None = None

    def typed(self, starts: Numbers, ends: Numbers, length: int) -> tuple[Numbers, Numbers]:
        """Spans in the typed text of spans in the seen one; an empty span stays empty."""
        if self.low is None or self.high is None:
            return starts, ends
        if not self.data:
            return np.where(starts < 0, -1, 0), np.where(ends < 0, -1, 0)
        low = np.append(self.low, length)[starts]
        high = np.where(ends > starts, self.high[np.maximum(ends, 1) - 1], low)
        return np.where(starts < 0, -1, low), np.where(starts < 0, -1, high)

    def arrays(self) -> tuple[Numbers, Numbers]:
        """`low` and `high`, made where they were not needed so far."""
        if self.low is not None and self.high is not None:
            return self.low, self.high
        places = np.arange(len(self.data), dtype=np.int64)
        return places, places + 1

    def without_blanks(self) -> "Seen":
        """The same without its blanks: WordPiece cuts there and keeps none."""
        low, high = self.arrays()
        blank = _mask(self.data, re.compile(rb"[\t-\r\x20]+|\xc2[\x85\xa0]|\xe3\x80\x80"))
        blank |= _mask(self.data, re.compile(rb"\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]"))
        kept = np.frombuffer(self.data, np.uint8)[~blank].tobytes()
        return Seen(kept, low[~blank], high[~blank])

    def with_plain_blanks(self) -> "Seen":
        """The same with U+2581 as a blank: SentencePiece does not tell the two apart."""
        mark = "\u2581".encode()
        if mark not in self.data:
            return self
        low, high = (places.copy() for places in self.arrays())
        found = _places(self.data, re.compile(mark))
        high[found] = high[found + 2]
        kept = np.ones(len(self.data), bool)
        kept[found + 1] = kept[found + 2] = False
        return Seen(self.data.replace(mark, b" "), low[kept], high[kept])


def _places(data: bytes, pattern: re.Pattern[bytes]) -> Numbers:
    return np.fromiter((found.start() for found in pattern.finditer(data)), np.int64)


def _mask(data: bytes, pattern: re.Pattern[bytes]) -> NDArray[np.bool_]:
    mask = np.zeros(len(data), bool)
    for found in pattern.finditer(data):
        mask[found.start() : found.end()] = True
    return mask


def _nmt_nfkc(text: str) -> str:
    text = text.translate(_NMT)
    back = {letter for letter in set(text) if _looks_back(letter)}
    if not back and _TILDE not in text:
        return unicodedata.normalize("NFKC", text)
    return re.sub(
        rf"(?:{_TILDE}|[^{_TILDE}]{_one_of(back)}+|[^{_TILDE}])",
        lambda found: _nmt_melted(found[0]),
        text,
        flags=re.DOTALL,
    )


@functools.lru_cache(maxsize=4096)
def _nmt_melted(letters: str) -> str:
    """A character and its marks as SentencePiece's table melts them: by longest prefix.

    Unlike NFKC it neither sorts marks nor looks at what it has already melted.
    """
    melted = ""
    while letters:
        for size in range(min(len(letters), _LONGEST_MELTED), 0, -1):
            prefix = letters[:size]
            one = unicodedata.normalize("NFKC", prefix)
            apart = unicodedata.normalize("NFKD", prefix)
            sorted_ = apart == "".join(unicodedata.normalize("NFKD", each) for each in prefix)
            if size == 1 or (len(one) == 1 and sorted_):
                melted += prefix if prefix == _TILDE else one
                letters = letters[size:]
                break
    return melted


def _joined_blanks(text: str) -> str:
    return re.sub(" {2,}", " ", _nmt_nfkc(text))


@functools.lru_cache(maxsize=4096)
def _cleaned(letter: str) -> str:
    """BERT's cleaning of one character: no control characters, any blank as a blank."""
    if letter in "\t\n\r" or (letter.isspace() and unicodedata.category(letter) != "Cc"):
        return " "
    return (
        "" if letter == "\ufffd" or unicodedata.category(letter) in {"Cc", "Cf", "Co"} else letter
    )


def _bert_cased(text: str) -> str:
    return "".join(map(_cleaned, text))


def _bert_uncased(text: str) -> str:
    apart = unicodedata.normalize("NFD", _bert_cased(text))
    # One by one: the lower case of a whole Greek word would end in another sigma.
    return "".join(map(_lowered, apart))


@functools.lru_cache(maxsize=4096)
def _lowered(letter: str) -> str:
    return "" if unicodedata.category(letter) == "Mn" else letter.lower()


NORMALISERS: dict[str, Callable[[str], str]] = {
    "": lambda text: text,
    "NFC": lambda text: unicodedata.normalize("NFC", text),
    "NFKC": lambda text: unicodedata.normalize("NFKC", text),
    "nmt_nfkc": _nmt_nfkc,
    "nmt_nfkc, blanks joined": _joined_blanks,
    "BERT uncased": _bert_uncased,
    "BERT cased": _bert_cased,
}
"""What is tried, in this order, by the name that people know it under; "" changes nothing."""


def see(text: str, name: str) -> Seen | None:
    """The text as a normaliser leaves it, and where each byte comes from.

    None where its parts do not join to the whole: then nobody can say which byte comes from where.
    """
    change = NORMALISERS[name]
    if not name or (name.startswith("NF") and _is_normal(name, text)):
        return Seen(text.encode())
    joins = name.endswith("joined")
    whole = change(text).strip(" ") if joins else change(text)
    if whole == text:
        return Seen(text.encode())
    parts = list(_parts(text, change, joins=joins))
    if "".join(after for _, after in parts) != whole:
        return None
    return _mapped(whole.encode(), parts)


def _is_normal(name: str, text: str) -> bool:
    return unicodedata.is_normalized("NFC" if name == "NFC" else "NFKC", text)


def _mapped(data: bytes, parts: list[tuple[str, str]]) -> Seen:
    before = np.array([len(one.encode()) for one, _ in parts], np.int64)
    after = np.array([len(two.encode()) for _, two in parts], np.int64)
    same = np.array([one == two for one, two in parts], bool)
    part = np.repeat(np.arange(len(parts)), after)
    typed_end, seen_start = np.cumsum(before), np.cumsum(after) - after
    inside = np.arange(len(data)) - seen_start[part]
    low = (typed_end - before)[part] + np.where(same[part], inside, 0)
    return Seen(data, low, np.where(same[part], low + 1, typed_end[part]))


def _parts(text: str, change: Callable[[str], str], *, joins: bool) -> Iterator[tuple[str, str]]:
    """The text in parts before and after; what stays as it is comes in long parts."""
    letters = set(text)
    looks_back = {letter for letter in letters if _looks_back(letter)}
    changed = {letter for letter in letters if change(letter) != letter}
    blanks = {letter for letter in changed if " " in change(letter) or not change(letter)}
    blanks = blanks | {" "} if joins else set()
    reached = 0
    for found in _touched(looks_back, changed, blanks).finditer(text):
        if found.start() > reached:
            yield text[reached : found.start()], text[reached : found.start()]
        after = change(found[0])
        if joins:
            after = after.lstrip(" ") if not found.start() else after
            after = after.rstrip(" ") if found.end() == len(text) else after
        yield found[0], after
        reached = found.end()
    if reached < len(text):
        yield text[reached:], text[reached:]


def _looks_back(letter: str) -> bool:
    """Can the character melt into the one before it?"""
    jamo = "\u1160" <= letter <= "\u11ff" or letter in "\uff9e\uff9f"
    return jamo or unicodedata.category(letter)[0] == "M"


def _touched(looks_back: set[str], changed: set[str], blanks: set[str]) -> re.Pattern[str]:
    back = _one_of(looks_back)
    ways = [f".{back}+", f"{_one_of(changed)}{back}*"]
    if blanks:
        blank = _one_of(blanks)
        ways = [rf"{blank}{{2,}}{back}*", rf"\A{blank}+{back}*", rf"{blank}+\Z", *ways]
    return re.compile("|".join(ways), re.DOTALL)


def _one_of(letters: set[str]) -> str:
    return "[" + "".join(map(re.escape, sorted(letters))) + "]" if letters else "(?!)"
