import pytest

from lib.api import BadRequest, Denied, NotOffered, Reason, Refused, Route, ServerFault, Unreachable
from lib.api.errors import refusal

SERVER = "http://10.0.0.5:8000"


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("route", [Route.METRICS, Route.SERVER_INFO, Route.DEBUG_STATS, None])
def test_every_reason_has_one_plain_sentence_with_the_server_and_what_to_do(reason, route):
    refused = refusal(reason, SERVER, route=route)
    assert isinstance(refused, Refused)
    assert type(refused) is not Refused
    sentence = refused.sentence
    assert SERVER in sentence
    assert sentence.endswith(".")
    assert sentence.count("; ") >= 1
    assert "{" not in sentence
    assert str(refused) == sentence
    assert len(sentence) < 260


def test_the_tree_is_split_by_fault():
    kinds = {reason: type(refusal(reason, SERVER)) for reason in Reason}
    assert kinds[Reason.TIMEOUT] is Unreachable
    assert kinds[Reason.KEY_NEEDED] is Denied
    assert kinds[Reason.NO_TASK] is NotOffered
    assert kinds[Reason.ENGINE_DEAD] is ServerFault
    assert kinds[Reason.UNKNOWN_MODEL] is BadRequest


def test_an_absent_route_is_told_with_what_would_show_it():
    def sentence(route):
        return refusal(Reason.NO_ROUTE_THERE, SERVER, route=route).sentence

    assert "vLLM 0.10.0 or later with --enable-tokenizer-info-endpoint" in sentence(
        Route.TOKENIZER_INFO
    )
    assert "no vLLM release does: use /tokenize" in sentence(Route.V1_TOKENIZE)
    assert "check what runs there" in sentence(Route.HEALTH)
