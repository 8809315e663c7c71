import json
import random
import re

import pytest

from lib.diagnosis import (
    Curve,
    Diagnosis,
    Finding,
    Forecast,
    How,
    Link,
    Outlook,
    Severity,
    diagnose,
)
from lib.health import State
from lib.ui.fleet import OverviewView
from lib.ui.frames import RcaView
from lib.ui.windows import window_named
from tests.unit.ui.scene import PAGE, START, Readings, Wall, engines, moved, server, told

GROWING = [moved(PAGE, 1 + number / 100) for number in range(90)]


def view(bodies, window="1m", told=None):
    feed = Readings(server(), bodies)
    if told is not None:
        feed.tell(told)
    return feed, RcaView(feed, Wall(server()), server(), window_named(window), period=1.0)


def read(event: bytes) -> tuple[str, dict]:
    kind, data, *rest = event.decode().split("\n")
    assert rest == ["", ""], "an event is one line of data and ends with an empty one"
    return kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def test_the_first_event_is_everything():
    _, rca = view(GROWING)
    kind, frame = read(rca.opening())
    assert kind == "window"
    assert frame["who"]["name"] == "chat"
    assert [panel["key"] for panel in frame["panels"]] == [
        *("kv", "requests", "tokens", "preemptions", "prefix", "ttft", "itl", "e2e", "queue")
    ]
    assert frame["size"] == 60
    for panel in frame["panels"]:
        assert len(panel["curves"]) == len(frame["figures"][panel["key"]]["texts"])
        for values in panel["data"].values():
            assert len(values) == frame["size"]


def test_ticks_append_exactly_the_points_that_a_later_frame_has():
    feed, rca = view(GROWING, told=60)
    _, frame = read(rca.opening())
    shown = {
        f"{panel['key']}.{key}": values
        for panel in frame["panels"]
        for key, values in panel["data"].items()
    }
    for count in range(61, 91):
        feed.tell(count)
        _, tick = read(rca.tick())
        if tick["bins"]:
            for key, values in tick["bins"]["data"].items():
                shown[key] = [*shown[key], *values][-frame["size"] :]
    _, whole = read(view(GROWING)[1].opening())
    for panel in whole["panels"]:
        for key, values in panel["data"].items():
            assert shown[f"{panel['key']}.{key}"] == pytest.approx(values, nan_ok=True), key


def test_a_tick_that_closes_no_bin_still_brings_figures():
    feed, rca = view(GROWING, window="30m", told=61)
    rca.opening()
    seen = []
    for count in range(62, 68):
        feed.tell(count)
        _, tick = read(rca.tick())
        assert tick["figures"]["tokens"]["texts"]
        seen.append(bool(tick["bins"]))
    assert seen.count(True) == 2


def test_a_missed_reading_is_a_gap_and_not_a_zero():
    bodies = [*GROWING[:40], *[None] * 5, *GROWING[45:]]
    _, rca = view(bodies)
    _, frame = read(rca.opening())
    used = next(panel for panel in frame["panels"] if panel["key"] == "kv")["data"]["used"]
    first = int(START + 40 - frame["start"])
    assert used[first : first + 5] == [None] * 5
    assert None not in used[first + 6 :]


def test_words_come_again_only_when_they_changed():
    feed, rca = view(GROWING, told=70)
    rca.opening()
    _, tick = read(rca.tick())
    assert "findings" not in tick
    assert "servers" not in tick
    feed.tell(71)
    rca._board.found = rca._board.found.__class__((), ("something else",), ())
    _, tick = read(rca.tick())
    assert tick["findings"]["fine"] == ["something else"]


def test_checks_that_only_need_more_readings_are_counted():
    feed, rca = view(GROWING, told=10)
    newest = feed.latest(server().id).at
    rca._board.found = diagnose(feed.window(server().id, newest - 60, newest))
    _, frame = read(rca.opening())
    unchecked, early = frame["findings"]["unchecked"], frame["findings"]["early"]
    assert early == sum("of readings" in one for one in unchecked)
    assert 2 * len(frame["findings"]["fine"]) < early < len(unchecked)


