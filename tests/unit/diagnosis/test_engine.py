import numpy as np
import pytest

from lib.diagnosis import Context, Severity, diagnose
from lib.metrics import Layout, Series, Window
from tests.unit.diagnosis.beside import beside
from tests.unit.diagnosis.busy import after, busy

END = 1_859
STILL = ("ttft", "itl", "tpot", "prefill_time", "decode_time", "prompt_length")


def stopped(at, **more):
    """A server that counts nothing any more from a second on; its gauges stand as they were."""
    counters = ("prompt_tokens", "generation_tokens", "prefix_queries", "prefix_hits")
    figures = {name: after(at, 0, 500) for name in counters}
    figures |= {name: (after(at, 0, 2), 1.0) for name in (*STILL, "generation_length")}
    figures |= {"step_tokens": (after(at, 0, 25), 90), "kv_usage": 0.6, "running": 8}
    return busy(**(figures | {"prefill_time": (after(at, 0, 2), 0.2)} | more))


def findings(window, context=None):
    return diagnose(window, context).findings


def test_an_engine_that_counts_nothing_with_requests_in_it_hangs_since_then():
    (finding,) = findings(stopped(END - 40))
    assert (finding.rule, finding.pattern, finding.severity) == ("hung", 11, Severity.BAD)
    assert finding.since == pytest.approx(END - 40, abs=1)
    assert {link.quantity for link in finding.chain if link.since == finding.since} == {
        *("step_tokens", "generation_tokens"),
    }
    assert finding.headline == "The engine hangs: 8 requests in it, and no token for 41 s"


def test_at_first_it_only_may_hang():
    (finding,) = findings(stopped(END - 22))
    assert (finding.rule, finding.severity) == ("hung", Severity.WATCH)
    assert findings(stopped(END - 15)) == ()


@pytest.mark.parametrize(
    "sign_of_life",
    [
        {"running": 0, "waiting": 0},
        {"kv_usage": lambda t: 0.5 + t % 7 / 100},
        {"generation_tokens": 5},
        {"step_tokens": (1, 90)},
    ],
)
def test_what_rests_or_moves_in_any_way_does_not_hang(sign_of_life):
    assert "hung" not in {one.rule for one in findings(stopped(END - 40, **sign_of_life))}


def test_while_a_server_does_not_answer_nothing_is_known_of_its_engine():
    assert findings(busy(silent=range(END - 29, END + 1))) == ()
    (finding,) = findings(stopped(END - 60, silent=range(END - 29, END + 1)))
    assert finding.headline.endswith("no token for 31 s")


@pytest.mark.parametrize("came", ["running", "waiting"])
def test_a_request_that_came_while_the_server_did_not_answer_has_not_stood_still_since_then(came):
    rested = {"running": 0, "waiting": 0, "kv_usage": 0}
    figures = rested | {came: after(END - 5, 1, 0)}
    assert findings(stopped(END - 200, silent=range(END - 50, END), **figures)) == ()


def test_a_server_whose_prefills_take_long_is_given_time():
    slow = {"prefill_time": (after(END - 60, 0, 2), 20.0)}
    assert findings(stopped(END - 60, **slow)) == ()
    assert findings(stopped(END - 75, **slow))[0].severity is Severity.WATCH
    assert findings(stopped(END - 90, **slow))[0].severity is Severity.BAD


def test_who_sleeps_or_is_paused_does_not_hang():
    asleep = {"sleep_state__awake": after(END - 40, 0, 1)}
    paused = findings(stopped(END - 40), Context(paused=True))
    for found in (findings(stopped(END - 40, **asleep)), paused):
        assert [one.rule for one in found] == ["asleep"]
        assert "Engine hangs" not in found[0].merged


def test_a_hang_explains_the_queue_that_grows_meanwhile():
    growing = {"waiting": after(END - 170, lambda t: (t - END + 170) / 5, 0)}
    (finding,) = findings(stopped(END - 180, **growing))
    assert finding.rule == "hung"
    assert "Queue growing" in finding.merged


def of_engines(*moving):
    """Engines with a request each; those that are not moving count nothing for a minute."""
    t = np.arange(300.0)
    columns = {}
    for number, moves in enumerate(moving):
        engine = str(number)
        columns[Series("running", "m", engine)] = np.ones(300)
        columns[Series("waiting", "m", engine)] = np.zeros(300)
        columns[Series("kv_usage", "m", engine)] = np.full(300, 0.5)
        columns[Series("generation_tokens", "m", engine)] = t if moves else np.minimum(t, 240)
    layout = Layout(sorted(columns))
    values = np.stack([columns[series] for series in layout.series], axis=1)
    return Window(layout, t, values, start=-1.0, end=299.0, period=1.0)


def test_one_engine_that_hangs_is_not_hidden_by_another_that_works():
    assert findings(of_engines(True, True)) == ()
    (finding,) = findings(of_engines(True, False))
    assert finding.headline.startswith("Engine 1 hangs: 1 request in it,")
    assert finding.engines == (("m", "1"),)


