"""The stream of an answer to a browser, asked without a socket between."""

import asyncio
import json
import os
import time
from types import SimpleNamespace

import pytest

from lib.api import generation
from lib.ui import guard, writing
from lib.ui.answering import Answers
from lib.ui.writing import Writing
from tests.support.faulty import FaultServer
from tests.support.waiting import PATIENCE, until
from tests.unit.ui.chat.speaking import Speaker, chunk, server_at

ENDED = [chunk(content="one "), chunk(content="two"), chunk(finish="stop")]


@pytest.fixture
def home(monkeypatch):
    made = SimpleNamespace(answers=Answers(dict(os.environ)), hub=SimpleNamespace(is_closing=False))
    monkeypatch.setattr(writing, "house", lambda: made)
    yield made
    made.answers.close()


@pytest.fixture
def server():
    with FaultServer() as started:
        yield started


async def becomes(condition):
    """Wait until it holds, in an event loop."""
    await asyncio.to_thread(until, condition)


class Browser:
    """Takes what is sent; leaves when it is told to."""

    def __init__(self, **query):
        told = {"run": "r", "ticket": guard.mint()} | query
        text = "&".join(f"{name}={value}" for name, value in told.items())
        self.scope = {"type": "http", "method": "GET", "headers": [], "query_string": text.encode()}
        self.messages = []
        self.left = asyncio.Event()

    async def receive(self):
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.messages.append(message)

    async def asks(self, seconds=PATIENCE * 10):
        async with asyncio.timeout(seconds):
            await Writing()(self.scope, self.receive, self.send)
        return self

    @property
    def status(self):
        return self.messages[0]["status"]

    @property
    def events(self):
        text = b"".join(one.get("body", b"") for one in self.messages[1:]).decode()
        blocks = [block.split("\n") for block in text.split("\n\n") if block.startswith("event")]
        return [(kind[7:], json.loads(data[6:])) for kind, data in blocks]

    @property
    def text(self):
        parts = [part for kind, told in self.events if kind == "parts" for part in told["parts"]]
        return "".join(part.get("c", "") for part in parts)


class Counted:
    """Whether the dashboard stops, which it does not; remembers each time that it is asked."""

    def __init__(self, asked):
        self.asked = asked

    def __bool__(self):
        self.asked.append(True)
        return False


def begin(home, server, behaviour, name="r"):
    server["/v1/chat/completions"] = behaviour
    asked = generation.chat("m", [{"role": "user", "content": "hi"}])
    return home.answers.begin(name, server_at(server.url), asked)


def test_no_ticket_no_answer(home):
    async def story():
        return await Browser(ticket="x").asks()

    assert asyncio.run(story()).status == 401


def test_a_run_that_never_begins_is_not_found(home, monkeypatch):
    monkeypatch.setattr(writing, "_BEGIN_SECONDS", 0.05)

    async def story():
        return [(await Browser(run=name).asks()).status for name in ("nobody", "", "x" * 65)]

    assert asyncio.run(story()) == [404, 404, 404]


def test_a_run_that_begins_a_little_later_is_waited_for(home, server):
    async def story():
        browser = Browser()
        asking = asyncio.create_task(browser.asks())
        await asyncio.sleep(0.05)
        await asyncio.to_thread(begin, home, server, Speaker(ENDED))
        await asking
        return browser

    browser = asyncio.run(story())
    assert browser.text == "one two"
    assert browser.events[-1] == ("end", {"state": "done", "sentence": ""})
    assert browser.messages[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


def test_a_run_may_begin_after_many_beats(home, server, monkeypatch):
    monkeypatch.setattr(writing, "_BEAT", 0.001)

    async def story():
        browser = Browser()
        asking = asyncio.create_task(browser.asks())
        beats = []
        monkeypatch.setattr(writing.house().hub, "is_closing", Counted(beats))
        await becomes(lambda: len(beats) > 10)
        await asyncio.to_thread(begin, home, server, Speaker(ENDED))
        await asking
        return browser

    assert asyncio.run(story()).text == "one two"


@pytest.mark.parametrize("how", ["the browser leaves", "the dashboard stops"])
def test_a_run_that_has_not_begun_is_waited_for_no_longer_than_anybody_wants_it(home, how):
    async def story():
        browser = Browser()
        asking = asyncio.create_task(browser.asks())
        await asyncio.sleep(0)
        if how == "the browser leaves":
            browser.left.set()
        else:
            home.hub.is_closing = True
        await asking
        return browser

    begun = time.monotonic()
    assert asyncio.run(story()).status == 404
    assert time.monotonic() - begun < writing._BEGIN_SECONDS / 2


def test_the_first_part_leaves_at_once_and_later_ones_together(home, server):
    speaker = Speaker([chunk(content=str(n)) for n in range(9)], is_held=True)
    begin(home, server, speaker)

    async def story():
        browser = Browser()
        asking = asyncio.create_task(browser.asks())
        speaker.go.release()
        await becomes(lambda: bool(browser.events))
        first = browser.text
        for _ in range(8):
            speaker.go.release()
        await asking
        return browser, first

    browser, first = asyncio.run(story())
    assert first == "0"
    assert browser.text == "012345678"
    counts = [told["n"] for kind, told in browser.events if kind == "parts"]
    assert counts == sorted(set(counts))
    assert counts[-1] == 9


def test_a_browser_that_comes_again_goes_on_where_it_was(home, server):
    run = begin(home, server, Speaker(ENDED))
    until(lambda: run.is_over)

    async def story():
        texts = []
        for start in ("0", "1", "2", "99", "-1", "x"):
            browser = await Browser(**{"from": start}).asks()
            texts.append(browser.text)
            assert browser.events[-1][0] == "end"
        return texts

    assert asyncio.run(story()) == ["one two", "two", "", "", "one two", "one two"]


def test_a_browser_that_leaves_is_counted_no_more(home, server):
    speaker = Speaker(ENDED, is_held=True)
    run = begin(home, server, speaker)

    async def story():
        browser = Browser()
        asking = asyncio.create_task(browser.asks())
        await becomes(lambda: bool(run.readers))
        browser.left.set()
        await asking

    asyncio.run(story())
    assert run.readers == 0
    assert not run.is_over


def test_a_dashboard_that_stops_ends_the_stream(home, server):
    begin(home, server, Speaker(ENDED, is_held=True))

    async def story():
        browser = Browser()
        asking = asyncio.create_task(browser.asks())
        await becomes(lambda: bool(browser.messages))
        home.hub.is_closing = True
        await asking
        return browser

    assert asyncio.run(story()).messages[-1]["more_body"] is False