def test_before_the_first_answer_nothing_is_called_absent():
    _, rca = view([])
    _, frame = read(rca.opening())
    assert frame["panels"] == []
    assert frame["absent"] == []
    assert frame["status"]["words"] == "Not seen yet"


def test_other_columns_bring_a_whole_frame():
    old = PAGE.replace("kv_cache_usage_perc", "gone_usage_perc").encode()
    feed, rca = view([old] * 30 + GROWING[:5], told=30)
    _, frame = read(rca.opening())
    assert "kv" not in {panel["key"] for panel in frame["panels"]}
    assert any(one["what"] == "KV blocks" for one in frame["absent"])
    feed.tell(35)
    kind, frame = read(rca.tick())
    assert kind == "window"
    assert "kv" in {panel["key"] for panel in frame["panels"]}


def test_a_hostile_model_name_stays_one_line_of_text():
    name = "<img src=x onerror=alert(1)>\\n![x](http://evil)\u202e"
    page = PAGE.replace('model_name="chat"', f'model_name="{name}"')
    page = page if name in page else PAGE.replace('model_name="', f'model_name="{name}')
    _, rca = view([page.encode()] * 3)
    _, frame = read(rca.opening())
    assert "<img src=x" in frame["who"]["model"]
    assert "\n" not in frame["who"]["model"]
    assert "\u202e" not in frame["who"]["model"]


def test_percentiles_say_how_many_values_and_which_bucket():
    _, rca = view(GROWING)
    _, frame = read(rca.opening())
    note = frame["figures"]["itl"]["note"]
    assert note.startswith("n = ")
    assert "p99" in note
    assert "ms" in note or "s" in note


def test_the_picture_of_the_cache_is_that_of_the_newest_reading():
    feed, rca = view([PAGE.encode(), told(PAGE, kv_cache_usage_perc=1.0).encode()], told=1)
    assert read(rca.opening())[1]["cells"]["words"][0] == ["used", "5 used"]
    feed.tell(2)
    assert read(rca.tick())[1]["cells"]["words"][1] == ["free", "0 free"]


def figures(bodies, key="requests"):
    _, rca = view(bodies)
    return read(rca.opening())[1]["figures"][key]


def test_a_newest_figure_is_that_of_the_newest_reading_alone():
    bodies = [told(PAGE, num_requests_running=n).encode() for n in (5, 18, 19)]
    assert figures(bodies)["texts"][0][0] == "19"


def test_one_failed_reading_keeps_the_last_figures_and_a_second_does_not():
    bodies = [told(PAGE, num_requests_running=n).encode() for n in (18, 19)]
    assert figures([*bodies, None])["texts"][0][0] == "19"
    assert figures([*bodies, None, None])["texts"][0][0] == "–"


@pytest.mark.parametrize("jump", [-3600.0, 8 * 3600.0, 1.8e9])
def test_after_a_jump_of_the_clock_the_window_comes_whole_and_bins_go_on(jump):
    feed, rca = view(GROWING, told=60)
    rca.opening()
    feed.set_clock(60, jump)
    feed.tell(61)
    kind, frame = read(rca.tick())
    assert kind == "window"
    assert frame["size"] == 60
    feed.tell(62)
    assert read(rca.tick())[1]["bins"]["size"] == 1


def curves(bodies, key, window="1m"):
    _, rca = view(bodies, window)
    frame = read(rca.opening())[1]
    panel = next(panel for panel in frame["panels"] if panel["key"] == key)
    return panel, {curve["key"]: curve for curve in panel["curves"]}


