"""Remembering vectors: what is asked again and what is not, and how parts become one answer."""

import base64
import json
import struct

import numpy as np
import pytest

from lib.api import Refused
from lib.servers import Server, Source
from lib.ui.embedder import Asked, Embedder, Store
from lib.vectors import UNRELATED
from tests.support.faulty import FaultServer, answer_json, closed_port, in_turn, recorded

KIND = (None, False, False)


def vectors(size=3):
    """An embedding server whose vectors tell their texts: length and number of vowels."""

    async def behave(exchange):
        texts = exchange.seen.json["input"]
        if any("refuse" in one for one in texts):
            await answer_json({"error": {"message": "no", "code": 400}}, 400)(exchange)
            return
        data = [{"index": n, "embedding": packed(text, size)} for n, text in enumerate(texts)]
        await answer_json({"data": data, "usage": {"prompt_tokens": 5 * len(texts)}})(exchange)

    return behave


def packed(text, size):
    values = [float(len(text)), float(text.count("a")), *[1.0] * (size - 2)]
    return base64.b64encode(struct.pack(f"<{size}f", *values)).decode()


@pytest.fixture
def server():
    card = {"id": "m", "object": "model", "owned_by": "vllm", "max_model_len": 512}
    behaviours = {
        "/version": answer_json({"version": "0.32.0"}),
        "/v1/models": answer_json({"object": "list", "data": [card]}),
        "/openapi.json": recorded("openapi_embed.json"),
        "POST /v1/embeddings": vectors(),
    }
    with FaultServer(behaviours) as started:
        yield started


@pytest.fixture
def embedder():
    made = Embedder({})
    yield made
    made.close()


def asked(server, model="m", kind=KIND):
    return Asked(Server("a", server.url, None, Source.ENVIRONMENT), model, kind, 2)


def sent(server):
    return [json.loads(one.body)["input"] for one in server.seen if "embeddings" in one.path]


def test_a_text_that_comes_twice_is_sent_once_and_has_its_vector_twice(server, embedder):
    found = embedder.embed(asked(server), ["a", "bb", "a", "ccc"])
    assert sent(server) == [["a", "bb"], ["ccc"]]
    assert found.rows[:, 0].tolist() == [1, 2, 1, 3]
    assert found.tokens == 15
    assert not found.failed


def test_what_is_remembered_is_not_asked_for_again(server, embedder):
    first = embedder.embed(asked(server), ["a", "bb"])
    again = embedder.embed(asked(server), ["a", "bb"])
    assert len(sent(server)) == 1
    assert np.array_equal(first.rows, again.rows)
    assert (again.tokens, again.batches) == (first.tokens, first.batches)
    assert embedder.missing(asked(server), ["bb", "new", "new"]) == ["new"]
    embedder.embed(asked(server), ["bb", "new"])
    assert sent(server)[-1] == ["new"]


def test_the_cost_of_a_mixture_is_not_made_up(server, embedder):
    embedder.embed(asked(server), ["a"])
    assert embedder.embed(asked(server), ["a", "bb"]).tokens is None


@pytest.mark.parametrize("other", [{"model": "n"}, {"kind": (None, True, False)}])
def test_another_model_or_another_way_is_asked_anew(server, embedder, other):
    embedder.embed(asked(server), ["a"])
    assert embedder.missing(asked(server, **other), ["a"]) == ["a"]


def test_a_refused_text_is_not_remembered_and_keeps_its_place(server, embedder):
    found = embedder.embed(asked(server), ["a", "refuse", "ccc", "refuse"])
    assert sorted(found.failed) == [1, 3]
    assert np.isnan(found.rows[[1, 3]]).all()
    assert found.rows[[0, 2], 0].tolist() == [1, 3]
    assert embedder.missing(asked(server), ["a", "refuse", "ccc"]) == ["refuse"]


def test_what_was_done_before_a_stop_is_remembered(server, embedder):
    told = []
    found = embedder.embed(
        asked(server),
        ["a", "bb", "ccc", "dddd"],
        progress=lambda done, total: told.append((done, total)),
        cancelled=lambda: len(told) > 1,
    )
    assert sorted(found.unanswered) == [2, 3]
    assert told == [(0, 4), (2, 4)]
    assert embedder.missing(asked(server), ["a", "bb", "ccc"]) == ["ccc"]


def test_a_server_that_is_gone_leaves_what_is_remembered(server, embedder):
    asked_of = asked(server)
    embedder.embed(asked_of, ["a"])
    server["POST /v1/embeddings"] = answer_json({"error": {"message": "x", "code": 500}}, 500)
    found = embedder.embed(asked_of, ["a", "bb"])
    assert found.ended is not None
    assert sorted(found.unanswered) == [1]
    assert found.rows[0, 0] == 1


