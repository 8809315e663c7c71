"""One chat server with a small cache and one Prometheus that watches it, for all tests of a run."""

import pytest

from tests.real.prometheus import watching
from tests.real.vllm import SMALL_CACHE, serving


@pytest.fixture(scope="session")
def chat(tmp_path_factory):
    """A generation server with 40 KV cache blocks and at most 16 requests in its batch."""
    log = tmp_path_factory.mktemp("chat") / "vllm.log"
    with serving("chat", *SMALL_CACHE, log=log) as server:
        yield server


@pytest.fixture(scope="session")
def prometheus(chat, tmp_path_factory):
    """A Prometheus that has scraped the chat server at least once."""
    folder = tmp_path_factory.mktemp("prometheus")
    with watching(f"127.0.0.1:{chat.port}", folder) as prometheus:
        yield prometheus
