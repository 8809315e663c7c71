from dataclasses import replace

import pytest

from lib.diagnosis import Diagnosis, Finding, Severity
from lib.health import Check, Outcome, State
from lib.ui.health_view import EVENTS, HealthView
from lib.ui.pressed import Pressed
from lib.ui.windows import window_named
from lib.watch import Event
from tests.unit.ui.scene import (
    PAGE,
    START,
    Readings,
    Wall,
    failed,
    moved,
    passed,
    server,
)
from tests.unit.ui.test_frames import read

GROWING = [moved(PAGE, 1 + number / 100) for number in range(90)]
ROUND = (passed(Check.CONNECT, 0.001), passed(Check.HEALTH, 0.02), passed(Check.MODELS, 0.03))


def view(bodies=GROWING, window="1m", told=None, others=(), rounds=range(0, 90, 5)):
    feed = Readings(server(), bodies)
    if told is not None:
        feed.tell(told)
    for number in rounds:
        feed.check(number, *ROUND)
    wall = Wall(server(), *others)
    return feed, wall, HealthView(feed, wall, [server()], window_named(window))


def test_the_first_event_is_everything():
    _, _, health = view()
    kind, frame = read(health.opening())
    assert kind == "window"
    assert frame["who"]["name"] == "chat"
    assert [strip["name"] for strip in frame["strips"]] == ["chat"]
    assert frame["chosen"] == ["chat"]
    assert frame["verdicts"][0]["words"] == "Busy"
    assert [panel["key"] for panel in frame["panels"]] == ["connect", "health", "models"]
    assert [row["check"] for row in frame["rows"][0]] == [check.value for check in Check]
    assert frame["checked"][0]["passed"] == ["connect", "health", "models"]
    assert frame["pressed"][0]["models"] == ["Qwen/Qwen2.5-7B-Instruct"]
    for panel in frame["panels"]:
        for values in panel["data"].values():
            assert len(values) == frame["size"]


def test_a_check_that_failed_is_a_gap_in_its_curve_alone():
    feed, _, health = view(rounds=())
    for number in range(0, 90, 5):
        one = failed(Check.HEALTH) if 40 <= number < 60 else passed(Check.HEALTH, 0.02)
        feed.check(number, passed(Check.CONNECT, 0.001), one)
    _, frame = read(health.opening())
    data = {panel["key"]: panel["data"]["0"] for panel in frame["panels"]}
    first = int(START + 40 - frame["start"])
    assert data["health"][first + 1 : first + 19] == [None] * 18
    assert data["health"][first + 22] == 0.02
    assert None not in data["connect"]


def test_ticks_append_the_bins_of_every_curve():
    feed, _, health = view(told=60)
    _, frame = read(health.opening())
    shown = list(frame["panels"][1]["data"]["0"])
    for count in range(61, 91):
        feed.tell(count)
        _, tick = read(health.tick())
        assert tick["bins"]["size"] == 1
        shown += tick["bins"]["data"]["health.0"]
    assert shown[-30:] == [0.02] * 30


def test_a_verdict_comes_with_reason_and_remedy_and_the_strip_follows():
    feed, _, health = view(told=60)
    feed.calls(60, 90, State.HUNG, "5 requests, but no token for 30 s.")
    health.opening()
    feed.tell(61)
    _, tick = read(health.tick())
    assert tick["verdicts"][0]["words"] == "Hung"
    assert tick["verdicts"][0]["remedy"] == State.HUNG.remedy
    assert tick["states"]["chat"]["tone"] == "bad"
    (strip,) = tick["strips"]
    assert [part[3] for part in strip["new"]] == ["Healthy", "Hung"]
    assert strip["new"][-1][4] == "5 requests, but no token for 30 s."


def test_a_fit_server_that_is_slow_points_to_what_rca_finds():
    _, wall, health = view()
    assert read(health.opening())[1]["verdicts"][0]["finds"] is None
    full = Finding("kv", 1, Severity.BAD, "Full", "The cache is full", "…", START)
    wall.found = Diagnosis((full,), (), ())
    told = read(health.opening())[1]["verdicts"][0]
    assert told["tone"] == "good"
    assert told["finds"] == "The cache is full"


def test_words_come_again_only_when_they_changed():
    feed, _, health = view(told=62)
    health.opening()
    feed.tell(63)
    _, tick = read(health.tick())
    assert not {"who", "events", "servers", "checked", "chosen"} & set(tick)
    assert tick["rows"] == [[]]
    feed.tell(66)
    _, tick = read(health.tick())
    assert [row["check"] for row in tick["rows"][0]] == ["connect", "health", "models"]
    assert "who" not in tick