def test_a_tooltip_says_how_far_back_its_own_figure_looks():
    panel, found = curves(GROWING, "ttft", "7d")
    assert "trailing 5\u202fmin" in found["p95"]["how"]
    assert "trailing 15\u202fmin" in found["p95"]["how_point"]
    assert panel["how"].endswith("each point over the 15\u202fmin before it")
    panel, found = curves(GROWING, "tokens", "30m")
    assert panel["how"].endswith("each point over the 5\u202fs before it")
    _, found = curves(GROWING, "requests", "30m")
    assert found["running"]["how"].endswith("newest reading")
    assert found["running"]["how_point"].endswith("mean over 3\u202fs")


def test_a_tooltip_says_how_engines_are_put_together():
    two = [engines(PAGE, PAGE)] * 3
    assert "sum of 2 engines" in curves(two, "requests")[1]["running"]["how"]
    assert "engines" not in curves(GROWING, "requests")[1]["running"]["how"]


def test_a_tooltip_names_what_older_releases_call_it():
    page = PAGE.replace('num_gpu_blocks="', 'num_gpu_blocks="None" x="')
    how = curves([page.encode()] * 3, "kv")[1]["mean"]["how"]
    assert "vllm:gpu_cache_usage_perc" in how


def test_one_full_engine_among_empty_ones_stands_beside_the_blocks():
    full, empty = (told(PAGE, kv_cache_usage_perc=share) for share in (1.0, 0.0))
    kv = figures([engines(full, empty, empty, empty)] * 3, "kv")
    assert kv["note"] == "fullest engine 100\u202f%"
    assert kv["texts"][0][1] == "bad"
    assert figures([full.encode()] * 3, "kv")["note"] == ""


def test_all_who_wait_are_drawn_whatever_the_reason():
    other = told(PAGE, num_requests_waiting=7).replace('reason="deferred"', 'reason="parked"')
    panel, _ = curves([other.encode()] * 3, "requests")
    assert panel["data"]["all"][-1] == 7
    older = "\n".join(line for line in PAGE.splitlines() if "waiting_by_reason" not in line)
    older = told(older, num_requests_waiting=3).encode()
    panel, _ = curves([PAGE.encode()] * 3 + [older] * 3, "requests")
    assert panel["data"]["all"][-1] == 3


def test_a_hundred_thousand_blocks_are_told_to_the_block():
    size = re.search(r'num_gpu_blocks="(\d+)"', PAGE)[1]
    many = PAGE.replace(f'num_gpu_blocks="{size}"', 'num_gpu_blocks="128438"')
    panel, _ = curves([many.encode()] * 3, "kv")
    assert panel["data"]["total"][-1] == 128_437


STRANGE = ["NaN", "+Inf", "-Inf", "1e308", "-1e308", "-1", "-0.0", "1e15", "0.5", "1e-300"]


@pytest.mark.parametrize("window", ["1m", "5m", "30m", "6h", "7d"])
def test_no_value_on_the_wire_keeps_a_page_from_being_drawn(window):
    chance = random.Random(11)
    series = [line.rpartition(" ")[0] for line in PAGE.splitlines() if line.startswith("vllm:")]
    bodies = [
        "".join(f"{name} {chance.choice(STRANGE)}\n" for name in series).encode() for _ in range(40)
    ]
    feed, rca = view(bodies, window, told=20)
    fleet = OverviewView(feed, window_named(window), Wall(server()))
    assert read(rca.opening())[1]["panels"]
    assert read(fleet.opening())[1]["rows"]
    for count in range(21, 41):
        feed.tell(count)
        assert read(rca.tick())[1]["figures"]
        assert read(fleet.tick())[1]["rows"]


def test_a_server_that_went_down_keeps_its_models_name():
    feed, rca = view([*GROWING[:3], None], told=3)
    fleet = OverviewView(feed, window_named("1m"), Wall(server()))
    named = read(rca.opening())[1]["who"]["model"]
    assert named == "Qwen/Qwen2.5-7B-Instruct"
    assert read(fleet.opening())[1]["rows"][0]["sub"].startswith(named)
    feed.tell(4)
    assert "who" not in read(rca.tick())[1]
    assert "sub" not in read(fleet.tick())[1]["rows"][0]