def test_a_server_that_never_answers_is_refused(embedder):
    with closed_port() as url:
        gone = Asked(Server("a", url, None, Source.ENVIRONMENT), "m", KIND)
        with pytest.raises(Refused):
            embedder.embed(gone, ["a"])


def test_another_length_of_vectors_makes_all_of_them_anew(server, embedder):
    embedder.embed(asked(server), ["a", "bb"])
    server["POST /v1/embeddings"] = vectors(4)
    found = embedder.embed(asked(server), ["a", "bb", "ccc"])
    assert found.rows.shape == (3, 4)
    assert np.isfinite(found.rows).all()


def turned(exchange):
    """Another model: vectors of the same length for the same texts, but other ones."""
    texts = exchange.seen.json["input"]
    rows = [struct.pack("<3f", 1.0, -float(len(text)), 2.0) for text in texts]
    data = [{"index": n, "embedding": base64.b64encode(row).decode()} for n, row in enumerate(rows)]
    return answer_json({"data": data, "usage": {"prompt_tokens": 5}})(exchange)


def test_another_model_of_the_same_name_and_length_makes_all_of_them_anew(server, embedder):
    embedder.embed(asked(server), ["a", "bb"])
    embedder.embed(asked(server, kind=(3, False, False)), ["a"])
    server["POST /v1/embeddings"] = turned
    found = embedder.embed(asked(server), ["a", "bb", "ccc"])
    assert found.rows.tolist() == [[1, -1, 2], [1, -2, 2], [1, -3, 2]]
    assert embedder.missing(asked(server, kind=(3, False, False)), ["a"]) == ["a"]


def test_the_floor_and_the_texts_are_never_of_two_models(server, embedder):
    floor = UNRELATED[:3]
    embedder.embed(asked(server), floor)
    server["POST /v1/embeddings"] = turned
    embedder.embed(asked(server), ["new"])
    assert embedder.missing(asked(server), floor) == list(floor)


def test_one_remembered_text_is_asked_for_again_before_others_join_it(server, embedder):
    embedder.embed(asked(server), [UNRELATED[0], "private"])
    embedder.embed(asked(server), ["private", "new"])
    assert sent(server)[1:] == [[UNRELATED[0]], ["new"]]


def test_vectors_of_two_lengths_never_meet_also_where_no_text_could_be_made_again(server, embedder):
    embedder.embed(asked(server), ["bb"])
    refusal = answer_json({"error": {"message": "busy", "code": 429}}, 429)
    server["POST /v1/embeddings"] = in_turn(refusal, vectors(4))
    found = embedder.embed(asked(server), ["bb", "ccc"])
    assert found.rows.shape == (2, 4)
    assert np.isfinite(found.rows).all()


def test_the_cost_of_a_part_is_not_told_as_that_of_all(server, embedder):
    embedder.embed(asked(server), ["a", "refuse"])

    async def willing(exchange):
        texts = exchange.seen.json["input"]
        data = [{"index": n, "embedding": packed(text, 3)} for n, text in enumerate(texts)]
        await answer_json({"data": data, "usage": {"prompt_tokens": 5}})(exchange)

    server["POST /v1/embeddings"] = willing
    assert embedder.embed(asked(server), ["a", "refuse"]).tokens is None


def test_a_text_that_was_cut_stays_marked_where_it_is_remembered(server, embedder):
    server["POST /tokenize"] = answer_json(
        {"count": 600, "max_model_len": 512, "tokens": [1] * 600}
    )
    cutting = asked(server, kind=(None, True, False))
    long = "word " * 599
    assert embedder.embed(cutting, ["a", long]).truncated == {1}
    assert embedder.embed(cutting, [long, "a"]).truncated == {0}


# ── The store ──


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_the_least_used_is_forgotten_first():
    store = Store(most=100)
    store.put(("a",), 1, 40)
    store.put(("b",), 2, 40)
    assert store.get(("a",)) == 1
    store.put(("c",), 3, 40)
    assert [store.get((name,)) for name in "abc"] == [1, None, 3]


def test_one_that_is_put_again_counts_once():
    store = Store(most=100)
    for _ in range(5):
        store.put(("a",), 1, 60)
    store.put(("b",), 2, 40)
    assert (store.get(("a",)), store.get(("b",))) == (1, 2)


def test_an_hour_is_long_enough():
    clock = Clock()
    store = Store(clock=clock)
    store.put(("a",), 1, 1)
    clock.now = 3599.0
    assert store.get(("a",)) == 1
    clock.now = 3600.0
    assert store.get(("a",)) is None


def test_what_begins_alike_is_forgotten_together():
    store = Store(most=100)
    for key in (("a", 1), ("a", 2), ("b", 1)):
        store.put(key, key, 30)
    store.forget(("a",))
    store.put(("c", 1), "c", 70)
    assert [store.get(key) for key in (("a", 1), ("a", 2), ("b", 1))] == [None, None, ("b", 1)]
