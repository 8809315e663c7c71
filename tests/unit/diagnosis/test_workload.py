import pytest

from lib.diagnosis import Severity, diagnose
from tests.unit.diagnosis.busy import after, busy

T = 1_200


def findings(**figures):
    return diagnose(busy(**figures)).findings


def rules(**figures):
    return [one.rule for one in findings(**figures)]


LONG_PROMPTS = {
    "prompt_length": after(T, 2_500, 800),
    "prefill_time": after(T, 0.6, 0.2),
    "ttft": after(T, 0.7, 0.25),
}


def test_longer_prompts_that_are_felt_are_found_since_then():
    (finding,) = findings(**LONG_PROMPTS)
    assert (finding.rule, finding.pattern, finding.severity) == (
        *("longer_prompts", 6),
        Severity.WATCH,
    )
    assert finding.since == pytest.approx(T, abs=30)
    assert {link.quantity for link in finding.chain} == {"prompt_length", "prefill_time", "ttft"}


def test_longer_prompts_explain_that_less_of_them_is_found():
    fewer = {"prompt_tokens": after(T, 5_000, 2_000), "prefix_queries": after(T, 5_000, 2_000)}
    (finding,) = findings(**LONG_PROMPTS, **fewer)
    assert (finding.rule, finding.merged) == ("longer_prompts", ("Fewer cache hits",))


@pytest.mark.parametrize(
    "otherwise",
    [
        {"prefill_time": 0.2, "ttft": 0.25},
        {"prompt_length": after(T, 1_000, 800)},
        {"prompt_length": after(1_840, 2_500, 800)},
        {"prompt_length": (0.02, after(T, 2_500, 800))},
        {"prompt_length": after(T, 300, 800)},
    ],
)
def test_prompts_that_nobody_feels_or_that_are_few_are_no_finding(otherwise):
    assert "longer_prompts" not in rules(**(LONG_PROMPTS | otherwise))


LONG_ANSWERS = {"generation_length": after(T, 800, 250), "decode_time": after(T, 25, 8)}


def test_longer_answers_at_the_same_speed_are_found_since_then():
    (finding,) = findings(**LONG_ANSWERS)
    assert (finding.rule, finding.pattern) == ("longer_answers", 7)
    assert finding.since == pytest.approx(T, abs=40)
    assert "slower steps" in {rival.name for rival in finding.rivals}


@pytest.mark.parametrize(
    "otherwise",
    [
        {"tpot": after(T, 0.12, 0.03)},
        {"decode_time": 8},
        {"generation_length": after(T, 295, 250)},
    ],
)
def test_slower_steps_are_not_longer_answers(otherwise):
    assert "longer_answers" not in rules(**(LONG_ANSWERS | otherwise))


CHOPPY = {
    "itl": after(T, lambda t: 0.03 + (t % 20 == 0) * 0.5, 0.03),
    "prompt_tokens": after(T, 6_000, 2_000),
}


def test_streams_that_stutter_while_prompts_rule_are_choppy():
    (finding,) = findings(**CHOPPY)
    assert (finding.rule, finding.pattern) == ("choppy_streams", 5)
    assert finding.since == pytest.approx(T, abs=40)
    assert finding.remedies[0].flag == "--max-num-batched-tokens 2048"


def test_streams_that_stuttered_a_moment_ago_are_told_as_they_were():
    stuttered = after(1_770, 0.03, CHOPPY["itl"])
    (finding,) = findings(**(CHOPPY | {"itl": stuttered}))
    times = int(finding.detail.split(" times")[0].split()[-1])
    assert times >= 5
    assert finding.chain[-1].window == "last 2 minutes"


@pytest.mark.parametrize(
    "otherwise",
    [{"prompt_tokens": 700}, {"itl": lambda t: 0.03 + (t % 20 == 0) * 0.08}, {"itl": 0.3}],
)
def test_even_streams_and_few_prompts_are_not_choppy(otherwise):
    assert "choppy_streams" not in rules(**(CHOPPY | otherwise))


def test_a_symptom_without_a_known_cause_is_still_said():
    (finding,) = findings(ttft=after(T, 2.0, 0.25))
    assert (finding.rule, finding.pattern) == ("slow_first_token", 0)
    assert finding.since == pytest.approx(T, abs=20)
    (finding,) = findings(itl=after(T, 0.15, 0.03), running=8)
    assert finding.rule == "slow_streams"
    assert finding.detail.endswith("Running: 8 now, 8 before.")


@pytest.mark.parametrize(
    "figures",
    [
        {"ttft": after(T, 0.6, 0.25)},
        {"ttft": after(T, 0.08, 0.015)},
        {"ttft": after(1_820, 4.0, 0.25)},
        {"itl": after(T, 0.045, 0.03)},
        {"ttft": lambda t: 0.25 + (t // 120 % 2) * 2.0},
    ],
)
def test_what_is_a_little_slower_or_swings_is_no_symptom(figures):
    assert not {"slow_first_token", "slow_streams"} & set(rules(**figures))
