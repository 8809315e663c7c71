"""The page that shows the whole client: its code runs, as it stands, on two real servers."""

import ast
import re
import subprocess
import sys

import pytest

from lib.api import VllmClient
from tests.real.vllm import CHAT, EMBED, serving
from tests.support.processes import ROOT

PAGE = ROOT / "lib" / "api" / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
NOT_SHOWN = {"detokenize_call", "tokenize_call", "of", "send", "url", "connect"}
"""Of the clients' public names, those that the page leaves to the curious."""


@pytest.fixture(scope="module")
def embed(tmp_path_factory):
    with serving("embed", log=tmp_path_factory.mktemp("embed") / "vllm.log") as server:
        yield server


@pytest.fixture(scope="module")
def printed(chat, embed, tmp_path_factory):
    """What the page's program prints, run by itself."""
    program = "\n".join(BLOCKS)
    for shown, real in (("http://127.0.0.1:8000", chat.url), ("http://127.0.0.1:8001", embed.url)):
        assert program.count(shown) == 1
        program = program.replace(shown, real)
    path = tmp_path_factory.mktemp("page") / "page.py"
    path.write_text(program)
    ended = subprocess.run(
        [sys.executable, str(path)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize(
    "line",
    [
        r"release 0\.32\.0",
        rf"{CHAT} takes 4096 tokens; an adapter of None",
        r"vLLM \['generate'\] \d+ routes",
        r"length 0?\.\d+|length \d+\.\d+",  # how the stream ended, and its TTFT
        r"16 tokens, first after \d+ ms",
        r"then [\d.]+ ms a token; [\d.]+ s in all",
        r"Continuous batching admits new requests at every step\.",
        r"30 tokens with the chat template|\d+ tokens with the chat template",
        r"96 True Continuous batching",
        r"\(3, 384\) \d+ tokens in 1 request",
        r"60 vectors",
        r"running 0\.0 waiting 0\.0 KV cache",
        r"blocks used 0\.0 free 39\.0 of 39\.0",
        r".* does not offer /debug/stats; no vLLM release does: use vllm:num_requests_running",
        r".* does not offer /v1/audio/transcriptions; it takes vLLM 0\.7\.3 or later with a server",
        r"POST /invocations +Gives whatever the body asks for",
        r"200 application/json b'\{\"count\":1,\"max_model_len\":4096",
        r"The server has no key: start it with --api-key",
        r"fit|\['a token takes",
    ],
)
def test_the_page_prints_what_it_promises(printed, line):
    assert re.search(f"^{line}", printed, re.MULTILINE), printed


def test_the_template_counts_alike_on_both_routes(printed):
    template = re.search(r"^(\d+) tokens with the chat template$", printed, re.MULTILINE)
    anthropic = re.search(r"^(\d+) by the Anthropic route$", printed, re.MULTILINE)
    assert template.group(1) == anthropic.group(1)


def test_texts_that_are_alike_score_higher_than_others(printed):
    order = re.search(r"^\[\((\d), 1\.0\), \((\d), ", printed, re.MULTILINE)
    assert order.groups() == ("0", "1")
    assert EMBED


def test_the_page_shows_what_the_client_can():
    called = {
        node.func.attr
        for block in BLOCKS
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    public = {name for name in dir(VllmClient) if not name.startswith("_")} - NOT_SHOWN
    assert {"chat", "chat_stream", "complete", "tokenize", "embed", "surface"} <= called & public
