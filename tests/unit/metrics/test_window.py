import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.metrics import Layout, Sample, Series, Spread, Window
from tests.unit.metrics.scrapes import window_of

TOKENS = Series("generation_tokens", "m", "0")
PROMPTS = Series("prompt_tokens", "m", "0")
RUNNING = Series("running", "m", "0")
START = Series("process_start", "", "")


def buckets(engine, *counts):
    edges = ("le=0.1", "le=0.5", "le=inf")
    return {
        Series("ttft", "m", engine, edge): list(row)
        for edge, row in zip(edges, counts, strict=True)
    }


@given(st.lists(st.none() | st.integers(0, 100), max_size=40))
def test_growth_is_never_negative_and_is_counted_as_prometheus_counts_it(values):
    window = window_of(
        {TOKENS: [None if v is None else float(v) for v in values]} if values else {TOKENS: []}
    )
    known = [value for value in values if value is not None]
    expected = sum(b - a if b >= a else b for a, b in itertools.pairwise(known))
    growth = window.growth("generation_tokens")
    assert not (growth < 0).any()
    assert window.increase("generation_tokens") == (expected if len(known) > 1 else None)


def test_after_a_restart_all_counters_of_an_engine_begin_again():
    window = window_of(
        {TOKENS: [100.0, 110.0, 20.0], PROMPTS: [5.0, 5.0, 9.0], START: [1.0, 1.0, 50.0]}
    )
    assert window.increase("generation_tokens") == 30.0
    assert window.increase("prompt_tokens") == 9.0
    assert window.restarts == (2.0,)


def test_a_restart_without_a_start_time_is_seen_by_most_counters_falling():
    window = window_of(
        {
            TOKENS: [100.0, 3.0],
            PROMPTS: [50.0, 2.0],
            **buckets("0", [1.0, 1.0], [1.0, 2.0], [1.0, 2.0]),
        }
    )
    assert window.restarts == ()
    window = window_of(
        {
            TOKENS: [100.0, 3.0],
            PROMPTS: [50.0, 2.0],
            **buckets("0", [9.0, 1.0], [9.0, 2.0], [9.0, 9.0]),
        }
    )
    assert window.restarts == (1.0,)
    assert window.bucket_growth("ttft")[1][1].tolist() == [1.0, 2.0, 9.0]


def test_one_counter_that_falls_while_others_rest_is_no_restart():
    window = window_of({TOKENS: [100.0, 3.0], PROMPTS: [50.0, 50.0], **counted_twice(7.0)})
    assert window.restarts == ()
    assert window.increase("prompt_tokens") == 0.0
    assert window.increase("generation_tokens") == 3.0


def counted_twice(value):
    return {Series("finished", "m", "0", part): [value, value] for part in ("stop", "length")}


@pytest.mark.parametrize(("started", "restarts"), [(9.0, 1), (1_000.0, 1), (50.9, 0), (49.1, 0)])
def test_a_start_time_that_moves_is_a_restart_unless_by_rounding(started, restarts):
    window = window_of({TOKENS: [5.0, 9.0], START: [50.0, started]})
    assert len(window.restarts) == restarts
    assert window.increase("generation_tokens") == (9.0 if restarts else 4.0)


def test_a_part_of_a_window_has_both_of_its_ends():
    window = window_of({RUNNING: [float(n) for n in range(9)]})
    part = window.since(2.0, 5.0)
    assert part.times.tolist() == [2.0, 3.0, 4.0, 5.0]
    assert (part.start, part.end) == (2.0, 5.0)
    assert (window.since(-5.0, 99.0).start, window.since(-5.0, 99.0).end) == (0.0, 8.0)


def test_growth_of_a_series_that_was_away_for_one_scrape_is_not_timely():
    window = window_of({TOKENS: [0.0, None, 20.0, 30.0], RUNNING: [1.0, 1.0, 1.0, 1.0]})
    assert window.timely("generation_tokens").tolist() == [False, True, False, True]


def test_the_newest_configuration_counts():
    layouts = [Layout([RUNNING], [{"v": "1"}]), Layout([RUNNING, TOKENS], [{"v": "2"}])]
    samples = [Sample(layout, np.ones(len(layout.series))) for layout in layouts]
    for order in (samples, samples[::-1]):
        rows = list(enumerate(order))
        window = Window.of(rows, start=0.0, end=1.0, period=1.0)
        assert window.layout.configs == order[-1].layout.configs
        assert len(window.layout.series) == 2


def test_what_is_told_first_after_a_restart_has_grown_since_then():
    window = window_of(
        {
            TOKENS: [100.0, 3.0],
            Series("finished", "m", "0", "error"): [None, 2.0],
            START: [1.0, 9.0],
        }
    )
    assert window.increase("finished") == 2.0


def test_one_engine_that_restarts_leaves_the_other_alone():
    other = Series("generation_tokens", "m", "1")
    window = window_of({TOKENS: [100.0, 4.0], other: [7.0, 9.0]})
    assert window.growth("generation_tokens")[1] == 6.0


def test_growth_over_a_gap_counts_in_the_sum_and_at_no_moment():
    window = window_of({TOKENS: [0.0, 10.0, None, None, None, 50.0]})
    assert window.increase("generation_tokens") == 50.0
    assert np.isnan(window.elapsed).tolist() == [True, False, True, True, True, True]


def test_a_late_scrape_is_no_gap():
    window = window_of({TOKENS: [0.0, 10.0, 30.0]}, times=[0.0, 1.0, 3.2])
    assert window.elapsed[2] == pytest.approx(2.2)