USAGE = Curve("kv_usage", How.MAX, limit=0.95)
RUNNING = Curve("running", How.GAUGE)
SLOW = Curve("itl", How.PERCENTILE, q=0.99, span=30)


def ill(*curves: Curve, pattern: int = 1) -> Diagnosis:
    chain = tuple(Link(one.quantity, "Link", "1", "", "now", START, curve=one) for one in curves)
    found = Finding("rule", pattern, Severity.BAD, "Bad", "It is bad", "", START, chain)
    return Diagnosis((found,), (), ())


def test_the_evidence_of_a_finding_comes_with_the_window_and_grows_with_it():
    feed, rca = view(GROWING, told=60)
    rca._board.found = ill(USAGE, SLOW)
    _, frame = read(rca.opening())
    shown = {key: plot["data"]["value"] for key, plot in frame["evidence"].items()}
    assert [len(values) for values in shown.values()] == [60, 60]
    for count in range(61, 91):
        feed.tell(count)
        _, tick = read(rca.tick())
        assert "evidence" not in tick
        for key in shown if tick["bins"] else ():
            shown[key] = [*shown[key], *tick["bins"]["data"][f"{key}.value"]][-60:]
    _, later = view(GROWING)
    later._board.found = ill(USAGE, SLOW)
    for key, plot in read(later.opening())[1]["evidence"].items():
        assert shown[key] == pytest.approx(plot["data"]["value"], nan_ok=True)


def test_a_finding_that_comes_later_brings_its_curves_as_if_it_had_been_there():
    bodies = [told(PAGE, num_requests_running=number).encode() for number in range(90)]
    feed, rca = view(bodies, told=60)
    assert read(rca.opening())[1]["evidence"] == {}
    for count in range(61, 91):
        if count == 75:
            rca._board.found = ill(RUNNING)
        feed.tell(count)
        _, tick = read(rca.tick())
        if count < 75:
            assert "evidence" not in tick
        elif count == 75:
            shown = {key: plot["data"]["value"] for key, plot in tick["evidence"].items()}
        elif tick["bins"]:
            for key, values in shown.items():
                values.extend(tick["bins"]["data"][f"{key}.value"])
    _, later = view(bodies)
    later._board.found = ill(RUNNING)
    for key, plot in read(later.opening())[1]["evidence"].items():
        assert shown[key][-60:] == pytest.approx(plot["data"]["value"], nan_ok=True)


def test_a_finding_that_is_over_takes_its_curves_away():
    feed, rca = view(GROWING, told=60)
    rca._board.found = ill(USAGE)
    rca.opening()
    rca._board.found = Diagnosis((), ("nothing",), ())
    feed.tell(61)
    assert read(rca.tick())[1]["evidence"] == {}


@pytest.mark.parametrize(
    ("state", "pattern", "told"),
    [(State.HUNG, 11, True), (State.HUNG, 1, False), (State.LIVELOCKED, 12, True)],
)
def test_what_a_finding_says_is_not_said_again_by_the_state(state, pattern, told):
    feed, rca = view(GROWING, told=60)
    feed.calls(0, 60, state, "no token")
    rca._board.found = ill(USAGE, pattern=pattern)
    assert read(rca.opening())[1]["status"]["told"] is told


def test_what_comes_next_is_told_again_when_it_has_changed():
    feed, rca = view(GROWING, told=60)
    assert read(rca.opening())[1]["outlook"]["forecasts"] == []
    feed.tell(61)
    assert "outlook" not in read(rca.tick())[1]
    rca._board.ahead = Outlook((Forecast("KV cache full in", 9.0, 6.0, 12.0, "6 – 12 s", "how"),))
    feed.tell(62)
    assert read(rca.tick())[1]["outlook"]["forecasts"][0]["words"] == "6 – 12 s"
