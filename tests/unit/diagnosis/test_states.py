from dataclasses import replace

import numpy as np
import pytest

from lib.diagnosis import Context, Severity, diagnose
from lib.metrics import Layout, Window
from tests.unit.diagnosis.beside import beside, findings, restarted
from tests.unit.diagnosis.busy import after, busy

# ── Restarts ──


def test_one_restart_is_a_hint_for_five_minutes():
    finding = findings(restarted(busy(), 1_700))["restarts"]
    assert (finding.severity, finding.since) == (Severity.HINT, 1_700)
    assert finding.headline == "The server restarted 3 minutes ago"
    assert "restarts" not in findings(restarted(busy(), 1_500))


@pytest.mark.parametrize(
    ("moments", "severity"),
    [((900, 1_500), Severity.WATCH), ((900, 1_200, 1_500), Severity.BAD)],
)
def test_a_server_that_restarts_three_times_does_not_stay_up(moments, severity):
    finding = findings(restarted(busy(), *moments))["restarts"]
    assert (finding.severity, finding.since) == (severity, 900)
    assert f"restarted {len(moments)} times" in finding.headline
    assert ("does not stay up" in finding.headline) is (severity is Severity.BAD)


def test_restarts_of_long_ago_and_engines_that_restart_together_are_no_loop():
    assert "restarts" not in findings(restarted(busy(), 300, 600, 900))
    together = findings(restarted(busy(), 1_700, 1_710, 1_720))["restarts"]
    assert together.brief == "Restarted"


def test_a_process_that_started_anew_is_seen_without_a_counter_that_fell():
    started = beside(busy(), process_start=after(1_700, 500, -9_000))
    assert "restarts" in findings(started)


def test_what_was_served_since_a_restart_is_nothing_of_before():
    idle_since = busy(prompt_tokens=after(1_846, 0, 2_000))
    served = findings(restarted(idle_since, 1_846))["restarts"].chain[-1]
    assert served.figure == "0 tokens since the last start"


def test_a_restart_explains_that_its_cache_finds_less():
    fewer = busy(prefix_hits=after(1_600, 200, 1_000), ttft=after(1_600, 0.5, 0.25))
    found = findings(restarted(fewer, 1_600))
    assert found["restarts"].merged == ("Fewer cache hits",)
    assert "hits_fell" in findings(fewer)


def test_a_restart_explains_what_users_feel_of_it():
    slower = restarted(busy(itl=after(1_600, 0.09, 0.03)), 1_600)
    found = findings(slower)
    assert list(found) == ["restarts"]
    assert found["restarts"].severity is Severity.WATCH
    assert found["restarts"].merged == ("Slow streams",)


# ── Asleep, paused ──


def still(moment, **otherwise):
    """A server that computes nothing from a moment on."""
    rates = {"prompt_tokens": 2_000, "generation_tokens": 500, "finished__stop": 2}
    rates |= {"prefix_queries": 2_000, "prefix_hits": 1_000, "step_tokens": (25, 90)}
    figures = {
        name: (after(moment, 0, rate[0]), rate[1])
        if isinstance(rate, tuple)
        else after(moment, 0, rate)
        for name, rate in rates.items()
    }
    for name in ("ttft", "itl", "tpot", "prefill_time", "decode_time"):
        figures[name] = (after(moment, 0, 2), 0.1)
    for name in ("prompt_length", "generation_length"):
        figures[name] = (after(moment, 0, 2), 300)
    return busy(**figures | {"kv_usage": after(moment, 0.3, 0.5)} | otherwise)


def test_a_sleeping_server_that_lets_requests_wait_is_no_hang():
    window = still(1_500, sleep_state__awake=after(1_500, 0, 1), waiting=after(1_520, 5, 0))
    finding = next(iter(findings(window).values()))
    assert (finding.rule, finding.severity) == ("asleep", Severity.WATCH)
    assert finding.since == pytest.approx(1_500, abs=10)
    assert "until it goes on: 13 requests" in finding.detail
    assert finding.rivals[0].name == "hang"


def test_a_sleeping_server_that_nobody_asks_is_a_hint():
    window = still(1_500, sleep_state__awake=after(1_500, 0, 1), running=after(1_500, 0, 8))
    assert findings(window)["asleep"].severity is Severity.HINT


def test_requests_that_a_sleeping_server_holds_up_are_to_watch():
    finding = findings(still(1_500, sleep_state__awake=after(1_500, 0, 1), running=8))["asleep"]
    assert finding.severity is Severity.WATCH
    assert finding.detail == "Held up until it goes on: 8 requests."


