"""The built-in texts: enough of them, no topic twice, pairs that differ."""

from collections import Counter
from itertools import combinations

import pytest
import regex

from lib.vectors.sentences import BY_LANGUAGE, CONTRASTS, UNRELATED, unrelated_like

COMMON = set(
    regex.findall(
        r"\w+",
        "the a an of to is in on not it with and his her she he my that has have been be after"
        " are at by from how until was they does do our still its full last before each every half",
    )
)
"""Words that tell nothing of what a sentence is about."""


@pytest.mark.parametrize("language", BY_LANGUAGE)
def test_there_are_pairs_enough_for_a_distribution(language):
    texts = BY_LANGUAGE[language]
    assert len(set(texts)) == len(texts)
    assert len(list(combinations(texts, 2))) >= 300


def test_unrelated_sentences_share_no_word_that_means_something():
    words = Counter(
        word
        for text in BY_LANGUAGE["en"]
        for word in set(regex.findall(r"\p{L}+", text.lower())) - COMMON
    )
    assert [word for word, count in words.items() if count > 1] == []


def test_chinese_sentences_share_no_three_characters_in_a_row():
    for one, other in combinations(BY_LANGUAGE["zh"], 2):
        shared = {one[at : at + 3] for at in range(len(one) - 2)} & {
            other[at : at + 3] for at in range(len(other) - 2)
        }
        assert not shared, (one, other)


def test_every_kind_of_contrast_has_pairs_that_differ():
    count = Counter(one.kind for one in CONTRASTS)
    assert set(count) == {
        "negation",
        "number",
        "entity swap",
        "language",
        "typo",
        "case",
        "paraphrase",
    }
    assert min(count.values()) >= 3
    for one in CONTRASTS:
        assert one.one != one.other
        assert one.same == (one.kind in {"language", "typo", "case", "paraphrase"})


def test_the_floor_is_asked_in_the_language_of_the_texts():
    english, chinese = BY_LANGUAGE["en"], BY_LANGUAGE["zh"]
    assert unrelated_like(["A plain text.", "Another one."]) == english
    assert unrelated_like(["今天天气很好。", "我喝了 coffee 和茶。"]) == chinese
    assert unrelated_like(["A plain text.", "今天天气很好。"]) == english + chinese
    assert unrelated_like(["42", "", "???"]) == english == UNRELATED
    assert unrelated_like([]) == UNRELATED
    assert unrelated_like(["long " * 10_000] * 50_000) == english
