"""Embedding any number of texts: on the demo server that embeds, and on servers that fail."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.api import (
    AsyncVllmClient,
    Batch,
    CallerMistake,
    NotOffered,
    Reason,
    Refused,
    VllmClient,
)
from lib.api.embedding import _FUTILE
from tests.support.demos import demo_servers
from tests.support.faulty import (
    Behaviour,
    FaultServer,
    answer,
    answer_json,
    close_at_once,
    empty,
    half_body,
    hang,
    html,
    in_turn,
    recorded,
    reset,
    slow,
)
from tests.support.processes import ROOT
from tests.support.waiting import until

MODEL = "demo/hashed-384"
SECRET = "the quick brown secret of the house"
LONG = "word " * 600
FULL = "word " * 510  # just as many tokens as the demo's model takes
BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "async"])


@pytest.fixture(scope="module")
def demos():
    with demo_servers() as places:
        yield dict(place.split("=", 1) for place in places.split(","))


@pytest.fixture
def demo(demos):
    return demos["demo-embed"]


def embed(url, texts, asynchronous=False, model=MODEL, **how):
    if not asynchronous:
        with VllmClient(url, timeout=5) as client:
            return client.embed(texts, model=model, **how)

    async def main():
        async with AsyncVllmClient(url, timeout=5) as client:
            return await client.embed(texts, model=model, **how)

    return asyncio.run(main())


# ── The demo server ───────────────────────────────────────────────────────────────────────────────


@BOTH
def test_every_text_gets_its_vector_in_its_place(demo, asynchronous):
    texts = [f"text number {n}" for n in range(50)]
    told = []
    found = embed(demo, texts, asynchronous, batch_size=16, progress=lambda *at: told.append(at))
    assert found.rows.shape == (50, 384)
    assert np.allclose(np.linalg.norm(found.rows, axis=1), 1, atol=1e-5)
    assert (found.failed, found.truncated, found.unanswered, found.ended) == (
        {},
        set(),
        set(),
        None,
    )
    assert [batch.size for batch in found.batches] == [16, 16, 16, 2]
    assert found.tokens == sum(batch.tokens for batch in found.batches) > 100
    assert sum(batch.seconds for batch in found.batches) < found.seconds
    assert found.model == MODEL
    assert told == [(16, 50), (32, 50), (48, 50), (50, 50)]
    alone = embed(demo, texts[30:31])
    assert np.array_equal(alone.rows[0], found.rows[30])


@BOTH
def test_both_encodings_and_every_batch_give_the_same_vectors(demo, asynchronous):
    texts = ["a cat", "", "你好", "naïve 🎉", "a cat"]
    whole = embed(demo, texts, asynchronous)
    assert np.array_equal(whole.rows, embed(demo, texts, asynchronous, encoding="float").rows)
    assert np.array_equal(whole.rows, embed(demo, texts, asynchronous, batch_size=1).rows)
    assert np.array_equal(whole.rows[0], whole.rows[4])


@BOTH
def test_a_text_that_is_too_long_is_named_and_costs_itself_only(demo, asynchronous):
    found = embed(demo, ["a", LONG, FULL], asynchronous)
    assert found.failed == {1: "It has 602 tokens; the model takes 512."}
    assert found.truncated == set()
    assert np.isnan(found.rows[1]).all()
    assert np.isfinite(found.rows[[0, 2]]).all()
    assert found.batches[0].size == 2
    assert found.batches[0].tokens == 2 + 512
    assert not found.unanswered


def test_a_text_is_cut_on_request_and_marked(demo):
    found = embed(demo, ["a", LONG, LONG + "more"], truncate=True)
    assert found.truncated == {1, 2}
    assert not found.failed
    assert np.array_equal(found.rows[1], found.rows[2])


def test_raw_vectors_have_lengths_of_their_own(demo):
    texts = ["a", "a much longer text than that"]
    raw, unit = embed(demo, texts, raw=True).rows, embed(demo, texts).rows
    lengths = np.linalg.norm(raw, axis=1, keepdims=True)
    assert lengths[1] > 1.5 * lengths[0]
    assert np.allclose(raw / lengths, unit, atol=1e-6)


def test_shorter_vectors_are_asked_for_only_where_they_are_wanted(demo):
    assert embed(demo, ["a"]).rows.shape == (1, 384)
    with pytest.raises(NotOffered) as caught:
        embed(demo, ["a"] * 100, dimensions=64)
    assert caught.value.reason is Reason.FULL_LENGTH
    assert "leave dimensions out" in caught.value.sentence


@BOTH
def test_a_server_that_only_chats_says_so_at_once(demos, asynchronous):
    with pytest.raises(NotOffered) as caught:
        embed(demos["demo-chat"], ["a"] * 100, asynchronous, model="demo/tekken-7b")
    assert "/v1/embeddings" in caught.value.sentence


def test_a_model_that_is_not_served_is_no_fault_of_the_texts(demo):
    with pytest.raises(Refused) as caught:
        embed(demo, ["a"] * 100, model="nix")
    assert caught.value.reason is Reason.UNKNOWN_MODEL


@BOTH
def test_what_was_made_before_a_cancellation_is_kept(demo, asynchronous):
    done = []
    found = embed(
        demo,
        ["a text"] * 20,
        asynchronous,
        batch_size=4,
        progress=lambda made, _: done.append(made),
        cancelled=lambda: len(done) == 2,
    )
    assert done == [4, 8]
    assert found.unanswered == found.failed.keys() == set(range(8, 20))
    assert found.failed[8] == "It was cancelled before this text had its turn."
    assert found.ended is None
    assert np.isfinite(found.rows[:8]).all()


def test_nothing_is_asked_for_no_text(demo):
    found = embed(demo, [])
    assert (found.rows.shape, found.failed, found.tokens) == ((0, 0), {}, 0)


def test_half_a_character_fails_alone(demo):
    found = embed(demo, ["a", "b\ud83d"])
    assert list(found.failed) == [1]
    assert "half a character" in found.failed[1]


@pytest.mark.parametrize(
    "how",
    [
        {"batch_size": 0},
        {"batch_size": 2049},
        {"dimensions": 0},
        {"dimensions": 65_537},
        {"encoding": "hex"},
    ],
)
@BOTH
def test_a_request_that_makes_no_sense_is_not_sent(how, asynchronous):
    with serving({}) as server:
        with pytest.raises(CallerMistake):
            embed(server.url, ["a"], asynchronous, model="m", **how)
        with pytest.raises(CallerMistake):
            embed(server.url, "one text", asynchronous, model="m")
        assert not asked_of(server)


# ── Servers that fail ─────────────────────────────────────────────────────────────────────────────

SIZE = 3


def made(texts) -> dict:
    """A right answer, the last text first; the vector tells the length of its text."""
    rows = [{"index": n, "embedding": [len(text), 1.5, -2]} for n, text in enumerate(texts)]
    return {"data": rows[::-1], "usage": {"prompt_tokens": len(texts)}}


def judging(judge: Callable[[list[str]], object] = made) -> Behaviour:
    """Answers what `judge` makes of the texts: a body, or a message to refuse them with."""

    async def behave(exchange) -> None:
        found = judge(exchange.seen.json["input"])
        if isinstance(found, str):
            error = {"message": found, "type": "BadRequestError", "code": 400}
            await answer_json({"error": error}, 400)(exchange)
        else:
            await answer_json(found)(exchange)

    return behave


def bad(texts) -> object:
    """Refuses a batch with a text that is called bad."""
    return "I will not read that" if any("bad" in text for text in texts) else made(texts)


def serving(routes, length=None):
    models = [{"id": "m", "owned_by": "vllm", "max_model_len": length}]
    return FaultServer(
        {
            "/version": recorded("version.json"),
            "/v1/models": answer_json({"object": "list", "data": models}),
            **{f"POST {path}": behaviour for path, behaviour in routes.items()},
        }
    )


def asked_of(server, path="/v1/embeddings"):
    """The texts of each request, in order."""
    posts = [seen for seen in server.seen if seen.method == "POST" and seen.path == path]
    return [seen.json.get("input", seen.json.get("prompt")) for seen in posts]


def lengths(texts):
    return [[len(text), 1.5, -2] for text in texts]


@BOTH
def test_a_refused_text_is_found_by_halving_and_nothing_else_is_asked_twice(asynchronous):
    texts = [f"{n:05}" for n in range(40)]
    texts[5] = texts[23] = "bad one"
    with serving({"/v1/embeddings": judging(bad)}) as server:
        found = embed(server.url, texts, asynchronous, model="m", batch_size=32)
        requests = asked_of(server)
    good = [n for n in range(40) if n not in (5, 23)]
    assert found.failed == dict.fromkeys((5, 23), "The server refuses it: I will not read that")
    assert found.rows[good].tolist() == lengths(texts[n] for n in good)
    assert np.isnan(found.rows[[5, 23]]).all()
    assert not found.unanswered
    answered = [text for request in requests if bad(request) != bad(["bad"]) for text in request]
    assert sorted(answered) == sorted(texts[n] for n in good), "each is made once"
    assert len(requests) <= 2 + 4 * 5
    assert found.tokens == 38


@settings(max_examples=25, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(1, 9))
def test_whatever_is_refused_the_rest_is_kept(flags, size):
    texts = [f"{'bad' if flag else 'good'} {n}" for n, flag in enumerate(flags)]
    with serving({"/v1/embeddings": judging(bad)}) as server:
        found = embed(server.url, texts, model="m", batch_size=size)
    assert found.failed.keys() == {n for n, flag in enumerate(flags) if flag}
    assert sum(batch.size for batch in found.batches) == flags.count(False)
    for n, text in enumerate(texts):
        if not flags[n]:
            assert found.rows[n].tolist() == lengths([text])[0]


def test_a_request_that_is_always_refused_is_not_asked_for_ever():
    with serving({"/v1/embeddings": judging(lambda _: "unknown field")}) as server:
        with pytest.raises(Refused) as caught:
            embed(server.url, ["text"] * 5000, model="m")
        assert (caught.value.reason, caught.value.detail) == (Reason.BAD_REQUEST, "unknown field")
        assert len(asked_of(server)) == _FUTILE
        few = embed(server.url, ["text"] * 4, model="m")
    assert list(few.failed.values()) == ["The server refuses it: unknown field"] * 4
    assert few.rows.shape == (4, 0)


def test_halves_of_what_is_refused_wait_until_others_have_their_vectors():
    with serving({"/v1/embeddings": judging(bad)}) as server:
        found = embed(server.url, ["bad"] * 40 + ["good"], model="m", batch_size=40)
    assert sorted(found.failed) == list(range(40))
    assert np.isfinite(found.rows[40]).all()


def test_a_model_that_is_not_there_is_asked_for_once():
    with serving({"/v1/embeddings": recorded("error_404_model.json", 404)}) as server:
        with pytest.raises(Refused) as caught:
            embed(server.url, ["a", "b"], model="m")
        assert caught.value.reason is Reason.UNKNOWN_MODEL
        assert len(asked_of(server)) == 1


def test_however_many_texts_are_refused_after_a_vector_the_others_are_asked_for():
    texts = ["good", *["bad"] * (_FUTILE + 5), "good"]
    with serving({"/v1/embeddings": judging(bad)}) as server:
        found = embed(server.url, texts, model="m", batch_size=1)
    assert found.ended is None
    assert len(found.failed) == _FUTILE + 5
    assert found.rows[[0, -1]].tolist() == lengths(["good"] * 2)


BREAKS = {
    "hangs": (hang(), Reason.TIMEOUT),
    "closes": (close_at_once(), Reason.CLOSED),
    "resets": (reset(), Reason.CLOSED),
    "ends midway": (half_body(), Reason.CLOSED),
    "has lost the route": (answer_json({"detail": "Not Found"}, 404), Reason.NO_ROUTE_THERE),
    "fails": (empty(500), Reason.SERVER_ERROR),
    "is full": (empty(503), Reason.BUSY),
    "asks for a key": (answer_json({"error": "Unauthorized"}, 401), Reason.KEY_NEEDED),
    "shows a page": (html(), Reason.HTML),
    "says NaN": (answer('{"data":[{"index":0,"embedding":[NaN]}]}'), Reason.NOT_JSON),
    "gives too few": (answer_json(made(["a"])), Reason.WRONG_SHAPE),
    "changes the length": (
        answer_json({"data": [{"index": n, "embedding": [1, 2]} for n in range(2)]}),
        Reason.WRONG_SHAPE,
    ),
}


def patience(reason):
    """Only what never answers uses its time up, which is longer than any stall of the machine."""
    return 2.5 if reason is Reason.TIMEOUT else 20.0


@pytest.mark.parametrize("broken", BREAKS)
@BOTH
def test_what_was_made_before_a_server_breaks_is_kept(broken, asynchronous):
    behaviour, reason = BREAKS[broken]
    with serving({"/v1/embeddings": in_turn(judging(), judging(), behaviour)}) as server:
        texts = [str(n) for n in range(10)]
        how = {"batch_size": 2, "seconds": patience(reason)}
        found = embed(server.url, texts, asynchronous, model="m", **how)
        assert found.rows[:4].tolist() == lengths(texts[:4])
        assert found.ended.reason is reason
        assert found.unanswered == found.failed.keys() == set(range(4, 10))
        assert found.failed[9].endswith(found.ended.sentence)
        assert len(asked_of(server)) == 3, "what may have reached the engine is not sent again"
        assert found.ended.__traceback__ is None


@pytest.mark.parametrize("broken", BREAKS.keys() - {"changes the length"})
@BOTH
def test_a_server_that_breaks_at_once_is_refused(broken, asynchronous):
    behaviour, reason = BREAKS[broken]
    with serving({"/v1/embeddings": behaviour}) as server:
        with pytest.raises(Refused) as caught:
            embed(server.url, ["a", "b"], asynchronous, model="m", seconds=patience(reason))
        assert caught.value.reason is reason
        assert len(asked_of(server)) == 1


def test_a_batch_may_take_longer_than_the_clients_other_questions():
    go = threading.Event()

    async def held(exchange):
        await asyncio.to_thread(go.wait, 60)
        await judging()(exchange)

    with (
        serving({"/v1/embeddings": in_turn(held, slow(5.0, judging()))}) as server,
        VllmClient(server.url, timeout=2.5) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        try:
            asked = pool.submit(client.embed, ["a"], model="m")
            until(lambda: asked_of(server))
            server["/health"] = hang()
            with pytest.raises(Refused) as caught:
                client.health()  # begun later, and given up
            assert caught.value.reason is Reason.TIMEOUT
        finally:
            go.set()
        assert asked.result(60).rows.tolist() == lengths("a")
        with pytest.raises(Refused) as caught:
            client.embed(["a"], model="m", seconds=0.5)
        assert caught.value.reason is Reason.TIMEOUT


def test_a_vector_without_numbers_costs_its_text_only():
    def broken(texts):
        body = made(texts)
        for row in body["data"]:
            if texts[row["index"]] == "nan":
                row["embedding"][1] = None
        return body

    with serving({"/v1/embeddings": judging(broken)}) as server:
        found = embed(server.url, ["a", "nan", "c"], model="m")
        assert len(asked_of(server)) == 1
    assert found.failed == {1: "The server's vector of it is not all numbers."}
    assert not found.unanswered
    assert np.isnan(found.rows[1]).all()
    assert found.rows[[0, 2]].tolist() == lengths("ac")


def test_vectors_of_another_length_than_was_asked_for_are_not_taken():
    with serving({"/v1/embeddings": judging()}) as server:
        assert embed(server.url, ["a"], model="m", dimensions=3).rows.shape == (1, 3)
        with pytest.raises(Refused) as caught:
            embed(server.url, ["a"], model="m", dimensions=2)
        assert caught.value.detail == "a vector has 3 numbers instead of 2"


def test_more_than_a_gigabyte_is_not_begun(monkeypatch):
    monkeypatch.setattr("lib.api.embedding.MOST_BYTES", 4 * SIZE * 10)
    with serving({"/v1/embeddings": judging()}) as server:
        assert embed(server.url, ["a"] * 10, model="m").rows.shape == (10, 3)
        with pytest.raises(Refused) as caught:
            embed(server.url, ["a"] * 11, model="m")
        assert caught.value.reason is Reason.TOO_LARGE


def test_only_what_was_wanted_is_asked_for():
    with serving({"/v1/embeddings": judging()}) as server:
        embed(server.url, ["a"], model="m")
        embed(server.url, ["a"], model="m", encoding="float", raw=True, truncate=True, dimensions=3)
        bare, full = (seen.json for seen in server.seen if seen.method == "POST")
    assert bare == {"model": "m", "input": ["a"], "encoding_format": "base64"}
    assert full == {
        "model": "m",
        "input": ["a"],
        "encoding_format": "float",
        "dimensions": 3,
        "use_activation": False,
        "truncate_prompt_tokens": -1,
    }


def test_long_texts_go_in_batches_of_their_own():
    texts = ["x" * (3 << 20), "y" * (3 << 20), "z", "w" * (5 << 20)]
    with serving({"/v1/embeddings": judging()}) as server:
        found = embed(server.url, texts, model="m")
        assert [list(map(len, request)) for request in asked_of(server)] == [
            [3 << 20],
            [3 << 20, 1],
        ]
    assert found.failed == {3: "It has 5,242,880 bytes; 4,194,304 are sent at most."}


COUNTED = answer_json({"count": 9, "tokens": list(range(9)), "max_model_len": 8})


def test_only_texts_that_may_be_too_long_are_counted():
    with serving({"/v1/embeddings": judging(), "/tokenize": COUNTED}, 100) as server:
        texts = ["short", "x" * 85, "y" * 84]
        embed(server.url, texts, model="m")
        assert asked_of(server, "/tokenize") == [texts[1]]
        embed(server.url, [texts[1]] * 3, model="m", batch_size=1)
        assert len(asked_of(server, "/tokenize")) == 4


@pytest.mark.parametrize(
    "uncounted", [answer_json({}, 404), answer_json({"error": {"message": "no"}}, 400)]
)
def test_where_nobody_counts_the_servers_own_refusal_names_the_text(uncounted):
    message = (
        "This model's maximum context length is 8 tokens. However, your prompt contains at least "
        "9 input tokens, which exceeds this limit"
    )

    def short_only(texts):
        return message if any(len(text) > 50 for text in texts) else made(texts)

    routes = {"/v1/embeddings": judging(short_only), "/tokenize": uncounted}
    with serving(routes, 8) as server:
        found = embed(server.url, ["a", "x" * 60, "c"], model="m")
    assert found.failed == {1: "It is longer than the 8 tokens that the model takes."}
    assert found.rows[[0, 2]].tolist() == lengths("ac")


def test_a_server_that_breaks_while_it_counts_ends_the_work():
    tokenize = in_turn(COUNTED, empty(500))
    with serving({"/v1/embeddings": judging(), "/tokenize": tokenize}, 100) as server:
        found = embed(server.url, ["a", "x" * 90, "b", "y" * 90, "c"], model="m", batch_size=2)
    assert found.ended.reason is Reason.SERVER_ERROR
    assert found.rows[:2].tolist() == lengths(["a", "x" * 90])
    assert found.unanswered == found.failed.keys() == {2, 3, 4}


def test_what_was_typed_is_in_no_sentence():
    def quoting(texts):
        return f"cannot read {texts[0]!r}"

    with serving({"/v1/embeddings": judging(quoting)}) as server:
        found = embed(server.url, [SECRET, SECRET], model="m")
        with pytest.raises(Refused) as caught:
            embed(server.url, [SECRET] * 500, model="m")
    said = [*found.failed.values(), str(caught.value), caught.value.detail]
    assert not any(SECRET[:12] in words for words in said)


def test_tokens_that_one_batch_does_not_count_are_not_known():
    uncounted = judging(lambda texts: made(texts) | {"usage": None})
    with serving({"/v1/embeddings": in_turn(judging(), uncounted)}) as server:
        found = embed(server.url, ["a", "b"], model="m", batch_size=1)
    assert found.tokens is None
    assert [batch[:2] for batch in found.batches] == [(1, 1), (1, None)]
    assert isinstance(found.batches[0], Batch)


def test_a_client_that_embeds_nothing_loads_no_numpy():
    script = "import lib.api, sys; print('numpy' in sys.modules)"
    command = [sys.executable, "-c", script]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert told.strip() == "False"


def test_the_whole_of_a_request_is_json():
    with serving({"/v1/embeddings": judging()}) as server:
        embed(server.url, ['"\\\u0000', "\u2028"], model="m")
        body = next(seen.body for seen in server.seen if seen.method == "POST")
    assert json.loads(body)["input"] == ['"\\\u0000', "\u2028"]
