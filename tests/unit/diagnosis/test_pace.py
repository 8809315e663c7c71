import pytest

from lib.diagnosis import Severity, diagnose
from tests.unit.diagnosis.beside import findings
from tests.unit.diagnosis.busy import after, busy


def paced(steps, tokens=90, **otherwise):
    """A server that makes so many steps a second, of so many tokens each."""
    return busy(step_tokens=(steps, tokens), **{"running": 8, "kv_usage": 0.5} | otherwise)


def test_steps_that_take_longer_at_the_same_load_are_found():
    finding = findings(paced(after(1_400, 18, 25)))["slower_steps"]
    assert finding.severity is Severity.WATCH
    assert finding.since == pytest.approx(1_400, abs=40)
    assert finding.headline == "The engine computes 28% slower than before at the same load"
    assert "Inferred" in finding.detail


@pytest.mark.parametrize(
    "window",
    [
        paced(25),
        paced(after(1_400, 21, 25)),
        paced(after(1_800, 15, 25)),
        paced(after(900, 15, 25), tokens=after(900, 180, 90)),
        paced(after(900, 15, 25), running=after(900, 16, 8)),
        paced(after(900, 15, 25), kv_usage=after(900, 0.8, 0.5)),
        paced(after(900, 15, 25), running=1),
        paced(lambda t: 25 - 10 * (t < 900)),
        paced(15),
    ],
    ids=[
        "same",
        "little",
        "brief",
        "more tokens",
        "more run",
        "longer contexts",
        "few",
        "faster",
        "ever",
    ],
)
def test_steps_that_have_more_to_do_or_were_always_slow_are_none(window):
    assert "slower_steps" not in findings(window)


def test_steps_in_which_requests_are_computed_again_are_not_judged():
    window = paced(after(1_400, 15, 25), preemptions=after(1_400, 0.3, 0.0))
    assert "slower_steps" not in findings(window)


def test_a_server_that_is_as_fast_as_before_is_said_to_be():
    assert "The engine keeps its pace" in diagnose(paced(25)).fine
