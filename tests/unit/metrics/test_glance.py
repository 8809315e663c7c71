"""A glance finds, without numpy, the figures that the reader finds."""

import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.metrics import BY_NAME, Glance, NotMetricsError, Reader
from tests.support.processes import ROOT
from tests.unit.metrics.scrapes import RECORDINGS, adapters, body, recorded, v1

BODIES = sorted(path.name for path in RECORDINGS.glob("metrics*.txt"))
LINES = st.sampled_from(
    [
        v1("num_requests_running", 3),
        v1("num_requests_running", -1, engine="1"),
        v1("num_requests_waiting", math.nan),
        v1("kv_cache_usage_perc", 0.25),
        v1("gpu_cache_usage_perc", 0.5),
        v1("kv_cache_usage_perc", 0.75, engine="1"),
        v1("num_requests_waiting_by_reason", 2, reason="capacity"),
        v1("num_requests_waiting_by_reason", 5, reason="deferred", pod="b"),
        v1("cache_config_info", 1, num_gpu_blocks="82", block_size="16"),
        v1("cache_config_info", 1, engine="1", num_gpu_blocks="82", kv_cache_size_tokens="640"),
        v1("request_prefill_time_seconds_bucket", 4, le="0.3"),
        v1("request_prefill_time_seconds_bucket", 9, le="+Inf"),
        adapters(1.7e9, "a,b", "a,b,c"),
        adapters(1.8e9, "a", "", max_lora="2"),
        adapters(1.9e9, "", "a,b"),
        adapters(math.nan, "a", "b"),
        "process_start_time_seconds 1.8e9",
        'http_requests_total{status="2xx",method="GET"} 3',
        'http_requests_total{status="2xx",method="POST"} 4',
        "no sample at all",
        "vllm:num_requests_running{ 1",
    ]
)


def said(one):
    """All that a scrape can be asked for, as text: NaN and None compare by their words."""
    whole = [None, *one.members]
    return {
        (name, member): f"{one.of(name, member=member)}" for name in BY_NAME for member in whole
    } | {(name, "parts"): f"{dict(sorted(one.parts(name).items()))}" for name in BY_NAME}


@pytest.mark.parametrize("name", BODIES)
def test_a_recorded_page_says_the_same_at_a_glance(name):
    assert said(Glance.at(recorded(name))) == said(Reader().read(recorded(name)))


@given(st.lists(LINES, max_size=20))
def test_any_page_says_the_same_at_a_glance(lines):
    page = body(*lines)
    try:
        sample = Reader().read(page)
    except NotMetricsError as error:
        with pytest.raises(NotMetricsError, match=str(error)):
            Glance.at(page)
        return
    assert said(Glance.at(page)) == said(sample)


def test_a_glance_tells_blocks():
    found = Glance.at(recorded("metrics_small_cache.txt"))
    usable, used = found.of("blocks_usable"), found.of("blocks_used")
    assert usable > 0
    assert used == round(found.of("kv_usage") * usable)


def test_a_page_with_more_lines_than_a_server_has_is_refused():
    page = body(*(v1("num_requests_running", 1, engine=str(n)) for n in range(6_000)))
    with pytest.raises(NotMetricsError, match="more new lines"):
        Glance.at(page)


def test_a_glance_does_without_numpy():
    code = "import sys; from lib.metrics import Glance; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
