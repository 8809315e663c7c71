"""The references are whole, and agree with what they are said to be."""

import pytest

from lib.tokens.reference import LANGUAGES, PUBLISHED, SAMPLES, published


def test_each_tokenizer_has_each_language_once_at_most():
    pairs = [(one.tokenizer, one.language) for one in PUBLISHED]
    assert len(pairs) == len(set(pairs)) == 8 * 13 + 12 + 4 + 4
    assert {one.language for one in PUBLISHED} == set(LANGUAGES)


def test_every_value_has_a_source_and_lies_where_tokenizers_lie():
    for one in PUBLISHED:
        assert one.source
        assert one.premium is not None
        assert 0.9 < one.premium < 20
        assert one.characters_per_token is None or 0.4 < one.characters_per_token < 5


def test_english_is_what_premiums_compare_with():
    assert {one.premium for one in published("eng")} == {1.0}


@pytest.mark.parametrize(
    ("tokenizer", "language", "characters", "premium"),
    [
        ("Qwen2.5", "zho", 1.57, 1.02),
        ("Llama 3", "mya", 0.52, 11.66),
        ("Llama 2", "kor", 0.90, 2.47),
        ("GPT-4 ", "shn", 0.46, 15.05),
        ("GPT-2", "hin", None, 7.46),
        ("Gemma 2", "amh", 1.04, 3.19),
    ],
)
def test_a_value_stands_in_its_place(tokenizer, language, characters, premium):
    (found,) = [one for one in published(language) if one.tokenizer.startswith(tokenizer)]
    assert (found.characters_per_token, found.premium) == (characters, premium)


def test_the_best_compression_comes_first():
    values = [one.characters_per_token for one in published("zho")]
    assert values[0] == 1.71
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=True)
    assert values[len(known) :] == [None, None]


def test_a_language_without_references_has_none():
    assert published("tlh") == ()


def test_there_is_a_sample_of_each_kind():
    assert [one.name for one in SAMPLES] == [
        "short Chinese",
        "long Chinese",
        "mixed",
        "code",
        "digits and dates",
        "special characters",
    ]
    assert {one.language for one in SAMPLES} == {"zho", None}
    assert [one.name for one in SAMPLES if one.controls] == ["special characters"]
    for one in SAMPLES:
        assert ("<|" in one.text) == one.controls
        assert one.text.encode().decode() == one.text
