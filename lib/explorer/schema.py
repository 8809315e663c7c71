"""The fields of a route, as a server's own OpenAPI description tells them.

Pure. Decided here: what of a schema becomes a field of a form, and of what kind. A description is a
server's own words: it may be cut, circular or nonsense; whatever cannot be read is left out, and a
field that is none of the simple kinds is typed as JSON.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from itertools import islice
from typing import Literal

from lib.api.strict_json import Json, inside

__all__ = ["UNSET", "Body", "Field", "Kind", "Shape", "body_of", "field_of"]

_MOST_FIELDS, _MOST_CHOICES, _MOST_SHAPES = 300, 100, 12
_NAME, _ABOUT, _DEFAULT = 80, 600, 2_000
_DEEPEST = 6
"""References that lead to references; a circle of them is no schema."""
_MOST_LOOKS = 20_000
"""References of one body, and the members of what they lead to: vLLM's largest takes 615."""
_BIG = 2.0**53
_WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
}
_SAYS_NOTHING = {"title", "description", "default", "examples"}
_MANY = {"text": "texts", "number": "numbers", "whole number": "whole numbers", "object": "objects"}


class Unset(Enum):
    """No default is told, which is not the same as null."""

    UNSET = "unset"


UNSET: Literal[Unset.UNSET] = Unset.UNSET


