"""Blocks over tokens, and what two prompts share, against vLLM's own rule spelt out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.tokens.ruler import ruler, shared

IDS = st.lists(st.integers(0, 2), max_size=40)
SIZES = st.integers(1, 9)


def by_the_book(first, second, size):
    """Tokens reused, as vLLM finds them: block by block in what the first has left in the cache."""
    cached = {tuple(first[: end + size]) for end in range(0, len(first) - size + 1, size)}
    hit = 0
    while hit + size <= len(second) - 1 and tuple(second[: hit + size]) in cached:
        hit += size
    return hit


def test_blocks_begin_where_the_one_before_is_full():
    found = ruler(40, 16)
    assert found.edges.tolist() == [0, 16, 32]
    assert (found.whole, found.rest) == (2, 8)
    assert ruler(32, 16).edges.tolist() == [0, 16]
    assert ruler(0, 16).edges.tolist() == []


def test_two_prompts_share_whole_blocks():
    found = shared([1] * 40 + [2], [1] * 40 + [3, 4], 16)
    assert (found.differs_at, found.tokens, found.blocks) == (40, 40, 2)
    assert (found.reusable_blocks, found.reusable_tokens, found.computed) == (2, 32, 10)
    assert found.share == pytest.approx(32 / 42)
    assert "fill whole blocks" in found.words


def test_the_last_token_of_a_full_hit_is_computed_again():
    found = shared([7] * 32, [7] * 32, 16)
    assert (found.differs_at, found.tokens, found.blocks) == (None, 32, 2)
    assert (found.reusable_blocks, found.computed) == (1, 16)
    assert "always computed again" in found.words
    one_more = shared([7] * 32, [7] * 33, 16)
    assert (one_more.differs_at, one_more.reusable_blocks, one_more.computed) == (32, 2, 1)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [([1], [2], "already differs"), ([1, 2, 3], [1, 2, 4], "less than one block of 16")],
)
def test_why_nothing_can_be_reused_is_said(first, second, words):
    assert words in shared(first, second, 16).words


def test_prompts_without_tokens_share_nothing():
    found = shared([], [], 16)
    assert (found.differs_at, found.tokens, found.computed, found.share) == (None, 0, 0, None)


@pytest.mark.parametrize("size", [0, -16])
def test_a_block_of_nothing_is_refused(size):
    with pytest.raises(ValueError, match="at least one token"):
        ruler(5, size)
    with pytest.raises(ValueError, match="at least one token"):
        shared([1], [1], size)


@given(IDS, IDS, IDS, SIZES)
def test_as_much_is_reusable_as_vllm_would_find(head, one, other, size):
    first, second = head + one, head + other
    found = shared(first, second, size)
    assert found.reusable_tokens == by_the_book(first, second, size)
    assert found.computed >= (1 if second else 0)
    assert first[: found.tokens] == second[: found.tokens]
    assert (found.differs_at is None) == (first == second)
    if found.differs_at is not None and found.differs_at < min(len(first), len(second)):
        assert first[found.differs_at] != second[found.differs_at]


@given(st.integers(0, 500), SIZES)
def test_blocks_hold_all_tokens(tokens, size):
    found = ruler(tokens, size)
    assert found.whole * size + found.rest == tokens
    assert len(found.edges) == found.whole + (found.rest > 0)
