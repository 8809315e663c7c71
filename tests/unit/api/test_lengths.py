import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.api import NotOffered, VllmClient
from lib.api.lengths import may_be_over
from tests.support.demos import demo_servers
from tests.support.faulty import FaultServer, answer_json, recorded

MODEL = "demo/hashed-384"


@pytest.fixture(scope="module")
def embed():
    with demo_servers() as places:
        yield dict(place.split("=", 1) for place in places.split(","))["demo-embed"]


@given(st.text(max_size=300), st.integers(17, 600))
def test_what_surely_fits_has_fewer_bytes_than_there_are_tokens(text, limit):
    if not may_be_over(text, limit):
        spelt = unicodedata.normalize("NFKD", text)
        assert len(text.encode()) + 16 <= limit
        assert len(spelt.encode()) + 16 <= limit


def test_a_character_that_spells_a_sentence_counts_as_one():
    assert not may_be_over("a" * 30, 64)
    assert may_be_over("\ufdfa" * 2, 64)  # 3 bytes each, and 33 once it is spelt out


def test_texts_with_too_many_tokens_are_named_with_their_number(embed):
    texts = ["short", "word " * 511, "word " * 510, "你好" * 400]
    with VllmClient(embed) as client:
        found = client.too_long(texts, model=MODEL)
        counts = [client.tokenize(text, model=MODEL, strings=False).count for text in texts]
        assert found == {n: count for n, count in enumerate(counts) if count > 512}
        assert found.keys() >= {1}
        assert 2 not in found
        assert client.too_long(["one two three four"], 3, model=MODEL) == {0: 5}


def serving(models, tokenize=None):
    routes = {
        "/version": recorded("version.json"),
        "/v1/models": answer_json({"object": "list", "data": models}),
    }
    return FaultServer(routes | ({"POST /tokenize": tokenize} if tokenize else {}))


def card(name, length, parent=None):
    return {"id": name, "owned_by": "vllm", "parent": parent, "max_model_len": length}


def test_nothing_is_asked_of_a_server_that_tells_no_limit():
    with serving([card("m", None)]) as server, VllmClient(server.url, timeout=2) as client:
        assert client.too_long(["word " * 999], model="m") == {}
        assert client.too_long(["word " * 999], model="other") == {}
        assert not [seen for seen in server.seen if seen.method == "POST"]


def test_an_adapter_takes_what_its_base_takes():
    counted = answer_json({"count": 2, "tokens": [1, 2], "max_model_len": None})
    models = [card("base", 1), card("adapter", None, "base")]
    with serving(models, counted) as server, VllmClient(server.url, timeout=2) as client:
        assert client.too_long(["a"], model="adapter") == {0: 2}


def test_who_cannot_count_is_not_believed_to_have_counted():
    with (
        serving([card("m", 8)]) as server,
        VllmClient(server.url, timeout=2) as client,
        pytest.raises(NotOffered),
    ):
        client.too_long(["word " * 9], model="m")
