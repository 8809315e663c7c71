import json

import pytest

from lib.api.described import is_description, requests, routes
from lib.api.routes import Route
from tests.support.faulty import RECORDINGS

RECORDED = json.loads((RECORDINGS / "openapi.json").read_bytes())


def fields(description, name="ChatCompletionRequest"):
    return requests(description)["components"]["schemas"][name]["properties"]


def of_chat(**listed):
    return {"components": {"schemas": {"ChatCompletionRequest": {"properties": listed}}}}


def test_a_recorded_description_is_read():
    assert is_description(RECORDED)
    assert {Route.OPENAPI, Route.CHAT, Route.COMPLETIONS, Route.MODELS} <= routes(RECORDED)
    assert Route.DEBUG_CONFIG not in routes(RECORDED)
    assert fields(RECORDED)["ignore_eos"] == {"default": False}
    assert fields(RECORDED)["temperature"] == {}
    assert "reasoning_effort" not in fields(RECORDED, "CompletionRequest")
    kept = json.dumps(requests(RECORDED))
    assert len(kept) < len(json.dumps(RECORDED)) / 20


def test_only_numbers_and_flags_are_kept_of_defaults():
    told = of_chat(a={"default": [1] * 9}, b={"default": "x" * 999}, c={"default": 2}, d=7)
    assert fields(told) == {"a": {}, "b": {}, "c": {"default": 2}, "d": {}}


def test_fields_are_bounded():
    assert len(fields(of_chat(**{f"f{n}": {} for n in range(2_000)}))) == 500


@pytest.mark.parametrize("odd", [{}, {"paths": []}, {"paths": {"/docs": {}}}, {"components": 1}])
def test_what_describes_no_model_server_is_none(odd):
    assert not is_description(odd)
    assert fields(odd) == {}
    assert routes(odd) == {Route.OPENAPI}
