import numpy as np
import pytest

from lib.diagnosis import RULES, Rival, Severity, diagnose
from lib.metrics import Layout, Sample, Series, Spread, Window

MINUTES = 60


def window(
    *,
    usage,
    waiting=0.0,
    running=lambda t: 4.0 + t // 20 % 4,
    preemptions=0.0,
    seconds=40 * MINUTES,
    without=(),
    silent=(),
    beside=None,
):
    """A window at 1 Hz; each figure is a constant or a function of the second.

    `beside` is the use of a second engine's cache; in `silent` seconds the server failed.
    """
    figures = {
        "kv_usage": usage,
        "waiting": waiting,
        "running": running,
        "preemptions": preemptions,
        "blocks_usable": 100.0,
        "blocks_used": lambda t: 100.0 * at(usage, t),
    }
    figures = {Series(name, "m", "0"): figures[name] for name in figures if name not in without}
    if beside is not None:
        figures[Series("kv_usage", "m", "1")] = beside
    layout = Layout(sorted(figures))

    def sample(t):
        return Sample(layout, np.array([at(figures[series], t) for series in layout.series]))

    rows = [(float(t), None if t in silent else sample(t)) for t in range(seconds)]
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
    assert [link.figure for link in finding.chain] == [
        "100% used",
        "0.5 / s since then",
        "5",
    ]
    assert finding.chain[2].since == finding.since
    assert finding.detail.endswith(" 0 blocks are free.")


def test_a_full_cache_that_never_preempts_is_to_watch():
    finding = found(usage=full_from(1_200))["cache_full"]
    assert finding.severity is Severity.WATCH
    assert finding.rivals == (Rival("preemption", "0 / s since then"),)


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


def test_a_full_cache_is_over_only_after_half_a_minute():
    usage = full_from(600)
    short = found(usage=lambda t: 0.5 if 1_500 <= t < 1_520 else usage(t))["cache_full"]
    assert short.since == pytest.approx(600, abs=5)
    assert "cache_full" not in found(usage=lambda t: 0.5 if t >= 2_360 else usage(t))
    assert found(usage=lambda t: 0.5 if 1_500 <= t < 1_560 else usage(t))[
        "cache_full"
    ].since == pytest.approx(1_560, abs=5)


@pytest.mark.parametrize(("per_second", "severity"), [(0.04, Severity.WATCH), (0.06, Severity.BAD)])
def test_a_few_preemptions_are_not_felt(per_second, severity):
    assert found(usage=1.0, preemptions=lambda t: per_second * t)["cache_full"].severity is severity


def test_a_growing_queue_with_room_in_the_cache_is_found():
    finding = found(usage=0.6, waiting=lambda t: max(0, t - 1_800) / 20)["queue_grows"]
    assert finding.severity is Severity.WATCH
    assert finding.since == pytest.approx(1_860, abs=30)
    assert finding.rivals == (Rival("full KV cache", "at most 60% used since then"),)


