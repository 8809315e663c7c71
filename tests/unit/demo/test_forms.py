"""Texts made to fit: every one of them passes the check of the form that it was made for."""

import json
import random
import re

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.demo.forms import fitting
from lib.demo.patterns import matching
from lib.demo.replies import RefusalError

SCHEMAS = [
    {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name", "age"]},
    {"type": "array", "items": {"type": "integer", "minimum": 5, "maximum": 9}, "minItems": 3},
    {"enum": ["a", "b"]},
    {"const": {"x": 1}},
    {"anyOf": [{"type": "null"}, {"type": "string"}]},
    {"type": "string", "minLength": 60, "maxLength": 61},
    {"type": "string", "pattern": "^[A-Z]{2}-\\d{3}$"},
    {"type": ["number", "null"], "exclusiveMinimum": 3},
    {"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {"on": {}}}}},
    {"type": "object", "properties": {"when": {"type": "string", "format": "date"}}},
    {"type": "array", "items": {"type": "boolean"}, "maxItems": 1},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=json.dumps)
@pytest.mark.parametrize("seed", range(3))
def test_a_filled_schema_is_valid(schema, seed):
    text = fitting({"json": schema}, "the weather in Kyoto", random.Random(seed))
    jsonschema.validate(json.loads(text), schema)


def test_a_schema_may_come_as_text_and_name_itself():
    endless = {"$ref": "#"}
    assert json.loads(fitting({"json": endless}, "x", random.Random(0))) == "x"
    assert fitting({"json": json.dumps({"const": 4})}, "x", random.Random(0)) == "4"
    assert json.loads(fitting({"json_object": True}, "x", random.Random(0))) == {"answer": "x"}


@pytest.mark.parametrize(
    "form",
    [
        {"json": "{"},
        {"json": [1]},
        {"json": {"type": "nope"}},
        {"regex": "(a"},
        {"regex": 5},
        {"regex": "a(?=b)"},
        {"regex": "(a)\\1"},
        {"choice": []},
        {"choice": "yes"},
        {"grammar": "root ::= other"},
    ],
    ids=json.dumps,
)
def test_a_form_at_fault_is_refused(form):
    with pytest.raises(RefusalError) as refused:
        fitting(form, "x", random.Random(0))
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "pattern",
    [
        r"\d{3}-\d{4}",
        r"(yes|no|perhaps)",
        r"[a-f0-9]{8}",
        r"[^a-z]+",
        r"\w+@\w+\.(com|org)",
        r"^(?:a|b)*c?$",
        r"a{2,}b{,}",
        r"(?P<year>20\d\d)\.",
        r"[]x-]+",
        r".{5}",
        r"a+?b",
        r"(ab?){2}|c",
        "",
    ],
)
@pytest.mark.parametrize("seed", range(4))
def test_a_text_matches_its_pattern(pattern, seed):
    assert re.fullmatch(pattern, matching(pattern, random.Random(seed)))


@given(pattern=st.text("ab|()[]{}?*+\\d-.,2 ", max_size=12), seed=st.integers(0, 9))
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_any_pattern_is_matched_or_refused(pattern, seed):
    try:
        re.compile(pattern)
        text = matching(pattern, random.Random(seed))
    except (re.error, RefusalError):
        return
    assert re.fullmatch(pattern, text)


def test_repeats_within_repeats_end():
    with pytest.raises(RefusalError):
        matching("((((((a{9}){9}){9}){9}){9}){9}){9}", random.Random(0))


def test_choices_and_grammars_give_one_of_their_texts():
    drawn = {fitting({"choice": ["a", "b"]}, "x", random.Random(seed)) for seed in range(20)}
    assert drawn == {"a", "b"}
    assert fitting({"grammar": 'root ::= "yes" | "no"'}, "x", random.Random(0)) == "yes"