def test_strips_of_other_servers_come_with_the_ticks():
    others = [server(f"other-{number}") for number in range(20)]
    feed, _, health = view(told=60, others=others)
    _, frame = read(health.opening())
    assert {strip["name"]: strip["parts"] is None for strip in frame["strips"]} == {
        "chat": False
    } | {other.name: True for other in others}
    assert feed.asked == [server().id]
    feed.tell(61)
    _, tick = read(health.tick())
    assert {strip["name"] for strip in tick["strips"] if "parts" in strip} == {
        other.name for other in others
    }


def test_a_second_viewer_gets_what_the_first_has_without_reading_history_again():
    feed, _, health = view(told=60)
    health.opening()
    feed.tell(61)
    health.tick()
    asked = list(feed.asked)
    _, frame = read(health.opening())
    assert feed.asked == asked
    assert frame["strips"][0]["parts"]
    assert frame["strips"][0]["facts"]["restarts"] == []


def test_events_are_the_newest_fifty_newest_first_and_only_of_the_chosen():
    feed, _, health = view()
    feed.happened = [
        Event(START + number, server().id, "down", f"{number}") for number in range(80)
    ]
    feed.happened.insert(75, Event(START + 75, "other", "down", "not ours"))
    feed.happened.append(Event(START + 85, None, "started", "The watcher\u202e began."))
    _, frame = read(health.opening())
    assert len(frame["events"]) == EVENTS
    assert frame["events"][0] == {
        "at": START + 85,
        "server": "",
        "kind": "started",
        "text": "The watcher began.",
    }
    assert frame["events"][1]["text"] == "79"
    assert all(one["text"] != "not ours" for one in frame["events"])


def test_events_that_come_late_are_added_and_none_is_doubled():
    feed, _, health = view(told=60)
    feed.happened = [Event(START + 50, server().id, "down", "a")]
    health.opening()
    feed.happened.append(Event(START + 58, server().id, "up", "b"))
    feed.tell(66)
    _, tick = read(health.tick())
    assert [one["text"] for one in tick["events"]] == ["b", "a"]


def test_what_somebody_asked_for_is_shown_where_it_is_newer():
    feed, wall, health = view()
    newest = feed.ticks[-1].at
    slow = replace(Pressed(), round=(passed(Check.HEALTH, 3.0)._replace(at=newest + 1),))
    token = Outcome(Check.INFERENCE, True, 0.4, "one token from chat", at=newest + 2)
    wall.pressings["chat"] = replace(slow, token=token, model="chat")
    _, frame = read(health.opening())
    told = {row["check"]: row for row in frame["rows"][0]}
    assert told["health"]["took"] == "3.00\u202fs"
    assert told["inference"]["words"] == "one token from chat"
    assert told["connect"]["took"] == "1.0\u202fms"
    assert frame["pressed"][0]["round"] == "1 passed"
    assert frame["pressed"][0]["token"]["result"] == "passed"


def test_a_check_that_appears_brings_a_whole_frame():
    feed, _, health = view(told=60, rounds=range(0, 60, 5))
    _, frame = read(health.opening())
    assert "ping" not in {panel["key"] for panel in frame["panels"]}
    feed.check(60, *ROUND, passed(Check.PING))
    feed.tell(62)
    kind, frame = read(health.tick())
    assert kind == "window"
    assert "ping" in {panel["key"] for panel in frame["panels"]}


def test_before_anything_is_known_a_page_can_be_drawn():
    _, _, health = view([], rounds=())
    _, frame = read(health.opening())
    assert frame["panels"] == []
    assert frame["verdicts"][0]["words"] == "Not seen yet"
    assert read(health.tick())[0] in {"tick", "window"}


@pytest.mark.parametrize("jump", [-3600.0, 8 * 3600.0])
def test_after_a_jump_of_the_clock_everything_comes_whole(jump):
    feed, _, health = view(told=60)
    health.opening()
    feed.set_clock(60, jump)
    feed.tell(61)
    kind, frame = read(health.tick())
    assert kind == "window"
    assert frame["strips"][0]["parts"]


def test_a_model_with_an_endless_name_is_not_offered():
    _, wall, health = view()
    wall.listed_models = [
        "ok",
        "x" * 5_000,
        "\u202eliame",
        "a\nb",
        *(f"m{number}" for number in range(500)),
    ]
    models = read(health.opening())[1]["pressed"][0]["models"]
    assert models[:2] == ["ok", "m0"]
    assert len(models) < 101
