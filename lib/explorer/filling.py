"""A body and the texts of a form that stand for it.

Pure. Decided here: how a value is written into a field and read back, and that an empty field is
not sent at all: what a server does by itself is its own affair. A text goes out as it is typed, and
what nobody has touched stays what it was: several values look alike in a field.
"""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Never

from lib.api.strict_json import Json
from lib.explorer.schema import UNSET, Field, Kind, Shape

__all__ = ["filled", "guessed", "read", "read_body", "written"]

_LONGEST = 900_000
"""Characters of a body that are read; the client sends a megabyte at most."""


def written(value: Json) -> str:
    """A value as it is typed: a text as it is, all else as JSON; nothing for nothing."""
    if value is UNSET or value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def read(field: Field, typed: str) -> Json:
    """What a field says; UNSET where it is empty.

    Raises:
        ValueError: it says nothing of its kind; the message is for people.
    """
    if not typed.strip():
        return UNSET
    if field.kind in (Kind.TEXT, Kind.FILE):
        return typed
    if field.kind is Kind.CHOICE:
        return next((one for one in field.choices if written(one) == typed), typed)
    if field.kind is Kind.EITHER:
        return _either(typed)
    value = _json(typed, field.name)
    if field.kind is Kind.INTEGER and type(value) is not int:
        raise ValueError(f"{field.name} is a whole number.")
    if field.kind is Kind.NUMBER and type(value) not in (int, float):
        raise ValueError(f"{field.name} is a number.")
    if field.kind is Kind.FLAG and type(value) is not bool:
        raise ValueError(f"{field.name} is true or false.")
    return value


def filled(
    shape: Shape, typed: Mapping[str, str], before: Mapping[str, Json]
) -> tuple[dict[str, Json], tuple[str, ...]]:
    """The body that a form makes of the one before, and what cannot be read of it, in sentences.

    What no field was shown for stays. The order is that of the form, the model first, as people
    write it.
    """
    found: dict[str, Json] = {}
    troubles = []
    for field in shape.fields:
        try:
            value = _value(field, typed.get(field.name), before.get(field.name, UNSET))
        except ValueError as error:
            troubles.append(str(error))
        else:
            found |= {} if value is UNSET else {field.name: value}
    names = {one.name for one in shape.fields}
    found |= {name: value for name, value in before.items() if name not in names}
    first = {"model": found.pop("model")} if "model" in found else {}
    return first | found, tuple(troubles)


def _value(field: Field, typed: str | None, before: Json) -> Json:
    """What a field says; what was there before, while it still says that, or is not shown."""
    return before if typed is None or typed == written(before) else read(field, typed)


def read_body(typed: str) -> dict[str, Json]:
    """A whole body, typed as JSON.

    Raises:
        ValueError: it is no JSON object; the message is for people.
    """
    if len(typed) > _LONGEST:
        raise ValueError(f"A body has at most {_LONGEST:,} characters.")
    found = _json(typed, "The body") if typed.strip() else {}
    if isinstance(found, dict):
        return found
    raise ValueError("The body is one JSON object, in braces.")


def guessed(body: Mapping[str, Json]) -> Shape:
    """The fields of a body whose description is not known, by their values."""
    return Shape("", tuple(Field(name, _kind(value)) for name, value in body.items()))


def _kind(value: Json) -> Kind:
    if isinstance(value, bool):
        return Kind.FLAG
    if isinstance(value, int):
        return Kind.INTEGER
    if isinstance(value, float):
        return Kind.NUMBER
    return Kind.TEXT if isinstance(value, str) else Kind.JSON


def _either(typed: str) -> Json:
    """JSON where it is a list or an object, else the text itself."""
    if typed.lstrip()[:1] not in ("[", "{"):
        return typed
    try:
        return _loaded(typed)
    except (ValueError, RecursionError):
        return typed


def _json(typed: str, what: str) -> Json:
    try:
        return _loaded(typed)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"{what} is no JSON: {error.msg} at {place}.") from None
    except (ValueError, RecursionError):
        raise ValueError(f"{what} is no JSON that can be sent.") from None


def _loaded(typed: str) -> Json:
    """What is typed as JSON; no number is endless, and no character in it is half of one."""
    found = json.loads(typed, parse_constant=_refuse, parse_float=_finite)
    json.dumps(found, ensure_ascii=False).encode()
    return found


def _finite(figure: str) -> float:
    found = float(figure)
    return found if isfinite(found) else _refuse(figure)


def _refuse(name: str) -> Never:
    raise ValueError(f"{name} is no JSON number")
