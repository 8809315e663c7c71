import numpy as np
import pytest

from lib.diagnosis import RULES, Context, Finding, Severity, diagnose
from lib.diagnosis.judging import one_per_cause
from lib.diagnosis.scene import Scene
from lib.metrics import Window
from tests.unit.diagnosis.beside import beside
from tests.unit.diagnosis.busy import after, busy
from tests.unit.diagnosis.gauged import found, window

COUNTED = ("prompt_tokens", "generation_tokens", "finished__stop")
MINE = {
    "cache_full": "KV cache blocks left free",
    "queue_grows": "Queue not growing",
    "cache_unused": "KV cache not far too large",
}


def test_one_cause_is_found_once():
    rules = found(
        usage=lambda t: 1.0 if t >= 600 else 0.6,
        waiting=lambda t: max(0, t - 600) / 20,
        preemptions=lambda t: t * 1.0,
    )
    assert list(rules) == ["cache_full"]


def test_a_healthy_hour_finds_nothing_and_says_what_was_checked():
    diagnosis = diagnose(
        window(usage=lambda t: 0.6 + 0.2 * np.sin(t / 200), waiting=lambda t: t % 2)
    )
    assert diagnosis.findings == ()
    assert set(MINE.values()) <= set(diagnosis.fine)


def test_what_a_server_does_not_report_is_not_called_fine():
    diagnosis = diagnose(window(usage=0.6, without=("waiting",)))
    assert any("waiting" in sentence for sentence in diagnosis.unchecked)
    assert "Queue not growing" not in diagnosis.fine


def test_what_a_server_reports_without_a_value_is_not_called_fine():
    diagnosis = diagnose(window(usage=np.nan))
    assert "Queue not growing" in diagnosis.fine
    assert "KV cache blocks left free" not in diagnosis.fine
    unchecked = next(one for one in diagnosis.unchecked if one.startswith("KV cache blocks"))
    assert "vllm:kv_cache_usage_perc" in unchecked


def test_of_a_server_that_fell_silent_nothing_is_said():
    diagnosis = diagnose(window(usage=1.0, silent=range(2_300, 2_400)))
    assert (diagnosis.findings, diagnosis.fine) == ((), ())
    assert diagnose(window(usage=1.0, silent=range(2_350, 2_400))).findings


@pytest.mark.parametrize(
    ("seconds", "unchecked"),
    [
        (20, ["30 s", "3 minutes", "30 minutes"]),
        (100, ["3 minutes", "30 minutes"]),
        (200, ["30 minutes"]),
        (1_790, []),
    ],
)
def test_what_needs_longer_says_how_long(seconds, unchecked):
    said = [one.partition(": ") for one in diagnose(window(usage=0.6, seconds=seconds)).unchecked]
    assert [why for asks, _, why in said if asks in MINE.values()] == [
        f"needs {span} of readings" for span in unchecked
    ]


def test_a_window_without_an_answer_finds_nothing_and_calls_nothing_fine():
    silent = Window.of([(float(t), None) for t in range(100)], start=0.0, end=99.0, period=1.0)
    diagnosis = diagnose(silent)
    assert (diagnosis.findings, diagnosis.fine) == ((), ())
    assert len(diagnosis.unchecked) == len(RULES)


def wasteful(works=None):
    """A server that shares nothing and cuts its answers, while `works` (seconds → bool) is so."""
    load = (lambda t: np.ones(t.shape)) if works is None else works

    def times(rate):
        return lambda t: rate * load(t)

    rates = {"prompt_tokens": 2_000, "generation_tokens": 500, "prefix_queries": 2_000}
    figures = {name: times(rate) for name, rate in rates.items()}
    figures |= {name: (times(2), 0.2) for name in ("ttft", "tpot", "prefill_time", "decode_time")}
    window = busy(
        **figures,
        running=times(8),
        kv_usage=times(0.4),
        prefix_hits=0,
        finished__stop=0,
        itl=(times(500), 0.03),
        step_tokens=(times(25), 90),
        prompt_length=(times(2), 800),
        generation_length=(times(2), 250),
        configs=[{"block_size": "544"}],
    )
    return beside(window, finished__length=times(2))


HINTS = {"answers_cut", "blocks_too_large"}


def test_a_server_at_rest_has_no_finding_and_says_that_nothing_was_asked():
    assert {one.rule for one in diagnose(wasteful()).findings} == HINTS
    rests = diagnose(wasteful(lambda t: t < 1_700))
    assert rests.findings == ()
    why = [one for one in rests.unchecked if one.startswith("Answers end by themselves: ")]
    assert why == ["Answers end by themselves: nothing was asked in the last 2 minutes"]


@pytest.mark.parametrize("works", [lambda t: t % 90 < 5, lambda t: t < 1_760])
def test_a_server_with_some_requests_in_each_two_minutes_is_not_at_rest(works):
    assert {one.rule for one in diagnose(wasteful(works)).findings} >= HINTS


