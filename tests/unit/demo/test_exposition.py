import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client import Histogram as OfficialHistogram
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.utils import floatToGoString

from lib.demo.exposition import counter, gauge, histogram, number, render, summary
from lib.demo.ledger import Histogram


@given(st.floats(min_value=0.0) | st.integers(0, 10**18).map(float))
def test_numbers_are_spelled_as_the_official_client_spells_them(value):
    assert number(value) == floatToGoString(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0, -2.5e9])
def test_unusual_numbers_too(value):
    assert number(value) == floatToGoString(value)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")), st.floats())
def test_any_label_text_can_be_read_back(text, value):
    page = render(gauge("g", "help", [({"b": text, "a": "1"}, value)])).decode()
    (family,) = text_string_to_metric_families(page)
    (sample,) = family.samples
    assert sample.labels == {"b": text, "a": "1"}
    assert sample.value == value or math.isnan(value)


@given(st.lists(st.floats(0, 30)))
def test_a_page_is_the_official_client_s_letter_by_letter(values):
    registry = CollectorRegistry()
    Gauge("g", "A gauge.", ["x"], registry=registry).labels("1").set(len(values))
    official_counter = Counter("c", "A counter.", ["x"], registry=registry).labels("1")
    official = OfficialHistogram("h", "A spread.", ["x"], buckets=(1, 5), registry=registry)
    child, ours = official.labels("1"), Histogram((1.0, 5.0))
    for value in values:
        official_counter.inc(value)
        child.observe(value)
        ours.observe(value)
    wanted = [
        line for line in generate_latest(registry).decode().splitlines() if "_created" not in line
    ]
    page = render(
        [
            *gauge("g", "A gauge.", [({"x": "1"}, len(values))]),
            *counter("c_total", "A counter.", [({"x": "1"}, sum(values))]),
            *histogram("h", "A spread.", [({"x": "1"}, ours)]),
        ]
    )
    assert page.decode().splitlines() == wanted


def test_a_filter_keeps_samples_by_their_full_name_and_drops_empty_families():
    families = [
        *gauge("g", "help", [({}, 1.0)]),
        *counter("c_total", "help", [({}, 2.0)], created=9.0),
        *summary("s", "help", [({}, 3, 4.0)], created=9.0),
    ]
    assert render(families, {"c_total", "s_sum", "s"}).decode().splitlines() == [
        "# HELP c_total help",
        "# TYPE c_total counter",
        "c_total 2.0",
        "# HELP s help",
        "# TYPE s summary",
        "s_sum 4.0",
    ]


def test_an_older_histogram_ends_earlier_and_counts_the_rest_above():
    spread = Histogram((1.0, 10.0, 100.0))
    spread.observe(50.0)
    page = render(histogram("h", "help", [({}, spread)], last_edge=10.0)).decode()
    assert 'le="10.0"} 0.0' in page
    assert 'le="+Inf"} 1.0' in page
    assert "100.0" not in page
