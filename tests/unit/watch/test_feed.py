import time
from contextlib import closing

import numpy as np
import pytest

from lib.health import State
from lib.metrics import Layout, Series
from lib.watch.database import FILE_NAME
from lib.watch.feed import Feed
from lib.watch.record import checks_of
from lib.watch.store import Event, Store
from lib.watch.wire import VERSION, Beat, Hello
from tests.support.ticks import START, tick, ticks
from tests.support.waiting import until

CHAT = "chat http://127.0.0.1:1"
HOUR = 3600


@pytest.fixture
def feed(tmp_path):
    return Feed(tmp_path, environ={}, supervise=False)


def kept(tmp_path, rows, *, sealed=False):
    with closing(Store(tmp_path / FILE_NAME)) as store:
        store.append(rows, [Event(START, CHAT, "up", "It answers again.")])
        if sealed:
            store.seal(CHAT)


def seconds(window):
    return (window.times - START).tolist()


def test_nothing_is_known_at_first(feed):
    assert feed.servers == ()
    assert feed.latest(CHAT) is None
    assert feed.age(CHAT) is None
    assert len(feed.recent(CHAT, 60)) == 0
    assert len(feed.window(CHAT, START, START + 60)) == 0
    assert feed.pulse.age is None
    assert feed.pulse.sentence == "The watcher is starting."


def test_a_watcher_that_cannot_be_started_is_told_on_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr("lib.watch.supervisor.watcher_command", lambda: ["/nowhere/python"])
    feed = Feed(tmp_path, environ={})
    feed.start()
    try:
        words = "The watcher can't be started: no such file or directory."
        until(lambda: feed.pulse.sentence == words)
    finally:
        feed.stop()


def test_where_memory_reaches_the_file_is_not_asked(feed, tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"no database")
    feed._hear([], ticks(100))
    assert seconds(feed.window(CHAT, START, START + 100)) == list(range(100))
    assert feed.pulse.trouble == ""


def test_memory_follows_the_file_without_overlap(feed, tmp_path):
    kept(tmp_path, ticks(300))
    feed._join()
    feed._hear([], ticks(150, first=200))
    assert seconds(feed.window(CHAT, START, START + 400)) == list(range(350))


def test_what_the_file_lost_comes_from_memory(feed, tmp_path):
    kept(tmp_path, ticks(100))
    feed._hear([], ticks(50, first=100))
    feed._join()
    feed._hear([], ticks(50, first=170))
    found = seconds(feed.window(CHAT, START, START + 400))
    assert found == [*range(150), *range(170, 220)]


def test_a_hole_in_memory_is_filled_from_the_file(feed, tmp_path):
    feed._hear([], ticks(50))
    kept(tmp_path, ticks(200))
    feed._join()
    feed._hear([], ticks(50, first=180))
    assert seconds(feed.window(CHAT, START, START + 400)) == list(range(230))


def test_without_a_file_memory_alone_is_shown(feed):
    feed._hear([], ticks(50))
    feed._join()
    feed._hear([], ticks(50, first=100))
    found = seconds(feed.window(CHAT, START - HOUR / 2, START + 400))
    assert found == [*range(50), *range(100, 150)]


def test_hours_come_from_the_minutes_and_the_newest_seconds_from_memory(feed, tmp_path):
    kept(tmp_path, ticks(2 * HOUR), sealed=True)
    feed._join()
    feed._hear([], ticks(150, first=2 * HOUR - 100))
    found = feed.window(CHAT, START, START + 2 * HOUR + 50)
    assert found.period == 60.0
    assert (np.diff(found.times) > 0).all()
    assert found.times[-1] == START + 2 * HOUR + 49
    assert found.since(START + 2 * HOUR - 10).increase("generation_tokens") == 59 * 10.0
    assert found.increase("generation_tokens") == (2 * HOUR + 49 - 59) * 10.0


def test_recent_is_by_the_wall_clock_of_now(feed):
    now = time.time()
    feed._hear([], [tick(i, at=now - 30 + i) for i in range(30)])
    assert len(feed.recent(CHAT, 10.5)) == 10


def test_the_newest_is_known_before_the_rest_and_its_age_never_negative(feed):
    feed._hear([tick(9)], [])
    assert feed.latest(CHAT).mono == 1009.0
    assert len(feed.recent(CHAT, 1e12)) == 0
    feed._hear([tick(time.monotonic() + 3600 - 1000.0)], [])
    assert feed.age(CHAT) == 0.0


def test_those_who_listen_hear_what_is_new_once(feed, caplog):
    heard = []

    def broken(_):
        raise RuntimeError("mine")

    feed.listen(broken)
    end = feed.listen(heard.append)
    feed._hear([tick(2)], ticks(3))
    feed._hear([], ticks(3))
    feed._hear([], ticks(4))
    end()
    end()
    feed._hear([], ticks(9))
    assert [[one.mono for one in batch] for batch in heard] == [[1000.0, 1001.0, 1002.0], [1003.0]]
    assert "One who listens" in caplog.text


