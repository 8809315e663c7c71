"""The Embeddings page on a real model: all-MiniLM-L6-v2, whose vectors have a meaning."""

import io

import httpx
import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.vectors_person import VectorsPerson
from tests.real.vllm import EMBED, serving
from tests.support import browsing
from tests.support.dashboard import dashboard

PAIRS = (
    "A man is playing a guitar.",
    "Someone plays the guitar.",
    "The parliament passed a law on fishing.",
    "A woman slices an onion.",
)


@pytest.fixture(scope="module")
def embed(tmp_path_factory):
    with serving("embed", log=tmp_path_factory.mktemp("embed") / "vllm.log") as server:
        yield server


@pytest.fixture
def person(embed, tmp_path):
    with (
        dashboard(tmp_path, VLLM_SERVERS=f"embed={embed.url}") as started,
        browsing.chromium() as browser,
        browsing.window(browser) as page,
    ):
        yield VectorsPerson(page, started.url)


def raw(server, texts):
    """What the server itself answers."""
    body = {"model": EMBED, "input": texts}
    answer = httpx.post(f"{server.url}/v1/embeddings", json=body, timeout=60, trust_env=False)
    return np.array([one["embedding"] for one in answer.json()["data"]])


def test_scores_are_those_of_the_raw_vectors_and_order_as_meanings_do(person, embed):
    person.opens("?server=embed")
    person.pastes("\n".join(PAIRS))
    person.embeds()
    wanted = raw(embed, PAIRS)
    scores = wanted @ wanted.T
    rows = person.table("Closest pairs").locator("tbody tr")
    assert rows.first.locator("td").first.text_content() == f"{scores[0, 1]:.3f}"
    assert rows.first.locator("td.vv-text").all_text_contents() == list(PAIRS[:2])
    taken = np.load(io.BytesIO(person.takes("Vectors, npy")))
    assert np.abs(taken - wanted).max() < 1e-6
    expect(person.answer).to_contain_text("above every unrelated pair")
    browsing.shot(person.page, "real-embeddings-pairs")


def test_topics_find_their_own(person):
    person.opens("?server=embed&sample=Topics")
    person.embeds()
    said = person.answer.text_content()
    hits = int(said.split(" of 24")[0].split()[-1])
    assert hits >= 20, said
    floor = float(person.figure("floor").text_content().split(" ")[0].replace("\u2212", "-"))
    assert -0.05 < floor < 0.15
    browsing.shot(person.page, "real-embeddings-topics")


def test_a_help_desk_finds_its_answers(person):
    person.opens("?server=embed&sample=Help desk")
    person.embeds()
    hits = int(person.answer.text_content().split(" of 4 queries")[0].split()[-1])
    assert hits >= 3
    browsing.shot(person.page, "real-embeddings-search")
