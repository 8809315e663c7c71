"""Our figures against PromQL, from the same scrapes of the same real vLLM under load.

Prometheus' raw samples, put back into the text that it scraped, go through our Reader and Window;
its own functions look at the same samples. So the figures may differ by arithmetic only:

- `rate` and `increase` divide by the asked range and stretch the growth to its ends. Here a range
  begins and ends on a scrape, so there is nothing to stretch but the millisecond that is added for
  Prometheus 3, whose ranges leave out their first instant. A counter near zero is not stretched,
  any other is: the figures differ by at most 1 ms in the range. EXACT allows that and no more.
- `histogram_quantile` interpolates in one bucket, as we do. All buckets get the same stretch, again
  but for that millisecond.
"""

import time

import numpy as np
import pytest

from lib.diagnosis.attainment import attainment
from lib.diagnosis.phases import mean
from lib.metrics import Grid, Reader, Window, gauge_curve, percentile_curve, rate_curve
from tests.real.load import loaded
from tests.support.waiting import until

EXACT = 3e-4
SECONDS = (10, 20, 30)
"""Lengths of the windows that are compared, each ending at several moments of the load."""
GAUGES = {
    "running": "vllm:num_requests_running",
    "waiting": "vllm:num_requests_waiting",
    "kv_usage": "vllm:kv_cache_usage_perc",
}
COUNTERS = {
    "prompt_tokens": "vllm:prompt_tokens_total",
    "generation_tokens": "vllm:generation_tokens_total",
    "preemptions": "vllm:num_preemptions_total",
    "prefix_queries": "vllm:prefix_cache_queries_total",
    "prefix_hits": "vllm:prefix_cache_hits_total",
    "finished": "vllm:request_success_total",
}
HISTOGRAMS = {
    "ttft": "vllm:time_to_first_token_seconds",
    "itl": "vllm:inter_token_latency_seconds",
    "tpot": "vllm:request_time_per_output_token_seconds",
    "e2e": "vllm:e2e_request_latency_seconds",
    "queue_time": "vllm:request_queue_time_seconds",
}
PHASES = {
    "queue_time": "vllm:request_queue_time_seconds",
    "prefill_time": "vllm:request_prefill_time_seconds",
    "decode_time": "vllm:request_decode_time_seconds",
}


@pytest.fixture(scope="module")
def window(chat, prometheus) -> Window:
    """All scrapes around 40 s of load, from before its first request to after its last answer."""
    first = until(lambda: prometheus.query("vllm:num_requests_running", time.time()), 30)
    start = float(first[0]["value"][0])
    answered = "sum(vllm:request_success_total)"
    with loaded(chat.url):
        until(lambda: time.time() > start + 42, 60, every=0.5)
    until(lambda: _at_rest(prometheus), 30, every=0.5)
    assert prometheus.value(answered, time.time()) > 20
    scrapes = prometheus.scrapes(start, time.time())
    reader = Reader()
    rows = [(at, reader.read(body)) for at, body in scrapes]
    return Window.of(rows, start=rows[0][0], end=rows[-1][0], period=1.0)


def _at_rest(prometheus) -> bool:
    now = time.time()
    busy = "max_over_time(vllm:num_requests_running[3s])"
    return prometheus.value(busy, now) == 0


@pytest.fixture(scope="module")
def spans(window) -> list[Window]:
    """Parts of the window that begin and end on a scrape, of every length, all through the load."""
    parts = []
    for seconds in SECONDS:
        for last in np.linspace(seconds + 5, len(window) - 1, 6).astype(int):
            end = window.times[last]
            begin = window.times[np.searchsorted(window.times, end - seconds)]
            parts.append(window.since(begin, end))
    return parts


def ask(prometheus, part: Window, template: str) -> float | None:
    """A PromQL expression over exactly this part: R stands for its range."""
    return prometheus.over(part.times[0], part.times[-1], template)


def test_the_load_queues_preempts_and_hits_the_prefix_cache(window):
    assert np.nanmax(window.gauge("waiting")) > 0
    assert np.nanmax(window.gauge("kv_usage", how="max")) > 0.9
    assert window.increase("preemptions") > 0
    assert window.increase("prefix_hits") > 0
    assert np.diff(window.times).max() < 2.5
    assert window.restarts == ()


def test_used_blocks_are_whole_numbers_of_39(window):
    used = window.gauge("blocks_used")
    assert np.nanmax(np.abs(used - np.round(used))) < 1e-9
    assert np.nanmax(window.gauge("blocks_usable")) == 39
    unrounded = window.gauge("kv_usage") * 39
    assert np.allclose(unrounded, np.round(unrounded), atol=1e-6)
    assert len(np.unique(used)) > 5


@pytest.mark.parametrize("name", GAUGES)
def test_gauges_equal_the_scraped_ones(prometheus, window, spans, name):
    for part in spans:
        mine = part.gauge(name)
        assert mine[-1] == prometheus.value(GAUGES[name], part.times[-1])
        assert np.mean(mine) == pytest.approx(
            ask(prometheus, part, f"avg_over_time({GAUGES[name]}R)")
        )
        assert np.max(mine) == ask(prometheus, part, f"max_over_time({GAUGES[name]}R)")
    assert np.nanmax(window.gauge(name)) > 0


