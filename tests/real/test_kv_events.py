"""The KV events of a real vLLM: the count is what its block size and the lengths of texts say."""

import httpx
import pytest

from lib.api import VllmClient
from lib.api.kv_events import Stored, sources_in
from lib.api.kv_listener import KvListener
from tests.real.vllm import CHAT, SMALL_CACHE, serving
from tests.support.ports import free_port
from tests.support.waiting import until

BLOCK = 128
WITH_EVENTS = (
    '{{"enable_kv_cache_events":true,"publisher":"zmq",'
    '"endpoint":"tcp://127.0.0.1:{}","replay_endpoint":"tcp://127.0.0.1:{}"}}'
)
SECONDS = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    events = WITH_EVENTS.format(free_port(), free_port())
    log = tmp_path_factory.mktemp("events") / "vllm.log"
    with serving("chat", *SMALL_CACHE, "--kv-events-config", events, log=log) as one:
        yield one


def answered(server, text: str) -> int:
    """Whole blocks that a prompt and its answer fill; the last token is never computed."""
    body = {"model": CHAT, "prompt": text, "max_tokens": 8, "ignore_eos": True}
    usage = httpx.post(f"{server.url}/v1/completions", json=body, timeout=120).json()["usage"]
    return (usage["total_tokens"] - 1) // BLOCK


def test_blocks_of_answered_requests_are_counted_before_and_while_somebody_listens(server):
    before = answered(server, "red " * 300) + answered(server, "green " * 300)
    with VllmClient(server.url) as client:
        sources = sources_in(client.kv_event_sources(), "127.0.0.1")
    assert [one.engine for one in sources] == ["0"]
    listener = KvListener("127.0.0.1", sources)
    listener.start()
    try:
        wanted = Stored(before, is_all=True)
        until(lambda: listener.counts().get("0") == wanted, SECONDS, every=0.2)
        both = Stored(before + answered(server, "blue " * 300), is_all=True)
        until(lambda: listener.counts().get("0") == both, SECONDS, every=0.2)
        answered(server, "blue " * 300)
        assert listener.counts()["0"] == both
    finally:
        listener.stop()
        listener.join(10)
