import numpy as np
import pytest

from lib.diagnosis import Severity, diagnose
from lib.metrics import Layout, Series, Window
from tests.unit.diagnosis.beside import findings, restarted
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


def engines(*each, seconds=1_860):
    """Engines that run so many requests in so many steps a second."""
    t = np.arange(float(seconds))
    columns = {}
    for number, (running, steps) in enumerate(each):
        engine = str(number)
        ran, made = (
            np.broadcast_to(one(t) if callable(one) else one, t.shape) for one in (running, steps)
        )
        columns[Series("running", "m", engine)] = ran * 1.0
        columns[Series("kv_usage", "m", engine)] = ran / 20
        columns[Series("step_tokens", "m", engine, "le=inf")] = np.cumsum(made * 1.0)
        columns[Series("step_tokens", "m", engine, "sum")] = np.cumsum(made * ran * 1.0)
    layout = Layout(sorted(columns))
    values = np.stack([columns[one] for one in layout.series], axis=1)
    return Window(layout, t, values, start=-1.0, end=seconds - 1.0, period=1.0)


def test_engines_that_rest_make_the_steps_of_the_others_no_slower():
    goes = (after(1_200, 0, 8), after(1_200, 0, 25))
    stays = (after(1_200, 4, 8), 25)
    assert "slower_steps" not in findings(engines(stays, stays, goes, goes))


def test_an_engine_that_is_slower_is_told_by_its_name_and_without_a_curve_of_all():
    finding = findings(engines((8, 25), (8, after(1_400, 18, 25))))["slower_steps"]
    assert finding.headline == "Engine 1 computes 28% slower than before at the same load"
    assert finding.since == pytest.approx(1_400, abs=40)
    link = finding.chain[0]
    assert (link.label, link.curve) == ("Time of a step of engine 1", None)
    assert link.figure == "56 ms, 40 ms expected at that load"


def test_what_a_server_was_before_it_restarted_is_no_measure_of_it():
    window = paced(after(1_200, 15, 25))
    assert "slower_steps" in findings(window)
    assert "slower_steps" not in findings(restarted(window, 1_200))


def test_more_load_is_ruled_out_only_where_as_much_was_seen_before():
    (rival,) = findings(paced(after(1_400, 18, 25)))["slower_steps"].rivals
    assert rival.why == "8 requests and 96 tokens in a step; up to 8 and 96 before"
    beyond = paced(after(1_400, 8, 25), running=after(1_400, 12, 8))
    assert findings(beyond)["slower_steps"].rivals == ()
