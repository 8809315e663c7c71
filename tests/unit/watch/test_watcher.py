import asyncio
import resource
import tempfile
import time
from contextlib import asynccontextmanager

import pytest

from lib.servers import Server, SettingsError, Source
from lib.watch import watcher as watcher_module
from lib.watch.history import History
from lib.watch.places import socket_path
from lib.watch.record import checks_of
from lib.watch.watcher import Parts, Watcher
from lib.watch.wire import Kind
from lib.watch.writer import Writer
from tests.unit.watch.test_beacon import Ear, soon
from tests.unit.watch.test_checker import Looks, passed
from tests.unit.watch.test_poller import BODY, Scripted

PERIOD = 0.1


def server(name):
    return Server(name, f"http://{name}:8000", None, Source.ENVIRONMENT)


class House:
    """A watcher with invented clients, and one who listens to it."""

    def __init__(self, data):
        self.data = data
        self.listed = [server("a"), server("b")]
        self.clients = {}
        self.lookers = {}
        self.heard = []

    def servers(self):
        if isinstance(self.listed, Exception):
            raise self.listed
        return self.listed

    def connect(self, one):
        self.clients[one.name] = Scripted(BODY % 1)
        return self.clients[one.name]

    def examine(self, one):
        self.lookers[one.name] = Looks(passed)
        return self.lookers[one.name]

    @asynccontextmanager
    async def watching(self):
        writer = Writer(self.data)
        writer.start()
        path, ending = socket_path(self.data), asyncio.Event()
        parts = Parts(self.servers, self.connect, self.examine, writer)
        self.watcher = Watcher(self.data, path, parts, period=PERIOD)
        running = asyncio.create_task(self.watcher.run(ending))
        try:
            while not path.exists() and not running.done():  # noqa: ASYNC110 — another's file
                await asyncio.sleep(0.01)
            self.ear = await Ear.at(path)
            yield self
        finally:
            ending.set()
            await running
            writer.stop()
            while Ear.open:
                Ear.open.pop().writer.close()

    async def hear(self, kind, count=1):
        """The next frames of a kind."""
        found = []
        while len(found) < count:
            (one,) = await asyncio.wait_for(self.ear.hear(1), 10)
            if one[0] is kind:
                found.append(one[1])
        return found