def test_what_happened_comes_from_the_file(feed, tmp_path):
    kept(tmp_path, ticks(3))
    assert feed.events(START, START + 1) == [Event(START, CHAT, "up", "It answers again.")]
    assert feed.events(START, START + 1, "another") == []


def test_the_pulse_tells_the_first_trouble_in_a_sentence(feed):
    feed._ear.hello = Hello(VERSION, 77, START, 1.0, (CHAT,))
    feed._ear.beat = Beat(1, START, time.monotonic(), missed=2, late=0.1, dropped=3)
    pulse = feed.pulse
    assert (pulse.pid, pulse.ours, pulse.missed, pulse.dropped) == (77, False, 2, 3)
    assert pulse.sentence == ""
    feed._servers = ("mine",)
    assert "does not ask mine" in feed.pulse.sentence
    feed._ear.beat = Beat(2, START, time.monotonic(), trouble="the disk is full")
    assert feed.pulse.sentence == "the disk is full"
    feed._ear.beat = Beat(2, START, time.monotonic() - 7.2)
    assert feed.pulse.sentence == "The watcher has been silent for 7 s."
    assert feed.servers == ("mine", CHAT)


CHECKS = checks_of(CHAT)
CHECKS_LAYOUT = Layout([Series("check_seconds", "", "", "health")])


def checks(count, first=0):
    """One round of checks each five seconds."""
    return [
        tick(5.0 * (first + number), server=CHECKS, values=[0.002], of=CHECKS_LAYOUT)
        for number in range(count)
    ]


def test_the_track_of_checks_is_read_like_a_server_and_has_no_false_gaps(feed, tmp_path):
    kept(tmp_path, checks(30))
    feed._join()
    feed._hear([], checks(10, first=25))
    window = feed.window(CHECKS, START, START + 200)
    assert window.period == 5.0
    assert seconds(window) == [5.0 * number for number in range(35)]
    assert np.isfinite(window.elapsed[1:]).all()
    assert feed.latest(CHECKS).mono == 1000.0 + 5 * 34
    assert feed.recent(CHECKS, 1.0).period == 5.0
    assert feed.servers == ()


def test_a_server_that_is_watched_no_more_is_forgotten_with_its_checks(feed):
    other = "other http://127.0.0.1:2"
    feed._ear.hello = Hello(VERSION, 77, START, 1.0, (CHAT, other))
    feed._hear([], [*ticks(3), *checks(2), tick(3, server=other)])
    feed._ear.hello = Hello(VERSION, 77, START, 1.0, (other,))
    feed._hear([], [tick(4, server=other)])
    assert [feed.latest(track) for track in (CHAT, CHECKS)] == [None, None]
    assert feed.latest(other).at == START + 4


def test_minutes_of_checks_keep_mean_least_and_greatest(feed, tmp_path):
    with closing(Store(tmp_path / FILE_NAME)) as store:
        rows = [
            tick(5.0 * i, server=CHECKS, values=[i % 12 / 1000], of=CHECKS_LAYOUT)
            for i in range(1500)
        ]
        store.append(rows)
        store.seal(CHECKS)
    window = feed.window(CHECKS, START, START + 2 * HOUR)
    assert window.period == 60.0
    assert window.gauge("check_seconds", "health")[0] == pytest.approx(5.5 / 1000)
    assert (window.lows[0, 0], window.highs[0, 0]) == (0.0, 11 / 1000)


def test_the_states_of_a_server_come_from_the_file_and_from_memory(feed, tmp_path):
    kept(tmp_path, [tick(i, failed=100 <= i < 130) for i in range(200)])
    feed._join()
    feed._hear([], [tick(i, failed=i >= 210) for i in range(190, 220)])
    found = feed.states(CHAT, START + 50, START + 220)
    assert [(one.state, one.start - START, one.end - START) for one in found] == [
        (State.BUSY, 50, 100),
        (State.NOT_LISTENING, 100, 130),
        (State.BUSY, 130, 210),
        (State.NOT_LISTENING, 210, 220),
    ]
    assert found[1].reason == "Nothing listens."


def test_over_hours_the_states_are_those_of_the_minutes(feed, tmp_path):
    kept(tmp_path, [tick(i, failed=5000 <= i < 5004) for i in range(2 * HOUR)], sealed=True)
    found = feed.states(CHAT, START, START + 2 * HOUR)
    assert [(one.state, one.start - START, one.end - START) for one in found] == [
        (State.BUSY, 0, 4980),
        (State.NOT_LISTENING, 4980, 5040),
        (State.BUSY, 5040, 2 * HOUR),
    ]
    assert [one.state for one in feed.states("another", START, START + 9)] == [State.UNKNOWN]
