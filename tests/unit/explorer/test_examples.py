"""Every example is small, and of a form that the real servers take."""

import json
from pathlib import Path

import pytest

from lib.explorer.examples import About, example, fitting, made_up
from tests.unit.explorer.described import body_of

RECORDINGS = Path(__file__).parents[2] / "recordings"
ABOUT = About("m", tasks=frozenset({"generate"}))


def recorded():
    for name in ("openapi.json", "openapi_embed.json"):
        document = json.loads((RECORDINGS / name).read_text())
        for path in document["paths"]:
            if body := body_of(document, "POST", path):
                yield pytest.param(path, body, id=f"{name[:-5]} {path}")


BODIES = list(recorded())


@pytest.mark.parametrize(("path", "body"), BODIES)
def test_every_route_of_the_real_servers_with_a_body_has_an_example_that_fits(path, body):
    found = example(path, ABOUT)
    shape = fitting(body, found)
    assert found["model"] == "m"
    assert all(shape.field(name) for name in found), path
    assert all(one.name in found for one in shape.fields if one.is_required)
    assert len(json.dumps(found)) < 600


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/responses"])
def test_what_generates_has_a_cap_and_no_randomness(path):
    found = example(path, ABOUT)
    assert found.get("max_tokens", found.get("max_output_tokens")) <= 32
    assert found["temperature"] == 0
    assert "stream" not in found


def test_a_text_to_tokenize_is_spelt_as_the_server_spells_it():
    assert "prompt" in example("/tokenize", About("m"))
    told = example("/v1/tokenize", About("m", text="text"))
    assert set(told) == {"model", "text"}


def test_an_invocation_is_one_of_what_the_server_does():
    assert "messages" in example("/invocations", ABOUT)
    for task, field in (("embed", "input"), ("classify", "input"), ("score", "documents")):
        assert field in example("/invocations", About("m", tasks=frozenset({task})))


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/abort_requests", {"request_ids"}),
        ("/inference/v1/abort_requests", {"request_ids"}),
        ("/adapters", {"name", "src"}),
        ("/scale_elastic_ep", {"new_data_parallel_size", "drain_timeout"}),
    ],
)
def test_what_a_server_reads_without_describing_it_has_an_example_too(path, names):
    assert set(example(path, ABOUT)) == names


def test_without_a_model_none_is_named_and_an_unknown_route_has_no_example():
    assert "model" not in example("/v1/embeddings", About())
    assert example("/version", ABOUT) is None


@pytest.mark.parametrize(("path", "body"), BODIES)
def test_a_made_up_body_has_all_that_is_required(path, body):
    for shape in body.shapes:
        found = made_up(shape, ABOUT)
        assert {one.name for one in shape.fields if one.is_required} <= set(found)
        assert found["model"] == "m"
        json.dumps(found)
