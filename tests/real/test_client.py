"""The client on real vLLM: a server that generates and one that embeds."""

import asyncio
import subprocess
import sys

import pytest

from lib.api import AsyncVllmClient, Refused, Route, VllmClient
from lib.metrics import Reader
from tests.real.vllm import CHAT, EMBED, serving
from tests.support.ports import free_port
from tests.support.processes import ROOT

TEXT = "Paged KV blocks – 128 tokens each; naïve, 日本語, 🙂."


@pytest.fixture(scope="module")
def embed(tmp_path_factory):
    with serving("embed", log=tmp_path_factory.mktemp("embed") / "vllm.log") as server:
        yield server


@pytest.fixture(scope="module")
def servers(chat, embed):
    return {CHAT: chat.url, EMBED: embed.url}


@pytest.mark.parametrize("model", [CHAT, EMBED])
def test_health_version_and_model_are_told(servers, model):
    with VllmClient(servers[model]) as client:
        client.health()
        client.ready()
        assert client.version() == "0.32.0"
        assert [one.id for one in client.models()] == [model]


def test_capabilities_tell_the_two_apart(chat, embed):
    with VllmClient(chat.url) as one, VllmClient(embed.url) as other:
        generating, embedding = one.capabilities(), other.capabilities()
    assert "generate" in generating.tasks
    assert "embed" in embedding.tasks
    assert "generate" not in embedding.tasks
    assert Route.EMBEDDINGS in embedding.routes - generating.routes
    assert Route.CHAT in generating.routes - embedding.routes
    for known in (generating, embedding):
        assert known.metrics_filter
        assert known.metrics_gzip
        assert all(absent.why for absent in known.absent)


@pytest.mark.parametrize("model", [CHAT, EMBED])
def test_both_clients_find_the_same(servers, model):
    async def asked():
        async with AsyncVllmClient(servers[model]) as client:
            return await client.capabilities(), await client.tokenize(TEXT)

    with VllmClient(servers[model]) as client:
        assert asyncio.run(asked()) == (client.capabilities(), client.tokenize(TEXT))


def test_text_comes_back_from_its_tokens(chat):
    with VllmClient(chat.url) as client:
        tokens = client.tokenize(TEXT)
        assert tokens.count > 10
        assert tokens.max_model_len == 4096
        assert client.detokenize(tokens.ids) == TEXT


def test_word_pieces_come_back_in_lower_case(embed):
    with VllmClient(embed.url) as client:
        tokens = client.tokenize("Hello world")
        assert client.detokenize(tokens.ids) == "[CLS] hello world [SEP]"


@pytest.mark.parametrize("model", [CHAT, EMBED])
def test_a_scrape_by_the_filter_equals_the_whole_page(servers, model):
    async def scraped() -> bytes:
        async with AsyncVllmClient(servers[model]) as client:
            return await client.scrape(2.0, Reader.wanted)

    filtered = asyncio.run(scraped())
    with VllmClient(servers[model]) as client:
        whole = client.metrics()
    assert len(filtered) < len(whole)
    ours, theirs = Reader().read(filtered), Reader().read(whole)
    assert ours.layout.series == theirs.layout.series
    assert ours.total.running == 0
    assert ours.models == (model,)


def test_what_a_server_lacks_is_refused_in_words(chat):
    with VllmClient(chat.url) as client, pytest.raises(Refused) as refused:
        client.debug_version()
    assert refused.value.route is Route.DEBUG_VERSION
    assert refused.value.sentence.endswith(".")


def _command(url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lib.api", url]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_command_prints_what_it_found(servers):
    for model, url in servers.items():
        ended = _command(url)
        assert ended.returncode == 0, ended.stderr
        assert "0.32.0" in ended.stdout
        assert model in ended.stdout
        assert "/metrics" in ended.stdout


def test_the_command_ends_with_1_where_nobody_listens():
    ended = _command(f"http://127.0.0.1:{free_port()}")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
