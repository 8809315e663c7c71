"""What comes next is not foreseen of a server whose requests do not get on."""

import pytest

from lib.diagnosis import Finding, Severity, outlook
from lib.diagnosis.forecast import WAIT
from tests.unit.diagnosis.invented import window_of

FIGURES = {"kv_usage": 0.2, "running": 3.0, "finished": 0.0}


def of(pattern, waiting, rule="rule"):
    finding = Finding(rule, pattern, Severity.BAD, "brief", "headline", "detail", 100.0)
    told = outlook(window_of(FIGURES | {"waiting": waiting}, seconds=300), [finding])
    return {one.what: one for one in told.forecasts}


@pytest.mark.parametrize("pattern", [11, 12, 29])
@pytest.mark.parametrize("waiting", [0.0, 5.0])
def test_where_nothing_moves_no_wait_is_promised(pattern, waiting):
    wait = of(pattern, waiting)[WAIT]
    assert wait.refused
    assert (wait.value, wait.low, wait.high, wait.words) == (None, None, None, "")


def test_a_finding_that_lets_requests_get_on_changes_no_forecast():
    assert of(1, 0.0)[WAIT].refused == "nothing waits"
    others = {what: one for what, one in of(11, 5.0).items() if what != WAIT}
    assert others == {what: one for what, one in of(1, 5.0).items() if what != WAIT}


def test_one_engine_asleep_among_others_lets_requests_get_on():
    assert of(29, 0.0, "engine_asleep") == of(1, 0.0)
