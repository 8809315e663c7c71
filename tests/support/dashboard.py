"""The dashboard as a person starts it: its own process, port and data folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.ports import free_port
from tests.support.processes import Process, running

__all__ = ["Dashboard", "dashboard"]


class Dashboard:
    """A running dashboard."""

    def __init__(self, url: str, process: Process) -> None:
        self.url = url
        self.process = process

    def answers(self) -> bool:
        """Whether its health route answers 200."""
        try:
            answer = httpx.get(f"{self.url}/_stcore/health", timeout=2, trust_env=False)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200


@contextmanager
def dashboard(data: Path, **settings: str) -> Iterator[Dashboard]:
    """Start it with `data` as its history and `settings` in its environment, for a block.

    Without VLLM_SERVERS among the settings it starts its demo servers.
    """
    port = free_port()
    command = ["python", "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    environment = os.environ | {"INSPECTOR_DATA": str(data)} | settings
    with running(command, log=data / "dashboard.log", env=environment) as process:
        started = Dashboard(f"http://127.0.0.1:{port}", process)
        process.ready_when(started.answers, 60)
        yield started
