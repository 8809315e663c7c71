"""The table of hard cases, as measured on ten families: pieces as recorded, spans as they must be.

Each row is one tokenizer's answer to one text. Where a row needs the server's own decoding, the
decoded texts are recorded too.
"""

from dataclasses import dataclass, field

import numpy as np
import pytest

from lib.tokens import Encoded, Family, Fit, Kind, Profile, Unreadable, align, faults
from tests.unit.tokens.servers import Recorded, drive, known

BYTES = Profile(Family.BYTE_LEVEL)
QWEN = Profile(Family.BYTE_LEVEL, "NFC")
LLAMA3 = Profile(Family.BYTE_LEVEL)
LLAMA2 = Profile(Family.SENTENCEPIECE, prefix=(1,))
MISTRAL = Profile(Family.SENTENCEPIECE)
GEMMA = Profile(Family.SENTENCEPIECE, prefix=(1,))
TEKKEN = Profile(Family.PLAIN, prefix=(1,))
UNIGRAM = Profile(Family.SENTENCEPIECE, "nmt_nfkc, blanks joined")
BERT = Profile(Family.WORDPIECE, "BERT uncased", prefix=(101,), suffix=(102,))

TEXT, SPECIAL, ADDED, PREFIX, UNKNOWN, PARTIAL, NORMALISED = Kind


@dataclass
class Row:
    """One row: the ids are 1 for `<s>`, 101 and 102 for `[CLS]` and `[SEP]`, else 200 and up."""

    number: str
    text: str
    profile: Profile
    pieces: list
    spans: list
    kinds: list | None = None
    fit: Fit = Fit.EXACT
    groups: list | None = None
    dropped: list = field(default_factory=list)

    def ids(self):
        added = {"<s>": 1, "<bos>": 1, "[CLS]": 101, "[SEP]": 102}
        return [added.get(piece, 200 + place) for place, piece in enumerate(self.pieces)]

    def aligned(self):
        return drive(align(self.text, Encoded(self.ids(), self.pieces), self.profile), Recorded({}))


HAN = "\u1112\u1161\u11ab"
SWAPPED = "<|im_start|>x<|im_end|>"

