import math

import numpy as np
import pytest

from lib.diagnosis.phases import heat, mean, phases
from lib.metrics import Grid
from tests.unit.diagnosis.invented import window_of

PER_SECOND = {"queue_time": 0.5, "prefill_time": 0.1, "decode_time": 3.0, "e2e": 3.6}


def histograms(silent=(), seconds=300, **slower):
    """Two requests a second whose phases take so long; `slower` are those of the second half."""
    figures = {}
    for name, each in PER_SECOND.items():
        then = slower.get(name, each)
        figures[name, "sum"] = lambda t, each=each, then=then: (
            2 * each * min(t, 150) + 2 * then * max(0, t - 150)
        )
        figures[name, "le=inf"] = lambda t: 2.0 * t
    for edge, share in ((0.1, 0.0), (0.5, 0.5), (1.0, 1.0), (math.inf, 1.0)):
        figures["ttft", f"le={edge!r}"] = lambda t, share=share: 2.0 * share * t
    return window_of(figures, seconds=seconds, silent=silent)


@pytest.mark.parametrize("name", PER_SECOND)
def test_a_mean_is_the_sum_over_the_count_of_the_window(name):
    found = mean(histograms(), name)
    assert found.value == pytest.approx(PER_SECOND[name])
    assert found.n == 2 * 299


def test_a_mean_of_nothing_is_none_and_of_no_request_is_no_number():
    assert mean(histograms(), "tpot") is None
    still = window_of({("e2e", "sum"): 7.0, ("e2e", "le=inf"): 3.0}, seconds=60)
    assert math.isnan(mean(still, "e2e").value)
    assert mean(still, "e2e").n == 0


def test_phases_follow_the_time_and_add_up():
    window = histograms(queue_time=2.0)
    grid = Grid.within(0.0, 299.0, 10.0)
    found = phases(window, grid, 30.0)
    assert list(found) == ["queue", "prefill", "decode"]
    assert found["queue"][5] == pytest.approx(0.5)
    assert found["queue"][-1] == pytest.approx(2.0)
    assert sum(curve[5] for curve in found.values()) == pytest.approx(3.6)


def test_a_phase_that_is_not_reported_is_left_out():
    window = window_of({("queue_time", "sum"): lambda t: t, ("queue_time", "le=inf"): 1}, seconds=9)
    assert list(phases(window, Grid.within(0.0, 8.0, 1.0), 5.0)) == ["queue"]


def test_heat_counts_each_value_in_its_own_bucket_and_step():
    found = heat(histograms(), Grid.within(0.0, 299.0, 10.0), "ttft")
    assert found.edges.tolist() == [0.1, 0.5, 1.0, math.inf]
    assert found.counts.shape == (29, 4)
    assert found.counts[3].tolist() == [0.0, 10.0, 10.0, 0.0]


def test_heat_of_a_silent_time_is_unknown_and_of_nothing_empty():
    found = heat(histograms(silent=range(100, 160)), Grid.within(0.0, 299.0, 10.0), "ttft")
    gone = np.isnan(found.counts).all(axis=1)
    assert gone.tolist() == [n in range(10, 15) for n in range(29)]
    assert np.nansum(found.counts) < 2 * 299
    none = heat(histograms(), Grid.within(0.0, 299.0, 10.0), "tpot")
    assert none.counts.shape == (29, 0)