def renamed(window, moment):
    """The window of a server that runs another model from a moment on."""
    series = window.layout.series
    other = [replace(one, model="other") if one.model else one for one in series]
    both = Layout(sorted({*series, *other}), window.layout.configs)
    values = np.full((len(window), len(both.series)), np.nan)
    for index, (old, new) in enumerate(zip(series, other, strict=True)):
        values[:moment, both.column[old]] = window.values[:moment, index]
        values[moment:, both.column[new]] = window.values[moment:, index]
    return Window(both, window.times, values, start=window.start, end=window.end, period=1.0)


def test_an_engine_that_went_or_was_renamed_is_not_asleep():
    assert "asleep" not in findings(renamed(busy(), 1_000))
    window = still(1_500, sleep_state__awake=after(1_500, 0, 1))
    assert findings(renamed(window, 1_000))["asleep"].since == pytest.approx(1_500, abs=10)


def test_the_cache_of_one_engine_is_not_shared_out_to_those_that_went():
    blocked = still(1_800, running=0, waiting=after(1_800, 1, 0), kv_usage=after(1_800, 0, 0.5))
    finding = findings(renamed(blocked, 1_000), Context(max_model_len=100_000))["livelock"]
    assert finding.detail == "The KV cache holds 64,000 tokens, --max-model-len is 100,000."


def test_a_paused_server_is_known_from_elsewhere():
    window = still(1_600, waiting=after(1_600, 5, 0))
    finding = next(iter(findings(window, Context(paused=True)).values()))
    assert (finding.rule, finding.brief) == ("asleep", "Paused")
    assert finding.since == pytest.approx(1_600, abs=10)
    assert "asleep" not in findings(window, Context(paused=False))


def test_a_server_that_slept_before_and_one_that_never_does_are_awake():
    assert "asleep" not in findings(busy(sleep_state__awake=after(900, 1, 0)))
    assert "It is awake and not paused" in diagnose(busy()).fine


def test_one_engine_of_two_that_sleeps_is_found():
    window = beside(busy(), engine="1", running=0, sleep_state__awake=after(1_500, 0, 1))
    finding = findings(window)["engine_asleep"]
    assert finding.since == pytest.approx(1_500, abs=10)
    assert finding.headline == "Engine 1 is asleep on purpose; the rest of the server works"
    assert finding.engines == (("m", "1"),)
    assert finding.severity is Severity.HINT
    assert "asleep" not in findings(window)
    asleep = still(1_500, sleep_state__awake=after(1_500, 0, 1))
    both = beside(asleep, engine="1", running=0, sleep_state__awake=0)
    assert "asleep" in findings(both)
    assert "engine_asleep" not in findings(both)


def test_an_engine_that_sleeps_does_not_hang_and_is_why_another_has_more_to_do():
    window = beside(
        busy(),
        engine="1",
        sleep_state__awake=after(1_500, 0, 1),
        running=after(1_500, 2, 8),
        waiting=0,
        kv_usage=after(1_500, 0.1, 0.5),
        prompt_tokens=after(1_500, 0, 2_000),
        generation_tokens=after(1_500, 0, 500),
    )
    found = findings(window)
    assert list(found) == ["engine_asleep"]
    assert found["engine_asleep"].detail == "Held up until it goes on: 2 requests."
    assert "More than its share" in found["engine_asleep"].merged


def test_who_does_not_tell_whether_it_sleeps_is_not_called_awake():
    unchecked = diagnose(busy(without=("sleep_state",))).unchecked
    assert any(one.startswith("It is awake and not paused: ") for one in unchecked)


# ── A blank board ──


def only_process(window):
    values = window.values.copy()
    engines = [index for index, one in enumerate(window.layout.series) if one.engine]
    values[np.ix_(window.times >= 1_200, engines)] = np.nan
    return Window(
        window.layout, window.times, values, start=window.start, end=window.end, period=1.0
    )


def test_a_page_that_tells_nothing_of_the_engine_any_more_is_found():
    finding = findings(only_process(beside(busy(), process_cpu=0.3)))["no_engine_metrics"]
    assert (finding.severity, finding.since) == (Severity.WATCH, 1_200)


def test_a_page_of_metrics_that_is_refused_is_told_by_the_context():
    silent = Window.of([(float(t), None) for t in range(100)], start=0.0, end=99.0, period=1.0)
    told = diagnose(silent, Context(metrics_state="404: not found"))
    assert [one.rule for one in told.findings] == ["no_engine_metrics"]
    assert "404: not found" in told.findings[0].detail
    assert diagnose(silent).findings == ()
    assert diagnose(silent).fine == ()


def test_an_engine_that_tells_of_itself_is_said_to():
    assert "Its engine tells of itself" in diagnose(busy()).fine
