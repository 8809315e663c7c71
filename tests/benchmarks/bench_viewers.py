"""What N viewers of a page cost the dashboard, over the wire, and how old what they see is.

A viewer is a browser without the drawing: a socket that opens the page's event stream and reads it.
The share of a core is that of the dashboard's own process, without watcher and demo servers. Age is
measured just before each event, when what is on screen is oldest. A ticket comes the way a browser
gets it: from a page's script, over Streamlit's own WebSocket.
"""

import asyncio
import json
import os
import subprocess
import time
from urllib.parse import urlencode, urlsplit

import numpy as np
import pytest
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.support.dashboard import dashboard
from tests.support.waiting import until

VIEWERS = 100
SECONDS = 20
WARM_UP_SECONDS = 8
MOST_OF_A_CORE = 0.25
OLDEST_SECONDS = 2.0

PAGES = {
    "RCA/Cache": {"page": "rca", "server": "demo-chat", "window": "30m"},
    "Health": {"page": "health", "servers": "demo-chat,demo-pressure", "window": "30m"},
    "Overview": {"page": "overview", "server": "", "window": "30m"},
}


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    with dashboard(tmp_path_factory.mktemp("viewers")) as one:
        yield one


async def ticket(url: str) -> str:
    """Run the start page's script once, as a browser does, and take the ticket that it mints."""
    address = url.replace("http", "ws") + "/_stcore/stream"
    async with websockets.connect(address, subprotocols=["streamlit"], max_size=None) as socket:
        ask = BackMsg()
        ask.rerun_script.query_string = ""
        await socket.send(ask.SerializeToString())
        while True:
            message = ForwardMsg.FromString(await socket.recv())
            element = message.delta.new_element
            if element.WhichOneof("type") == "bidi_component":
                return json.loads(element.bidi_component.json)["ticket"]


class Viewer:
    """Reads one stream; remembers how old the newest reading was when the next one came."""

    def __init__(self) -> None:
        self.ages: list[float] = []
        self.events = self.octets = 0
        self._newest: dict[str, float] = {}

    async def watch(self, url: str, query: dict[str, str], until_moment: float) -> None:
        where = urlsplit(url)
        reader, writer = await asyncio.open_connection(where.hostname, where.port, limit=2**24)
        head = f"GET /inspector/live?{urlencode(query)} HTTP/1.1\r\nhost: {where.netloc}\r\n\r\n"
        writer.write(head.encode())
        try:
            async with asyncio.timeout(until_moment - time.monotonic()):
                while line := await reader.readline():
                    self.octets += len(line)
                    if line.startswith(b"data: "):
                        self.take(json.loads(line[6:]))
        except TimeoutError:
            pass
        finally:
            writer.close()

    def take(self, event: dict) -> None:
        now = time.time()
        self.ages += [now - at for at in self._newest.values()]
        self.events += 1
        if "at" in event:
            self._newest["it"] = event["at"]
        else:
            self._newest |= {row["name"]: row["at"] for row in event["rows"] if row.get("at")}


def processor_seconds(pid: int) -> float:
    """Processor time of one process, all its threads, without its children."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:  # noqa: PTH123 — no file
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except FileNotFoundError:  # macOS
        text = subprocess.check_output(["ps", "-o", "time=", "-p", str(pid)], text=True)
        minutes, seconds = text.strip().rsplit(":", 1)
        return float(minutes.replace(":", "")) * 60 + float(seconds)


async def watched_by(count: int, started, query: dict[str, str]) -> tuple[float, list[Viewer]]:
    """Share of a core while `count` viewers watch, and the viewers."""
    query = query | {"ticket": await ticket(started.url)}
    viewers = [Viewer() for _ in range(count)]
    end = time.monotonic() + WARM_UP_SECONDS + SECONDS
    async with asyncio.TaskGroup() as group:
        for viewer in viewers:
            group.create_task(viewer.watch(started.url, query, end))
        await asyncio.sleep(WARM_UP_SECONDS)
        for viewer in viewers:
            viewer.ages.clear()
            viewer.events = viewer.octets = 0
        began, before = time.monotonic(), processor_seconds(started.process.popen.pid)
        await asyncio.sleep(end - time.monotonic() - 0.5)
        used = processor_seconds(started.process.popen.pid) - before
        share = used / (time.monotonic() - began)
    return share, viewers


def report(page: str, count: int, share: float, viewers: list[Viewer]) -> float:
    """Print what was measured; the 99th percentile of the ages."""
    ages = np.concatenate([viewer.ages for viewer in viewers])
    oldest = float(np.quantile(ages, 0.99))
    octets = sum(viewer.octets for viewer in viewers) / sum(viewer.events for viewer in viewers)
    print(
        f"\n{page}: {count} viewers, {share:.0%} of a core, {octets:.0f} B an event, "
        f"age p50 {np.median(ages):.2f} s, p99 {oldest:.2f} s"
    )
    return oldest


@pytest.mark.parametrize("page", PAGES)
def test_100_viewers_cost_a_quarter_of_a_core_and_see_what_is_new(started, page):
    until(lambda: "Watching 5 servers" in started.process.output(), 60)
    share, viewers = asyncio.run(watched_by(VIEWERS, started, PAGES[page]))
    oldest = report(page, VIEWERS, share, viewers)
    assert all(viewer.events >= SECONDS * 0.8 for viewer in viewers)
    assert share < MOST_OF_A_CORE
    assert oldest < OLDEST_SECONDS


def test_how_many_viewers_one_core_holds(started):
    few, _ = asyncio.run(watched_by(50, started, PAGES["RCA/Cache"]))
    many, viewers = asyncio.run(watched_by(400, started, PAGES["RCA/Cache"]))
    report("RCA/Cache", 400, many, viewers)
    assert all(viewer.events >= SECONDS * 0.8 for viewer in viewers)
    each = max(many - few, 0.002) / 350  # below that the processor clock cannot tell
    print(f"{each * 1000:.2f} ms a viewer and second: one core holds about {(1 - few) / each:.0f}")
    assert each < 0.0005, "1,000 viewers on half a core"
