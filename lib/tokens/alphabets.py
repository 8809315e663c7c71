"""The alphabets in which servers spell the pieces of their vocabularies, and how each is read.

A piece is never text as typed: byte-level vocabularies write each byte as one letter of GPT-2's
map, SentencePiece writes a blank as U+2581 and a lone byte as `<0xE4>`, Tekken and tiktoken give
text already decoded (with U+FFFD where a character was cut), WordPiece marks what continues a word.
"""

import re
from enum import Enum

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "LETTERS",
    "Family",
    "byte_of",
    "is_special",
    "is_unknown",
    "read_byte_level",
    "replaced_ends",
]


class Family(Enum):
    """How a tokenizer spells its pieces; the value is for people."""

    BYTE_LEVEL = "byte-level"
    PLAIN = "plain text"
    SENTENCEPIECE = "SentencePiece"
    WORDPIECE = "WordPiece"
    UNKNOWN = "unknown"


REPLACEMENT = "\ufffd"


def _letters() -> NDArray[np.uint16]:
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    codes = [byte if byte in printable else next(others) for byte in range(256)]
    return np.array(codes, np.uint16)


LETTERS = _letters()
"""GPT-2's map: for each byte the code point of the letter that stands for it."""

_BYTES = {int(code): byte for byte, code in enumerate(LETTERS)}

_LONE_BYTE = re.compile(r"<0x([0-9A-F]{2})>")

# Specials are told by their look where the server does not list them. Names in plain angle brackets
# are named one by one, because vocabularies hold HTML tags as ordinary tokens.
_SPECIAL = re.compile(
    r"<\|[^\s|]{1,80}\|>|<\uff5c[^\s\uff5c]{1,80}\uff5c>|\[/?[A-Z][A-Z_0-9]+\]|<SPECIAL_\d+>"
    r"|</?(?:s|unk|pad|mask|bos|eos|cls|sep|think|tool_call|tool_response|[a-z]+_[a-z_0-9]+)>",
)
_UNKNOWN = {"<unk>", "[UNK]", "<UNK>", "<|unk|>", "\u2047"}


def read_byte_level(piece: str) -> bytes | None:
    """The bytes that a piece spells in GPT-2's map; None where a letter is not of it."""
    try:
        return bytes(_BYTES[ord(letter)] for letter in piece)
    except KeyError:
        return None


def byte_of(piece: str) -> int | None:
    """The byte of a SentencePiece byte token such as `<0xE4>`."""
    found = _LONE_BYTE.fullmatch(piece)
    return int(found[1], 16) if found else None


def is_special(piece: str) -> bool:
    """Does the piece look like a control token, `<|im_start|>` or `[CLS]`?"""
    return _SPECIAL.fullmatch(piece) is not None


def is_unknown(piece: str) -> bool:
    """Does the piece stand for whatever the vocabulary could not spell?"""
    return piece.strip() in _UNKNOWN


def replaced_ends(data: bytes, at: int, piece: str, most: int = 64) -> list[int]:
    """Where a piece with U+FFFD may end, if it begins at `at`: all bytes that decode to it.

    One U+FFFD is what is left of one to three bytes, or the character U+FFFD itself.
    """
    cut = piece.count(REPLACEMENT)
    if cut > most:
        return []
    whole = len(piece.replace(REPLACEMENT, "").encode("utf-8", "surrogatepass"))
    shortest, longest = at + whole + cut, min(at + whole + 3 * cut, len(data))
    return [
        end
        for end in range(shortest, longest + 1)
        if data[at:end].decode("utf-8", "replace") == piece
    ]
