"""The API Explorer on real servers: its examples are right, its forms whole, its snippets run."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import expect

from lib.api import State, Surface, Trial, Tried, VllmClient
from lib.chat.sdk import openai_sdk
from lib.chat.snippets import Sent
from lib.explorer.examples import About, example
from tests.browser.explorer_person import ExplorerPerson
from tests.real.vllm import CHAT, EMBED, serving
from tests.support import browsing
from tests.support.dashboard import dashboard

HOME = Path(os.environ.get("REAL_VLLM_HOME", Path.home() / ".cache" / "real-vllm"))
PYTHON = HOME / "venv" / "bin" / "python"
"""Where the OpenAI SDK is: vLLM needs it itself."""


@pytest.fixture(scope="module")
def embed(tmp_path_factory):
    with serving("embed", log=tmp_path_factory.mktemp("embed") / "vllm.log") as server:
        yield server


def tried(url: str, model: str) -> tuple[Surface, dict[str, Tried]]:
    """What every route answers to its example, or to nothing where it takes nothing."""
    with VllmClient(url, timeout=60) as client:
        surface, known = client.surface(), client.capabilities()
        about = About(model, known.dialect.text, known.tasks)
        found = {}
        for one in surface.routes:
            if one.state is State.PRESENT and one.may_be_sent and "{" not in one.path:
                body = example(one.path, about) if one.method == "POST" else None
                found[one.title] = client.try_out(Trial(one.route, body=body))
        return surface, found


def wrong(found: dict[str, Tried]) -> dict[str, str]:
    """What was refused, and why; what these models cannot do apart."""
    return {
        title: one.body[:300].decode("utf-8", "replace")
        for title, one in found.items()
        if one.status != (501 if title == "POST /v1/systemone" else 200)
    }


def test_every_example_is_right_for_a_model_that_generates(chat):
    _, found = tried(chat.url, CHAT)
    assert wrong(found) == {}
    assert {"POST /v1/responses", "POST /v1/messages", "POST /invocations"} <= set(found)
    assert json.loads(found["POST /v1/completions"].body)["usage"]["completion_tokens"] <= 24


def test_every_example_is_right_for_a_model_that_embeds(embed):
    _, found = tried(embed.url, EMBED)
    assert wrong(found) == {}
    assert {"POST /v1/embeddings", "POST /v2/embed", "POST /rerank"} <= set(found)
    ranked = json.loads(found["POST /rerank"].body)["results"]
    assert ranked[0]["index"] == 0


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/responses"])
def test_the_sdk_does_what_the_snippet_says(chat, path):
    body = example(path, About(CHAT)) | {"top_k": 3}
    script = openai_sdk(Sent(chat.url, path, body, has_key=False))
    ran = subprocess.run(
        [PYTHON, "-"], input=script, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["model"] == CHAT


def test_a_person_tries_routes_with_the_forms_of_the_release(chat, tmp_path):
    with (
        dashboard(tmp_path, VLLM_SERVERS=f"chat={chat.url}") as started,
        browsing.chromium() as browser,
        browsing.window(browser) as page,
    ):
        person = ExplorerPerson(page, started.url).opens("?server=chat")
        person.chooses("POST /v1/completions")
        person.is_still()
        page.get_by_role("combobox", name="More").fill("min_tokens")
        page.get_by_role("option", name="min_tokens").first.click()
        page.get_by_role("textbox", name="min_tokens").fill("24")
        page.get_by_role("textbox", name="min_tokens").press("Enter")
        person.sends()
        expect(person.answer).to_contain_text("200 OK")
        person.tab("Sent").click()
        expect(person.answer.locator("pre")).to_contain_text('"min_tokens": 24')
        person.chooses("POST /tokenize")
        person.sends()
        expect(person.answer.locator(".vx-tree")).to_contain_text("token_strs")
        table = person.checks_exposure()
        expect(table).to_contain_text("/invocations")
