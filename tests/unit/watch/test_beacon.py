import asyncio
import socket
import stat
from typing import ClassVar

import pytest

from lib.metrics import Layout
from lib.watch import beacon as beacon_module
from lib.watch.beacon import Beacon
from lib.watch.record import checks_of, unpack
from lib.watch.wire import VERSION, Beat, Decoder, Hello, Kind
from tests.support.ticks import OTHER_LAYOUT, layout, tick, ticks
from tests.support.waiting import until


def hello(*servers):
    return Hello(VERSION, 1, 0.0, 1.0, servers or ("chat http://127.0.0.1:1",))


def listening(tmp_path, body):
    """Run `body(beacon, path)` beside an open beacon."""

    async def run():
        path = tmp_path / "w.sock"
        beacon = Beacon(path, hello)
        await beacon.start()
        try:
            return await asyncio.wait_for(body(beacon, path), 60)
        finally:
            await beacon.close()
            while Ear.open:
                Ear.open.pop().writer.close()

    return asyncio.run(run())


async def soon(condition):
    """Wait for something that happens elsewhere in this loop."""
    await asyncio.to_thread(until, condition)


class Ear:
    """A dashboard that understands, for tests."""

    open: ClassVar = []

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.decoder, self.layouts, self.heard = Decoder(), {}, []

    @classmethod
    async def at(cls, path):
        cls.open.append(cls(*await asyncio.open_unix_connection(path, limit=1 << 22)))
        return cls.open[-1]

    async def hear(self, count):
        """The first `count` frames from now on, ticks unpacked."""
        while len(self.heard) < count:
            data = await self.reader.read(1 << 16)
            assert data, f"the beacon hung up after {self.heard}"
            for kind, payload in self.decoder.feed(data):
                self.heard.append((kind, self.read(kind, payload)))
        found, self.heard = self.heard[:count], self.heard[count:]
        return found

    def read(self, kind, payload):
        match kind:
            case Kind.LAYOUT:
                known = Layout.from_json(payload.decode())
                self.layouts[known.key] = known
                return known.key
            case Kind.TICK | Kind.NEWEST:
                return unpack(payload, self.layouts).mono
            case Kind.BEAT:
                return Beat.read(payload).number
        return Hello.read(payload)


def test_one_hears_who_then_the_newest_then_the_past_then_the_present(tmp_path):
    async def body(beacon, path):
        for one in ticks(3):
            beacon.publish(one)
        ear = await Ear.at(path)
        before = await ear.hear(6)
        beacon.publish(tick(3))
        beacon.beat(Beat(1, 0.0, 0.0))
        return before, await ear.hear(2)

    before, after = listening(tmp_path, body)
    assert [kind for kind, _ in before] == [
        Kind.HELLO, Kind.LAYOUT, Kind.NEWEST, Kind.TICK, Kind.TICK, Kind.TICK,
    ]  # fmt: skip
    assert [what for _, what in before[2:]] == [1002.0, 1000.0, 1001.0, 1002.0]
    assert after == [(Kind.TICK, 1003.0), (Kind.BEAT, 1)]


def test_a_layout_is_told_once_before_it_is_needed(tmp_path):
    async def body(beacon, path):
        ear = await Ear.at(path)
        await ear.hear(1)
        for one in (tick(0), tick(1), tick(2, of=OTHER_LAYOUT), tick(3), tick(4, failed=True)):
            beacon.publish(one)
        return [kind for kind, _ in await ear.hear(7)]

    kinds = listening(tmp_path, body)
    assert kinds == [
        Kind.LAYOUT, Kind.TICK, Kind.TICK, Kind.LAYOUT, Kind.TICK, Kind.TICK, Kind.TICK,
    ]  # fmt: skip


def test_a_layout_of_each_tick_does_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(beacon_module, "LAYOUTS_TOLD", 5)

    async def body(beacon, path):
        ear = await Ear.at(path)
        await ear.hear(1)
        for i in range(40):
            beacon.publish(tick(i, of=layout("m", str(i % 8))))
        await ear.hear(80)
        return len(beacon._layouts), len(next(iter(beacon._listeners)).told)

    assert max(listening(tmp_path, body)) <= 5


def test_only_two_minutes_are_remembered(tmp_path):
    async def body(beacon, path):
        for one in ticks(500):
            beacon.publish(one)
        return len(beacon._ring)

    assert listening(tmp_path, body) == 121


