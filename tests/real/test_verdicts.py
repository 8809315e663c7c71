"""A server that is loading, keyed, paused, hung while idle, and dead: each seen for what it is.

One server goes through all of it, in the order in which that can be done to it.
"""

import os
import signal
import time
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from lib.health import HUNG_AFTER, State
from tests.real.vllm import SMALL_CACHE, serving
from tests.real.watched import watched
from tests.support.ports import free_port
from tests.support.waiting import until

KEY = "a-key-of-this-test"
SEEN_WITHIN = 12.0
"""Seconds: what the checks tell is asked every five."""


@contextmanager
def environment(**values):
    """Environment variables for the length of a block."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture(scope="module")
def watches(tmp_path_factory):
    """A server in development mode that wants a key, watched with the key and without it."""
    folder = tmp_path_factory.mktemp("verdicts")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        for name in ("keyed", "keyless"):
            (folder / name).mkdir()
        with environment(VLLM_API_KEY=KEY):
            keyed = stack.enter_context(watched({"keyed": url}, folder / "keyed"))
        keyless = stack.enter_context(watched({"keyless": url}, folder / "keyless"))
        keyed.first(State.NOT_LISTENING, since=time.time() - 5, timeout=SEEN_WITHIN)
        started = time.time()
        with environment(VLLM_SERVER_DEV_MODE="1"):
            server = stack.enter_context(
                serving("chat", *SMALL_CACHE, "--api-key", KEY, log=folder / "vllm.log", port=port)
            )
        yield server, keyed, keyless, started


def posted(server, path):
    """Do to the test's own server what the dashboard never does."""
    httpx.post(f"{server.url}{path}", timeout=10, trust_env=False).raise_for_status()


def test_while_it_loads_nothing_listens_and_afterwards_its_start_is_told(watches):
    _, keyed, _, started = watches
    ready = keyed.first(State.HEALTHY, since=started, timeout=SEEN_WITHIN)
    before = [tick for tick in keyed.since(started) if tick.at < ready.at]
    closed = [tick for tick in before if tick.status.state is State.NOT_LISTENING]
    assert "once its model is loaded" in closed[-1].status.remedy
    opened = [tick.status.state for tick in before if tick.at > closed[-1].at]
    assert set(opened) <= {State.TIMED_OUT}, "its first answers may be late on a busy machine"
    loaded = until(
        lambda: [e for e in keyed.feed.events(started, time.time() + 1) if e.kind == "loaded"], 15
    )
    print(f"{loaded[0].text} (watched: {ready.at - started:.0f} s)")
    assert "process started" in loaded[0].text


def test_a_key_that_is_missing_is_refused_though_health_and_metrics_are_open(watches):
    server, keyed, keyless, _ = watches
    assert server.healthy()
    refused = keyless.first(State.DENIED, since=time.time() - 30, timeout=40)
    assert "wants an API key" in refused.status.reason
    assert refused.sample is not None
    keyed.first(State.HEALTHY, since=refused.at, timeout=SEEN_WITHIN)
    assert State.DENIED not in keyed.states(refused.at)


def test_a_paused_engine_is_paused_and_not_hung(watches):
    server, keyed, _, _ = watches
    begun = time.time()
    posted(server, "/pause")
    paused = keyed.first(State.PAUSED, since=begun, timeout=SEEN_WITHIN)
    print(f"paused: seen after {paused.at - begun:.1f} s")
    posted(server, "/resume")
    keyed.first(State.HEALTHY, since=paused.at, timeout=SEEN_WITHIN)


def test_an_idle_engine_that_is_stopped_is_found_by_its_own_question(watches):
    server, keyed, _, _ = watches
    with server.engine_stopped():
        stopped = time.time()
        hung = keyed.first(State.HUNG, since=stopped, timeout=HUNG_AFTER + SEEN_WITHIN)
        print(f"idle engine stopped: hung after {hung.at - stopped:.1f} s")
        assert server.healthy(), "its own /health goes on saying that all is well"
        assert "/health still passes" in hung.status.reason
    keyed.first(State.HEALTHY, since=hung.at, timeout=SEEN_WITHIN)


def test_an_engine_that_is_killed_takes_its_server_down(watches):
    server, keyed, _, _ = watches
    os.kill(server.engine(), signal.SIGKILL)
    killed = time.time()
    down = keyed.first(State.ENGINE_DEAD, State.NOT_LISTENING, since=killed, timeout=SEEN_WITHIN)
    print(f"engine killed: {down.status.state.value} after {down.at - killed:.1f} s")
    until(lambda: not keyed.states(time.time() - 3) & {State.HEALTHY, State.BUSY}, 10)
