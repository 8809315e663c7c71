import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.demo.blocks import BLOCK_TOKENS, BlockPool, blocks_for

USABLE = 12


@pytest.mark.parametrize(
    ("tokens", "blocks"), [(0, 0), (1, 1), (BLOCK_TOKENS, 1), (BLOCK_TOKENS + 1, 2)]
)
def test_a_started_block_is_a_whole_block(tokens, blocks):
    assert blocks_for(tokens) == blocks


def test_a_released_block_is_found_by_what_it_holds():
    pool = BlockPool(USABLE)
    blocks = pool.take(2)
    pool.seal(blocks[0], (7, 0))
    pool.seal(blocks[1], (7, 1))
    pool.release(blocks)
    assert pool.used == 0
    assert pool.cached([(7, 0), (7, 1), (7, 2)]) == blocks
    assert pool.cached([(8, 0), (7, 1)]) == []


def test_the_end_of_a_text_is_forgotten_before_its_beginning():
    pool = BlockPool(2)
    blocks = pool.take(2)
    for number, block in enumerate(blocks):
        pool.seal(block, (7, number))
    pool.release(blocks)
    pool.take(1)
    assert pool.cached([(7, 0), (7, 1)]) == blocks[:1]


def test_taking_more_than_is_free_takes_nothing():
    pool = BlockPool(USABLE)
    pool.take(USABLE - 1)
    with pytest.raises(ValueError, match="2 blocks asked, 1 free"):
        pool.take(2)
    assert pool.free == 1


def test_a_shared_block_stays_in_use_until_the_last_lets_go():
    pool = BlockPool(USABLE)
    block = pool.take(1)
    pool.seal(block[0], (1, 0))
    assert pool.idle(block) == 0
    pool.share(block)
    pool.release(block)
    assert pool.used == 1
    pool.release(block)
    assert pool.used == 0
    assert pool.idle(block) == 1


@given(st.lists(st.tuples(st.sampled_from(["take", "share", "release"]), st.integers(0, 5))))
def test_used_and_free_always_make_up_all_blocks(steps):
    pool = BlockPool(USABLE)
    held: list[list[int]] = []
    for action, number in steps:
        if action == "take" and number <= pool.free:
            held.append(pool.take(number))
            for place, block in enumerate(held[-1]):
                pool.seal(block, (number, place))
        elif action == "share":
            found = pool.cached((number, place) for place in range(number))
            pool.share(found)
            held.append(found)
        elif action == "release" and held:
            pool.release(held.pop(number % len(held)))
        in_use = {block for blocks in held for block in blocks}
        assert pool.used == len(in_use)
        assert pool.used + pool.free == USABLE
        assert 0 <= pool.usage <= 1
