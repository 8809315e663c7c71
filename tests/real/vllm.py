"""Real vLLM servers for a test: started by `serve`, ready when they say so, hung and killed."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.ports import free_port
from tests.support.processes import Process, running

__all__ = ["CHAT", "EMBED", "SMALL_CACHE", "RealServer", "serving"]

SERVE = Path(__file__).with_name("serve")
CHAT = "Qwen/Qwen2.5-7B-Instruct"
EMBED = "sentence-transformers/all-MiniLM-L6-v2"
SMALL_CACHE = ("--num-gpu-blocks-override", "40", "--max-num-seqs", "16")
START_SECONDS = 480.0
"""A start takes 20 to 40 s on two idle cores, and minutes on busy ones."""


class RealServer:
    """One running server and the process behind it."""

    def __init__(self, url: str, process: Process) -> None:
        self.url = url
        self.process = process

    @property
    def port(self) -> int:
        return httpx.URL(self.url).port or 80

    def healthy(self) -> bool:
        """Whether GET /health answers 200."""
        try:
            return httpx.get(f"{self.url}/health", timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def engine(self) -> int:
        """Process id of the engine: the child that calls itself VLLM::EngineCore."""
        group = self.process.popen.pid
        for entry in Path("/proc").glob("[0-9]*"):
            pid = int(entry.name)
            try:
                same_group = os.getpgid(pid) == group
                title = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if same_group and title.startswith(b"VLLM::EngineCore"):
                return pid
        raise AssertionError("no engine process in the server's group")

    def kill(self) -> float:
        """End every process of the server at once; when that was (wall-clock seconds)."""
        self.process.signal_all(signal.SIGKILL)
        self.process.popen.wait(10)
        return time.time()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Every process of the server stands still for the length of the block."""
        self.process.signal_all(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.signal_all(signal.SIGCONT)

    @contextmanager
    def engine_stopped(self) -> Iterator[None]:
        """Only the engine stands still: /health and /metrics go on answering."""
        engine = self.engine()
        os.kill(engine, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(engine, signal.SIGCONT)


@contextmanager
def serving(kind: str, *arguments: str, log: Path, port: int | None = None) -> Iterator[RealServer]:
    """A `chat` or `embed` server on a free port (or `port`), from its first 200 on /health on."""
    port = port or free_port()
    command = [str(SERVE), kind, str(port), *arguments]
    with running(command, log=log) as process:
        server = RealServer(f"http://127.0.0.1:{port}", process)
        process.ready_when(server.healthy, START_SECONDS)
        yield server
