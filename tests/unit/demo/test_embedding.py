"""Over real HTTP: what a demo server that embeds answers and refuses, as vLLM 0.32 does."""

import asyncio
import base64
from dataclasses import replace

import httpx
import numpy as np
import pytest

from lib.demo.demo import Demo
from lib.demo.hashed import hashed, unit
from lib.demo.roles import ROLES
from lib.demo.server import application
from tests.unit.demo.asking import value

MODEL = "demo/hashed-384"
LONG = "word " * 600
USAGE = ("prompt_tokens", "total_tokens", "completion_tokens")


@pytest.fixture
def embed(servers) -> httpx.Client:
    return servers["demo-embed"]


def vectors(client, given, **more):
    body = {"model": MODEL, "input": given, **more}
    answer = client.post("/v1/embeddings", json=body)
    assert answer.status_code == 200, answer.text
    return np.array([row["embedding"] for row in answer.json()["data"]], np.float32)


def refusal(client, path, **body):
    answer = client.post(path, json={"model": MODEL, **body})
    return answer.status_code, answer.json()["error"]["message"]


def test_an_answer_has_the_fields_of_the_real_one(embed):
    body = embed.post("/v1/embeddings", json={"model": MODEL, "input": ["a cat", "b"]}).json()
    assert list(body) == ["id", "object", "created", "model", "data", "usage"]
    assert [list(row) for row in body["data"]] == [["index", "object", "embedding"]] * 2
    assert [row["index"] for row in body["data"]] == [0, 1]
    tokens = [
        embed.post("/tokenize", json={"model": MODEL, "prompt": text}).json()["count"]
        for text in ("a cat", "b")
    ]
    assert [body["usage"][name] for name in USAGE] == [sum(tokens), sum(tokens), 0]


def test_numbers_and_base64_are_equal(embed):
    texts = ["a cat", "", "你好"]
    body = {"model": MODEL, "input": texts, "encoding_format": "base64"}
    rows = embed.post("/v1/embeddings", json=body).json()["data"]
    packed = [np.frombuffer(base64.b64decode(row["embedding"]), "<f4") for row in rows]
    assert np.array_equal(vectors(embed, texts), packed)
    assert np.allclose(np.linalg.norm(packed, axis=1), 1.0, atol=1e-5)


def test_every_form_of_input_means_the_same(embed):
    ids = embed.post("/tokenize", json={"model": MODEL, "prompt": "a cat"}).json()["tokens"]
    one = vectors(embed, "a cat")
    for given in (["a cat"], ids, [ids]):
        assert np.array_equal(vectors(embed, given), one)
    assert vectors(embed, ["a cat", "a dog"]).shape == (2, 384)


def test_without_the_last_step_lengths_differ(embed):
    raw = vectors(embed, ["a", "a much longer text than that"], use_activation=False)
    lengths = np.linalg.norm(raw, axis=1)
    assert lengths[1] > 1.5 * lengths[0]
    units = vectors(embed, ["a", "a much longer text than that"])
    assert np.allclose(raw / lengths[:, None], units, atol=1e-6)


def test_a_cut_text_is_seen_as_far_as_it_was_read(embed):
    assert np.array_equal(
        vectors(embed, LONG, truncate_prompt_tokens=-1),
        vectors(embed, LONG + "and much more", truncate_prompt_tokens=-1),
    )
    assert not np.array_equal(
        vectors(embed, "one two three", truncate_prompt_tokens=2), vectors(embed, "one two three")
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"input": ["a", LONG]}, "maximum context length is 512 tokens. However, your prompt"),
        ({"input": LONG}, "(parameter=input_tokens, value=513)"),
        ({"input": []}, "You must pass at least one prompt"),
        ({"input": [[]]}, "Input should be a valid string"),
        ({"input": ["a", 1]}, "Input should be a valid string"),
        ({"input": 5}, "Input should be a valid list"),
        ({}, "Field required"),
        ({"messages": [{"role": "user", "content": "a"}]}, "default chat template is no longer"),
        ({"input": [[9_999_999]]}, "Token id 9999999 is out of vocabulary"),
        ({"input": "a", "dimensions": 64}, "does not support Matryoshka embeddings"),
        ({"input": "a", "dimensions": "64"}, "Input should be a valid integer"),
        ({"input": "a", "encoding_format": "hex"}, "Input should be 'float' or 'base64'"),
        ({"input": "a", "truncate_prompt_tokens": 513}, "greater than max_model_len"),
        ({"input": "a", "truncate_prompt_tokens": "x"}, "Input should be a valid integer"),
        ({"input": "a", "use_activation": "no"}, "Input should be a valid boolean"),
    ],
)
def test_what_the_real_one_refuses_is_refused_in_its_words(embed, body, words):
    status, message = refusal(embed, "/v1/embeddings", **body)
    assert (status, words in message) == (400, True), message


def test_half_a_character_is_no_text(embed):
    body = f'{{"model": "{MODEL}", "input": "a\\ud83d"}}'.encode()
    headers = {"content-type": "application/json"}
    assert embed.post("/v1/embeddings", content=body, headers=headers).status_code == 400


def test_another_model_is_not_served(embed):
    answer = embed.post("/v1/embeddings", json={"model": "nix", "input": "a"})
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "The model `nix` does not exist."


