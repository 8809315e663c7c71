import numpy as np
import pytest

from lib.diagnosis import Severity
from tests.unit.diagnosis.beside import beside, buckets, findings, silenced
from tests.unit.diagnosis.busy import after, busy


def begins(first, later, at=1_400, **otherwise):
    """A server that had nothing to do until a moment; TTFT of its first minute, and later."""
    edges = (0.1, 0.25, 0.5, 1, 2.5, 5, 10)
    figures = {
        name: (after(at, 2, 0), middle)
        for name, middle in {"tpot": 0.03, "prefill_time": 0.2, "prompt_length": 800}.items()
    }
    window = busy(
        without=("ttft",),
        running=after(at, 8, 0),
        prompt_tokens=after(at, 2_000, 0),
        generation_tokens=after(at, 500, 0),
        step_tokens=(after(at, 25, 0), 90),
        **figures | otherwise,
    )
    return buckets(window, "ttft", after(at, 2, 0), after(at + 60, later, first), edges)


def test_first_calls_after_a_long_rest_that_were_slow_are_a_hint():
    finding = findings(begins(4.0, 0.2))["warming_up"]
    assert finding.severity is Severity.HINT
    assert finding.since == pytest.approx(1_400, abs=10)
    assert finding.chain[0].figure == "3.9 s"


def test_a_single_first_call_is_told_as_one():
    window = busy(
        without=("ttft",),
        running=after(1_400, 8, 0),
        prompt_tokens=after(1_400, 2_000, 0),
        generation_tokens=after(1_400, 500, 0),
    )
    calls = np.where(window.times == 1_405, 1.0, np.where(window.times > 1_470, 2.0, 0.0))
    window = buckets(window, "ttft", calls, after(1_460, 0.2, 4.0), (0.1, 0.5, 1, 2.5, 5))
    detail = findings(window)["warming_up"].detail
    assert detail.startswith("1 call in the first minute waited 4 s for a first token")


@pytest.mark.parametrize(
    "window",
    [
        begins(0.4, 0.2),
        begins(4.0, 3.0),
        begins(4.0, 0.2, at=1_000),
        begins(4.0, 0.2, waiting=after(1_400, 6, 0)),
        begins(4.0, 0.2, at=1_820),
    ],
    ids=["not slow", "still slow", "long ago", "queued", "no later calls yet"],
)
def test_first_calls_that_were_as_fast_or_queued_or_are_long_ago_are_none(window):
    assert "warming_up" not in findings(window)


def test_first_calls_after_a_start_count_without_a_rest():
    window = begins(4.0, 0.2, at=300)
    window = window.since(0, 700)
    assert "warming_up" not in findings(window)
    assert "warming_up" in findings(beside(window, process_start=200))


def test_a_server_that_has_been_busy_all_along_was_not_warming_up():
    assert "warming_up" not in findings(busy(ttft=lambda t: np.where(t < 100, 5.0, 0.2)))


@pytest.mark.parametrize("unseen", [(0, 1_500), (700, 1_500)])
def test_what_was_not_seen_was_no_rest(unseen):
    slow_at_first = busy(ttft=lambda t: np.where((t >= 1_500) & (t < 1_560), 5.0, 0.2))
    window = silenced(slow_at_first, *unseen)
    assert "warming_up" not in findings(window)
    assert "warming_up" not in findings(beside(window, process_start=-500))