def test_a_rate_begins_where_its_counter_does():
    window = window_of({RUNNING: [1.0] * 9, TOKENS: [*[None] * 6, 5.0, 15.0, 25.0]})
    assert window.rate("generation_tokens") == 10.0


def test_a_rate_needs_two_answers():
    assert window_of({TOKENS: [5.0]}).rate("generation_tokens") is None
    assert window_of({TOKENS: [5.0, None, 25.0]}).rate("generation_tokens") == 10.0
    restarted = window_of({TOKENS: [None, 5.0], START: [1.0, 50.0]})
    assert restarted.increase("generation_tokens") == 5.0
    assert restarted.rate("generation_tokens") is None


def test_what_is_not_reported_has_no_figures():
    window = window_of({RUNNING: [1.0, 2.0]})
    assert window.rate("generation_tokens") is None
    assert window.percentile("ttft", 0.5) is None
    assert np.isnan(window.gauge("waiting")).all()


def test_gauges_are_put_together_as_asked_and_gaps_stay():
    other = Series("running", "m", "1")
    window = window_of({RUNNING: [1.0, None, 3.0], other: [4.0, None, 5.0]})
    assert window.gauge("running").tolist() == pytest.approx([5.0, math.nan, 8.0], nan_ok=True)
    assert window.gauge("running", how="mean")[0] == 2.5
    assert window.gauge("running", how="max")[2] == 5.0


def test_percentiles_merge_engines_by_bucket_and_forget_what_was_before():
    window = window_of(
        {
            **buckets("0", [100.0, 100.0], [100.0, 102.0], [100.0, 102.0]),
            **buckets("1", [7.0, 9.0], [7.0, 9.0], [7.0, 9.0]),
        }
    )
    found = window.percentile("ttft", 0.75)
    assert (found.count, found.low, found.high) == (4.0, 0.1, 0.5)
    assert found.value == pytest.approx(0.3)


def test_engines_with_other_edges_share_only_the_common_ones():
    window = window_of(
        {
            **buckets("0", [0.0, 1.0], [0.0, 2.0], [0.0, 2.0]),
            Series("ttft", "m", "1", "le=0.5"): [0.0, 3.0],
            Series("ttft", "m", "1", "le=inf"): [0.0, 3.0],
        }
    )
    edges, growth = window.bucket_growth("ttft")
    assert edges.tolist() == [0.5, math.inf]
    assert growth[1].tolist() == [5.0, 5.0]


def test_edges_that_change_with_a_restart_are_not_mixed():
    parts = {
        "le=0.1": [0.0, 100.0, None, None],
        "le=0.2": [None, None, 0.0, 100.0],
        "le=0.5": [0.0, 100.0, 0.0, 100.0],
        "le=1.0": [None, None, 0.0, 100.0],
        "le=inf": [0.0, 100.0, 0.0, 100.0],
    }
    columns = {Series("ttft", "m", "0", part): values for part, values in parts.items()}
    window = window_of({**columns, START: [1.0, 1.0, 9.0, 9.0]})
    found = window.percentile("ttft", 0.95)
    assert (found.low, found.high, found.count) == (0.0, 0.5, 200.0)
    assert window.since(2.0).percentile("ttft", 0.95).high == 0.2


def test_without_an_edge_in_common_a_percentile_is_unknown_and_not_zero():
    window = window_of({Series("ttft", "m", "0", "le=inf"): [0.0, 5.0]})
    found = window.percentile("ttft", 0.95)
    assert math.isnan(found.value)
    assert (found.low, found.high, found.count) == (0.0, math.inf, 5.0)


def test_a_layout_that_changes_keeps_each_series_apart():
    first = Sample(Layout([RUNNING]), np.array([1.0]))
    second = Sample(Layout([RUNNING, TOKENS]), np.array([2.0, 9.0]))
    window = Window.of([(0.0, first), (1.0, second), (2.0, second)], start=0.0, end=2.0, period=1.0)
    assert window.gauge("running").tolist() == [1.0, 2.0, 2.0]
    assert window.growth("generation_tokens").tolist() == pytest.approx(
        [math.nan, math.nan, 0.0], nan_ok=True
    )


def test_a_part_of_a_window_keeps_its_extremes():
    layout = Layout([RUNNING])
    values, lows, highs = (np.array([[v], [v], [v]]) for v in (2.0, 1.0, 5.0))
    window = Window(
        layout,
        np.array([0.0, 60.0, 120.0]),
        values,
        start=0.0,
        end=120.0,
        period=60.0,
        spread=Spread(lows, highs, np.full(3, 60.0)),
    )
    part = window.since(60.0)
    assert part.lows[:, 0].tolist() == [1.0, 1.0]
    assert part.gauge("running", how="max").tolist() == [5.0, 5.0]
    assert part.gauge("running").tolist() == [2.0, 2.0]


@given(st.sets(st.tuples(st.sampled_from(["running", "waiting"]), st.text(max_size=5)), min_size=1))
def test_a_layout_reads_back_what_it_wrote(columns):
    layout = Layout(
        sorted(Series(quantity, model, "0") for quantity, model in columns), [{"engine": "0"}]
    )
    again = Layout.from_json(layout.to_json())
    assert (again.series, again.configs, again.key) == (layout.series, layout.configs, layout.key)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"series": [1], "configs": []}', '{"series": [], "configs": [3]}']
)
def test_text_that_is_no_layout_is_refused(text):
    with pytest.raises(ValueError, match=r".*"):
        Layout.from_json(text)
