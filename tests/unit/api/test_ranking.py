import asyncio
import json

import numpy as np
import pytest

from lib.api import (
    AsyncVllmClient,
    BadRequest,
    CallerMistake,
    Classified,
    NotOffered,
    Ranked,
    Reason,
    Refused,
    VllmClient,
    WronglyAnswered,
)
from lib.api import ranking as calls
from lib.api.answers import Raw
from lib.api.errors import Unfit
from tests.support.demos import demo_servers
from tests.support.faulty import FaultServer, answer_json, close_at_once, in_turn

MODEL = "demo/hashed-384"
TEXTS = ["tax law", "a cat", "the black cat"]
BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "async"])
QUESTIONS = {
    "rerank": lambda client: client.rerank("a black cat", TEXTS, model=MODEL),
    "score": lambda client: client.score("a black cat", TEXTS, model=MODEL),
    "classify": lambda client: client.classify(TEXTS, model=MODEL),
    "pooling": lambda client: client.pooling(TEXTS, model=MODEL),
}
ALL = pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)


@pytest.fixture(scope="module")
def embed():
    with demo_servers() as places:
        yield dict(place.split("=", 1) for place in places.split(","))["demo-embed"]


def ask(url, asynchronous, question):
    if not asynchronous:
        with VllmClient(url, timeout=5) as client:
            return question(client)

    async def main():
        async with AsyncVllmClient(url, timeout=5) as client:
            return await question(client)

    return asyncio.run(main())


def read(call, body):
    return call.read(Raw(200, {}, json.dumps(body).encode()))


@BOTH
def test_a_ranking_is_the_order_of_the_scores(embed, asynchronous):
    scores = ask(embed, asynchronous, QUESTIONS["score"])
    ranked = ask(embed, asynchronous, QUESTIONS["rerank"])
    assert [one.index for one in ranked] == [2, 1, 0]
    assert [one.score for one in ranked] == [pytest.approx(scores[n]) for n in (2, 1, 0)]
    first = ask(embed, asynchronous, lambda c: c.rerank("cat", TEXTS, model=MODEL, top=1))
    assert len(first) == 1
    rows = ask(embed, asynchronous, QUESTIONS["pooling"])
    assert [row.shape for row in rows] == [(384,)] * 3
    assert all(np.isfinite(row).all() for row in rows)


@BOTH
def test_what_a_model_cannot_do_is_said(embed, asynchronous):
    with pytest.raises(NotOffered) as caught:
        ask(embed, asynchronous, QUESTIONS["classify"])
    assert caught.value.reason is Reason.NO_ROUTE_THERE
    with pytest.raises(BadRequest) as caught:
        ask(embed, asynchronous, lambda c: c.pooling(["a"], model=MODEL, task="token_embed"))
    assert "--pooler-config" in caught.value.detail


def test_a_document_that_is_too_long_is_refused_or_cut(embed):
    with VllmClient(embed) as client:
        with pytest.raises(Refused) as caught:
            client.rerank("a", ["word " * 600], model=MODEL)
        assert caught.value.reason is Reason.CONTEXT
        assert len(client.rerank("a", ["word " * 600], model=MODEL, truncate=True)) == 1
        assert len(client.score("a", ["word " * 600], model=MODEL, truncate=True)) == 1


@BOTH
@ALL
def test_a_request_that_costs_gpu_time_is_never_sent_twice(question, asynchronous):
    with FaultServer({"/*": in_turn(close_at_once(), answer_json({}))}) as server:
        with pytest.raises(Refused) as caught:
            ask(server.url, asynchronous, question)
        assert caught.value.reason is Reason.CLOSED
        assert len(server.seen) == 1


@ALL
def test_an_answer_without_its_fields_is_wrong(question):
    routes = {"/*": answer_json({"object": "list"})}
    with FaultServer(routes) as server, pytest.raises(WronglyAnswered):
        ask(server.url, False, question)


@pytest.mark.parametrize(
    "question",
    [
        lambda c: c.rerank("a", [], model="m"),
        lambda c: c.rerank("a", "text", model="m"),
        lambda c: c.rerank("a", ["b"], model="m", top=0),
        lambda c: c.score("a", ["b"] * 2049, model="m"),
        lambda c: c.classify(["x" * (4 << 20), "y"], model="m"),
        lambda c: c.pooling([], model="m"),
    ],
)
@BOTH
def test_what_must_not_be_sent_is_not_sent(question, asynchronous):
    with FaultServer() as server:
        with pytest.raises(CallerMistake) as caught:
            ask(server.url, asynchronous, question)
        assert caught.value.sentence.endswith(".")
        assert not server.seen


def results(*pairs):
    return {"results": [{"index": index, "relevance_score": score} for index, score in pairs]}


def test_the_best_is_first_whatever_order_the_server_gives():
    call = calls.rerank("a", ["b", "c", "d"], "m")
    found = read(call, results((2, 0.1), (0, 0.9), (1, 0.9)))
    assert found == (Ranked(0, 0.9), Ranked(1, 0.9), Ranked(2, 0.1))
    assert call.body == {"model": "m", "query": "a", "documents": ["b", "c", "d"]}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"results": [1, 2]},
        results((0, 1)),
        results((0, 1), (0, 1)),
        results((0, 1), (2, 1)),
        results((0, 1), (-1, 1)),
        results((0, 1), (1, 1), (1, 1)),
        results((0, 1), (1, None)),
        results((0, 1), (1, "1")),
        results((0, 1), (1, True)),
        results((0, 1), (1, 10**400)),
        results((0, 1), (1.0, 1)),
    ],
)
def test_a_ranking_that_is_none_is_refused(body):
    with pytest.raises(Unfit) as caught:
        read(calls.rerank("a", ["b", "c"], "m"), body)
    assert caught.value.reason is Reason.WRONG_SHAPE


def test_a_ranking_has_as_many_as_were_asked_for():
    assert len(read(calls.rerank("a", ["b", "c"], "m", top=1), results((1, 0.5)))) == 1
    assert len(read(calls.rerank("a", ["b"], "m", top=9), results((0, 0.5)))) == 1
    with pytest.raises(Unfit):
        read(calls.rerank("a", ["b", "c"], "m", top=1), results((1, 0.5), (0, 0.1)))


def test_classes_come_with_their_probabilities():
    rows = [
        {"index": 1, "label": None, "probs": [1.0]},
        {"index": 0, "label": "sad\u202e", "probs": [0.25, 0.75], "num_classes": 2},
    ]
    found = read(calls.classify(["a", "b"], "m"), {"data": rows})
    assert found == (Classified("sad", (0.25, 0.75)), Classified(None, (1.0,)))
    for probs in (None, ["1"], [None], {}):
        with pytest.raises(Unfit):
            read(calls.classify(["a"], "m"), {"data": [{"index": 0, "probs": probs}]})


def test_scores_stand_in_the_order_of_the_texts():
    rows = [{"index": 1, "score": -3}, {"index": 0, "score": 8.5}]
    assert read(calls.score("a", ["b", "c"], "m"), {"data": rows}) == (8.5, -3.0)
    with pytest.raises(Unfit):
        read(calls.score("a", ["b", "c"], "m"), {"data": rows[:1]})
