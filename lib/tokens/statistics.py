"""The figures of a text and its tokens: how they are counted, and what is divided by what.

Decided here:

- Characters are code points; graphemes are what a reader takes for one (a family emoji, e with its
  accent), cut by Unicode's own rules.
- Words follow Unicode's word rules without a dictionary. Chinese characters and Hiragana count one
  word each, as word processors count them; scripts that are written without blanks and need a
  dictionary (Thai, Lao, Khmer, Burmese) count one word per unbroken run, which `words_note` says.
- Tokens that the server added stand for nothing typed, so no ratio counts them: one more per
  sentence makes English look 2.5 % worse.
- Where there is nothing to divide by, a ratio is None.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import regex
from numpy.typing import NDArray

__all__ = ["Figures", "Placed", "figures", "graphemes", "is_between_graphemes", "words"]

Numbers = NDArray[np.int64]

_GRAPHEME = regex.compile(r"\X")
_FLAG = regex.compile(r"\p{RI}{2}")
_WORD = regex.compile(
    r"[\p{Han}\p{Hiragana}]\p{M}*|\p{Katakana}[\p{Katakana}\p{M}\u30fc]*"
    r"|[[\p{L}\p{M}\p{N}_]--[\p{Han}\p{Hiragana}\p{Katakana}]]+"
    r"(?:['\u2019.\u00b7][[\p{L}\p{M}\p{N}_]--[\p{Han}\p{Hiragana}\p{Katakana}]]+|,\p{N}+)*",
    regex.V1,
)
_ONE_EACH = regex.compile(r"[\p{Han}\p{Hiragana}]")
_UNBROKEN = regex.compile(r"[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")


class Placed(Protocol):
    """A text whose tokens have a place; `lib.tokens.alignment.Alignment` is such.

    `starts` and `ends` are byte spans in the text's UTF-8, (-1, -1) where not known.
    """

    @property
    def text(self) -> str: ...

    @property
    def starts(self) -> Numbers: ...

    @property
    def ends(self) -> Numbers: ...


@dataclass(frozen=True, slots=True)
class Figures:
    """What is counted in one text. `tokens` are all of them, `added` those that stand for nothing.

    `tokens` is None while the server has not answered; then the ratios are None too.
    """

    tokens: int | None
    characters: int
    graphemes: int
    bytes: int
    words: int
    added: int = 0
    words_note: str = ""

    @property
    def characters_per_token(self) -> float | None:
        """The compression ratio as courses name it: characters that one token stands for."""
        return _ratio(self.characters, self._typed)

    @property
    def bytes_per_token(self) -> float | None:
        return _ratio(self.bytes, self._typed)

    @property
    def tokens_per_word(self) -> float | None:
        """Called fertility in the literature."""
        return None if self._typed is None else _ratio(self._typed, self.words)

    @property
    def _typed(self) -> int | None:
        return None if self.tokens is None else max(self.tokens - self.added, 0)


def figures(text: str, tokens: int | None, added: int = 0) -> Figures:
    """All figures of a text that has become so many tokens, `added` of them by the server."""
    return Figures(
        tokens=tokens,
        characters=len(text),
        graphemes=graphemes(text),
        bytes=len(text.encode("utf-8", "surrogatepass")),
        words=words(text),
        added=added,
        words_note=_words_note(text),
    )


def graphemes(text: str) -> int:
    """How many characters a reader sees."""
    if text.isascii():
        return len(text) - text.count("\r\n")
    # To pair flags, regex counts back over all flags before each: a long row would take minutes.
    # To all other rules a flag is a letter.
    return sum(1 for _ in _GRAPHEME.finditer(_FLAG.sub("a", text)))


def is_between_graphemes(text: str, at: int) -> bool:
    """Can the text be cut before character `at` without cutting what a reader takes for one?"""
    if at <= 0 or at >= len(text):
        return True
    # regex looks back by itself for what the character before belongs to.
    found = _GRAPHEME.match(text, at - 1)
    return found is not None and found.end() == at


def words(text: str) -> int:
    """How many words the text has; the head of this module says what a word is."""
    return sum(1 for _ in _WORD.finditer(text))


def _words_note(text: str) -> str:
    if text.isascii():
        return ""
    notes = []
    if _ONE_EACH.search(text):
        notes.append("Each Chinese character and each Hiragana counts as one word.")
    if _UNBROKEN.search(text):
        notes.append("Thai, Lao, Khmer and Burmese are not cut into words: a run counts as one.")
    return " ".join(notes)


def _ratio(part: int, whole: int | None) -> float | None:
    return part / whole if whole else None
