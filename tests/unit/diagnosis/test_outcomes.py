import pytest

from lib.diagnosis import Severity, diagnose
from tests.unit.diagnosis.beside import beside, buckets, findings
from tests.unit.diagnosis.busy import after, busy


def ended(**parts):
    """Requests a second by how they ended, beside the two that stop by themselves."""
    return beside(busy(), **{f"finished__{one}": rate for one, rate in parts.items()})


def test_many_answers_at_their_limit_are_a_hint():
    finding = findings(ended(length=0.8))["answers_cut"]
    assert finding.severity is Severity.HINT
    assert finding.headline.startswith("Many answers")
    assert finding.chain[0].figure == "29% of all"


def test_most_answers_at_their_limit_are_called_most():
    finding = findings(ended(length=after(900, 4, 0)))["answers_cut"]
    assert finding.headline.startswith("Most answers")
    assert finding.since == pytest.approx(990, abs=60)


@pytest.mark.parametrize("length", [0.3, lambda t: 4.0 * (t < 600)])
def test_a_few_cut_answers_or_some_of_long_ago_are_none(length):
    assert "answers_cut" not in findings(ended(length=length))


@pytest.mark.parametrize(("limit", "found"), [(8, False), (512, True)])
def test_answers_that_are_short_on_purpose_are_not_called_cut(limit, found):
    window = buckets(ended(length=1), "max_tokens", 3, limit, [10, 100, 1_000])
    assert ("answers_cut" in findings(window)) is found


def test_a_handful_of_cut_answers_says_nothing():
    window = beside(busy(finished__stop=0.0), finished__length=lambda t: 0.01 + 0 * t)
    assert "answers_cut" not in findings(window)


def test_errors_of_the_engine_are_found_since_the_first():
    finding = findings(ended(error=after(1_500, 0.1, 0)))["errors"]
    assert finding.severity is Severity.BAD
    assert finding.since == pytest.approx(1_520, abs=15)
    assert finding.chain[0].label == "Ended in an error"


def test_a_few_errors_among_very_many_are_to_watch():
    window = beside(busy(finished__stop=20), finished__error=after(1_500, 0.05, 0))
    assert findings(window)["errors"].severity is Severity.WATCH


@pytest.mark.parametrize("error", [0.0, lambda t: 1.0 * (t == 1_700), lambda t: 0.5 * (t < 1_400)])
def test_one_error_or_some_of_long_ago_are_none(error):
    assert "errors" not in findings(ended(error=error))


def test_errors_that_only_clients_see_are_found():
    web = {"http_requests__2xx": 2, "http_requests__5xx": after(1_500, 0.1, 0)}
    chain = findings(beside(busy(), **web))["errors"].chain
    assert [one.label for one in chain] == ["Answered with 5xx"]
    assert chain[0].metric == "http_requests_total"


def test_what_a_full_queue_refuses_is_no_error():
    web = {"http_requests__2xx": 2, "http_requests__5xx": after(1_500, 0.3, 0)}
    refused = beside(busy(), **web, rejections__max_num_queued_reqs=after(1_500, 0.3, 0))
    assert list(findings(refused)) == ["rejecting"]


def test_a_healthy_day_says_that_requests_succeed():
    fine = diagnose(ended(length=0.02, error=0, abort=0)).fine
    assert {"Requests succeed", "Answers end by themselves"} <= {*fine}
