import pytest

from lib.diagnosis import Severity, diagnose
from tests.unit.diagnosis.busy import after, busy
from tests.unit.diagnosis.gauged import MINUTES, found


def test_a_hint_needs_half_an_hour_that_was_seen():
    assert "cache_unused" in found(usage=0.3, silent=range(600, 620))
    assert "cache_unused" not in found(usage=0.3, silent=range(1_200))


def test_a_cache_that_stays_half_empty_under_load_is_a_hint():
    finding = found(usage=0.3)["cache_unused"]
    assert (finding.severity, finding.chain[0].figure) == (Severity.HINT, "30%")
    assert "cache_unused" in found(usage=lambda t: 0.9 if t < 590 else 0.49)


@pytest.mark.parametrize(
    "figures",
    [
        {"usage": 0.5},
        {"usage": 0.3, "running": 0.0},
        {"usage": 0.3, "running": lambda t: 4.0 if t < 500 else 0.0},
        {"usage": 0.3, "waiting": 1.0},
        {"usage": lambda t: 0.7 if t == 2_000 else 0.3},
        {"usage": 0.3, "seconds": 29 * MINUTES},
    ],
)
def test_a_cache_that_was_used_or_a_server_that_rests_is_no_hint(figures):
    assert "cache_unused" not in found(**figures)


CACHING_OFF = {"enable_prefix_caching": "False"}


@pytest.mark.parametrize(
    ("configs", "found_"),
    [([CACHING_OFF], True), ([{"enable_prefix_caching": "True"}], False), ([], False)],
)
def test_a_cache_that_keeps_prefixes_is_not_called_unused(configs, found_):
    diagnosis = diagnose(busy(kv_usage=0.4, prefix_hits=1_700, configs=configs))
    assert ("cache_unused" in {one.rule for one in diagnosis.findings}) is found_
    said = "KV cache not far too large: blocks that the prefix cache keeps count as free"
    assert (said in diagnosis.unchecked) is not found_


def test_what_was_held_is_told_and_not_what_could_be_taken():
    finding = found(usage=0.3)["cache_unused"]
    assert finding.headline == "Never more than 30% of the KV cache was held by requests"
    assert [one.flag for one in finding.remedies] == ["--gpu-memory-utilization"]
    assert finding.source


CONFIG = {"gpu_memory_utilization": "0.92", "kv_cache_max_concurrency": "8.0"}


def test_a_hint_begins_no_earlier_than_what_was_seen():
    window = busy(1_790, kv_usage=0.2, configs=[CACHING_OFF])
    (hint,) = (one for one in diagnose(window).findings if one.rule == "cache_unused")
    assert hint.since == window.start


def flags(usage=0.75, **labels):
    window = busy(kv_usage=usage, configs=[CONFIG | labels])
    return [one for one in diagnose(window).findings if one.rule == "cache_flags"]


def test_a_cache_of_fewer_than_two_of_the_longest_requests_is_a_hint():
    (finding,) = flags(kv_cache_max_concurrency="1.25")
    assert (finding.pattern, finding.severity) == (25, Severity.HINT)
    assert finding.chain[0].figure == "1.2 requests"
    assert finding.chain[0].curve is None
    assert finding.chain[0].metric == "kv_cache_max_concurrency of vllm:cache_config_info"


def test_memory_that_the_cache_may_not_use_is_a_hint_while_it_is_wanted():
    (finding,) = flags(gpu_memory_utilization="0.5")
    assert finding.headline == "The GPU has memory that the KV cache may not use"
    assert flags(usage=0.6, gpu_memory_utilization="0.5") == []


def test_more_memory_is_no_remedy_where_all_of_it_is_given():
    (little,) = flags(kv_cache_max_concurrency="1.25", gpu_memory_utilization="0.5")
    assert little.remedies[0].flag == "--gpu-memory-utilization"
    (all_of_it,) = flags(kv_cache_max_concurrency="1.25", gpu_memory_utilization="0.95")
    assert [one.flag for one in all_of_it.remedies] == ["--max-model-len"]


def test_a_cache_of_a_given_size_is_not_made_larger_by_a_share_of_the_memory():
    given = {"kv_cache_memory_bytes": "1073741824", "gpu_memory_utilization": "0.5"}
    assert flags(**given) == []
    (finding,) = flags(kv_cache_max_concurrency="1.25", **given)
    assert finding.remedies[0].flag == "--kv-cache-memory-bytes"


@pytest.mark.parametrize(
    ("usage", "labels"),
    [
        (0.75, {}),
        (0.3, {"kv_cache_max_concurrency": "1.25"}),
        (0.0, {"kv_cache_max_concurrency": "1.25"}),
        (0.97, {"kv_cache_max_concurrency": "1.25"}),
        (after(1_500, 0.0, 0.75), {"kv_cache_max_concurrency": "1.25"}),
        (0.75, {"kv_cache_max_concurrency": "None", "gpu_memory_utilization": "nan"}),
    ],
)
def test_flags_that_nobody_feels_or_that_are_not_told_are_no_hint(usage, labels):
    assert flags(usage=usage, **labels) == []