@pytest.mark.parametrize("name", COUNTERS)
def test_increases_and_rates_equal_increase_and_rate(prometheus, spans, name):
    moved = 0
    for part in spans:
        increase = ask(prometheus, part, f"sum(increase({COUNTERS[name]}R))")
        rate = ask(prometheus, part, f"sum(rate({COUNTERS[name]}R))")
        assert part.increase(name) == pytest.approx(increase, rel=EXACT)
        assert part.rate(name) == pytest.approx(rate, rel=EXACT)
        moved += increase > 0
    assert moved > len(spans) / 2


def test_finished_requests_are_kept_apart_by_reason(prometheus, spans):
    for part in spans:
        expression = 'sum(increase(vllm:request_success_total{finished_reason="length"}R))'
        asked = ask(prometheus, part, expression)
        assert part.increase("finished", "length") == pytest.approx(asked, rel=EXACT)


@pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("name", HISTOGRAMS)
def test_percentiles_equal_histogram_quantile(prometheus, spans, name, q):
    known = 0
    for part in spans:
        rates = f"sum by (le) (rate({HISTOGRAMS[name]}_bucketR))"
        asked = ask(prometheus, part, f"histogram_quantile({q}, {rates})")
        mine = part.percentile(name, q)
        if asked is None or np.isnan(asked):
            assert np.isnan(mine.value)
            continue
        known += 1
        assert mine.value == pytest.approx(asked, rel=EXACT)
        assert mine.low <= mine.value <= mine.high
        observed = ask(prometheus, part, f"sum(increase({HISTOGRAMS[name]}_countR))")
        assert mine.count == pytest.approx(observed, rel=EXACT)
    assert known > len(spans) / 2


def test_means_equal_the_ratio_of_sum_and_count(prometheus, spans):
    known = 0
    for part in spans:
        sums, counts = (
            f"sum(rate(vllm:e2e_request_latency_seconds_{x}R))" for x in ("sum", "count")
        )
        asked = ask(prometheus, part, f"{sums} / ({counts} > 0)")
        if asked is not None:
            mine = part.increase("e2e", "sum") / part.increase("e2e", "le=inf")
            assert mine == pytest.approx(asked, rel=EXACT)
            known += 1
    assert known > len(spans) / 2


@pytest.mark.parametrize("name", PHASES)
def test_means_of_phases_equal_the_official_panels(prometheus, spans, name):
    known = 0
    for part in spans:
        sums, counts = (f"sum(rate({PHASES[name]}_{x}R))" for x in ("sum", "count"))
        asked = ask(prometheus, part, f"{sums} / ({counts} > 0)")
        if asked is not None:
            assert mean(part, name).value == pytest.approx(asked, rel=EXACT)
            known += 1
    assert known > len(spans) / 2


@pytest.mark.parametrize("name", ["ttft", "itl", "e2e", "queue_time"])
def test_attainment_at_an_edge_equals_the_ratio_of_its_bucket_and_the_count(
    prometheus, window, spans, name
):
    """The official panel, at the edge that parts this load best; between edges, the bounds."""
    edges = window.bucket_growth(name)[0]
    edge = min(edges[:-1], key=lambda one: abs(attainment(window, name, one).point - 0.5))
    assert 0 < attainment(window, name, edge).point < 1
    known = 0
    for part in spans:
        bucket = f'sum(rate({HISTOGRAMS[name]}_bucket{{le="{float(edge)!r}"}}R))'
        asked = ask(prometheus, part, f"{bucket} / (sum(rate({HISTOGRAMS[name]}_countR)) > 0)")
        if asked is None:
            continue
        mine = attainment(part, name, edge)
        assert mine.low == mine.point == mine.high == pytest.approx(asked, rel=EXACT, abs=EXACT)
        within = attainment(part, name, 0.99 * edge)
        assert within.low <= within.point <= within.high == mine.point
        known += 1
    assert known > len(spans) / 2


def test_curves_equal_range_functions_at_every_moment(prometheus, window):
    """What is drawn: a grid's moments need not meet a scrape, so a curve's rows are asked for."""
    grid = Grid.within(window.start + 20, window.end, 1.0)
    running = gauge_curve(window, grid, "running")
    rates = rate_curve(window, grid, 15.0, "generation_tokens")
    p95 = percentile_curve(window, grid, 15.0, "itl", 0.95).value
    checked = 0
    for index, moment in enumerate(grid.moments):
        last = np.searchsorted(window.times, moment, "right") - 1
        first = np.searchsorted(window.times, moment - 15.0, "right") - 1
        step = np.searchsorted(window.times, moment - 1.0, "right")
        if step > last:  # a late scrape: the one before stands
            assert running[index] == window.gauge("running")[last]
            continue
        part = window.since(window.times[first], window.times[last])
        assert running[index] == pytest.approx(np.mean(window.gauge("running")[step : last + 1]))
        asked = ask(prometheus, part, "sum(rate(vllm:generation_tokens_totalR))")
        assert rates[index] == pytest.approx(asked, rel=EXACT)
        buckets = "sum by (le) (rate(vllm:inter_token_latency_seconds_bucketR))"
        quantile = ask(prometheus, part, f"histogram_quantile(0.95, {buckets})")
        assert p95[index] == pytest.approx(quantile, rel=EXACT, nan_ok=True)
        checked += 1
    assert checked > 20