def test_what_shows_a_hang_is_of_the_engine_that_hangs():
    (finding,) = findings(of_engines(True, False, False))
    assert {one.label: one.figure for one in finding.chain} == {
        "Tokens written of engines 1, 2": "none for 59 s",
        "Running of engines 1, 2": "2",
        "Waiting of engines 1, 2": "0",
    }
    assert {one.curve for one in finding.chain} == {None}
    (alone,) = findings(stopped(END - 40))
    assert all(one.curve for one in alone.chain)
    assert [one.label for one in alone.chain[:2]] == ["Steps", "Tokens written"]


def test_without_counters_nothing_is_said_of_progress():
    gauges = {"running": 4.0, "waiting": 0.0, "kv_usage": 0.5}
    layout = Layout(sorted(Series(name, "m", "0") for name in gauges))
    values = np.tile([gauges[series.quantity] for series in layout.series], (200, 1))
    assert (
        findings(Window(layout, np.arange(200.0), values, start=-1.0, end=199.0, period=1.0)) == ()
    )


STANDS = {"running": after(END - 40, 0, 8), "waiting": after(END - 40, 1, 0)}
BLOCKED = {"running": after(END - 30, 0, 8), "waiting": after(END - 30, 1, 0)}


def blocked(**more):
    return stopped(END - 30, kv_usage=after(END - 30, 0.0, 0.6), **(BLOCKED | more))


def test_a_head_that_never_fits_is_told_from_a_hang():
    (finding,) = findings(blocked(), Context(max_model_len=100_000))
    assert (finding.rule, finding.pattern, finding.severity) == ("livelock", 12, Severity.BAD)
    assert finding.since == pytest.approx(END - 30, abs=1)
    assert finding.detail == "The KV cache holds 64,000 tokens, --max-model-len is 100,000."
    room = finding.chain[-1]
    assert (room.quantity, room.threshold) == ("kv_tokens", "< 100,000 of a request")
    assert finding.remedies[0].flag == "--max-model-len 64000"
    assert finding.headline.endswith("the first one can never fit")


@pytest.mark.parametrize(
    ("longest", "detail"),
    [
        (4_096, "holds 64,000 tokens, --max-model-len is 4,096: any request fits."),
        (None, "holds 64,000 tokens; how long a request may be is not known."),
    ],
)
def test_a_head_that_may_well_fit_is_not_said_to_be_too_large(longest, detail):
    (finding,) = findings(blocked(), Context(max_model_len=longest))
    assert finding.headline == "Requests wait and none runs, though the KV cache is empty"
    assert finding.detail.endswith(detail)
    assert not any(remedy.flag for remedy in finding.remedies)
    assert "its log" in finding.remedy


def test_the_engine_whose_queue_is_stuck_is_told_from_one_that_works():
    stuck = {"running": after(END - 30, 0, 5), "waiting": after(END - 30, 3, 0)}
    stuck |= {name: after(END - 30, 0, 100) for name in ("prompt_tokens", "generation_tokens")}
    window = beside(busy(), engine="1", kv_usage=after(END - 30, 0, 0.5), **stuck)
    (finding,) = findings(window)
    assert finding.headline.startswith("Engine 1: requests wait and none runs, though the KV")
    assert finding.engines == (("m", "1"),)
    assert [one.figure for one in finding.chain] == ["3", "0", "0% used"]
    assert [one.label for one in finding.chain] == [
        *("Waiting of engine 1", "Running of engine 1", "KV cache of engine 1"),
    ]


def test_a_head_that_can_never_start_is_one_also_while_the_engine_makes_empty_steps():
    (finding,) = findings(blocked(step_tokens=(25, 90)))
    assert finding.rule == "livelock"


@pytest.mark.parametrize(
    "otherwise",
    [
        {"waiting_by_reason__deferred": 1, "waiting_by_reason__capacity": 0},
        {"kv_usage": 0.6},
        {"running": 1},
        {"generation_tokens": 5},
        {"sleep_state__awake": after(END - 30, 0, 1)},
    ],
)
def test_what_is_no_livelock(otherwise):
    figures = {"kv_usage": after(END - 30, 0.0, 0.6)} | BLOCKED | otherwise
    assert "livelock" not in {one.rule for one in findings(stopped(END - 30, **figures))}


def test_where_the_use_of_the_cache_is_not_told_a_standstill_is_a_hang_that_rules_out_no_livelock():
    (finding,) = findings(stopped(END - 40, without=("kv_usage",), **STANDS))
    assert finding.rule == "hung"
    assert [rival.name for rival in finding.rivals] == ["idle"]


def test_a_queue_that_just_came_is_no_livelock_yet():
    young = {"running": after(END - 10, 0, 8), "waiting": after(END - 10, 1, 0)}
    assert findings(busy(**young)) == ()
