import json

import pytest

from lib.ui.frames import RcaView
from lib.ui.windows import window_named
from tests.unit.ui.scene import PAGE, START, Readings, Wall, moved, server, told

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


def test_the_picture_of_the_cache_has_few_cells_that_add_up():
    _, rca = view(GROWING)
    _, frame = read(rca.opening())
    cells = frame["cells"]
    assert 0 <= cells["used"] <= cells["all"] <= 400
    assert cells["words"].startswith("1 cell = ")


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
