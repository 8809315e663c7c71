"""Reading a scrape against prometheus_client on the same recorded bodies, in the same run."""

import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lib.metrics import Reader
from tests.unit.metrics.scrapes import recorded

AT_LEAST = 20


def seconds_of(call, times):
    best = float("inf")
    for _ in range(times):
        began = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - began)
    return best


@pytest.mark.parametrize(
    "name", ["metrics.txt", "metrics_small_cache.txt", "metrics_running_2.txt"]
)
def test_reading_a_recorded_body_is_much_faster(name):
    body, reader = recorded(name), Reader()
    reader.read(body)
    ours = seconds_of(lambda: reader.read(body), 40)
    theirs = seconds_of(lambda: list(text_string_to_metric_families(body.decode())), 8)
    ratio = theirs / ours
    print(f"{name}: {ours * 1e3:.2f} ms, prometheus_client {theirs * 1e3:.1f} ms: {ratio:.0f} x")
    assert ratio >= AT_LEAST
