"""Text that fits a given form: a JSON schema, a regular expression, a list of choices, a grammar.

A real engine masks the tokens that do not fit; here the text is made to fit at once. Schemas are
filled plainly: every property, the first of several alternatives, strings that name the topic.
"""

import json
import random
import re
from collections.abc import Callable, Mapping
from typing import Any

from lib.demo.patterns import matching
from lib.demo.replies import RefusalError

__all__ = ["fitting"]

DEEPEST = 12
FORMATS = {
    "date": "2026-11-22",
    "time": "12:00:00Z",
    "date-time": "2026-11-22T12:00:00Z",
    "email": "demo@example.com",
    "uri": "https://example.com/demo",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
}


def fitting(form: Mapping[str, Any], topic: str, dice: random.Random) -> str:
    """A text that fits the form, which has one kind.

    Raises:
        RefusalError: the form itself is at fault.
    """
    kind, wanted = next(iter(form.items()))
    if kind == "choice":
        return _choice(wanted, dice)
    if kind == "regex":
        return matching(_text(wanted, kind), dice)
    if kind == "grammar":
        return _grammar(_text(wanted, kind))
    schema = _schema(wanted) if kind == "json" else {"properties": {"answer": {}}}
    value = _Filler(schema, topic, dice).fill(schema, DEEPEST)
    return json.dumps(value, ensure_ascii=False)


def _bad(message: str) -> RefusalError:
    return RefusalError(400, "BadRequestError", message)


def _text(wanted: object, kind: str) -> str:
    if not isinstance(wanted, str):
        raise _bad(f"structured_outputs.{kind} must be a string")
    return wanted


def _choice(wanted: object, dice: random.Random) -> str:
    if not isinstance(wanted, list) or not wanted:
        raise _bad("structured_outputs.choice must be a list of strings, and not empty")
    return str(dice.choice(wanted))


def _grammar(text: str) -> str:
    """The first quoted text of the grammar's first rule: true for a grammar of plain answers."""
    found = re.search(r'"((?:[^"\\]|\\.)+)"', text)
    if found is None:
        raise _bad("Grammar error: no terminal found")
    return found.group(1)


def _schema(wanted: object) -> Mapping[str, Any]:
    try:
        schema = json.loads(wanted) if isinstance(wanted, str) else wanted
    except json.JSONDecodeError as error:
        raise _bad(f"Invalid JSON schema: {error}") from error
    if not isinstance(schema, dict):
        raise _bad("Invalid JSON schema: it must be an object")
    return schema


class _Filler:
    """Fills the places of one schema."""

    def __init__(self, root: Mapping[str, Any], topic: str, dice: random.Random) -> None:
        self._root = root
        self._dice = dice
        self._words = " ".join(topic.split()[:6])[:40] or "demo"

    def fill(self, schema: object, depth: int) -> object:
        if not isinstance(schema, dict) or depth < 0:
            return self._words
        if "const" in schema:
            return schema["const"]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return self._dice.choice(schema["enum"])
        for several in ("anyOf", "oneOf", "allOf"):
            if isinstance(schema.get(several), list) and schema[several]:
                return self.fill(schema[several][0], depth - 1)
        if isinstance(schema.get("$ref"), str):
            return self.fill(self._referred(schema["$ref"]), depth - 1)
        return self._typed(schema, depth)

    def _typed(self, schema: Mapping[str, Any], depth: int) -> object:
        kind = schema.get("type", "object" if "properties" in schema else "string")
        kind = kind[0] if isinstance(kind, list) and kind else kind
        makers: dict[str, Callable[[], object]] = {
            "object": lambda: self._object(schema, depth),
            "array": lambda: self._array(schema, depth),
            "integer": lambda: round(self._number(schema)),
            "number": lambda: self._number(schema),
            "boolean": lambda: self._dice.random() < 0.5,
            "null": lambda: None,
            "string": lambda: self._string(schema),
        }
        if kind not in makers:
            raise _bad(f"Grammar error: Invalid type: {kind}")
        return makers[str(kind)]()

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, object]:
        properties = schema.get("properties")
        given = properties if isinstance(properties, dict) else {}
        required = schema.get("required")
        names = [*given, *(name for name in required or () if name not in given)]
        return {str(name): self.fill(given.get(name), depth - 1) for name in names}

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[object]:
        count = max(_least(schema, "minItems"), min(2, _most(schema, "maxItems")))
        return [self.fill(schema.get("items"), depth - 1) for _ in range(count)]

    def _number(self, schema: Mapping[str, Any]) -> float:
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        high = schema.get("maximum", low + 40)
        return self._dice.randint(round(low), max(round(low), round(high)))

    def _string(self, schema: Mapping[str, Any]) -> str:
        if isinstance(schema.get("pattern"), str):
            return matching(schema["pattern"], self._dice)
        text = FORMATS.get(str(schema.get("format")), self._words)
        least = _least(schema, "minLength")
        return (text + "." * (least - len(text)))[: max(least, _most(schema, "maxLength"))]

    def _referred(self, reference: str) -> object:
        """What a reference inside the same schema points at; nothing else is looked up."""
        place: object = self._root
        for name in reference.removeprefix("#").strip("/").split("/"):
            place = place.get(name) if isinstance(place, dict) and name else place
        return place


def _least(schema: Mapping[str, Any], name: str) -> int:
    value = schema.get(name)
    return min(value, 100) if type(value) is int and value > 0 else 0


def _most(schema: Mapping[str, Any], name: str) -> int:
    value = schema.get(name)
    return value if type(value) is int and value >= 0 else 1000
