"""Random texts in many scripts, with what breaks tokenizers, and the truths to hold spans against.

A truth here never comes from `lib.tokens`: bytes come from the demo's own byte map, characters from
the server's decoding, offsets from the tokenizer's library where that is to be trusted.
"""

import unicodedata

from hypothesis import strategies as st
from tokenizers import Tokenizer

from lib.demo.tokenizers import _byte_alphabet
from lib.tokens import Alignment, Kind
from tests.unit.tokens.servers import Server

ATOMS = [
    *"abcXYZ .,!?#<>[]/()\n\t 0123456789",
    *("  ", "hello ", "World", "\r\n", "\xa0", "\u3000", "\u200b", "\u200d", "\u200e", "\u2028"),
    *("你", "好", "世界", "，", "。", "한", "글", "\u1112\u1161\u11ab", "\u1100", "\u1161"),
    *("e\u0301", "\u0301", "\u0327", "\u0344", "a\u0345", "é", "ß", "İ", "ſ", "Å", "Σας", "ñ"),
    *("ﬁ", "①", "㍿", "Ａ", "ｶﾞ", "ﾊ", "～", "\u0958", "𝒳", "𐍈", "\U0001f9ff"),
    *("🙂", "🎉", "👩\u200d👦", "👍🏽", "🇩🇪", "❤️", "שלום", "مرحبا", "\u202e", "नमस्ते", "ก็", "Ёлка"),
    *("\0", "\7", "\x1b", "\x7f", "\ufffd", "\ufeff", "\u2581", "Ġ", "Ċ", "<0x0A>", "##ing", "<b>"),
]

texts = st.lists(st.sampled_from(ATOMS), max_size=40).map("".join) | st.text(
    st.characters(exclude_categories=["Cs", "Cn"]), max_size=20
)

LETTERS = {letter: byte for byte, letter in enumerate(_byte_alphabet())}


def is_young(letter: str) -> bool:
    """Is the character younger than Unicode 3.2?"""
    return unicodedata.ucd_3_2_0.category(letter) == "Cn"


def placed(alignment: Alignment) -> list[int]:
    """Tokens whose own span is known: they stand for typed bytes, and share them with none."""
    return [
        index
        for index in range(len(alignment))
        if alignment.ends[index] > alignment.starts[index] and index not in alignment.shared
    ]


def wrong_bytes(alignment: Alignment, pieces: list[str]) -> list[int]:
    """Tokens of a byte-level tokenizer of which the bytes are not those that their piece spells."""
    data = alignment.text.encode()
    wrong = []
    for index in placed(alignment):
        truth = bytes(LETTERS[letter] for letter in pieces[index])
        typed = data[alignment.starts[index] : alignment.ends[index]]
        changed = alignment.kinds[index] == Kind.NORMALISED
        if alignment.token_bytes(index) != truth or (typed != truth and not changed):
            wrong.append(index)
    return wrong


def wrong_texts(alignment: Alignment, server: Server) -> list[int]:
    """Groups of tokens that the server decodes to another text than they are placed at."""
    wrong = []
    for group in set(alignment.groups.tolist()):
        members = [int(index) for index in (alignment.groups == group).nonzero()[0]]
        kinds = {Kind(alignment.kinds[index]) for index in members}
        if not kinds <= {Kind.TEXT, Kind.PARTIAL} or alignment.starts[members[0]] < 0:
            continue
        typed = alignment.text[alignment.char_starts[members[0]] : alignment.char_ends[members[-1]]]
        told = server.decode([int(alignment.ids[index]) for index in members])
        # SentencePiece's decoder takes U+2581 for a blank, and drops those at the start.
        typed, told = (one.replace("\u2581", " ").lstrip(" ") for one in (typed, told))
        if typed != told:
            wrong.append(group)
    return wrong


def outside(alignment: Alignment, tokenizer: Tokenizer) -> list[int]:
    """Tokens that reach over the offsets of Hugging Face's library.

    Those are to be trusted where the tokenizer changed nothing, which for `[UNK]` nobody can see.
    """
    offsets = tokenizer.encode(alignment.text).offsets
    trusted = {Kind.TEXT, Kind.PARTIAL}
    return [
        index
        for index in placed(alignment)
        if Kind(alignment.kinds[index]) in trusted
        and not (
            offsets[index][0] <= alignment.char_starts[index]
            and alignment.char_ends[index] <= offsets[index][1]
        )
    ]
