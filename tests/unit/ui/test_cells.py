import re

import pytest

from lib.api.kv_events import Stored
from lib.metrics import Reader
from lib.ui.cells import CELLS, cells_of
from tests.unit.ui.scene import PAGE, engines, told

BLOCKS = re.search(r'num_gpu_blocks="(\d+)"', PAGE)[1]


def sample(page):
    return Reader().read(page if isinstance(page, bytes) else page.encode())


def sized(blocks: int, usage: float = 0.5) -> str:
    page = PAGE.replace(f'num_gpu_blocks="{BLOCKS}"', f'num_gpu_blocks="{blocks}"')
    return told(page, kv_cache_usage_perc=usage)


def fleet(count: int, blocks: int, *shares: float) -> bytes:
    """So many engines of so many blocks each, and nothing told but their caches."""
    pages = [sized(count * blocks, share) for share in shares]
    wanted = ("vllm:cache_config", "vllm:kv_cache_usage")
    short = [
        "\n".join(line for line in page.splitlines() if line.startswith(wanted)) for page in pages
    ]
    return engines(*short)


def idle(usage: float) -> str:
    return told(sized(101, usage), num_requests_running=0)


def drawn(picture) -> int:
    return sum(-(-int(one["all"]) // picture["each"]) for one in picture["engines"])


def test_the_blocks_are_told_in_use_and_free():
    picture = cells_of(sample(PAGE))
    assert picture["words"] == [("used", "5 used"), ("free", "4\u202f090 free")]
    assert "cache_config_info, as of the newest reading" in picture["how"]
    assert "KV events" not in picture["how"]
    assert picture["of"].startswith("1 cell = 2 blocks of ")
    assert [one["name"] for one in picture["engines"]] == [""]


@pytest.mark.parametrize("blocks", [2, 40, 3_999, 4_000, 4_001, 4_002, 128_438, 3_000_000])
def test_there_is_a_cell_for_every_block_and_never_too_many(blocks):
    picture = cells_of(sample(sized(blocks)))
    assert drawn(picture) <= CELLS
    assert drawn(picture) * picture["each"] >= blocks - 1
    if blocks - 1 < CELLS:
        assert picture["each"] == 1
        assert picture["of"].startswith("1 cell = 1 block of ")


def test_engines_have_cells_of_their_own_and_the_words_count_all():
    picture = cells_of(sample(fleet(2, 501, 1.0, 0.0)))
    assert [(one["name"], one["used"]) for one in picture["engines"]] == [("0", 500), ("1", 0)]
    assert picture["words"][0] == ("used", "500 used")


def test_many_engines_together_stay_a_picture():
    picture = cells_of(sample(fleet(40, 64_001, *[0.5] * 40)))
    assert len(picture["engines"]) == 32
    assert drawn(picture) <= CELLS


def test_cells_that_stand_for_fewer_blocks_at_the_end_of_an_engine_count_too():
    picture = cells_of(sample(fleet(30, 401, *[0.5] * 30)))
    assert drawn(picture) <= CELLS


def test_cached_blocks_are_those_that_hold_tokens_and_are_not_in_use():
    picture = cells_of(sample(idle(0.4)), {"0": Stored(70, is_all=True)})
    assert picture["engines"][0]["cached"] == 30
    assert picture["words"] == [
        ("used", "40 used"),
        ("cached", "30 cached, evictable"),
        ("free", "30 free"),
    ]


@pytest.mark.parametrize(("held", "spare"), [(0, 0), (38, 0), (100, 60), (5_000, 60)])
def test_never_are_more_blocks_cached_than_are_free(held, spare):
    picture = cells_of(sample(idle(0.4)), {"0": Stored(held, is_all=True)})
    assert picture["engines"][0]["cached"] == spare


def test_the_last_block_of_a_running_request_is_not_full_and_not_cached():
    page = told(sized(101, 0.4), num_requests_running=4)
    picture = cells_of(sample(page), {"0": Stored(50, is_all=True)})
    assert picture["engines"][0]["cached"] == 50 - (40 - 4)


def test_where_the_beginning_was_missed_the_number_is_a_least_one():
    picture = cells_of(sample(idle(0.4)), {"0": Stored(70, is_all=False)})
    assert picture["words"][1] == ("cached", "at least 30 cached, evictable")
    assert "KV events" in picture["how"]


def test_where_one_engine_does_not_tell_what_it_holds_two_states_are_told():
    picture = cells_of(sample(fleet(2, 101, 0.5, 0.5)), {"0": Stored(70, is_all=True)})
    assert [state for state, _ in picture["words"]] == ["used", "free"]


def test_without_a_number_of_blocks_there_is_no_picture():
    assert cells_of(None) is None
    assert cells_of(sample(PAGE.replace("num_gpu_blocks", "gone"))) is None
    assert cells_of(sample(told(PAGE, kv_cache_usage_perc="NaN"))) is None
