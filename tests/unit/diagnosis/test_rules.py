import numpy as np
import pytest

from lib.diagnosis import RULES, Severity, diagnose
from lib.metrics import Layout, Sample, Series, Window

MINUTES = 60


def window(*, usage, waiting=0.0, running=4.0, preemptions=0.0, seconds=40 * MINUTES, without=()):
    """A window at 1 Hz; each figure is a constant or a function of the second."""
    figures = {
        "kv_usage": usage,
        "waiting": waiting,
        "running": running,
        "preemptions": preemptions,
        "blocks_usable": 100.0,
        "blocks_used": lambda t: 100.0 * at(usage, t),
    }
    layout = Layout(sorted(Series(name, "m", "0") for name in figures if name not in without))
    rows = [
        (
            float(t),
            Sample(layout, np.array([at(figures[one.quantity], t) for one in layout.series])),
        )
        for t in range(seconds)
    ]
    return Window.of(rows, start=0.0, end=float(seconds - 1), period=1.0)


def at(figure, t):
    return float(figure(t) if callable(figure) else figure)


def found(**figures):
    return {finding.rule: finding for finding in diagnose(window(**figures)).findings}


def full_from(second, level=1.0):
    return lambda t: level if t >= second else 0.6


def test_a_full_cache_with_preemptions_is_bad_since_its_onset():
    finding = found(
        usage=full_from(1_200), waiting=5.0, preemptions=lambda t: 0.5 * max(0, t - 1_200)
    )["cache_full"]
    assert finding.severity is Severity.BAD
    assert finding.since == pytest.approx(1_200, abs=5)
    assert [evidence.figure for evidence in finding.evidence] == ["100% used", "0.5 / s", "5"]


def test_a_full_cache_that_never_preempts_is_to_watch():
    finding = found(usage=full_from(1_200))["cache_full"]
    assert finding.severity is Severity.WATCH
    assert finding.ruled_out == ("preemption (0 / s)",)


@pytest.mark.parametrize("usage", [0.94, lambda t: 1.0 if 1_000 <= t < 1_020 else 0.6])
def test_nearly_full_or_full_for_a_moment_is_no_finding(usage):
    assert "cache_full" not in found(usage=usage)


def test_a_dip_into_the_band_between_keeps_the_finding_and_its_onset():
    finding = found(usage=lambda t: 0.6 if t < 600 else (0.92 if 1_500 <= t < 1_560 else 0.97))[
        "cache_full"
    ]
    assert finding.since == pytest.approx(600, abs=5)


def test_a_cache_that_emptied_is_no_finding_any_more():
    assert "cache_full" not in found(usage=lambda t: 1.0 if t < 2_000 else 0.5)


def test_a_growing_queue_with_room_in_the_cache_is_found():
    finding = found(usage=0.6, waiting=lambda t: max(0, t - 1_800) / 20)["queue_grows"]
    assert finding.severity is Severity.WATCH
    assert finding.since == pytest.approx(1_860, abs=30)
    assert finding.ruled_out == ("full KV cache (at most 60%)",)


@pytest.mark.parametrize(
    "waiting", [9.0, lambda t: 5 + (t // 30) % 2, lambda t: max(0, 200 - t / 10)]
)
def test_a_queue_that_stands_swings_or_shrinks_does_not_grow(waiting):
    assert "queue_grows" not in found(usage=0.6, waiting=waiting)


def test_one_cause_is_found_once():
    rules = found(
        usage=full_from(600), waiting=lambda t: max(0, t - 600) / 20, preemptions=lambda t: t * 1.0
    )
    assert list(rules) == ["cache_full"]


def test_a_cache_that_stays_half_empty_under_load_is_a_hint():
    finding = found(usage=0.3)["cache_unused"]
    assert (finding.severity, finding.evidence[0].figure) == (Severity.HINT, "30%")


@pytest.mark.parametrize(
    "figures",
    [
        {"usage": 0.5},
        {"usage": 0.3, "running": 0.0},
        {"usage": 0.3, "waiting": 1.0},
        {"usage": lambda t: 0.7 if t == 2_000 else 0.3},
        {"usage": 0.3, "seconds": 29 * MINUTES},
    ],
)
def test_a_cache_that_was_used_or_a_server_that_rests_is_no_hint(figures):
    assert "cache_unused" not in found(**figures)


def test_a_healthy_hour_finds_nothing_and_says_what_was_checked():
    diagnosis = diagnose(
        window(usage=lambda t: 0.6 + 0.2 * np.sin(t / 200), waiting=lambda t: t % 2)
    )
    assert diagnosis.findings == ()
    assert list(diagnosis.fine) == [rule.asks for rule in RULES]


def test_what_a_server_does_not_report_is_not_called_fine():
    diagnosis = diagnose(window(usage=0.6, without=("waiting",)))
    assert any("waiting" in sentence for sentence in diagnosis.unchecked)
    assert "Queue not growing" not in diagnosis.fine


def test_a_window_without_an_answer_finds_nothing_and_calls_nothing_fine():
    silent = Window.of([(float(t), None) for t in range(100)], start=0.0, end=99.0, period=1.0)
    diagnosis = diagnose(silent)
    assert (diagnosis.findings, diagnosis.fine) == ((), ())
    assert len(diagnosis.unchecked) == len(RULES)
