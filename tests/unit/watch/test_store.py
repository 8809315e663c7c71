import sqlite3
from contextlib import closing

import numpy as np
import pytest

from lib.watch.history import History
from lib.watch.store import Event, Keep, Store
from tests.support.ticks import OTHER_LAYOUT, START, layout, tick, ticks

CHAT = "chat http://127.0.0.1:1"
EMBED = "embed http://127.0.0.1:2"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history.sqlite"


@pytest.fixture
def store(path):
    with closing(Store(path)) as opened:
        yield opened


def count(path, table):
    with closing(sqlite3.connect(path)) as db:
        return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_what_was_appended_is_read_by_others(store, path):
    store.append(ticks(5), [Event(START, CHAT, "up", "It answers again.")])
    assert len(History(path).window(CHAT, START, START + 10)) == 5
    assert History(path).events(START, START + 1) == [Event(START, CHAT, "up", "It answers again.")]


def test_sealing_takes_whole_minutes_and_leaves_the_last(store, path):
    store.append(ticks(330))
    before = History(path).window(CHAT, START, START + 400)
    assert store.seal(CHAT) == 300
    after = History(path).window(CHAT, START, START + 400)
    assert count(path, "tick") == 30
    assert count(path, "chunk") == 1
    assert np.array_equal(after.times, before.times)
    assert np.array_equal(after.values, before.values)


def test_sealing_within_one_minute_waits(store, path):
    store.append(ticks(50))
    assert store.seal(CHAT) == 0
    assert count(path, "tick") == 50


def test_sealing_touches_one_server(store, path):
    store.append([*ticks(130), *ticks(130, server=EMBED)])
    store.seal(CHAT)
    assert count(path, "tick") == 10 + 130
    assert len(History(path).window(EMBED, START, START + 200)) == 130


def test_a_layout_that_changes_makes_a_chunk_of_its_own(store, path):
    store.append([tick(i, of=OTHER_LAYOUT if i >= 70 else layout("m")) for i in range(130)])
    store.seal(CHAT)
    assert count(path, "chunk") == 2
    assert len(History(path).window(CHAT, START, START + 200)) == 130


def test_opening_again_seals_what_an_earlier_run_left(path):
    with closing(Store(path)) as store:
        store.append(ticks(90))
        first = store.run
    with closing(Store(path)) as store:
        assert store.run == first + 1
        assert count(path, "tick") == 0
        store.append(ticks(10, first=90))
    assert len(History(path).window(CHAT, START, START + 200)) == 100


def test_the_minute_tier_says_what_the_raw_ticks_say(store, path):
    store.append([tick(i, failed=i in range(200, 230)) for i in range(7200)])
    store.seal(CHAT)
    history = History(path)
    raw = history.window(CHAT, START, START + 7199, "raw")
    minute = history.window(CHAT, START, START + 7199, "minute")
    assert len(raw) == 7200
    assert len(minute) == 119 + 60  # the last minute is not sealed
    assert minute.increase("generation_tokens") == raw.increase("generation_tokens") - 590.0
    column = minute.layout.columns("running")[0]
    running, lows, highs = raw.gauge("running"), minute.lows[:, column], minute.highs[:, column]
    for row in range(119):
        second = running[row * 60 : row * 60 + 60]
        assert (lows[row], highs[row]) == (np.nanmin(second), np.nanmax(second))
        assert minute.gauge("running")[row] == pytest.approx(np.nanmean(second))
    assert minute.since(START + 59).percentile("ttft", 0.9) == (
        raw.since(START + 59).percentile("ttft", 0.9)
    )


def test_a_window_of_hours_comes_from_the_minutes(store, path):
    store.append(ticks(2 * 3600 + 30))
    store.seal(CHAT)
    found = History(path).window(CHAT, START, START + 2 * 3600 + 30)
    assert found.period == 60.0
    assert len(found) == 120 + 30
    assert (np.diff(found.times) > 0).all()


def test_old_chunks_go_before_old_minutes(path):
    with closing(Store(path, keep=Keep(chunk_days=1, minute_days=3))) as store:
        for day in (0, 2, 4):
            store.append(ticks(70, first=day * 86400))
            store.seal(CHAT, everything=True)
        store.prune(START + 2 * 86400 + 3600)
        assert len(History(path).window(CHAT, START, START + 100, "raw")) == 0
        assert len(History(path).window(CHAT, START, START + 119, "minute")) == 2
        store.prune(START + 4 * 86400)
        assert len(History(path).window(CHAT, START, START + 119, "minute")) == 0


def test_a_file_that_is_too_large_loses_its_oldest_chunks_and_shrinks(path):
    rng = np.random.default_rng(1)
    with closing(Store(path, keep=Keep(chunk_days=1e4, file_bytes=600_000))) as store:
        for block in range(40):
            store.append(
                [tick(i, values=rng.random(7)) for i in range(block * 300, block * 300 + 300)]
            )
            store.seal(CHAT)
        before = store.used_bytes
        store.prune(START + 12_000)
        assert store.used_bytes <= 600_000
        store.close()
        assert path.stat().st_size < before
        assert path.stat().st_size < 700_000
    found = History(path).window(CHAT, START, START + 3_000, "raw")
    newest = History(path).window(CHAT, START + 11_000, START + 12_000, "raw")
    assert len(found) < 3000
    assert len(newest) == 1000


def test_layouts_that_nothing_refers_to_are_dropped(path):
    with closing(Store(path, keep=Keep(chunk_days=1, minute_days=1))) as store:
        store.append([tick(i, of=layout("m", str(i))) for i in range(70)])
        store.seal(CHAT)
        store.append([tick(86400 * 3 + i, of=OTHER_LAYOUT) for i in range(5)])
        store.prune(START + 86400 * 3)
        assert count(path, "layout") == 10 + 1  # of ten unsealed ticks, and the new one
        assert len(History(path).window(CHAT, START + 86400 * 3, START + 86400 * 3 + 9)) == 5


def test_ticks_keep_their_order_when_the_clock_goes_back(store, path):
    store.append(ticks(100))
    store.append([tick(100 + i, at=START - 3600 + i) for i in range(100)])
    store.seal(CHAT)
    found = History(path).window(CHAT, START - 4000, START + 200, "raw")
    assert found.times[0] == START - 3600
    assert (np.diff(found.times) > 0).all()
    assert (found.growth("generation_tokens")[1:] == 10.0).all()


def test_a_damaged_tick_costs_that_tick_only(store, path):
    store.append(ticks(130))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE tick SET record=x'00' WHERE id=7")
    history = History(path)
    assert len(history.window(CHAT, START, START + 200)) == 129
    assert "damaged" in history.trouble
    assert store.seal(CHAT) == 119


def test_a_damaged_chunk_is_a_gap(store, path):
    store.append(ticks(130))
    store.seal(CHAT)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE chunk SET body=x'00000000'")
    history = History(path)
    assert len(history.window(CHAT, START, START + 200)) == 10
    assert history.trouble == "Part of the history is damaged and is shown as a gap."


def test_no_file_yet_is_no_trouble(tmp_path):
    history = History(tmp_path / "none.sqlite")
    assert len(history.window(CHAT, START, START + 10)) == 0
    assert history.trouble == ""


def test_the_file_is_for_its_owner_only(store, path):
    assert path.stat().st_mode & 0o077 == 0


def test_the_file_of_another_release_is_left_alone(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(sqlite3.DatabaseError, match="another release"):
        Store(path)
    assert path.exists()
