"""The Tokenizer page over servers that misbehave: one sentence each, and the typed text stays."""

import json

import pytest

from lib.servers import Server, Source, normal_url
from lib.ui import tokenizers
from lib.ui.lab.answered import answered
from lib.ui.lab.packing import packed
from lib.ui.lab.typed import Typed
from lib.ui.tokenizers import Tokenizers
from tests.support.faulty import FaultServer, answer_json, empty, garbage, hang, html, recorded

TEXT = "typed and kept 你好"
ALIVE = {
    "/version": recorded("version.json"),
    "/v1/models": recorded("models.json"),
    "/openapi.json": recorded("openapi.json"),
}


def tokens(ids, pieces=None, count=None):
    told = {"count": len(ids) if count is None else count, "max_model_len": 64, "tokens": ids}
    return answer_json(told | {"token_strs": pieces})


def shown(behaviours):
    """What the page makes of it."""
    with FaultServer(ALIVE | behaviours) as server:
        asking = Tokenizers({})
        try:
            one = Server("faulty", normal_url(server.url), None, Source.ENVIRONMENT)
            return answered(asking.of(one, ""), Typed(text=TEXT))
        finally:
            asking.close()


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (hang(), "did not"),
        (empty(404), "tokenize"),
        (answer_json({"error": "no"}, 401), "key"),
        (empty(500), "failed at"),
        (html(), "web page"),
        (garbage(), "HTTP"),
        (answer_json({"tokens": "many"}), "/tokenize"),
        (tokens([-4]), "/tokenize"),
    ],
    ids=["hangs", "404", "401", "500", "html", "garbage", "nonsense", "impossible-id"],
)
def test_what_gives_no_tokens_is_one_sentence(monkeypatch, behaviour, words):
    # Only silence is to be given up soon: an answer may come late where the machine stood still.
    monkeypatch.setattr(tokenizers, "SECONDS", 1.0 if words == "did not" else 60.0)
    found = shown({"/tokenize": behaviour, "/detokenize": behaviour})
    assert found.alignment is None
    assert words.lower() in found.trouble.lower()
    assert TEXT not in found.trouble
    assert "\n" not in found.trouble
    assert found.figures.tokens is None
    assert found.figures.characters == len(TEXT)


@pytest.mark.parametrize(
    "behaviour",
    [
        tokens([1, 2, 3], ["no", "such", "text"]),
        tokens([1, 2, 3], ["one piece"]),
        tokens([2**31 - 1] * 3, ["\x00", "\u202e", "<img src=x onerror=alert(1)>"]),
    ],
    ids=["other-pieces", "too-few", "hostile-pieces"],
)
def test_pieces_that_do_not_join_to_the_text_colour_nothing(behaviour):
    found = shown({"/tokenize": behaviour, "/detokenize": answer_json({"prompt": "?"})})
    assert found.alignment is not None
    assert len(found.alignment) == 3
    assert found.trouble == ""
    assert found.remarks
    data = json.loads(json.dumps(packed(found.alignment)))
    assert data["text"] == TEXT
    assert not data["placed"] or (found.alignment.starts < 0).any()
