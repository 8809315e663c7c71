import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.demo.ledger import Finished, Histogram, Ledger, one_two_five


@pytest.mark.parametrize(
    ("limit", "edges"),
    [
        (1, (1,)),
        (4, (1, 2)),
        (100, (1, 2, 5, 10, 20, 50, 100)),
        (250, (1, 2, 5, 10, 20, 50, 100, 200)),
    ],
)
def test_token_edges_end_at_the_limit(limit, edges):
    assert one_two_five(limit) == edges


@given(st.lists(st.tuples(st.floats(0, 50), st.integers(1, 5))))
def test_every_observation_lands_in_the_one_bucket_that_covers_it(observed):
    histogram = Histogram((1.0, 5.0, 20.0))
    for value, times in observed:
        histogram.observe(value, times)
    values = [value for value, times in observed for _ in range(times)]
    assert histogram.count == len(values)
    assert histogram.sum == pytest.approx(sum(values))
    below = 0
    for edge, count in zip(histogram.edges, histogram.counts, strict=False):
        below += count
        assert below == sum(value <= edge for value in values)


def finished(**changes) -> Finished:
    values = {
        "number": 1,
        "reason": "stop",
        "prompt_tokens": 100,
        "cached_tokens": 32,
        "generated_tokens": 11,
        "limit": 64,
        "preemptions": 0,
        "arrived": 10.0,
        "scheduled": 12.0,
        "first_token": 13.0,
        "ended": 18.0,
    }
    return Finished(**{**values, **changes})


def test_the_phases_of_a_request_are_those_that_vllm_defines():
    ledger = Ledger(4096)
    ledger.finish(finished())
    sums = [one.sum for one in (ledger.queue, ledger.prefill, ledger.decode, ledger.inference)]
    assert sums == [2.0, 1.0, 5.0, 6.0]
    assert ledger.e2e.sum == 8.0
    assert ledger.tpot.sum == 0.5
    assert ledger.prefill_computed.sum == 68
    assert ledger.finished["stop"] == 1


def test_an_answer_of_one_token_has_no_time_per_token():
    ledger = Ledger(4096)
    ledger.finish(finished(generated_tokens=1, ended=13.0))
    assert (ledger.tpot.count, ledger.tpot.sum) == (1, 0.0)
