"""One chat server with a small cache and one Prometheus that watches it, for all tests of a run."""

from pathlib import Path

import pytest

from tests.real.prometheus import watching
from tests.real.vllm import SMALL_CACHE, serving

HERE = Path(__file__).parent
TIMEOUT = 900
"""Seconds of one test: it may start two servers, which takes minutes on a busy machine."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(TIMEOUT))


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
