import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, httpx.Client]]:
    """A client for each demo server, all started as a person or `app.py` starts them."""
    process = subprocess.Popen(
        [sys.executable, "-m", "lib.demo", "--ports", "0", "--child"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    places = dict(place.split("=", 1) for place in process.stdout.readline().strip().split(","))
    clients = {name: httpx.Client(base_url=url, timeout=20.0) for name, url in places.items()}
    yield clients
    for client in clients.values():
        client.close()
    process.stdin.close()
    assert process.wait(10) == 0
    process.stdout.close()


@pytest.fixture
def chat(servers) -> httpx.Client:
    return servers["demo-chat"]


@pytest.fixture
def tutorial(servers) -> httpx.Client:
    return servers["demo-tutorial"]


@pytest.fixture
def hanging(servers) -> Iterator[httpx.Client]:
    """The server that may hang, put right again afterwards."""
    client = servers["demo-hang"]
    yield client
    client.post("/demo/hang", json={"seconds": 0})
