"""What is typed into a form, and the body that goes out for it."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.explorer.filling import filled, guessed, read, read_body, written
from lib.explorer.schema import UNSET, Field, Kind, Shape

_VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(min_size=1).filter(str.strip),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.text(min_size=1, max_size=9), _VALUES, max_size=5))
def test_a_body_comes_back_from_its_form_as_it_was(body):
    shape = guessed(body)
    typed = {name: written(value) for name, value in body.items()}
    again, troubles = filled(shape, typed, {})
    assert not troubles
    assert again == body
    assert all(type(again[name]) is type(body[name]) for name in body)


_ANY = _VALUES | st.none() | st.sampled_from(["", "  ", "[1, 2]", '{"a": 1}', "null", "5"])
_ROWS = st.dictionaries(st.text(min_size=1, max_size=9), st.tuples(st.sampled_from(Kind), _ANY))


@given(_ROWS)
def test_a_form_that_nobody_touches_changes_nothing_whatever_its_fields(rows):
    shape = Shape("", tuple(Field(name, kind) for name, (kind, _) in rows.items()))
    body = {name: value for name, (_, value) in rows.items()}
    for typed in ({name: written(value) for name, value in body.items()}, {}):
        again, troubles = filled(shape, typed, body)
        assert not troubles
        assert again == body
        assert all(again[name] is value for name, value in body.items())


def test_what_is_typed_anew_is_read_anew():
    shape = Shape("", (Field("input", Kind.EITHER), Field("stop", Kind.JSON)))
    before = {"input": "[1, 2]", "stop": None}
    assert filled(shape, {"input": "[1, 3]", "stop": ""}, before)[0]["input"] == [1, 3]
    assert filled(shape, {"input": "", "stop": "["}, before)[0] == {}
    assert filled(shape, {"input": "", "stop": "[1]"}, before)[0] == {"stop": [1]}


def test_an_empty_field_is_not_sent():
    shape = guessed({"a": 1, "b": "x", "c": True})
    assert filled(shape, {"a": "", "b": " ", "c": "false"}, {}) == ({"c": False}, ())
    for kind in Kind:
        assert read(Field("it", kind), "  ") is UNSET


def test_a_text_is_sent_as_it_is_typed():
    assert read(Field("it", Kind.TEXT), " [1, 2] ") == " [1, 2] "
    assert read(Field("it", Kind.TEXT), "null") == "null"


def test_text_or_json_is_json_where_it_is_a_list_or_an_object():
    either = Field("prompt", Kind.EITHER)
    assert read(either, "[1, 2]") == [1, 2]
    assert read(either, "5") == "5"
    assert read(either, "[draft] a title") == "[draft] a title"
    assert read(either, "[NaN]") == "[NaN]"


def test_a_choice_keeps_the_type_of_what_was_listed():
    field = Field("it", Kind.CHOICE, choices=(1, "1.5", True))
    assert read(field, "1") == 1
    assert read(field, "true") is True
    assert read(field, "1.5") == "1.5"


@pytest.mark.parametrize(
    ("kind", "typed", "words"),
    [
        (Kind.INTEGER, "1.5", "n is a whole number."),
        (Kind.INTEGER, "true", "n is a whole number."),
        (Kind.NUMBER, '"1"', "n is a number."),
        (Kind.FLAG, "1", "n is true or false."),
        (Kind.JSON, "{", "n is no JSON: "),
        (Kind.NUMBER, "NaN", "n is no JSON that can be sent."),
        (Kind.NUMBER, "1e999", "n is no JSON that can be sent."),
        (Kind.JSON, r'{"a": "\ud83c"}', "n is no JSON that can be sent."),
        (Kind.JSON, "[" * 100_000, "n is no JSON"),
    ],
)
def test_what_is_not_of_its_kind_is_said_in_a_sentence(kind, typed, words):
    with pytest.raises(ValueError, match="^" + words.replace(".", r"\.")):
        read(Field("n", kind), typed)


def test_a_form_says_all_its_troubles_and_keeps_what_it_has_no_field_for():
    shape = Shape("", (Field("a", Kind.INTEGER), Field("b", Kind.FLAG), Field("model", Kind.TEXT)))
    body, troubles = filled(shape, {"a": "x", "b": "y", "model": "m"}, {"odd": [1], "a": 7})
    assert body == {"model": "m", "odd": [1]}
    assert len(troubles) == 2
    assert list(body) == ["model", "odd"]


def test_a_body_typed_as_json_is_one_object():
    assert read_body("  ") == {}
    assert read_body('{"a": 1}') == {"a": 1}
    for typed in ("[1]", "1", '"a"'):
        with pytest.raises(ValueError, match="one JSON object"):
            read_body(typed)
    assert read_body(r'{"a": "\ud83c\udf89", "b": 1e9}') == {"a": "🎉", "b": 1e9}
    for typed in (r'{"a": "\ud83c"}', '{"a": [-1e999]}'):
        with pytest.raises(ValueError, match="The body is no JSON that can be sent"):
            read_body(typed)
    with pytest.raises(ValueError, match="line 1, column 2"):
        read_body("{a}")
    with pytest.raises(ValueError, match="at most 900,000"):
        read_body(" " * 1_000_000 + "{}")
    assert not math.isnan(json.loads(written(1e300)))