@pytest.fixture
def house(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(watcher_module, "BEAT_SECONDS", 0.1)
    data = tmp_path / "data"
    data.mkdir()
    return House(data)


def inside(house, body):
    async def run():
        async with house.watching():
            return await body()

    return asyncio.run(run())


def test_every_server_is_asked_and_told_and_kept(house):
    async def body():
        asked = [0]
        while min(asked) < 4:
            await house.hear(Kind.TICK)
            asked = [len(house.clients[one.name].asked) for one in house.listed]

    inside(house, body)
    history = History(house.data / "history.sqlite")
    for one in house.listed:
        assert len(history.window(one.id, time.time() - 60, time.time())) >= 3
    assert [event.kind for event in history.events(0, 1e12)] == ["started", "stopped"]
    assert all(client.closed for client in house.clients.values())


def test_every_server_is_checked_and_the_checks_have_a_track_of_their_own(house):
    async def body():
        hello = await house.hear(Kind.HELLO)
        await house.hear(Kind.TICK, 8)
        return hello

    (hello,) = inside(house, body)
    assert hello.servers == tuple(one.id for one in house.listed)
    history = History(house.data / "history.sqlite")
    for one in house.listed:
        found = history.window(checks_of(one.id), time.time() - 60, time.time())
        assert found.period == 5.0
        # a second round may have been due
        assert set(found.gauge("check_seconds", "health").tolist()) == {0.002}
    assert all(looker.closed for looker in house.lookers.values())


def test_it_says_that_it_lives(house):
    async def body():
        return await house.hear(Kind.BEAT, 3)

    first, *_, last = inside(house, body)
    assert last == first + 2


def test_a_changed_list_is_taken_up_without_disturbing_the_rest(house):
    async def body():
        await house.hear(Kind.TICK, 4)
        kept = house.clients["a"]
        house.listed = [server("a"), server("c")]
        (house.data / "added.json").write_text("{}")
        (hello,) = await house.hear(Kind.HELLO)
        await house.hear(Kind.TICK, 6)
        return kept, hello

    kept, hello = inside(house, body)
    assert hello.servers == ("a http://a:8000", "c http://c:8000")
    assert house.clients["a"] is kept
    assert house.clients["b"].closed
    assert house.lookers["b"].closed
    assert house.lookers["c"].rounds
    assert house.clients["c"].asked


def test_it_ends_when_those_are_closed_that_were_dropped_just_before(house):
    async def body():
        await house.hear(Kind.TICK, 2)
        gone = house.clients["b"], house.lookers["b"]
        for one in gone:
            one.close = closing_slowly(one)
        house.listed = [server("a")]
        (house.data / "added.json").write_text("{}")
        await house.hear(Kind.HELLO)
        return gone

    assert [one.closed for one in inside(house, body)] == [True, True]


def closing_slowly(one):
    """As a client that says goodbye."""

    async def close():
        await asyncio.sleep(0.2)
        one.closed = True

    return close


def test_a_list_that_cannot_be_read_changes_nothing(house, caplog):
    async def body():
        await house.hear(Kind.TICK, 2)
        house.listed = SettingsError("mend it.")
        (house.data / "added.json").write_text("{")
        await house.hear(Kind.BEAT, 3)
        before = len(house.clients["b"].asked)
        await house.hear(Kind.TICK, 6)
        return len(house.clients["b"].asked) - before

    assert inside(house, body) >= 1
    assert "The list of servers stays as it was: mend it." in caplog.text


def test_a_list_that_fails_in_an_unforeseen_way_is_read_again_later(house, caplog):
    def failures():
        return caplog.text.count("OSError: [Errno 24]")

    async def body():
        await house.hear(Kind.HELLO)
        house.listed = OSError(24, "Too many open files")
        (house.data / "added.json").write_text("{}")
        await soon(failures)
        beats = await house.hear(Kind.BEAT, 6)
        told = failures()
        house.listed = [server("a"), server("c")]
        house.watcher._list_due -= watcher_module.RELIST_SECONDS  # which nobody waits for here
        (hello,) = await house.hear(Kind.HELLO)
        return beats, told, hello

    beats, told, hello = inside(house, body)
    assert beats[-1] == beats[0] + 5
    assert told == 1
    assert hello.servers == ("a http://a:8000", "c http://c:8000")


def test_a_list_of_which_one_server_cannot_be_asked_changes_nothing(house, caplog):
    connect = house.connect

    def refuses(one):
        if one.name == "d":
            raise SettingsError("d has no key.")
        return connect(one)

    house.connect = refuses

    async def body():
        await house.hear(Kind.TICK, 2)
        house.listed = [server("c"), server("d")]
        (house.data / "added.json").write_text("{}")
        await soon(lambda: "stays as it was: d has no key." in caplog.text)
        return house.watcher._hello().servers, house.clients["b"].closed, house.clients["c"].asked

    assert inside(house, body) == (("a http://a:8000", "b http://b:8000"), False, [])


def test_an_unusable_first_list_ends_it(house):
    house.listed = SettingsError("mend it.")

    async def run():
        parts = Parts(house.servers, house.connect, house.examine, Writer(house.data))
        watcher = Watcher(house.data, socket_path(house.data), parts)
        await watcher.run(asyncio.Event())

    with pytest.raises(SettingsError, match="mend it"):
        asyncio.run(run())


def test_more_open_files_are_asked_for_and_a_shortage_is_told(monkeypatch, caplog):
    granted = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 500))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: granted.append(limits))
    watcher_module._have_files(3)
    assert granted == []
    watcher_module._have_files(30)
    assert granted == [(424, 500)]
    assert caplog.text == ""
    watcher_module._have_files(60)
    assert granted[-1] == (500, 500)
    assert "60 servers take 784 open files, but only 500 are allowed" in caplog.text
    assert watcher_module._in_flight_limit() == 50
    assert watcher_module._checks_limit() == 5