def test_who_does_not_tell_what_runs_is_not_taken_to_be_at_rest():
    window = beside(busy(without=("running",), **dict.fromkeys(COUNTED, 0)))
    assert not Scene(window, Context()).rests
    assert Scene(busy(running=0, **dict.fromkeys(COUNTED, 0)), Context()).rests


@pytest.mark.parametrize(
    ("seconds", "waiting", "rests"), [(130, 0, True), (110, 0, False), (130, 1, False)]
)
def test_two_minutes_without_a_request_and_without_one_that_waits_are_rest(seconds, waiting, rests):
    window = busy(seconds, running=0, waiting=waiting, **dict.fromkeys(COUNTED, 0))
    assert Scene(window, Context()).rests is rests


@pytest.mark.parametrize("seed", range(8))
def test_a_healthy_busy_server_has_no_finding(seed):
    diagnosis = diagnose(busy(seed=seed))
    assert diagnosis.findings == ()
    assert len(diagnosis.fine) >= 14


def test_an_idle_server_has_no_finding():
    rest = dict.fromkeys(("running", "kv_usage", "prompt_tokens", "generation_tokens"), 0)
    rest |= dict.fromkeys(("ttft", "itl", "step_tokens", "prompt_length", "prefill_time"), (0, 1))
    assert diagnose(busy(**rest)).findings == ()


def test_every_rule_has_a_name_and_a_question_of_its_own():
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert len({rule.asks for rule in RULES}) == len(RULES)
    names = {rule.name for rule in RULES}
    for rule in RULES:
        assert set(rule.explains) <= names - {rule.name}, rule.name


def finding(rule, since, severity=Severity.WATCH, pattern=1, explains=()):
    return Finding(rule, pattern, severity, rule.upper(), "", "", since, explains=explains)


def names(findings, explains):
    return [(one.rule, one.merged) for one in one_per_cause(findings, explains)]


def test_an_effect_is_a_word_in_the_finding_of_its_cause():
    found = [finding("effect", 20.0), finding("cause", 10.0)]
    assert names(found, {"cause": ("effect",)}) == [("cause", ("EFFECT",))]
    assert names(found, {}) == [("cause", ()), ("effect", ())]


def test_a_finding_may_explain_another_in_this_window_only():
    found = [finding("effect", 20.0), finding("cause", 10.0, explains=("effect",))]
    assert names(found, {}) == [("cause", ("EFFECT",))]


@pytest.mark.parametrize(
    ("pattern", "since", "explained"),
    [(1, 120.0, True), (1, 121.0, False), (0, 121.0, True), (0, 301.0, False)],
)
def test_what_began_long_before_is_no_effect_and_a_symptom_is_given_longer(
    pattern, since, explained
):
    found = [finding("effect", 0.0, pattern=pattern), finding("cause", since)]
    merged = [one.merged for one in one_per_cause(found, {"cause": ("effect",)})]
    assert (merged == [("EFFECT",)]) is explained


def test_an_effect_of_an_effect_is_of_the_first_cause():
    found = [finding(name, at) for at, name in enumerate("abc")]
    assert names(found, {"a": ("b",), "b": ("c",)}) == [("a", ("B", "C"))]


def test_a_cause_that_begins_long_after_is_none():
    explains = {"cause": ("effect",)}
    assert names([finding("effect", 0.0), finding("cause", 100.0)], explains) == [
        ("cause", ("EFFECT",))
    ]
    assert names([finding("effect", 0.0), finding("cause", 500.0)], explains) == [
        *(("effect", ()), ("cause", ())),
    ]


def test_two_that_explain_each_other_both_stay():
    found = [finding("a", 0.0), finding("b", 1.0)]
    assert names(found, {"a": ("b",), "b": ("a",)}) == [("a", ()), ("b", ())]


def test_a_cause_is_as_bad_as_its_worst_effect():
    found = [finding("cause", 0.0), finding("effect", 5.0, Severity.BAD)]
    (cause,) = one_per_cause(found, {"cause": ("effect",)})
    assert cause.severity is Severity.BAD


def test_the_worst_comes_first_then_what_explains_most_then_the_oldest():
    found = [
        finding("old", 0.0),
        finding("explains", 9.0),
        finding("effect", 9.0),
        finding("young", 9.0),
        finding("bad", 9.0, Severity.BAD),
    ]
    order = [rule for rule, _ in names(found, {"explains": ("effect",)})]
    assert order == ["bad", "explains", "old", "young"]


def test_nothing_of_a_finding_is_lost_by_being_explained():
    found = diagnose(
        busy(
            kv_usage=after(1_200, 1.0, 0.6),
            preemptions=after(1_220, 0.8, 0),
            waiting=after(1_250, lambda t: (t - 1_250) / 10, 0),
        )
    )
    asked = {rule.asks for rule in RULES}
    told = {*found.fine, *(one.partition(": ")[0] for one in found.unchecked)}
    assert len(asked - told) == len(found.findings) + sum(len(one.merged) for one in found.findings)
