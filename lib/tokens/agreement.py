"""Do two tokenizers agree? Over one text: their boundaries. Over a fixed set of texts: their ids.

Decided here: a boundary is where a token ends, because vocabularies differ in whether a blank
belongs to the next token or to none; and which texts are sent to a server to know its tokenizer.
The same ids over all of them is no proof for every text there is, but a tokenizer of another
vocabulary, normaliser, set of special tokens or treatment of digits and blanks does not pass.
"""

import hashlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lib.tokens.questions import Encode, Encoded
from lib.tokens.statistics import Placed

__all__ = ["PROBES", "Agreement", "Comparison", "Probed", "agreement", "compared", "probe"]

Numbers = NDArray[np.int64]

PROBES = (
    "",
    "a",
    " a",
    "The quick brown fox jumps over the lazy dog.",
    "don't I'll WE'VE it\u2019s",
    "  two  spaces   three    four\t\ttabs \t mixed",
    "line\n\nline\r\n\r\n  indented\n\n\n    more\n",
    "0 12 345 6789 01234567890 3.14159 1,000,000 2031-08-17",
    "def f(x: int) -> list[int]:\n    return [x ** 2 for _ in range(10)]  # comment\n",
    '{"key": [1, 2.5e-3, null, true], "url": "https://example.org/a?b=c&d=%20"}',
    "internationalization antidisestablishmentarianism Donaudampfschifffahrt",
    "camelCaseIdentifier snake_case_identifier SCREAMING_CASE kebab-case",
    "café cafe\u0301 Å A\u030a ﬁ ① Ａ ½ ² ẛ\u0323",
    "你好,世界。昨天下了一场大雨。",
    "繁體中文與简体中文 日本語のテキスト カタカナ ｶﾞ",
    "안녕하세요 세계 \u1112\u1161\u11ab",
    "Привет, мир! Ελληνικά γλώσσας Türkçe İstanbul ıI ß ẞ",
    "مرحبا بالعالم שלום עולם नमस्ते दुनिया สวัสดีชาวโลก தமிழ்",
    "🎉🚀 👩\u200d👦 🏳\ufe0f\u200d🌈 🇩🇪 👍🏽 ☎\ufe0f",
    "𝔘𝔫𝔦 𓀀 𠮷 \U0001f9ff\U0001faf6",
    "<s></s><unk><pad><bos><eos>[CLS][SEP][UNK][MASK]",
    "<|im_start|>user\nhi<|im_end|><|endoftext|><|eot_id|><|begin_of_text|>",
    "[INST] hi [/INST] <think>x</think> <tool_call>{}</tool_call>",
    "\u2581x \u0120x <0x0A> ##ing \ufffd \u00a0 \u00ad \u200b \ufeff \u3000",
    "\x00 \x07 \x1b[0m \x7f \u0085 \u2028",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ======== -------- ........ ????!!!!",
    "TWFueSBoYW5kcyBtYWtlIGxpZ2h0IHdvcms= 550e8400-e29b-41d4-a716-446655440000",
    "trailing blank ",
)
"""What a server is asked; a digest over one set is never compared with one over another."""


@dataclass(frozen=True, eq=False)
class Agreement:
    """Two tokenizations of one text; the boundaries are bytes, both ends of the text left out."""

    first: int
    second: int
    shared: Numbers
    only_first: Numbers
    only_second: Numbers
    complete: bool
    """Is the place of every token known? Where not, boundaries may be missing."""

    @property
    def ratio(self) -> float | None:
        """Tokens of the second over those of the first."""
        return self.second / self.first if self.first else None


def agreement(first: Placed, second: Placed) -> Agreement:
    """Compare where two tokenizers cut the same text.

    Raises:
        ValueError: it is not the same text.
    """
    if first.text != second.text:
        raise ValueError("Only tokens of the same text can be compared.")
    one, other = _boundaries(first), _boundaries(second)
    return Agreement(
        first=len(first.starts),
        second=len(second.starts),
        shared=np.intersect1d(one, other, assume_unique=True),
        only_first=np.setdiff1d(one, other, assume_unique=True),
        only_second=np.setdiff1d(other, one, assume_unique=True),
        complete=bool((first.starts >= 0).all() and (second.starts >= 0).all()),
    )


def _boundaries(placed: Placed) -> Numbers:
    written = placed.ends > placed.starts
    ends = np.unique(placed.ends[written])
    return ends[ends < len(placed.text.encode())]


@dataclass(frozen=True, slots=True)
class Probed:
    """The ids of one tokenizer over a set of texts; None where the server refused a text."""

    texts: tuple[str, ...]
    ids: tuple[tuple[int, ...] | None, ...]

    @property
    def digest(self) -> str:
        """64 hexadecimal digits: the same for the same texts, ids and refusals, and only then."""
        hashed = hashlib.sha256()
        for text, ids in zip(self.texts, self.ids, strict=True):
            written = "refused" if ids is None else ",".join(map(str, ids))
            for part in (text.encode("utf-8", "surrogatepass"), written.encode()):
                hashed.update(len(part).to_bytes(8, "little") + part)
        return hashed.hexdigest()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two tokenizers over the probes that both answered; `different` are those with other ids."""

    answered: int
    different: tuple[str, ...]
    unanswered: tuple[str, ...]

    @property
    def is_equal(self) -> bool | None:
        """None where no text was answered by both, or one was by one only: nothing is proven."""
        if self.different:
            return False
        return None if self.unanswered or not self.answered else True

    @property
    def words(self) -> str:
        """The outcome in one sentence for people."""
        if self.different:
            return f"Different tokens for {len(self.different)} of {self.answered} texts."
        if self.unanswered:
            return (
                f"The same tokens for {self.answered} texts; {len(self.unanswered)} more were not"
                f" answered by both, so nothing is proven."
            )
        if not self.answered:
            return "No text was answered by both."
        return f"The same tokens, id by id, for all {self.answered} texts."


def probe(
    special: bool | None = None, texts: Sequence[str] = PROBES
) -> Generator[Encode, Encoded | None, Probed]:
    """Ask a server for the ids of each text; None is sent in where it refused one."""
    found: list[tuple[int, ...] | None] = []
    for text in texts:
        answer = yield Encode(text, special)
        found.append(None if answer is None else tuple(int(one) for one in answer.ids))
    return Probed(tuple(texts), tuple(found))


def compared(first: Probed, second: Probed) -> Comparison:
    """Are they the same tokenizer, as far as the texts tell?

    A text that both refused tells nothing; one that only one of them refused is unanswered.

    Raises:
        ValueError: they were asked different texts.
    """
    if first.texts != second.texts:
        raise ValueError("Only answers to the same texts can be compared.")
    trios = list(zip(first.texts, first.ids, second.ids, strict=True))
    both = [trio for trio in trios if trio[1] is not None and trio[2] is not None]
    return Comparison(
        answered=len(both),
        different=tuple(text for text, one, other in both if one != other),
        unanswered=tuple(text for text, one, other in trios if (one is None) != (other is None)),
    )
