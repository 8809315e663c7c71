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


def test_a_cause_is_told_before_its_effects_though_its_curve_crosses_later():
    (finding,) = findings(**(LONG_PROMPTS | {"ttft": after(T, 3.0, 0.25)}))
    assert finding.chain[0].quantity == "prompt_length"
    assert finding.since == finding.chain[0].since == pytest.approx(T, abs=10)
    assert finding.chain[0].curve.limit == pytest.approx(2_750, rel=0.02)


def test_the_prefix_cache_is_advised_only_where_it_is_off():
    def flags(told):
        (finding,) = findings(**LONG_PROMPTS, configs=[{"enable_prefix_caching": told}])
        return {one.flag for one in finding.remedies}

    assert "--enable-prefix-caching" in flags("False")
    assert "--enable-prefix-caching" not in flags("True")


FULL = {"kv_usage": after(T + 60, 0.98, 0.6), "waiting": after(T + 60, 5, 0)}


@pytest.mark.parametrize(("finished", "explained"), [(2, True), (after(T, 4, 2), False)])
@pytest.mark.parametrize("longer", ["prompts", "answers"])
def test_what_became_longer_explains_a_full_cache_unless_more_requests_come(
    longer, finished, explained
):
    what = LONG_PROMPTS if longer == "prompts" else LONG_ANSWERS
    found = {one.rule: one for one in findings(**what, **FULL, finished__stop=finished)}
    assert (set(found) == {f"longer_{longer}"}) is explained
    assert ("KV cache full" in found[f"longer_{longer}"].merged) is explained


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
    "prompt_tokens_by_source__local_compute": after(T, 5_000, 1_000),
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
    [
        {"prompt_tokens": 700, "prompt_tokens_by_source__local_compute": 700},
        {"prompt_tokens_by_source__local_compute": 60},
        {"itl": lambda t: 0.03 + (t % 20 == 0) * 0.08},
        {"itl": 0.3},
    ],
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
