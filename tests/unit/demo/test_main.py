import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[3]


@contextlib.contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen, list[str]]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "lib.demo", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process, process.stdout.readline().strip().split(",")
    finally:
        process.kill()
        process.communicate()


def test_a_taken_port_is_replaced_by_a_free_one_and_a_signal_ends_it():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with started("--ports", f"{port},0,0,0,0") as (process, places):
            url = places[0].removeprefix("demo-chat=")
            assert url.startswith("http://127.0.0.1:")
            assert not url.endswith(f":{port}")
            assert httpx.get(f"{url}/health").status_code == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
            assert process.stderr.read() == ""


@pytest.mark.parametrize("ports", ["a", "1,2", ""])
def test_ports_that_make_no_sense_are_refused(ports):
    with started("--ports", ports) as (process, _):
        assert process.wait(10) == 2
        assert "--ports takes" in process.stderr.read()
