"""Figures that only some servers have: adapters and connectors."""

from lib.metrics import BY_NAME, Reader
from lib.metrics.features import FEATURES
from tests.unit.metrics.scrapes import adapters, body, v1


def told(*lines):
    sample = Reader().read(body(*lines))
    return sample.of("lora_wanted"), sample.of("lora_slots")


def test_the_newest_line_about_adapters_counts_wherever_it_stands():
    old, new = adapters(1.7e9, "a", "a,b,c"), adapters(1.8e9, "a,b", "b,a", max_lora="2")
    assert told(old, new) == told(new, old) == (2.0, 2.0)


def test_the_newest_line_may_change_without_a_line_being_new():
    first, second = adapters(1.7e9, "a", "b,c"), adapters(1.6e9, "", "")
    reader = Reader()
    assert reader.read(body(first, second)).of("lora_wanted") == 3
    page = body(first, second.replace("1600000000.0", "1750000000.0"))
    assert reader.read(page).of("lora_wanted") == 0


def test_a_server_without_adapters_tells_none():
    assert told(v1("num_requests_running", 1)) == (None, None)


def test_slots_that_are_no_number_are_not_told():
    assert told(adapters(1.7e9, "a", "", max_lora="many")) == (1.0, None)


def test_adapters_that_come_and_go_make_no_other_series():
    reader = Reader()
    pages = [
        body(*(adapters(1.7e9 + at, f"a{at}", "") for at in range(last))) for last in range(1, 100)
    ]
    assert len({reader.read(page).layout.key for page in pages}) == 1


def test_a_feature_says_what_would_show_it():
    assert all(one.shown_by and BY_NAME[one.name] is one for one in FEATURES)


def test_failed_transfers_and_rested_blocks_are_read():
    page = body(
        v1("nixl_num_failed_transfers_total", 3),
        v1("nixl_num_failed_notifications_total", 2),
        v1("kv_block_idle_before_evict_seconds_bucket", 7, le="5.0"),
        v1("kv_block_idle_before_evict_seconds_bucket", 9, le="+Inf"),
    )
    sample = Reader().read(page)
    assert sample.of("transfer_failures") == 3
    assert sample.parts("block_idle") == {"le=5.0": 7, "le=inf": 9}