def test_a_pooling_server_generates_and_classifies_nothing(embed, chat):
    for path in ("/v1/chat/completions", "/v1/completions", "/classify"):
        answer = embed.post(path, json={"model": MODEL})
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})
    for path in ("/v1/embeddings", "/score", "/rerank", "/pooling"):
        assert chat.post(path, json={}).status_code == 404
    chat_form = {"model": MODEL, "messages": [{"role": "user", "content": "a"}]}
    assert embed.post("/tokenize", json=chat_form).status_code == 400


def test_a_score_is_the_cosine_of_both_vectors(embed):
    texts = ["a black cat", "the cat", "tax law"]
    first, *others = vectors(embed, texts)
    for path in ("/score", "/v1/score"):
        body = {"model": MODEL, "text_1": texts[0], "text_2": texts[1:]}
        rows = embed.post(path, json=body).json()["data"]
        assert [row["score"] for row in rows] == pytest.approx([float(first @ o) for o in others])
    pairs = {"model": MODEL, "queries": texts[1:], "documents": texts[1:]}
    rows = embed.post("/score", json=pairs).json()["data"]
    assert [row["score"] for row in rows] == pytest.approx([1.0, 1.0])


def test_a_ranking_is_by_score_and_ends_where_it_is_asked_to(embed):
    documents = ["tax law", "a cat", "the black cat"]
    for path in ("/rerank", "/v1/rerank", "/v2/rerank"):
        body = {"model": MODEL, "query": "a black cat", "documents": documents}
        whole = embed.post(path, json=body).json()["results"]
        first = embed.post(path, json=body | {"top_n": 1}).json()["results"]
        assert [row["index"] for row in whole] == [2, 1, 0]
        assert [row["document"]["text"] for row in whole] == [documents[n] for n in (2, 1, 0)]
        assert first == whole[:1]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/score", {"text_1": "a"}, "Field required"),
        ("/score", {"text_1": "a", "text_2": []}, "At least one text_pair element"),
        ("/score", {"text_1": ["a", "b"], "text_2": ["a", "b", "c"]}, "1:1, 1:N or N:N"),
        ("/score", {"text_1": "a", "text_2": 4}, "Input should be a valid string"),
        ("/score", {"text_1": "a", "text_2": [LONG]}, "maximum context length is 512"),
        ("/rerank", {"query": "a"}, "Field required"),
        ("/rerank", {"documents": ["a"]}, "Field required"),
        ("/rerank", {"query": "a", "documents": []}, "At least one text_pair element"),
        ("/rerank", {"query": "a", "documents": ["a"], "top_n": "1"}, "valid integer"),
        ("/pooling", {"input": "a", "task": "token_embed"}, "--pooler-config.task token_embed"),
        ("/pooling", {"input": "a", "task": "classify"}, "Unsupported task: 'classify'"),
        ("/pooling", {"input": "a", "task": "nix"}, "Input should be 'embed', 'classify'"),
    ],
)
def test_what_cannot_be_compared_is_refused(embed, path, body, words):
    status, message = refusal(embed, path, **body)
    assert (status, words in message) == (400, True), message


def test_pooling_gives_the_same_vectors(embed):
    for task in ({}, {"task": "embed"}):
        body = {"model": MODEL, "input": ["a", "b"], **task}
        rows = embed.post("/pooling", json=body).json()["data"]
        assert np.array_equal(np.array([r["data"] for r in rows], "f4"), vectors(embed, ["a", "b"]))


def test_texts_are_counted_as_prompts_without_an_answer(embed):
    def counts():
        names = ("vllm:prompt_tokens_total", "vllm:request_success_total")
        return [value(embed, name) for name in names]

    before = counts()
    read = embed.post("/v1/embeddings", json={"model": MODEL, "input": ["a b c"] * 40}).json()
    tokens, ended = (now - was for now, was in zip(counts(), before, strict=True))
    assert tokens >= read["usage"]["prompt_tokens"]
    assert ended >= 40
    assert value(embed, "vllm:generation_tokens_total") == 0
    assert value(embed, "vllm:request_params_max_tokens_count") == 0


def asked(role, body):
    """What a server of a role answers, in this process."""

    async def main() -> httpx.Response:
        transport = httpx.ASGITransport(application(Demo(role, past=0.0)))
        async with httpx.AsyncClient(transport=transport, base_url="http://demo") as client:
            return await client.post("/v1/embeddings", json=body)

    return asyncio.run(main())


def test_a_model_made_for_it_gives_shorter_vectors():
    role = replace(ROLES[-1], matryoshka=True)
    short = asked(role, {"input": "a cat", "dimensions": 64}).json()["data"][0]["embedding"]
    assert np.allclose(short, unit(hashed("a cat", 384)[:64]), atol=1e-6)
    for wrong in (0, -1, 385):
        assert asked(role, {"input": "a cat", "dimensions": wrong}).status_code == 400


def test_a_full_queue_is_said_to_be_full():
    role = replace(ROLES[-1], limits=replace(ROLES[-1].limits, max_queued=1))
    answer = asked(role, {"input": ["a"] * 200})
    assert answer.status_code == 503
    assert "busy" in answer.json()["error"]["message"]