class Kind(Enum):
    """How a field is filled in."""

    TEXT = "text"
    INTEGER = "whole number"
    NUMBER = "number"
    FLAG = "true or false"
    CHOICE = "one of a few"
    EITHER = "text or JSON"
    JSON = "JSON"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body, or one parameter. `type` is what it takes, in words."""

    name: str
    kind: Kind
    is_required: bool = False
    default: Json = UNSET
    choices: tuple[Json, ...] = ()
    low: float | None = None
    high: float | None = None
    about: str = ""  # the server's own words
    type: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """One form of a body, required fields first; a route may take several."""

    name: str
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field | None:
        """The field of that name."""
        return next((one for one in self.fields if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Body:
    """What a route takes: JSON, or a form with a file."""

    shapes: tuple[Shape, ...]
    is_form: bool = False


class _Document:
    """What references lead to, and how much more of it is looked at: a circle may branch."""

    def __init__(self, schemas: Mapping[str, Json]) -> None:
        self._whole = {"components": {"schemas": schemas}}
        self._left = _MOST_LOOKS

    def look(self, target: str) -> dict[str, Json]:
        """What a reference leads to; nothing once enough has been seen."""
        if self._left <= 0:
            return {}
        found = inside(self._whole, *target.removeprefix("#/").split("/"))
        self._left -= 1 + len(found)
        return found


def body_of(schema: Json, schemas: Mapping[str, Json], *, is_form: bool = False) -> Body | None:
    """The body of a schema whose references lead to `schemas`; None where it tells no field."""
    document = _Document(schemas)
    listed = islice(_alternatives(document, schema), _MOST_SHAPES)
    shapes = (_shape(document, one, is_form=is_form) for one in listed)
    found = tuple(shape for shape in shapes if shape.fields)
    return Body(found, is_form) if found else None


def field_of(
    name: str, schema: Json, schemas: Mapping[str, Json], *, is_required: bool = False
) -> Field:
    """A part of a path or of a query."""
    document = _Document(schemas)
    return _field(document, name, schema, is_required=is_required)


def _resolved(document: _Document, schema: Json) -> dict[str, Json]:
    """What a reference stands for, with what stands beside it."""
    found = schema if isinstance(schema, dict) else {}
    for _ in range(_DEEPEST):
        target = found.get("$ref")
        if not isinstance(target, str):
            return found
        beside = {name: value for name, value in found.items() if name != "$ref"}
        found = document.look(target) | beside
    return {}


def _alternatives(document: _Document, schema: Json, depth: int = 0) -> Iterator[dict[str, Json]]:
    """The schemas of which any one will do, without null."""
    found = _resolved(document, schema)
    listed = next((found[word] for word in ("anyOf", "oneOf") if found.get(word)), None)
    if isinstance(listed, list) and depth < _DEEPEST:
        for one in listed[:_MOST_CHOICES]:
            yield from _alternatives(document, one, depth + 1)
    elif found.get("type") != "null":
        yield _together(document, found)


def _together(document: _Document, schema: dict[str, Json]) -> dict[str, Json]:
    """A schema with all of which it is to be at once."""
    parts = schema.get("allOf")
    for one in parts[:_MOST_SHAPES] if isinstance(parts, list) else ():
        part = _resolved(document, one)
        required = [*_list(schema, "required"), *_list(part, "required")]
        fields = _fields(schema) | _fields(part)
        schema = part | schema | {"required": required, "properties": fields}
    return schema


def _list(schema: Mapping[str, Json], name: str) -> list[Json]:
    found = schema.get(name)
    return found[:_MOST_FIELDS] if isinstance(found, list) else []


def _fields(schema: Mapping[str, Json]) -> dict[str, Json]:
    return dict(islice(inside(schema, "properties").items(), _MOST_FIELDS))


def _shape(document: _Document, schema: dict[str, Json], *, is_form: bool) -> Shape:
    required = {one for one in _list(schema, "required") if isinstance(one, str)}
    fields = [
        _field(document, name, about, is_required=name in required)
        for name, about in _fields(schema).items()
        if 0 < len(name) <= _NAME
    ]
    if not is_form:  # bytes travel as text in JSON
        fields = [_typed(one) if one.kind is Kind.FILE else one for one in fields]
    title = schema.get("title")
    name = title[:_NAME] if isinstance(title, str) else ""
    return Shape(name, tuple(sorted(fields, key=lambda one: not one.is_required)))


def _typed(field: Field) -> Field:
    return replace(field, kind=Kind.EITHER if " or " in field.type else Kind.TEXT)


def _field(document: _Document, name: str, about: Json, *, is_required: bool) -> Field:
    told = _resolved(document, about)
    ways = list(islice(_alternatives(document, told), _MOST_CHOICES))
    choices = _choices(ways)
    kind = Kind.CHOICE if choices else _kind(ways)
    words = told.get("description")
    return Field(
        name,
        kind,
        is_required,
        _default(told),
        choices,
        _bound(ways, "minimum"),
        _bound(ways, "maximum"),
        " ".join(words.split())[:_ABOUT] if isinstance(words, str) else "",
        _type(document, ways),
    )


def _default(told: Mapping[str, Json]) -> Json:
    """What it is without being told; nothing that is too long for a form."""
    found = told.get("default", UNSET)
    if isinstance(found, list | dict):  # those of vLLM are empty
        return UNSET if found else found
    return UNSET if isinstance(found, str) and len(found) > _DEFAULT else found


def _choices(ways: list[dict[str, Json]]) -> tuple[Json, ...]:
    """The values that are listed, where nothing but those will do."""
    found: list[Json] = []
    for one in ways:
        listed = [one["const"]] if "const" in one else _list(one, "enum")
        if not listed:
            return ()
        found += [value for value in listed if isinstance(value, str | int | float | bool)]
    return tuple(dict.fromkeys(found[:_MOST_CHOICES]))


def _kind(ways: list[dict[str, Json]]) -> Kind:
    types = {kind if isinstance(kind := one.get("type"), str) else "" for one in ways}
    if any(one.get("format") == "binary" or "contentMediaType" in one for one in ways):
        return Kind.FILE
    simple = {
        frozenset({"string"}): Kind.TEXT,
        frozenset({"integer"}): Kind.INTEGER,
        frozenset({"number"}): Kind.NUMBER,
        frozenset({"integer", "number"}): Kind.NUMBER,
        frozenset({"boolean"}): Kind.FLAG,
    }.get(frozenset(types))
    if simple:
        return simple
    is_open = any(set(one) <= _SAYS_NOTHING for one in ways)
    return Kind.EITHER if "string" in types or is_open else Kind.JSON


def _bound(ways: list[dict[str, Json]], which: str) -> float | None:
    """A bound that every way has; those of 64 bits say nothing to a person."""
    told: list[Json] = [one.get(which) for one in ways]
    bounds = [float(one) for one in told if type(one) in (int, float) and abs(one) < _BIG]
    if len(bounds) != len(ways) or not bounds:
        return None
    return min(bounds) if which == "minimum" else max(bounds)


def _type(document: _Document, ways: list[dict[str, Json]], depth: int = 0) -> str:
    """What it takes, in words: "text or list of whole numbers"."""
    words = dict.fromkeys(_word(document, one, depth) for one in ways)
    return " or ".join(words) if len(words) <= _DEEPEST else "one of several kinds"


def _word(document: _Document, schema: dict[str, Json], depth: int) -> str:
    kind = schema.get("type")
    if kind == "array":
        if depth > 2:
            return "list"
        ways = list(islice(_alternatives(document, schema.get("items")), _MOST_CHOICES))
        inner = _type(document, ways, depth + 1) if ways else ""
        return f"list of {_many(inner)}" if inner and inner != "anything" else "list"
    if kind is None and "properties" in schema:
        return "object"
    return _WORDS.get(kind, "anything") if isinstance(kind, str) else "anything"


def _many(words: str) -> str:
    """Several of it: "texts", "lists of numbers"."""
    if words.startswith("list"):
        return "lists" + words.removeprefix("list")
    return " or ".join(_MANY.get(one, one) for one in words.split(" or "))
