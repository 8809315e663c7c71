import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mistral_common.tokens.tokenizers.sentencepiece import SentencePieceTokenizer
from mistral_common.tokens.tokenizers.tekken import Tekkenizer

from lib.demo import tokenizers
from lib.demo.tokenizers import SENTENCEPIECE_FILE, TEKKEN_FILE

FAMILIES = ("tekken", "sentencepiece")
TEXTS = [
    "",
    " leading and trailing ",
    "Hello, world!",
    "naïve café  two  spaces\n\tand a tab",
    "你好,世界!人工智能",
    "こんにちは、東京タワー",
    "안녕하세요",
    "Привет, как дела?",
    "مرحبا بالعالم",
    "नमस्ते दुनिया",
    "🎉👩‍👩‍👧‍👦 é",
    "def f(n: int) -> list[int]:\n    return [n] * 3\n",
    "12345.678 €",
]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("text", TEXTS)
def test_text_survives_the_way_there_and_back(family, text):
    tokenizer = tokenizers.load(family)
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert tokenizer.decode(ids) == text
    assert len(tokenizer.pieces(ids)) == len(ids)


@pytest.mark.parametrize("family", FAMILIES)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@settings(deadline=None, max_examples=60)
def test_any_text_survives_in_bytes(family, text):
    tokenizer = tokenizers.load(family)
    # A NUL ends a text for SentencePiece, and U+2581 is its sign for a space.
    text = text.replace("\0", "").replace("\u2581", "")
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


@pytest.fixture(scope="module")
def official():
    """Mistral's own tokenizers over the same files."""
    data = tokenizers._data()
    return {
        "tekken": Tekkenizer.from_file(data / TEKKEN_FILE),
        "sentencepiece": SentencePieceTokenizer(data / SENTENCEPIECE_FILE),
    }


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("text", TEXTS)
def test_ids_are_those_of_mistral_s_own_library(official, family, text):
    ids = tokenizers.load(family).encode(text, add_special_tokens=True)
    assert ids == official[family].encode(text, bos=True, eos=False)


def test_special_tokens_of_tekken_are_those_of_mistral_s_own_library():
    listed = Tekkenizer.DEPRECATED_SPECIAL_TOKENS
    assert tuple(str(one["token_str"].value) for one in listed) == tokenizers.TEKKEN_SPECIAL


@pytest.mark.parametrize(
    ("family", "ids", "pieces"),
    [
        (
            "tekken",
            [22177, 1032, 29659, 119685, 1142, 1137],
            ["Hello", "Ġ", "ä¸ĸçķĮ", "ĠðŁ", "İ", "ī"],
        ),
        (
            "sentencepiece",
            [23325, 29473, 30818, 30590, 29473, 32630],
            ["▁Hello", "▁", "世", "界", "▁", "🎉"],
        ),
    ],
)
def test_pieces_are_spelled_as_the_family_spells_them(family, ids, pieces):
    tokenizer = tokenizers.load(family)
    assert tokenizer.encode("Hello 世界 🎉", add_special_tokens=False) == ids
    assert tokenizer.pieces(ids) == pieces


@pytest.mark.parametrize("family", FAMILIES)
def test_special_tokens_are_parsed_in_a_text_and_kept_in_the_answer(family):
    tokenizer = tokenizers.load(family)
    text = "<s>[INST]Hello[/INST]hi</s>"
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert (ids[0], ids[1], ids[-1]) == (1, 3, 2)
    assert tokenizer.decode(ids) == text
    assert tokenizer.pieces(ids)[:2] == ["<s>", "[INST]"]


@pytest.mark.parametrize("family", FAMILIES)
def test_unknown_ids_vanish_and_cut_characters_show_as_such(family):
    tokenizer = tokenizers.load(family)
    assert tokenizer.decode([10**8, 200_000]) == ""
    rare = tokenizer.encode("𓀀", add_special_tokens=False)
    assert "\ufffd" in tokenizer.decode(rare[:-1])


def test_a_tokenizer_is_loaded_once():
    assert tokenizers.load("tekken") is tokenizers.load("tekken")
