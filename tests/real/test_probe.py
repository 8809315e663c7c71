"""The probe command on real vLLM: healthy, busy, a token, and an engine that stands still."""

import json
import subprocess
import sys

import httpx
import pytest

from tests.real.load import loaded
from tests.real.vllm import CHAT
from tests.support.processes import ROOT
from tests.support.waiting import until


def probe(url, *options, code):
    """What the command says of one server, after its exit code was checked."""
    done = subprocess.run(
        [sys.executable, "-m", "lib.health", url, "--json", "--timeout", "20", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout, done.stderr)
    assert done.returncode == code
    return json.loads(done.stdout)["servers"][0]


def checks(found):
    return {one["check"]: one for one in found["checks"]}


def requests(url, state):
    """How many requests the engine says are "running" or "waiting"."""
    text = httpx.get(f"{url}/metrics", trust_env=False).text
    name = f"vllm:num_requests_{state}{{"
    lines = [line for line in text.splitlines() if line.startswith(name)]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def running(url):
    """Whether the engine says that requests run."""
    return requests(url, "running") > 0


@pytest.fixture
def idle(chat):
    until(lambda: not running(chat.url), 60, every=0.2)
    return chat


def test_a_server_without_requests_is_healthy(idle):
    found = probe(idle.url, "--progress", "2", "--age", "1", code=0)
    assert (found["state"], found["reason"]) == ("healthy", "No requests.")
    passed = {name for name, one in checks(found).items() if one["passed"]}
    assert passed >= {"connect", "health", "ready", "version", "models", "ping", "load", "metrics"}
    assert checks(found)["engine"]["kind"] == "route not offered"
    assert found["figures"]["free_blocks"] == 1.0
    assert found["figures"]["age"] > 1


def test_one_token_comes_from_a_model_that_it_lists(idle):
    one = checks(probe(idle.url, "--inference", code=0))["inference"]
    assert one["words"] == f"one token from {CHAT}"
    assert 0 < one["seconds"] < 20
    probe(idle.url, "--inference", "--model", "not-listed", code=1)


def test_a_busy_server_is_healthy_and_moves(idle):
    with loaded(idle.url, clients=4):
        until(lambda: running(idle.url), 30)
        found = probe(idle.url, "--progress", "3", "--free-blocks", "0", code=0)
    assert found["state"] == "busy"
    assert checks(found)["progress"]["words"].startswith("Its counters moved within 3")


def test_a_queue_that_is_too_long_is_unhealthy(idle):
    with loaded(idle.url, clients=40):
        until(lambda: requests(idle.url, "waiting") > 10, 60)
        found = probe(idle.url, "--waiting", "2", "--free-blocks", "0", code=1)
    assert found["state"] == "busy"
    assert "requests wait, at most 2 wanted." in found["reason"]


def test_an_engine_that_stands_still_is_unhealthy_though_health_passes(idle):
    with loaded(idle.url, clients=4):
        until(lambda: running(idle.url), 30)
        with idle.engine_stopped():
            found = probe(idle.url, "--progress", "3", "--free-blocks", "0", code=1)
            plain = probe(idle.url, "--free-blocks", "0", code=0)
    assert checks(found)["health"]["passed"]
    assert checks(found)["progress"]["passed"] is False
    assert found["state"] == "suspect"
    assert plain["state"] == "busy", "one reading can't see it: that is what --progress is for"