@pytest.mark.parametrize(
    "waiting", [9.0, lambda t: 5 + (t // 30) % 2, lambda t: max(0, 200 - t / 10)]
)
def test_a_queue_that_stands_swings_or_shrinks_does_not_grow(waiting):
    assert "queue_grows" not in found(usage=0.6, waiting=waiting)


@pytest.mark.parametrize("end", [1_500, 1_620])
def test_a_queue_that_grew_and_is_served_again_does_not_grow(end):
    def waiting(t):
        return t / 10 if t < 1_200 else max(0.0, 120 - (t - 1_200) / 4)

    rules = found(usage=0.6, waiting=waiting, seconds=end)
    assert "queue_grows" not in rules
    assert "queue_grows" in found(usage=0.6, waiting=waiting, seconds=1_200)


def test_a_queue_of_one_or_two_is_none():
    assert "queue_grows" not in found(usage=0.6, waiting=lambda t: 2.0 if t >= 2_300 else 0.0)


def test_a_queue_that_grew_and_stands_is_said_to_stand():
    finding = found(usage=0.6, waiting=lambda t: min(40.0, t / 20))["queue_grows"]
    assert finding.headline == "A queue has built up and does not shrink"
    assert finding.detail.endswith(" 40 do now.")
    assert finding.chain[0].figure == "40"
    growing = found(usage=0.6, waiting=lambda t: t / 20)["queue_grows"]
    assert growing.headline.endswith("the queue grows")


def test_a_growing_queue_is_found_through_its_noise():
    finding = found(usage=0.6, waiting=lambda t: max(0, t - 1_800) / 10 + 4 * np.sin(t))
    assert "queue_grows" in finding


def test_a_cache_that_was_full_at_the_time_is_not_ruled_out():
    before = found(usage=lambda t: 1.0 if t < 100 else 0.6, waiting=lambda t: t / 20)["queue_grows"]
    assert before.rivals == (Rival("full KV cache", "at most 60% used since then"),)
    peaks = found(usage=lambda t: 1.0 if t % 50 == 0 else 0.6, waiting=lambda t: t / 20)
    assert peaks["queue_grows"].rivals == ()


def test_what_is_not_reported_is_no_evidence_and_not_ruled_out():
    finding = found(usage=1.0, without=("preemptions", "waiting", "blocks_used"))["cache_full"]
    assert [one.quantity for one in finding.chain] == ["kv_usage"]
    assert finding.rivals == ()
    assert finding.severity is Severity.WATCH
    assert "blocks" not in finding.detail


@pytest.mark.parametrize(
    ("waiting", "words"), [(0.0, "will have to wait"), (5.0, "new requests wait")]
)
def test_a_full_cache_in_which_nothing_waits_is_not_said_to_make_requests_wait(waiting, words):
    assert words in found(usage=1.0, waiting=waiting)["cache_full"].headline


def test_the_fullest_of_several_engines_counts_and_is_said_to():
    finding = found(usage=0.2, beside=0.97)["cache_full"]
    label, figure = finding.chain[0].label, finding.chain[0].figure
    assert (label, figure) == ("KV cache of the fullest engine", "97% used")
    assert finding.detail.endswith("80 blocks of all engines together are free.")


def test_a_hint_needs_half_an_hour_that_was_seen():
    assert "cache_unused" in found(usage=0.3, silent=range(600, 620))
    assert "cache_unused" not in found(usage=0.3, silent=range(1_200))


def test_one_cause_is_found_once():
    rules = found(
        usage=full_from(600), waiting=lambda t: max(0, t - 600) / 20, preemptions=lambda t: t * 1.0
    )
    assert list(rules) == ["cache_full"]


def test_a_cache_that_stays_half_empty_under_load_is_a_hint():
    finding = found(usage=0.3)["cache_unused"]
    assert (finding.severity, finding.chain[0].figure) == (Severity.HINT, "30%")
    assert "cache_unused" in found(usage=lambda t: 0.9 if t < 590 else 0.49)


@pytest.mark.parametrize(
    "figures",
    [
        {"usage": 0.5},
        {"usage": 0.3, "running": 0.0},
        {"usage": 0.3, "running": lambda t: 4.0 if t < 500 else 0.0},
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


def test_what_a_server_reports_without_a_value_is_not_called_fine():
    diagnosis = diagnose(window(usage=np.nan))
    assert diagnosis.fine == ("Queue not growing",)
    assert all("vllm:kv_cache_usage_perc" in sentence for sentence in diagnosis.unchecked)


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
    found = diagnose(window(usage=0.6, seconds=seconds)).unchecked
    assert [sentence.partition(": ")[2] for sentence in found] == [
        f"needs {span} of readings" for span in unchecked
    ]


def test_in_minutes_the_same_is_found():
    values = np.ones((60, 1))
    values[30] = np.nan
    minutes = Window(
        Layout([Series("kv_usage", "m", "0")]),
        60.0 * np.arange(60) + 59.0,
        values,
        start=0.0,
        end=3_600.0,
        period=60.0,
        spread=Spread(values, values, np.full(60, 60.0)),
    )
    (finding,) = diagnose(minutes).findings
    assert (finding.rule, finding.since) == ("cache_full", 60.0)


def test_a_window_without_an_answer_finds_nothing_and_calls_nothing_fine():
    silent = Window.of([(float(t), None) for t in range(100)], start=0.0, end=99.0, period=1.0)
    diagnosis = diagnose(silent)
    assert (diagnosis.findings, diagnosis.fine) == ((), ())
    assert len(diagnosis.unchecked) == len(RULES)
