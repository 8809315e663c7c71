"""Whether an answer has its form, and that no form or answer can make the check run away."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.chat.settings import KINDS
from lib.chat.structured import check
from tests.support.cost import cost

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "pattern": "^[A-Z]"}, "age": {"type": "integer"}},
    "required": ["name"],
    "additionalProperties": False,
}


def against(schema, value):
    return check("json", json.dumps(schema), json.dumps(value))


def test_an_answer_that_keeps_to_the_schema_passes():
    assert against(PERSON, {"name": "Ada", "age": 36}).passed is True


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"name": "Ada", "age": "old"}, "at age: 'old' is not of type 'integer'"),
        ({"age": 3}, "as a whole: 'name' is a required property"),
        ({"name": "ada"}, "at name: 'ada' does not match"),
        ({"name": "Ada", "x": 1}, "as a whole: Additional properties"),
        ([], "as a whole: [] is not of type 'object'"),
    ],
)
def test_a_broken_schema_is_told_with_its_place(value, words):
    found = against(PERSON, value)
    assert found.passed is False
    assert words in found.sentence


def test_more_than_one_fault_is_counted():
    assert "There are 2 more." in against({"items": {"type": "null"}}, [1, 2, 3]).sentence


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ('{"name": "A', "no JSON"),
        ('```json\n{"name": "Ada"}\n```', "Markdown fence"),
        ('{"name": NaN}', "no JSON"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_what_is_no_json_fails(text, words):
    found = check("json", json.dumps(PERSON), text)
    assert found.passed is False
    assert words in found.sentence


def test_any_object_is_enough_where_any_is_asked_for():
    assert check("json_object", "", '{"a": 1}').passed is True
    assert check("json_object", "", "[1]").passed is False


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "elephant"}, "schema itself is wrong"),
        ({"$ref": "https://example.org/schema.json"}, "nothing is fetched"),
        ({"$ref": "file:///etc/passwd"}, "nothing is fetched"),
        ({"$ref": "#"}, "cannot be followed"),
        ({"patternProperties": {"(a+)+$": {}}}, "by pattern"),
        ({"additionalProperties": {"pattern": "(a|aa)+$"}}, "too long"),
        ({"additionalProperties": {"pattern": "("}}, "cannot be read"),
    ],
)
def test_what_cannot_be_checked_neither_passes_nor_fails(schema, words):
    found = against(schema, {"x": "a" * 60 + "b"})
    assert found.passed is None
    assert words in found.sentence


def test_a_schema_that_doubles_at_each_step_ends_soon():
    steps = {f"s{n}": {"allOf": [{"$ref": f"#/$defs/s{n + 1}"}] * 2} for n in range(40)}
    schema = {"$defs": {**steps, "s40": {"type": "integer"}}, "$ref": "#/$defs/s0"}
    seconds, found = cost(lambda: against(schema, 1))
    assert (found.passed, "too many steps" in found.sentence) == (None, True)
    assert seconds < 20


def test_many_items_that_must_differ_are_not_compared_with_each_other():
    assert against({"uniqueItems": True}, [[n] for n in range(3_000)]).passed is None
    assert against({"uniqueItems": True}, [1, 1]).passed is False
    assert against({"uniqueItems": False}, [1] * 3_000).passed is True


def test_an_expression_must_match_the_whole_answer():
    assert check("regex", r"\d{3}", "123").passed is True
    assert check("regex", r"\d{3}", "1234").passed is False
    assert check("regex", "(", "x").passed is None
    slow = check("regex", "(a|aa)+$", "a" * 80 + "b")
    assert (slow.passed, "too long" in slow.sentence) == (None, True)


def test_a_choice_must_be_met_to_the_letter():
    assert check("choice", "yes\nno\n", "no").passed is True
    assert check("choice", "yes\nno\n", "maybe").passed is False
    near = check("choice", "yes\nno", " yes\n")
    assert (near.passed, "blanks" in near.sentence) == (False, True)


@pytest.mark.parametrize("kind", ["json", "regex", "choice"])
def test_a_form_that_was_not_given_is_not_checked(kind):
    assert check(kind, "  ", "x").passed is None


def test_a_grammar_is_for_the_server_and_no_form_for_nobody():
    assert "by the server only" in check("grammar", "root ::= [ab]", "a").sentence
    assert check("", "", "a").passed is None


def test_an_answer_beyond_all_bounds_is_not_looked_at():
    assert check("regex", ".*", "a" * 1_000_001).passed is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_a_value_is_what_its_own_constant_asks_for(value):
    assert against({"const": value}, value).passed is True
    assert against({"not": {"const": value}}, value).passed is False


@given(
    st.sampled_from([*KINDS]), st.text(max_size=40) | VALUES.map(json.dumps), st.text(max_size=40)
)
def test_every_form_and_answer_is_told_in_one_short_sentence(kind, spec, text):
    found = check(kind, spec, text)
    assert 0 < len(found.sentence) < 500
    assert found.sentence.endswith(".")
