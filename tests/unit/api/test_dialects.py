import pytest

from lib.api.dialects import DIALECTS, recognised
from lib.api.routes import Route
from lib.api.ways import Kind


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.kind.name)
def test_every_row_is_recognised_by_each_of_its_signs(dialect):
    for sign in dialect.signs:
        assert recognised(frozenset({sign, Route.MODELS}), frozenset()) is dialect
    if dialect.owner:
        assert recognised(frozenset(), frozenset({dialect.owner})) is dialect
    assert dialect.kind in dialect.tokenize.value.kinds
    assert dialect.kind in dialect.detokenize.value.kinds


def test_a_tutorial_server_that_also_has_vllms_routes_is_a_tutorial_server():
    routes = frozenset({Route.VERSION, Route.DEBUG_STATS, Route.V1_TOKENIZE})
    assert recognised(routes, frozenset({"vllm"})).kind is Kind.TUTORIAL


def test_a_stranger_is_spoken_to_as_openai_would_be():
    assert recognised(frozenset({Route.MODELS}), frozenset({"acme"})).kind is Kind.OTHER
