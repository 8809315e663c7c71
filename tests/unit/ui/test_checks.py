import pytest

from lib.health import Check, Outcome
from lib.health.verdicts import HEARD_FOR
from lib.ui import checks
from tests.unit.ui.scene import failed, passed, server

NOW = 30.0


def rows(*outcomes):
    return {row["check"]: row for row in checks.rows(checks.newer(outcomes), NOW)}


def test_every_check_has_a_row_and_says_what_it_asks():
    told = checks.rows({}, NOW)
    assert [row["check"] for row in told] == [check.value for check in Check]
    for row in told:
        assert row["what"]
        assert row["result"] == "not asked"
        assert row["took"] is None


@pytest.mark.parametrize(
    ("outcome", "tone", "result"),
    [
        (passed(Check.HEALTH), "good", "passed"),
        (failed(Check.HEALTH), "bad", "failed"),
        (Outcome(Check.LOAD, None, None, "This server does not offer it."), "off", "not offered"),
        (Outcome(Check.ENGINE, True, 0.1, "It sleeps.", "asleep"), "off", "asleep"),
        (Outcome(Check.ENGINE, True, 0.1, "It is paused.", "paused"), "off", "paused"),
        (Outcome(Check.PROGRESS, None, None, "No reading."), "unknown", "not seen"),
        (Outcome(Check.INFERENCE, None, None, "Not asked: it sleeps."), "unknown", "not asked"),
    ],
)
def test_a_result_is_a_shape_and_words(outcome, tone, result):
    row = rows(outcome)[outcome.check.value]
    assert (row["tone"], row["result"]) == (tone, result)


def test_behind_a_closed_port_nothing_is_called_not_offered():
    told = rows(failed(Check.CONNECT), Outcome(Check.LOAD, None, None, "Not asked."))
    assert told["load"]["result"] == "not asked"
    assert told["connect"]["result"] == "failed"


def test_what_a_server_says_is_one_short_line():
    row = rows(passed(Check.VERSION, words="0.32\n\u202e<b>" + "x" * 5_000))["version"]
    assert row["words"].startswith("0.32 <b>xx")
    assert len(row["words"]) == checks.WORDS_LENGTH


def test_the_newest_of_two_rounds_counts():
    old = failed(Check.HEALTH)._replace(at=10.0)
    new = passed(Check.HEALTH)._replace(at=20.0)
    assert checks.newer([old], [new])[Check.HEALTH] is new
    assert checks.newer([new], [old])[Check.HEALTH] is new


@pytest.mark.parametrize("one", [passed(Check.MODELS), failed(Check.MODELS)])
def test_what_was_not_asked_again_looks_old(one):
    panels = [checks.LatencyPanel(Check.MODELS, [server()])]
    outcomes = checks.newer([one])
    for now, is_old in ((HEARD_FOR, False), (HEARD_FOR + 1, True), (-HEARD_FOR - 1, True)):
        row = next(row for row in checks.rows(outcomes, now) if row["check"] == "models")
        assert (row["tone"] == "unknown", row["result"].endswith(" earlier")) == (is_old, is_old)
        told = checks.checked(outcomes, now)
        assert (told["passed"] + told["failed"] == []) is is_old
        (text,) = checks.figures_of(panels, [outcomes], now)["models"]["texts"]
        assert (text == ("–", None)) is is_old


def test_what_is_not_offered_does_not_grow_old():
    absent = Outcome(Check.LOAD, None, None, "This server does not offer it.")
    row = next(row for row in checks.rows({Check.LOAD: absent}, 1e6) if row["check"] == "load")
    assert row["result"] == "not offered"


def test_a_round_in_a_line():
    told = [passed(Check.CONNECT), failed(Check.LOAD), Outcome(Check.PING, None, None, "")]
    assert checks.summary(told) == "1 passed, 1 failed (load), 1 not offered or not asked"


def test_a_check_that_failed_has_no_latency_above_its_plot():
    panels = [checks.LatencyPanel(Check.HEALTH, [server()])]
    good, bad = (checks.newer([one]) for one in (passed(Check.HEALTH, 0.25), failed(Check.HEALTH)))
    assert checks.figures_of(panels, [good], NOW)["health"]["texts"] == [("250\u202fms", None)]
    assert checks.figures_of(panels, [bad], NOW)["health"]["texts"] == [("failed", "bad")]
    assert checks.figures_of(panels, [{}], NOW)["health"]["texts"] == [("–", None)]


def test_each_chosen_server_has_a_look_of_its_own():
    assert len(set(checks.LOOKS)) == len(checks.LOOKS) == 6
    assert len({colour for colour, _ in checks.LOOKS}) == 6
    assert len({dash for _, dash in checks.LOOKS}) == 6
