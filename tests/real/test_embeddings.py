"""Embedding on real vLLM: all-MiniLM-L6-v2, whose similarities are published."""

import asyncio

import numpy as np
import pytest

from lib.api import (
    AsyncVllmClient,
    NotOffered,
    Reason,
    Refused,
    VllmClient,
    lengths,
)
from lib.metrics import Reader
from tests.real.vllm import EMBED, serving

LONG = "word " * 300
FULL = "word " * 254  # and a token before and after it: all that the model takes
TEXTS = tuple(
    f"Note {n}: {what} {how}."
    for n, (what, how) in enumerate(
        (what, how)
        for what in ("the ferry", "a violin", "the budget", "her passport", "一只猫", "naïve café")
        for how in ("was late", "costs 10 USD", "did not arrive", "is old " * 12, "")
    )
)
WEATHER = ("The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium.")
PUBLISHED = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]
"""From the documentation of sentence-transformers, as are the pairs below."""
ONES = ("The cat sits outside", "A man is playing guitar", "The new movie is awesome")
OTHERS = ("The dog plays in the garden", "A woman watches TV", "The new movie is so great")
PAIRS = [[0.2838, 0.1310, -0.0029], [0.2277, -0.0327, -0.0136], [0.0543, -0.0502, 0.8939]]


@pytest.fixture(scope="module")
def embed(tmp_path_factory):
    with serving("embed", log=tmp_path_factory.mktemp("embed") / "vllm.log") as server:
        yield server


@pytest.fixture
def client(embed):
    with VllmClient(embed.url) as client:
        yield client


def test_similarities_are_those_that_are_published(client):
    rows = client.embed(WEATHER, model=EMBED).rows
    assert rows @ rows.T == pytest.approx(np.array(PUBLISHED), abs=6e-5)
    ones, others = (client.embed(texts, model=EMBED).rows for texts in (ONES, OTHERS))
    found = ones @ others.T
    assert found == pytest.approx(np.array(PAIRS), abs=6e-5)
    assert (np.argsort(found, axis=None) == np.argsort(PAIRS, axis=None)).all()


def test_base64_and_numbers_are_the_same_to_the_last_bit(client):
    packed = client.embed(TEXTS, model=EMBED)
    listed = client.embed(TEXTS, model=EMBED, encoding="float")
    assert packed.rows.shape == (len(TEXTS), 384)
    assert packed.rows.tobytes() == listed.rows.tobytes()
    assert packed.tokens == listed.tokens


def test_both_clients_get_the_same(embed, client):
    async def asked():
        async with AsyncVllmClient(embed.url) as other:
            found = await other.embed(TEXTS, model=EMBED, batch_size=7)
            return found, await other.too_long([LONG, "short"], model=EMBED)

    theirs, over = asyncio.run(asked())
    ours = client.embed(TEXTS, model=EMBED, batch_size=7)
    assert np.array_equal(ours.rows, theirs.rows)
    assert [batch.size for batch in ours.batches] == [batch.size for batch in theirs.batches]
    assert over == {0: 302} == client.too_long([LONG, "short"], model=EMBED)


def test_neither_batch_nor_order_changes_a_vector(client):
    together = client.embed(TEXTS, model=EMBED, batch_size=64).rows
    alone = client.embed(TEXTS, model=EMBED, batch_size=1).rows
    order = np.random.default_rng(1).permutation(len(TEXTS))
    shuffled = client.embed([TEXTS[n] for n in order], model=EMBED, batch_size=64).rows
    assert np.abs(together - alone).max() < 1e-5
    assert np.abs(together[order] - shuffled).max() < 1e-5


def test_raw_vectors_point_the_same_way_with_lengths_of_their_own(client):
    raw, unit = (client.embed(TEXTS, model=EMBED, raw=raw).rows for raw in (True, False))
    norms = np.linalg.norm(raw, axis=1, keepdims=True)
    assert np.linalg.norm(unit, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-5)
    assert 2 < norms.min() < norms.max() < 20
    assert raw / norms == pytest.approx(unit, abs=1e-5)