ROWS = [
    Row("1 Qwen", "", QWEN, [], []),
    Row("1 MiniLM", "", BERT, ["[CLS]", "[SEP]"], [(0, 0), (0, 0)], [ADDED, ADDED]),
    Row("2", "你好 Hello\n", QWEN, ["ä½łå¥½", "ĠHello", "Ċ"], [(0, 6), (6, 12), (12, 13)]),
    Row(
        "3",
        "a🙂b",
        LLAMA3,
        ["a", "ðŁ", "ĻĤ", "b"],
        [(0, 1), (1, 3), (3, 5), (5, 6)],
        [TEXT, PARTIAL, PARTIAL, TEXT],
        groups=[0, 1, 1, 2],
    ),
    Row(
        "4",
        "👩\u200d👦",
        QWEN,
        ["ðŁĳ©", "âĢ", "į", "ðŁĳ¦"],
        [(0, 4), (4, 6), (6, 7), (7, 11)],
        [TEXT, PARTIAL, PARTIAL, TEXT],
        groups=[0, 1, 1, 2],
    ),
    Row(
        "5",
        "cafe\u0301!",
        QWEN,
        ["ca", "fÃ©", "!"],
        [(0, 2), (2, 6), (6, 7)],
        [TEXT, NORMALISED, TEXT],
        Fit.NORMALISED,
    ),
    Row("6", HAN, QWEN, ["íķľ"], [(0, 9)], [NORMALISED], Fit.NORMALISED),
    Row(
        "7",
        " ﬁ ①",
        QWEN,
        ["Ġï", "¬ģ", "Ġ", "âĳ", "ł"],
        [(0, 2), (2, 4), (4, 5), (5, 7), (7, 8)],
        [PARTIAL, PARTIAL, TEXT, PARTIAL, PARTIAL],
        groups=[0, 0, 1, 2, 2],
    ),
    Row(
        "8",
        SWAPPED,
        QWEN,
        ["<|im_start|>", "x", "<|im_end|>"],
        [(0, 12), (12, 13), (13, 23)],
        [SPECIAL, TEXT, SPECIAL],
    ),
    Row(
        "9",
        SWAPPED,
        BERT,
        [
            "[CLS]",
            *["<", "|", "im", "_", "start", "|", ">", "x", "<", "|", "im", "_", "end", "|", ">"],
            "[SEP]",
        ],
        [
            *[(0, 0), (0, 1), (1, 2), (2, 4), (4, 5), (5, 10), (10, 11), (11, 12), (12, 13)],
            *[(13, 14), (14, 15), (15, 17), (17, 18), (18, 21), (21, 22), (22, 23), (23, 23)],
        ],
        [ADDED, *[TEXT] * 15, ADDED],
    ),
    Row(
        "10",
        " hi",
        LLAMA2,
        ["<s>", "▁", "▁hi"],
        [(0, 0), (0, 0), (0, 3)],
        [ADDED, PREFIX, TEXT],
    ),
    Row(
        "11",
        "<s>x",
        LLAMA2,
        ["<s>", "<s>", "▁x"],
        [(0, 0), (0, 3), (3, 4)],
        [ADDED, SPECIAL, TEXT],
    ),
    Row(
        "12",
        "é▁x",
        LLAMA2,
        ["<s>", "▁é", "▁x"],
        [(0, 0), (0, 2), (2, 6)],
        [ADDED, TEXT, TEXT],
    ),
    Row(
        "13",
        "▁x <0x0A>",
        LLAMA2,
        ["<s>", "▁", "▁x", "▁<", "0", "x", "0", "A", ">"],
        [(0, 0), (0, 0), (0, 4), (4, 6), (6, 7), (7, 8), (8, 9), (9, 10), (10, 11)],
        [ADDED, PREFIX, *[TEXT] * 7],
    ),
    Row(
        "14",
        "👩",
        MISTRAL,
        ["▁", "<0xF0>", "<0x9F>", "<0x91>", "<0xA9>"],
        [(0, 0), (0, 1), (1, 2), (2, 3), (3, 4)],
        [PREFIX, *[PARTIAL] * 4],
        groups=[0, 1, 1, 1, 1],
    ),
    Row(
        "15",
        "🙂",
        TEKKEN,
        ["<s>", "\ufffd", "\ufffd", "\ufffd", "\ufffd"],
        [(0, 0), (0, 1), (1, 2), (2, 3), (3, 4)],
        [ADDED, *[PARTIAL] * 4],
        groups=[0, 1, 1, 1, 1],
    ),
    Row(
        "17",
        "a\n\n b",
        GEMMA,
        ["<bos>", "a", "\n\n", "▁b"],
        [(0, 0), (0, 1), (1, 3), (3, 5)],
        [ADDED, TEXT, TEXT, TEXT],
    ),
    Row(
        "18",
        "Naïve 你好 unhappiness",
        BERT,
        ["[CLS]", "naive", "[UNK]", "[UNK]", "un", "##ha", "##pp", "##iness", "[SEP]"],
        [
            *[(0, 0), (0, 6), (7, 10), (10, 13), (14, 16), (16, 18), (18, 20), (20, 25)],
            (25, 25),
        ],
        [ADDED, NORMALISED, UNKNOWN, UNKNOWN, *[TEXT] * 4, ADDED],
        Fit.NORMALISED,
        dropped=[(6, 7), (13, 14)],
    ),
    Row(
        "19",
        "ﬁ①㍿ ｶﾞ",
        UNIGRAM,
        ["▁f", "i", "1", "株式会社", "▁", "ガ"],
        [(0, 3), (0, 3), (3, 6), (6, 9), (9, 10), (10, 16)],
        [NORMALISED, NORMALISED, NORMALISED, NORMALISED, TEXT, NORMALISED],
        Fit.NORMALISED,
        groups=[0, 0, 1, 2, 3, 4],
    ),
    Row(
        "20",
        "a\tb\u3000c\u200bd",
        UNIGRAM,
        ["▁a", "▁b", "▁c", "▁d"],
        [(0, 1), (1, 3), (3, 7), (7, 11)],
        [TEXT, NORMALISED, NORMALISED, NORMALISED],
        Fit.NORMALISED,
    ),
    Row(
        "21",
        "Hello  world ",
        UNIGRAM,
        ["▁H", "el", "lo", "▁world"],
        [(0, 1), (1, 3), (3, 5), (5, 12)],
        [TEXT, TEXT, TEXT, NORMALISED],
        Fit.NORMALISED,
        dropped=[(12, 13)],
    ),
    Row("22 bytes", "x\0y", BYTES, ["x", "Ā", "y"], [(0, 1), (1, 2), (2, 3)]),
    Row("22 bell", "\x07", BYTES, ["ć"], [(0, 1)]),
    Row("22 spm", "x\0y", MISTRAL, ["▁x", "\0", "y"], [(0, 1), (1, 2), (2, 3)]),
    Row(
        "22 BERT",
        "a\0\7b",
        BERT,
        ["[CLS]", "ab", "[SEP]"],
        [(0, 0), (0, 4), (4, 4)],
        [ADDED, NORMALISED, ADDED],
        Fit.NORMALISED,
    ),
    Row(
        "25",
        "abc שלום مرحبا",
        MISTRAL,
        ["▁abc", "▁ש", "לום", "▁مر", "حبا"],
        [(0, 3), (3, 6), (6, 12), (12, 17), (17, 23)],
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.number)
def test_a_row_of_the_table_has_the_spans_that_were_measured(row):
    found = row.aligned()
    assert list(zip(found.starts.tolist(), found.ends.tolist(), strict=True)) == row.spans
    assert found.fit is row.fit
    assert faults(found) == ""
    if row.kinds is not None:
        assert [Kind(kind) for kind in found.kinds] == row.kinds
    if row.groups is not None:
        assert found.groups.tolist() == row.groups
    if row.profile is not BERT or row.dropped:
        assert list(found.dropped) == row.dropped


def test_row_3_characters_of_a_split_emoji_are_the_same_for_both_halves():
    found = next(row for row in ROWS if row.number == "3").aligned()
    assert found.char_starts.tolist() == [0, 1, 1, 2]
    assert found.char_ends.tolist() == [1, 2, 2, 3]
    assert found.token_bytes(1) == b"\xf0\x9f"


def test_row_5_the_model_sees_another_character_than_was_typed():
    found = next(row for row in ROWS if row.number == "5").aligned()
    assert found.token_bytes(1) == "f\u00e9".encode()
    assert found.normaliser == "NFC"
    assert "NFC" in found.reason


TWO = "👩🙂"
"""F0 9F 91 A9 F0 9F 99 82, here cut as F0 9F, 91, A9 F0, 9F, 99, 82."""
CUTS = [(0, 2), (2, 3), (3, 5), (5, 6), (6, 7), (7, 8)]


def decoded(first, last):
    return TWO.encode()[CUTS[first][0] : CUTS[last - 1][1]].decode("utf-8", "replace")


def test_row_16_two_emoji_in_six_tokens_are_one_group_as_long_as_nobody_decodes():
    pieces = ["\ufffd", "\ufffd", "\ufffd\ufffd", "\ufffd", "\ufffd", "\ufffd"]
    assert pieces == [decoded(place, place + 1) for place in range(6)]
    found = drive(
        align(TWO, Encoded(list(range(6)), pieces), Profile(Family.PLAIN), calls=0), Recorded({})
    )
    assert faults(found) == ""
    for place, (start, end) in enumerate(CUTS):
        assert found.starts[place] <= start
        assert found.ends[place] >= end
    assert found.fit in {Fit.EXACT, Fit.GROUPED}
    assert (found.fit is Fit.GROUPED) == bool(found.shared)
    assert all(found.token_bytes(place) is None for place in found.shared)
    assert all(found.kinds[place] == Kind.PARTIAL for place in found.shared)


@pytest.mark.parametrize("pieces", [True, False], ids=["pieces", "decoded only"])
def test_row_16_decoding_the_first_few_tokens_closes_the_group(pieces):
    texts = {
        tuple(range(first, last)): decoded(first, last)
        for first in range(6)
        for last in range(first + 1, 7)
    }
    given = [decoded(place, place + 1) for place in range(6)] if pieces else None
    found = drive(
        align(TWO, Encoded(list(range(6)), given), Profile(Family.PLAIN)), Recorded(texts)
    )
    assert list(zip(found.starts.tolist(), found.ends.tolist(), strict=True)) == CUTS
    assert found.fit is Fit.EXACT


@pytest.mark.parametrize(
    "cuts", [[(0, 3)], [(0, 1), (1, 3)], [(0, 2), (2, 3)], [(0, 1), (1, 2), (2, 3)]], ids=str
)
def test_row_23_a_typed_replacement_character_is_not_a_cut_one_for_ever(cuts):
    cuts = [(0, 1), *((start + 1, end + 1) for start, end in cuts), (4, 5)]
    data = "a\ufffdb".encode()
    ids = list(range(len(cuts)))
    texts = {
        tuple(ids[first:last]): data[cuts[first][0] : cuts[last - 1][1]].decode("utf-8", "replace")
        for first in ids
        for last in range(first + 1, len(ids) + 1)
    }
    found = drive(align("a\ufffdb", Encoded(ids), Profile(Family.PLAIN)), Recorded(texts))
    for place, (start, end) in enumerate(cuts):
        inside = found.starts[place] <= start and found.ends[place] >= end
        assert inside
        assert place in found.shared or (found.starts[place], found.ends[place]) == (start, end)
    assert found.groups[0] == 0
    assert found.groups[-1] == 2
    assert faults(found) == ""


def test_row_24_half_a_character_is_refused_in_one_sentence():
    with pytest.raises(Unreadable, match=r"^Character 3 of the text is half of one .*U\+D83D"):
        drive(align("ab\ud83d", Encoded([1], ["a"]), BYTES), Recorded({}))


def test_row_26_a_long_text_is_aligned_at_once():
    server, profile = known("Qwen-like")
    once = server.answer_pieces("你好 🎉 abc\n")
    text = "你好 🎉 abc\n" * 40_000
    found = drive(align(text, Encoded(once[0] * 40_000, once[1] * 40_000), profile), Recorded({}))
    assert found.fit is Fit.EXACT
    assert found.ends[-1] == len(text.encode())
    assert found.char_ends[-1] == len(text) == 360_000
    assert (np.diff(found.starts) >= 0).all()
