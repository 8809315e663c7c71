"""100 servers at 1 Hz, a third of them hanging, beside a process that draws with four threads.

Every healthy server must keep its period, checks and all, and the watcher must stay below one core.
The servers are raw sockets in another process that send a recorded page of 78 kB, and pass the
checks; the drawing process burns what it can get. What the watcher did is read from the history
that it wrote.
"""

import asyncio
import os
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from lib.watch import CHECK_PERIOD, History, checks_of
from lib.watch.pace import phase_of
from tests.support.processes import ROOT

SERVERS = 100
HANGING = 33
WARM_UP_SECONDS = 14
"""The first answers of a hundred servers, and what each offers, take long to understand."""
SECONDS = 20
BODY = ROOT / "tests/recordings/metrics.txt"

DRAWING = textwrap.dedent(
    """
    import json, threading

    def draw():
        while True:
            rows = [{"x": i, "y": i * 0.5, "label": str(i)} for i in range(2000)]
            json.loads(json.dumps(rows))

    for _ in range(3):
        threading.Thread(target=draw, daemon=True).start()
    draw()
    """
)


def answer(body, kind="application/json", status="200 OK"):
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


NOT_FOUND = answer(b'{"detail":"Not Found"}', status="404 Not Found")


class Stub(asyncio.Protocol):
    """Answers each request at once, or never anything."""

    pages: ClassVar = {}
    hangs = False

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        if not self.hangs and data.endswith(b"\r\n\r\n"):
            path = data.split(b" ", 2)[1].split(b"?")[0].rstrip(b"/")
            self.transport.write(self.pages.get(path, NOT_FOUND))


class HangingStub(Stub):
    hangs = True


async def serve() -> None:
    """Run in a process of its own: open the ports, print them, serve until killed."""
    body = BODY.read_bytes()
    recordings = BODY.parent
    Stub.pages = {b"/metrics": answer(body, "text/plain"), b"/health": answer(b"", "text/plain")}
    for path in (b"/load", b"/ping"):
        Stub.pages[path] = answer(b'{"server_load":0}')
    for path, name in (
        ("/version", "version"),
        ("/v1/models", "models"),
        ("/openapi.json", "openapi"),
    ):
        Stub.pages[path.encode()] = answer((recordings / f"{name}.json").read_bytes())
    loop, ports = asyncio.get_running_loop(), []
    for number in range(SERVERS):
        kind = HangingStub if number < HANGING else Stub
        server = await loop.create_server(kind, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
    print(*ports, flush=True)
    await asyncio.Event().wait()


@contextmanager
def child(code, **options):
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in filter(None, (process.stdin, process.stdout)):
            pipe.close()


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rounds_of(history, server, begun, ended):
    blocks = history.blocks(checks_of(server), begun, ended, minutes=False)
    return sum(int(((one.at >= begun) & (one.at < ended)).sum()) for one in blocks)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="measures with Linux' /proc")
def test_a_hundred_servers_beside_busy_pages(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    stubs = "import asyncio; from tests.benchmarks.bench_watcher import serve; asyncio.run(serve())"
    with child(stubs, stdout=subprocess.PIPE) as servers, child(DRAWING):
        ports = servers.stdout.readline().split()
        addresses = {f"s{i}": f"http://127.0.0.1:{int(port)}" for i, port in enumerate(ports)}
        environ = {
            **os.environ,
            "VLLM_SERVERS": ",".join(f"{name}={url}" for name, url in addresses.items()),
            "INSPECTOR_DATA": str(tmp_path / "data"),
        }
        watch = "import runpy; runpy.run_module('lib.watch', run_name='__main__')"
        own = {"stdin": subprocess.PIPE, "start_new_session": True}  # as the supervisor does
        with child(watch, env=environ, **own) as watcher:
            time.sleep(WARM_UP_SECONDS)
            begun, used = time.time(), cpu_seconds(watcher.pid)
            time.sleep(SECONDS)
            ended, used = time.time(), cpu_seconds(watcher.pid) - used
            rss = Path(f"/proc/{watcher.pid}/status").read_text().split("VmRSS:")[1].split()[0]
            watcher.terminate()
            watcher.wait(20)
    history = History(tmp_path / "data" / "history.sqlite")
    kept, lateness, rounds, failed = [], [], 0, 0
    for name, url in list(addresses.items())[HANGING:]:
        server = f"{name} {url}"
        blocks = history.blocks(server, begun, ended, minutes=False)
        mono = np.concatenate(
            [block.mono[(block.at >= begun) & (block.at < ended)] for block in blocks]
        )
        answers = [block.failed[(block.at >= begun) & (block.at < ended)] == 0 for block in blocks]
        failed += sum(int((~answered).sum()) for answered in answers)
        kept.append(len(mono))
        rounds += rounds_of(history, server, begun, ended)
        lateness.append((mono - phase_of(server, 1.0)) % 1.0)
    late = np.concatenate(lateness)
    share = (sum(kept) - failed) / (len(kept) * (ended - begun))
    core = used / (ended - begun)
    p50, p99 = np.quantile(late, [0.5, 0.99]) * 1000
    print(
        f"\n{SERVERS} servers, {HANGING} hanging: {core:.1%} of a core, {int(rss) // 1024} MB; "
        f"rounds of checks per server {rounds / len(kept):.1f}; "
        f"healthy ticks kept {share:.2%} (failed: {failed}); "
        f"lateness p50 {p50:.1f} ms, p99 {p99:.1f} ms, worst {late.max() * 1000:.0f} ms"
    )
    assert core < 1.0
    assert share > 0.985  # one tick of thirty may lie just outside either end of the span
    assert p99 < 200
    assert rounds / len(kept) > 0.9 * SECONDS / CHECK_PERIOD
