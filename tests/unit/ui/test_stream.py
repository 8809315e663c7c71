import asyncio
from functools import partial

import pytest

from lib.ui import stream
from lib.ui.stream import Hub, Wish, event
from tests.support.waiting import PATIENCE

RCA = Wish("rca", ("chat",), "1m")
SECONDS = PATIENCE * 10


class Counting:
    """A view that counts how often it is asked."""

    servers = frozenset({"chat"})

    def __init__(self):
        self.openings = self.ticks = 0

    def opening(self):
        self.openings += 1
        return event("window", f"o{self.ticks}")

    def tick(self):
        self.ticks += 1
        return event("tick", f"t{self.ticks}")


class Browser:
    """The other end of a stream: what it received, and when it leaves."""

    def __init__(self, hub, wish=RCA):
        self.received = asyncio.Queue()
        self.left = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()
        self.task = asyncio.create_task(hub.stream(wish, self.receive, self.send))

    async def receive(self):
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        await self.reads.wait()
        await self.received.put(message)

    async def next(self) -> str:
        async with asyncio.timeout(SECONDS):
            message = await self.received.get()
        if message["type"] == "http.response.start":
            assert message["status"] == 200
            return await self.next()
        return message["body"].decode()


class Said:
    def __init__(self, server):
        self.server = server


@pytest.fixture
def views():
    return []


def run(story, beat=3600.0):
    """Run an async test without a plugin; a beat of its own would build ticks that it counts."""

    def test(views, monkeypatch):
        monkeypatch.setattr(stream, "_BEAT_SECONDS", beat)

        async def whole():
            def make(_wish):
                views.append(Counting())
                return views[-1]

            hub = Hub(make)
            hub.start()
            try:
                await story(hub, views)
            finally:
                await hub.stop()

        asyncio.run(whole())

    test.__name__ = story.__name__
    return test


@run
async def test_everyone_gets_the_whole_first_and_then_every_tick(hub, views):
    first = Browser(hub)
    assert "event: window" in await first.next()
    hub.ticked([Said("chat")])
    assert "data: t1" in await first.next()
    second = Browser(hub)
    assert "data: o1" in await second.next()
    hub.ticked([Said("chat")])
    assert "data: t2" in await first.next()
    assert "data: t2" in await second.next()
    assert len(views) == 1


@run
async def test_an_event_is_built_once_however_many_watch(hub, views):
    browsers = [Browser(hub) for _ in range(50)]
    for browser in browsers:
        await browser.next()
    assert views[0].openings == 1
    hub.ticked([Said("chat")])
    for browser in browsers:
        await browser.next()
    assert views[0].ticks == 1


@run
async def test_ticks_of_other_servers_build_nothing(hub, views):
    browser = Browser(hub)
    await browser.next()
    hub.ticked([Said("other")])
    hub.ticked([Said("chat")])
    assert "data: t1" in await browser.next()


@partial(run, beat=0.05)
async def test_a_view_without_ticks_is_built_by_the_beat(hub, views):
    browser = Browser(hub)
    await browser.next()
    assert "data: t1" in await browser.next()


@run
async def test_a_channel_ends_with_its_last_viewer(hub, views):
    browser = Browser(hub)
    await browser.next()
    assert hub.viewers == 1
    browser.left.set()
    async with asyncio.timeout(SECONDS):
        await browser.task
    assert hub.viewers == 0
    again = Browser(hub)
    await again.next()
    assert len(views) == 2


@run
async def test_a_viewer_that_does_not_read_is_dropped_and_holds_nobody_up(hub, views):
    slow, quick = Browser(hub), Browser(hub)
    await quick.next()
    await slow.next()
    slow.reads.clear()
    for number in range(1, 15):
        hub.ticked([Said("chat")])
        assert f"data: t{number}" in await quick.next()
    slow.reads.set()
    async with asyncio.timeout(SECONDS):
        await slow.task
    assert hub.viewers == 1


@run
async def test_closing_ends_every_response(hub, views):
    browsers = [Browser(hub), Browser(hub, Wish("overview", (), "1m"))]
    for browser in browsers:
        await browser.next()
    hub.close()
    for browser in browsers:
        async with asyncio.timeout(SECONDS):
            await browser.task
    late = Browser(hub)
    async with asyncio.timeout(SECONDS):
        await late.task


@run
async def test_a_view_that_fails_ends_its_streams_and_the_next_begins_anew(hub, views):
    browser = Browser(hub)
    await browser.next()
    views[0].tick = lambda: 1 / 0
    hub.ticked([Said("chat")])
    async with asyncio.timeout(SECONDS):
        await browser.task
    again = Browser(hub)
    assert "event: window" in await again.next()
    assert len(views) == 2