def test_servers_that_are_no_longer_watched_are_forgotten(tmp_path):
    async def body(beacon, path):
        beacon.publish(tick(0, server="gone"))
        beacon.publish(tick(0))
        for server in ("gone", *hello().servers):
            beacon.publish(tick(0, server=checks_of(server)))
        ear = await Ear.at(path)
        await ear.hear(10)
        beacon.greet()
        return await ear.hear(1), list(beacon._newest)

    heard, newest = listening(tmp_path, body)
    assert heard == [(Kind.HELLO, hello())]
    assert newest == ["chat http://127.0.0.1:1", checks_of("chat http://127.0.0.1:1")]


def test_one_who_does_not_read_is_dropped_and_the_others_hear_on(tmp_path, monkeypatch):
    monkeypatch.setattr(beacon_module, "BACKLOG_BYTES", 20_000)

    async def body(beacon, path):
        ear = await Ear.at(path)
        await ear.hear(1)
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.setblocking(False)
            await asyncio.get_running_loop().sock_connect(deaf, str(path))
            await soon(lambda: len(beacon._listeners) == 2)
            for number in range(5000):
                beacon.publish(tick(number))
                if number % 50 == 0:
                    await ear.hear(50 + (number == 0) if number else 2)
            return len(beacon._listeners)

    assert listening(tmp_path, body) == 1


def test_one_who_never_reads_the_past_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(beacon_module, "CATCH_UP_SECONDS", 0.2)
    catch_up, begun = Beacon._catch_up, []

    async def noted(beacon, listener):
        begun.append(listener)
        await catch_up(beacon, listener)

    monkeypatch.setattr(Beacon, "_catch_up", noted)

    async def body(beacon, path):
        for number in range(4000):
            beacon.publish(tick(number / 100))
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.setblocking(False)
            await asyncio.get_running_loop().sock_connect(deaf, str(path))
            await soon(lambda: begun)
            await soon(lambda: not beacon._talks)
        return len(beacon._listeners)

    assert listening(tmp_path, body) == 0


def test_nothing_is_missed_between_the_past_and_the_present(tmp_path):
    async def body(beacon, path):
        for number in range(2000):
            beacon.publish(tick(number / 100))
        ear = await Ear.at(path)
        heard = await ear.hear(500)
        for number in range(2000, 2500):
            beacon.publish(tick(number / 100))
            if number % 10 == 0:
                await asyncio.sleep(0)
        heard += await ear.hear(2503 - 500)
        return [what for kind, what in heard if kind is Kind.TICK]

    found = listening(tmp_path, body)
    assert found == [1000.0 + number / 100 for number in range(2500)]


def test_the_socket_is_for_its_owner_and_leaves_with_the_watcher(tmp_path):
    (tmp_path / "w.sock").touch()  # left over by one that was killed

    async def body(beacon, path):
        await Ear.at(path)
        return path.stat().st_mode

    mode = listening(tmp_path, body)
    assert stat.S_ISSOCK(mode)
    assert mode & 0o077 == 0
    assert not (tmp_path / "w.sock").exists()


def test_a_dashboard_that_leaves_is_forgotten(tmp_path):
    async def body(beacon, path):
        ear = await Ear.at(path)
        await ear.hear(1)
        ear.writer.close()
        beacon.publish(tick(0))
        await soon(lambda: not beacon._talks)
        return len(beacon._listeners)

    assert listening(tmp_path, body) == 0


def test_closing_ends_every_conversation(tmp_path):
    async def run():
        beacon = Beacon(tmp_path / "w.sock", hello)
        await beacon.start()
        ear = await Ear.at(tmp_path / "w.sock")
        await ear.hear(1)
        await beacon.close()
        with pytest.raises((AssertionError, ConnectionError)):
            await asyncio.wait_for(ear.hear(1), 30)
        ear.writer.close()

    asyncio.run(run())


def test_large_layouts_are_not_all_kept_ready(tmp_path, monkeypatch):
    monkeypatch.setattr(beacon_module, "LAYOUT_BYTES", 2_000)

    async def body(beacon, path):
        for number in range(50):
            beacon.publish(tick(number, of=layout(f"m{number}")))
        assert sum(map(len, beacon._layouts.values())) < 2 * 2_000

    listening(tmp_path, body)
