"""100 servers at 1 Hz, a third of them hanging, beside a process that draws with four threads.

Every healthy server must keep its period, and the watcher must stay below one core. The servers are
raw sockets in another process that send a recorded page of 78 kB; the drawing process burns what it
can get. What the watcher did is read from the history that it wrote.
"""

import asyncio
import os
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from lib.watch import History
from lib.watch.pace import phase_of
from tests.support.processes import ROOT

SERVERS = 100
HANGING = 33
WARM_UP_SECONDS = 8
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


class Stub(asyncio.Protocol):
    """Sends the whole page for each request, or never anything."""

    page = b""
    hangs = False

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        if not self.hangs and data.endswith(b"\r\n\r\n"):
            self.transport.write(self.page)


class HangingStub(Stub):
    hangs = True


async def serve() -> None:
    """Run in a process of its own: open the ports, print them, serve until killed."""
    body = BODY.read_bytes()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {len(body)}\r\n\r\n"
    Stub.page = head.encode() + body
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
    kept, lateness, failed = [], [], 0
    for name, url in list(addresses.items())[HANGING:]:
        server = f"{name} {url}"
        blocks = history.blocks(server, begun, ended, minutes=False)
        mono = np.concatenate(
            [block.mono[(block.at >= begun) & (block.at < ended)] for block in blocks]
        )
        answers = [block.failed[(block.at >= begun) & (block.at < ended)] == 0 for block in blocks]
        failed += sum(int((~answered).sum()) for answered in answers)
        kept.append(len(mono))
        lateness.append((mono - phase_of(server, 1.0)) % 1.0)
    late = np.concatenate(lateness)
    share = (sum(kept) - failed) / (len(kept) * (ended - begun))
    core = used / (ended - begun)
    p50, p99 = np.quantile(late, [0.5, 0.99]) * 1000
    print(
        f"\n{SERVERS} servers, {HANGING} hanging: {core:.1%} of a core, {int(rss) // 1024} MB; "
        f"healthy ticks kept {share:.2%} (failed: {failed}); "
        f"lateness p50 {p50:.1f} ms, p99 {p99:.1f} ms, worst {late.max() * 1000:.0f} ms"
    )
    assert core < 1.0
    assert share > 0.985  # one tick of thirty may lie just outside either end of the span
    assert p99 < 200
