import pytest

from lib.diagnosis import Severity, diagnose
from tests.unit.diagnosis.beside import beside, findings, restarted, silenced
from tests.unit.diagnosis.busy import after, busy


def left(share, **otherwise):
    """A server of whose requests a share never ends: 800 tokens each, two a second."""
    ends = {"prompt_length": (lambda t: 2 * (1 - share_at(share, t)), 800), "finished__stop": 2}
    return busy(prompt_tokens=1_630, **ends | otherwise)


def share_at(share, t):
    return share(t) if callable(share) else share


def test_clients_that_go_away_are_missed_between_two_counts():
    finding = findings(left(after(600, 0.3, 0.0)))["clients_leave"]
    assert finding.severity is Severity.WATCH
    assert finding.since == pytest.approx(820, abs=60)
    assert int(finding.chain[0].figure.split("%")[0]) == pytest.approx(29, abs=3)
    assert "requests of the last 10 minutes" in finding.detail


@pytest.mark.parametrize("share", [0.0, 0.06])
def test_all_but_a_few_that_stay_are_no_finding(share):
    assert "clients_leave" not in findings(left(share))


def test_requests_under_way_have_not_left():
    growing = left(after(1_500, 0.5, 0.0), running=lambda t: 8 + (t > 1_500) * (t - 1_500))
    assert "clients_leave" not in findings(growing)


def test_aborts_that_are_counted_are_not_silent():
    counted = beside(left(0.3), finished__abort=0.7)
    assert "clients_leave" not in findings(counted)
    assert "clients_leave" in findings(beside(left(0.3), finished__abort=0.1))


def test_requests_that_a_restart_took_along_have_not_left():
    served = {"finished__stop": 0.5, "prompt_tokens": 466, "running": 100}
    served["ttft"] = (0.5, 0.25)
    served["prompt_length"] = (lambda t: 0.5 * ((t < 1_500) | (t > 1_700)), 800)
    diagnosis = diagnose(restarted(busy(**served), 1_500))
    assert "clients_leave" not in {one.rule for one in diagnosis.findings}
    lacking = "Clients stay until their answer ends: needs 10 minutes since its restart"
    assert lacking in diagnosis.unchecked


def test_what_was_refused_while_the_server_was_not_watched_is_not_of_the_last_minute():
    window = beside(busy(), rejections__max_num_queued_reqs=lambda t: 1.0 * (t // 100 == 14))
    assert "rejecting" not in findings(silenced(window, 1_350, 1_850))


def test_refused_requests_are_found_with_their_reason():
    window = beside(busy(), rejections__max_num_queued_reqs=after(1_700, 0.5, 0))
    finding = findings(window)["rejecting"]
    assert finding.severity is Severity.BAD
    assert finding.since == pytest.approx(1_700, abs=5)
    assert "by max_num_queued_reqs" in finding.detail


def test_refusals_do_not_fade_while_the_server_does_not_answer():
    window = beside(busy(), rejections__max_num_queued_reqs=0.5)
    refused = findings(silenced(window, 1_820, 1_860))["rejecting"].chain[0]
    assert float(refused.figure.removesuffix(" / s")) == pytest.approx(0.5, rel=0.1)


def test_hardly_any_refused_requests_are_to_watch():
    window = beside(busy(finished__stop=20), rejections__max_num_queued_reqs=lambda t: t == 1_850)
    assert findings(window)["rejecting"].severity is Severity.WATCH


def test_what_was_refused_some_minutes_ago_is_over():
    window = beside(busy(), rejections__max_num_queued_reqs=lambda t: 1.0 * (t < 1_700))
    assert "rejecting" not in findings(window)
    assert "Nothing is refused" in diagnose(window).fine