def test_scores_and_ranks_of_this_model_are_cosines(client):
    query, *documents = client.embed([ONES[0], *OTHERS], model=EMBED).rows
    cosines = [float(query @ document) for document in documents]
    assert client.score(ONES[0], OTHERS, model=EMBED) == pytest.approx(cosines, abs=1e-5)
    ranked = client.rerank(ONES[0], OTHERS, model=EMBED)
    assert [one.index for one in ranked] == sorted(range(3), key=lambda n: -cosines[n])
    assert [one.score for one in ranked] == pytest.approx(sorted(cosines)[::-1], abs=1e-5)
    assert client.rerank(ONES[0], OTHERS, model=EMBED, top=1) == ranked[:1]


def test_pooling_gives_the_vectors(client):
    pooled = client.pooling(WEATHER, model=EMBED)
    assert np.stack(pooled) == pytest.approx(client.embed(WEATHER, model=EMBED).rows, abs=1e-5)
    with pytest.raises(Refused) as caught:
        client.pooling(WEATHER, model=EMBED, task="token_embed")
    assert "--pooler-config" in caught.value.detail


def test_a_text_that_is_too_long_is_named_before_it_is_sent(client):
    found = client.embed(["a", LONG, FULL], model=EMBED)
    assert found.failed == {1: "It has 302 tokens; the model takes 256."}
    assert np.isfinite(found.rows[[0, 2]]).all()
    assert [batch.size for batch in found.batches] == [2]
    assert found.tokens == 3 + 256


def test_a_text_that_is_cut_is_marked_and_seen_as_far_as_it_goes(client):
    found = client.embed(["a", LONG, FULL], model=EMBED, truncate=True)
    assert (found.truncated, found.failed) == ({1}, {})
    assert found.rows[1] == pytest.approx(found.rows[2], abs=1e-5)


def test_what_only_the_server_finds_too_long_costs_itself(client, monkeypatch):
    monkeypatch.setattr(lengths, "may_be_over", lambda *_: False)
    texts = [*TEXTS[:20], LONG, *TEXTS[20:]]
    found = client.embed(texts, model=EMBED)
    assert found.failed == {20: "It is longer than the 256 tokens that the model takes."}
    good = [n for n in range(len(texts)) if n != 20]
    assert found.rows[good] == pytest.approx(client.embed(TEXTS, model=EMBED).rows, abs=1e-5)
    assert sum(batch.size for batch in found.batches) == len(TEXTS)


def test_equal_tokens_give_equal_vectors(client):
    texts = ["a cat", "A CAT", " a  cat ", "café", "cafe"]
    rows = client.embed(texts, model=EMBED).rows
    ids = [client.tokenize(text, model=EMBED).ids for text in texts]
    assert ids[0] == ids[1] == ids[2] != ids[3] == ids[4]
    for one, other in ((0, 1), (0, 2), (3, 4)):
        assert rows[one] == pytest.approx(rows[other], abs=1e-6)


@pytest.mark.parametrize("texts", [[""], ["🙂"], ["\u0000"], ["ﷺ" * 60], ["a"] * 100])
def test_odd_texts_have_vectors_too(client, texts):
    found = client.embed(texts, model=EMBED)
    assert not found.failed
    assert np.linalg.norm(found.rows, axis=1) == pytest.approx(np.ones(len(texts)), abs=1e-5)


def test_what_this_model_cannot_do_is_said(client):
    with pytest.raises(NotOffered) as caught:
        client.embed(["a"] * 40, model=EMBED, dimensions=64)
    assert caught.value.reason is Reason.FULL_LENGTH
    with pytest.raises(NotOffered):
        client.classify(["a"], model=EMBED)
    with pytest.raises(Refused) as caught:
        client.embed(["a"] * 40, model="none")
    assert caught.value.reason is Reason.UNKNOWN_MODEL


def test_a_cancelled_work_keeps_what_was_made(client):
    done = []
    found = client.embed(
        TEXTS,
        model=EMBED,
        batch_size=5,
        progress=lambda made, _: done.append(made),
        cancelled=lambda: len(done) == 2,
    )
    assert done == [5, 10]
    assert found.unanswered == set(range(10, len(TEXTS)))
    assert np.isfinite(found.rows[:10]).all()


def test_every_text_is_one_request_of_the_engine(client):
    def counts():
        sample = Reader().read(client.metrics())
        return sample.of("finished"), sample.of("prompt_tokens")

    before = counts()
    found = client.embed(TEXTS, model=EMBED, batch_size=10)
    ended, tokens = (now - was for now, was in zip(counts(), before, strict=True))
    assert (ended, tokens) == (len(TEXTS), found.tokens)
