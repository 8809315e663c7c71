"""Token ids out of whatever a person pasted: JSON, Python, a printed tensor, a column of numbers.

Decided here: what counts as an id and what is only furniture around it. In a whole answer or a
tokenizer's dictionary only the list of ids is read, so that no count, mask or span becomes an id.
What is neither is handed back with its place and the reason, never dropped in silence.
"""

import re
from typing import NamedTuple

__all__ = ["MOST_CHARACTERS", "MOST_IDS", "Pasted", "Rejected", "ids_of"]

MOST_CHARACTERS = 8_000_000
MOST_IDS = 1_000_000
_MOST_REJECTED = 100
_HIGHEST = 2**31 - 1
_SHOWN = 40

_LIST_OF_IDS = re.compile(
    r"""["']?\b(?:tokens|token_ids|input_ids|prompt_token_ids|ids)["']?\s*[:=]\s*"""
    r"""(?:[\w.]{1,40}\()?\s*(?=[\[(])""",
)
_FURNITURE = re.compile(
    r"(?:[a-zA-Z_][\w.]{0,40}\s*=\s*)?(?:torch\.|np\.|numpy\.|jnp\.|mx\.)?(?:tensor|array|Tensor"
    r"|Array|list|tuple)\("
    r"|(?:dtype|device|size|shape)\s*=\s*(?:\([^()]{0,80}\)|'[^']{0,40}'|[\w.<>|:]{1,40})"
    r"|(?:tokens|token_ids|input_ids|prompt_token_ids|ids)['\"]?\s*[:=]|[a-z_]{1,40}\s*=(?=\s*\[)"
    r"|[\s,;|\[\](){}'\"]+"
)
_WORD = re.compile(r"[^\s,;|\[\](){}'\"]{1,200}")
_DECIMAL = re.compile(r"0|[1-9][0-9]*+", re.ASCII)
_HEXADECIMAL = re.compile(r"0[xX][0-9a-fA-F]++", re.ASCII)
_NAMED = "token_id:"
"""How vLLM names a token where it was asked for ids in the place of strings."""


class Rejected(NamedTuple):
    """Something that is no id: its place in what was pasted (characters), and why."""

    start: int
    end: int
    text: str
    why: str


class Pasted(NamedTuple):
    """The ids in their order. `rejected` are the first of `refused` pieces that are none.

    `cut` says that more was pasted than is read.
    """

    ids: tuple[int, ...]
    rejected: tuple[Rejected, ...]
    refused: int
    cut: bool


def ids_of(text: str) -> Pasted:
    """Read the ids; a text without any has none, and says what it has instead."""
    start, end = _span(text, min(len(text), MOST_CHARACTERS))
    ids: list[int] = []
    rejected: list[Rejected] = []
    refused, at = 0, start
    while at < end and len(ids) < MOST_IDS:
        if (furniture := _FURNITURE.match(text, at, end)) is not None:
            at = furniture.end()
            continue
        word = _WORD.match(text, at, end)
        assert word is not None  # noqa: S101  # what is no separator is a word
        found = _id(word[0])
        if isinstance(found, int):
            ids.append(found)
        else:
            refused += 1
            if len(rejected) < _MOST_REJECTED:
                rejected.append(Rejected(at, word.end(), word[0][:_SHOWN], found))
        at = word.end()
    cut = at < end or (end == MOST_CHARACTERS < len(text))
    return Pasted(tuple(ids), tuple(rejected), refused, cut)


def _span(text: str, end: int) -> tuple[int, int]:
    """Where the ids stand: in the list of that name, if there is one; else anywhere."""
    found = _LIST_OF_IDS.search(text, 0, end)
    if found is None:
        return 0, end
    depth = 0
    for bracket in re.compile(r"[\[\](){}]").finditer(text, found.end(), end):
        depth += 1 if bracket[0] in "[({" else -1
        if depth == 0:
            return found.end(), bracket.end()
    return found.end(), end


def _id(word: str) -> int | str:
    """The id, or why it is none."""
    bare = word.removeprefix(_NAMED)
    if _DECIMAL.fullmatch(bare):
        number = int(bare)
    elif _HEXADECIMAL.fullmatch(bare):
        number = int(bare, 16)
    else:
        return _why(bare)
    return number if number <= _HIGHEST else "no vocabulary has an id so high"


def _why(word: str) -> str:
    if word.startswith("-") and word[1:].isdecimal():
        return "no id is below nothing"
    if word.strip(".\u2026") == "":
        return "ids were left out here"
    if word.isdecimal() and word.isascii():
        return "a number that begins with 0: is it the rest of one with a thousands separator?"
    if re.fullmatch(r"[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?", word):
        return "not a whole number"
    if re.fullmatch(r"[0-9a-fA-F]+", word):
        return "not decimal; hexadecimal numbers begin with 0x"
    return "not a number"
