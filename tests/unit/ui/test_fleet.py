import json

import pytest

from lib.diagnosis import Diagnosis, Finding, Severity
from lib.ui.fleet import OverviewView, rank
from lib.ui.rows import BINS
from lib.ui.windows import window_named
from tests.unit.ui.scene import PAGE, START, Readings, Wall, engines, moved, server, told

GROWING = [moved(PAGE, 1 + number / 100) for number in range(120)]


def view(bodies=GROWING, told=None, others=()):
    feed = Readings(server(), bodies)
    if told is not None:
        feed.tell(told)
    wall = Wall(server(), *others)
    return feed, wall, OverviewView(feed, window_named("1m"), wall)


def read(event: bytes) -> dict:
    return json.loads(event.decode().split("\n")[1].removeprefix("data: "))


def test_the_first_event_has_every_server_at_once():
    _, _, fleet = view(others=[server("silent")])
    frame = read(fleet.opening())
    assert {row["name"] for row in frame["rows"]} == {"chat", "silent"}
    silent = next(row for row in frame["rows"] if row["name"] == "silent")
    assert silent["state"]["words"] == "Not seen yet"
    assert silent["cells"]["running"][0] == "–"
    chat = next(row for row in frame["rows"] if row["name"] == "chat")
    assert chat["cells"]["running"][0] == "1"
    assert chat["sub"].endswith(" · 0.32.0")


def test_history_comes_with_the_first_tick_and_grows_after():
    feed, _, fleet = view(told=90)
    fleet.opening()
    row = read(fleet.tick())["rows"][0]
    assert len(row["spark"]["values"]) == BINS
    feed.tell(93)
    row = read(fleet.tick())["rows"][0]
    assert len(row["bin"]) == 3
    assert row["cells"]["itl"][0].endswith(("ms", "s"))
    assert "the true value lies in" in row["cells"]["itl"][1]


def test_a_tick_carries_only_what_changed():
    feed, _, fleet = view(told=100)
    fleet.opening()
    fleet.tick()
    fleet.tick()
    assert read(fleet.tick())["rows"] == []
    feed.tell(101)
    tick = read(fleet.tick())
    assert tick["rows"][0]["at"] == START + 100
    assert "sub" not in tick["rows"][0]
    assert "order" not in tick


def test_tokens_per_second_are_those_of_the_last_seconds():
    feed, _, fleet = view(told=1)
    fleet.opening()
    for count in range(2, 31):
        feed.tell(count)
        fleet.tick()
    window = feed.window(server().id, START + 29 - 15, START + 29)
    expected = window.rate("prompt_tokens") + window.rate("generation_tokens")
    row = fleet._rows["chat"]
    counted = row._counters(feed)
    assert counted.rate("prompt_tokens") + counted.rate("generation_tokens") == expected


def test_the_worst_come_first():
    tones = ["good", "off", "bad", "unknown", "watch"]
    assert sorted(tones, key=lambda tone: rank({"tone": tone})) == [
        *("bad", "watch", "unknown", "off", "good")
    ]


def test_a_finding_is_a_rows_state_and_leads_the_page():
    _, wall, fleet = view(others=[server("a-first-by-name")])
    wall.found = Diagnosis(
        (Finding("r", 1, Severity.BAD, "Quite full", "Full: very", "…", START),),
        (),
        (),
    )
    frame = read(fleet.opening())
    assert frame["order"][0] == "chat"
    chat = next(row for row in frame["rows"] if row["name"] == "chat")
    assert chat["state"]["tone"] == "bad"
    assert chat["state"]["words"] == "Quite full"
    assert chat["state"]["since"] == START
    assert frame["line"] == "2 servers, 1 in trouble"


def test_a_new_server_brings_a_whole_frame():
    _, wall, fleet = view()
    fleet.opening()
    wall.servers = (server(), server("new"))
    frame = read(fleet.tick())
    assert {row["name"] for row in frame["rows"]} == {"chat", "new"}


def test_without_servers_the_page_says_so():
    feed = Readings(server(), [])
    frame = read(OverviewView(feed, window_named("1m"), Wall()).opening())
    assert frame["line"] == "No servers yet"
    assert frame["rows"] == []


@pytest.mark.parametrize("jump", [-3600.0, 8 * 3600.0, 1.8e9])
def test_after_a_jump_of_the_clock_a_row_begins_anew(jump):
    feed, _, fleet = view(told=90)
    fleet.opening()
    fleet.tick()
    feed.set_clock(90, jump)
    feed.tell(91)
    row = read(fleet.tick())["rows"][0]
    assert len(row["spark"]["values"]) == BINS
    feed.tell(110)
    row = read(fleet.tick())["rows"][0]
    assert len(row["bin"]) == 19


def test_tokens_go_on_counting_after_the_clock_was_set_back():
    feed, _, fleet = view(told=30)
    fleet.opening()
    feed.set_clock(30, -3600.0)
    row = fleet._rows["chat"]
    for count in range(31, 50):
        feed.tell(count)
        counted = row._counters(feed)
    assert counted.times[-1] == feed.ticks[48].at
    assert len(counted) == 16


def test_what_was_counted_before_a_window_of_silence_is_forgotten():
    feed, _, fleet = view([*GROWING[:30], *[None] * 90], told=30)
    fleet.opening()
    fleet.tick()
    assert fleet._rows["chat"].tallies["itl"].cell("itl", "1 minute")[0] != "–"
    for count in range(31, 121):
        feed.tell(count)
        fleet.tick()
    assert fleet._rows["chat"].tallies["itl"].cell("itl", "1 minute")[0] == "–"


def cells(body):
    _, _, fleet = view([body] * 5)
    fleet.opening()
    return read(fleet.opening())["rows"][0]["cells"]


def test_one_full_engine_among_empty_ones_is_told_and_coloured():
    full, empty = (told(PAGE, kv_cache_usage_perc=share) for share in (1.0, 0.0))
    _, how, tone = cells(engines(full, empty, empty, empty))["blocks"]
    assert tone == "bad"
    assert how.endswith("fullest engine 100\u202f%")
    _, how, tone = cells(empty.encode())["blocks"]
    assert tone is None
    assert "engine" not in how


def test_a_token_counter_that_is_not_reported_is_not_taken_for_zero():
    halves = [
        b"\n".join(line for line in body.splitlines() if b"prompt_tokens" not in line)
        for body in GROWING[:20]
    ]
    feed, _, fleet = view(halves, told=1)
    fleet.opening()
    for count in range(2, 20):
        feed.tell(count)
        fleet.tick()
    text, how, _ = fleet._rows["chat"]._tokens(feed)
    assert float(text.replace("\u202f", "")) > 0
    assert how == "generated only; the other is not reported"


def test_a_row_names_three_of_many_models_and_eight_of_many_reasons():
    gauges = "\n".join(line for line in PAGE.splitlines() if line.startswith("vllm:num_requests"))
    models = [gauges.replace("Qwen/Qwen2.5-7B-Instruct", f"m{n}\u202e") for n in range(20)]
    reasons = "".join(
        f'vllm:num_requests_waiting_by_reason{{engine="0",model_name="m0",reason="{n}\u202e"}} 1\n'
        for n in range(50)
    )
    _, _, fleet = view([engines(*models) + reasons.encode()])
    row = read(fleet.opening())["rows"][0]
    assert "\u202e" not in json.dumps(row, ensure_ascii=False)
    assert row["sub"].startswith("m0, m10, m11 and 17 more")
    assert row["cells"]["waiting"][1].count(" for ") == 8
