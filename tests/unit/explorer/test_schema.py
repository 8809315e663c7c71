"""Forms out of real descriptions, and out of nonsense."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.explorer.schema import UNSET, Kind, field_of
from lib.explorer.schema import body_of as read_body
from tests.unit.explorer.described import body_of, schemas_of

RECORDINGS = Path(__file__).parents[2] / "recordings"


def recorded(name):
    return json.loads((RECORDINGS / name).read_text())


@pytest.fixture(scope="module")
def chat():
    return recorded("openapi.json")


@pytest.fixture(scope="module")
def embed():
    return recorded("openapi_embed.json")


def field(schema, **schemas):
    whole = {"type": "object", "properties": {"it": schema}}
    return read_body(whole, schemas).shapes[0].field("it")


def test_every_body_of_the_real_servers_becomes_a_form(chat, embed):
    for document in (chat, embed):
        for path, methods in document["paths"].items():
            for method, about in methods.items():
                body = body_of(document, method, path)
                assert (body is not None) == ("requestBody" in about), path
                for shape in body.shapes if body else ():
                    assert shape.name.endswith("Request")
                    assert all(one.type for one in shape.fields)


def test_a_completion_has_the_fields_of_the_release_with_kinds_and_defaults(chat):
    (shape,) = body_of(chat, "POST", "/v1/completions").shapes
    assert len(shape.fields) == 55
    kinds = {name: shape.field(name).kind for name in ("prompt", "max_tokens", "echo", "top_p")}
    assert kinds == {
        "prompt": Kind.EITHER,
        "max_tokens": Kind.INTEGER,
        "echo": Kind.FLAG,
        "top_p": Kind.NUMBER,
    }
    assert shape.field("max_tokens").default == 16
    assert shape.field("top_p").default is UNSET
    assert shape.field("truncation_side").choices == ("left", "right")
    assert shape.field("truncate_prompt_tokens").low == -1
    assert shape.field("seed").low is None  # that of 64 bits says nothing
    assert shape.field("prompt_embeds").kind is Kind.EITHER
    assert "list of whole numbers" in shape.field("prompt").type


def test_a_route_that_takes_several_bodies_has_a_form_for_each(embed):
    body = body_of(embed, "POST", "/score")
    assert [shape.fields[1].name for shape in body.shapes] == [
        "documents",
        "items",
        "data_2",
        "text_2",
    ]
    assert all(shape.fields[0].is_required for shape in body.shapes)


def test_a_part_of_a_query_is_a_field_too(chat):
    told = chat["paths"]["/v1/responses/{response_id}"]["get"]["parameters"]
    fields = [field_of(one["name"], one["schema"], schemas_of(chat)) for one in told]
    kinds = {one.name: one.kind for one in fields}
    assert kinds == {"response_id": Kind.TEXT, "starting_after": Kind.INTEGER, "stream": Kind.FLAG}
    assert field_of("a", "nonsense", {}, is_required=True).is_required


def test_a_file_is_one_in_a_form_only():
    schema = {"properties": {"file": {"type": "string", "format": "binary"}}}
    assert read_body(schema, {}).shapes[0].field("file").kind is Kind.TEXT
    body = read_body(schema, {}, is_form=True)
    assert body.is_form
    assert body.shapes[0].field("file").kind is Kind.FILE


def test_references_are_followed_and_what_stands_beside_them_counts():
    found = field({"$ref": "#/components/schemas/A", "default": "b"}, A={"enum": ["a", "b"]})
    assert (found.kind, found.choices, found.default) == (Kind.CHOICE, ("a", "b"), "b")


def test_all_of_several_is_one_form():
    part = {"properties": {"a": {"type": "string"}}, "required": ["a"]}
    whole = {
        "allOf": [{"$ref": "#/components/schemas/A"}, {"properties": {"b": {"type": "integer"}}}]
    }
    (shape,) = read_body(whole, {"A": part}).shapes
    assert [(one.name, one.is_required) for one in shape.fields] == [("a", True), ("b", False)]


def test_where_anything_will_do_a_text_is_one_and_json_is_json(chat):
    (shape,) = body_of(chat, "POST", "/v1/systemone").shapes
    assert (shape.field("state").kind, shape.field("state").type) == (Kind.EITHER, "anything")


def test_a_circle_of_references_is_no_field_of_any_simple_kind():
    around = {"$ref": "#/components/schemas/A"}
    assert field(around, A=around).kind is Kind.EITHER
    nested = {"type": "array", "items": around}
    assert field(around, A=nested).type.startswith("list of lists")
    endless = {"anyOf": [around, around]}
    assert field(around, A=endless).kind is Kind.JSON  # none of its ways can be told


_AROUND = {"$ref": "#/components/schemas/A"}


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "told",
    [
        {"type": "null", "anyOf": [_AROUND] * 50},
        {"type": "array", "items": {"anyOf": [_AROUND] * 60}},
        {"enum": list(range(200_000))},
        {"allOf": [_AROUND] * 12, "required": ["a"] * 200_000},
    ],
    ids=["circle", "lists", "choices", "parts"],
)
def test_a_description_that_branches_without_end_is_read_in_a_moment(told):
    (shape,) = read_body({"properties": {f"x{n}": _AROUND for n in range(300)}}, {"A": told}).shapes
    assert len(shape.fields) == 300
    assert all(len(one.choices) <= 100 for one in shape.fields)


def test_a_default_that_is_longer_than_a_form_is_none():
    assert field({"type": "string", "default": "x" * 2_001}).default is UNSET
    assert field({"type": "string", "default": "x" * 2_000}).default == "x" * 2_000


def test_what_cannot_be_read_is_left_out():
    for nonsense in (None, [], "x", {"properties": {}}, {"properties": []}, {"anyOf": [1]}):
        assert read_body(nonsense, {}) is None
    names = {"": {}, "n" * 500: {}, "kept": "nonsense"}
    (shape,) = read_body({"properties": names}, {}).shapes
    assert [one.name for one in shape.fields] == ["kept"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["anyOf", "allOf", "$ref", "type", "enum", "properties", "items", "required", "x"]
            ),
            inner | st.sampled_from(["#/components/schemas/A", "array", "string", "object"]),
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(_JSON, _JSON)
def test_no_description_makes_it_fall(schema, other):
    body = read_body(schema, {"A": other})
    for shape in body.shapes if body else ():
        assert all(isinstance(one.name, str) and len(one.about) <= 600 for one in shape.fields)
