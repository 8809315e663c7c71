"""From the start of the probe command to its verdict, against the import of httpx, in the same run.

The server is in a process of its own and answers at once, so that its part is next to nothing. The
two are started in turn, so that a busy machine slows both, and with compiled modules, as anybody's
second start is. httpx loads rich for a command of its own where that is installed, as it is beside
the tests: what it takes without is printed too.
"""

import asyncio
import os
import subprocess
import sys
import time
from statistics import median

import pytest

from tests.benchmarks.bench_watcher import child
from tests.support.processes import ROOT

TIMES = 15
AT_MOST = 2.0
UNCOMPILED = {"PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"}
WITHOUT_RICH = "import sys; sys.modules['httpx._main'] = None; import httpx"
RECORDINGS = ROOT / "tests/recordings"
ANSWERS = {
    b"/health": b"",
    b"/version": (RECORDINGS / "version.json").read_bytes(),
    b"/v1/models": (RECORDINGS / "models.json").read_bytes(),
    b"/load": (RECORDINGS / "load.json").read_bytes(),
    b"/ping": b"",
    b"/metrics": (RECORDINGS / "metrics.txt").read_bytes(),
}
"""The page of metrics whole: a server that filters sends less."""


class Instant(asyncio.Protocol):
    """Answers each request with what stands in the table, or 404."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        path = data.split(b" ", 2)[1].partition(b"?")[0]
        body = ANSWERS.get(path.removesuffix(b"/") if path != b"/metrics/" else path)
        status = b"404 Not Found" if body is None else b"200 OK"
        head = b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n" % (status, len(body or b""))
        self.transport.write(head + (body or b""))


async def serve() -> None:
    """Run in a process of its own: print the port, serve until killed."""
    server = await asyncio.get_running_loop().create_server(Instant, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


@pytest.fixture
def seconds_of(tmp_path):
    """Runs an interpreter to its end, and says how long that took."""
    environ = {name: text for name, text in os.environ.items() if name not in UNCOMPILED}
    environ["PYTHONPYCACHEPREFIX"] = str(tmp_path)

    def run(*arguments):
        begun = time.perf_counter()
        subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environ,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return time.perf_counter() - begun

    return run


@pytest.mark.parametrize("option", [(), ("--json", "--latency", "5")], ids=["text", "json"])
def test_a_probe_takes_no_longer_than_twice_the_import_of_httpx(seconds_of, option):
    code = "import asyncio; from tests.benchmarks.bench_probe import serve; asyncio.run(serve())"
    with child(code, stdout=subprocess.PIPE) as server:
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        commands = {
            "probe": ("-m", "lib.health", url, *option),
            "import httpx": ("-c", "import httpx"),
            "import httpx without rich": ("-c", WITHOUT_RICH),
        }
        for command in commands.values():
            seconds_of(*command)  # compiles
        taken = {name: [] for name in commands}
        for _ in range(TIMES):
            for name, command in commands.items():
                taken[name].append(seconds_of(*command))
    middle = {name: median(seconds) for name, seconds in taken.items()}
    ratio = middle["probe"] / middle["import httpx"]
    told = ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in middle.items())
    print(f"\n{told}: ratio {ratio:.2f}")
    assert ratio <= AT_MOST
