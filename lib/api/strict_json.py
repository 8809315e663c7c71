"""JSON of servers, read strictly: no NaN, no infinity, no abyss; and typed fields out of it.

This module alone decides what JSON is acceptable. A reader asks for a field by name and kind and
gets that kind, or `Unfit` says which field is not what it should be. Sizes are capped before.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from lib.api.errors import Reason, Unfit

__all__ = [
    "Json",
    "boolean",
    "encode",
    "inside",
    "integer",
    "items",
    "optional_integer",
    "read_json",
    "record",
    "text",
]

Json = Any  # what `json.loads` gives: None, bool, int, float, str, list or dict of these
_DEEPEST = 64
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_BIGGEST = 2**63


def read_json(body: bytes) -> Json:
    """The value of a JSON text.

    Raises:
        Unfit: it is empty, not UTF-8, not JSON, nested deeper than 64, or holds NaN or infinity.
    """
    if not body.strip():
        raise Unfit(Reason.EMPTY, "the body is empty")
    _check_depth(body)
    try:
        value = json.loads(
            body.decode("utf-8-sig"), parse_constant=_no_constant, parse_float=_float
        )
    except (ValueError, RecursionError) as error:
        raise Unfit(Reason.NOT_JSON, str(error)) from None
    return _without_lone_surrogates(value) if _SURROGATE.search(body) else value


def encode(body: Mapping[str, Json]) -> bytes:
    """A request's body, compact.

    Raises:
        ValueError: it holds NaN, infinity, or text that is no Unicode.
    """
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def record(value: Json, what: str = "the answer") -> dict[str, Json]:
    """An object."""
    if not isinstance(value, dict):
        _unfit(what, "an object")
    return value


def inside(value: Json, *names: str) -> dict[str, Json]:
    """The object that lies under these names; an empty one where one of them is not there."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def items(value: Mapping[str, Json], name: str) -> list[Json]:
    """A list by name."""
    found = value.get(name)
    if not isinstance(found, list):
        _unfit(name, "a list")
    return found


def text(value: Mapping[str, Json], name: str) -> str:
    """A text by name."""
    found = value.get(name)
    if not isinstance(found, str):
        _unfit(name, "a text")
    return found


def boolean(value: Mapping[str, Json], name: str) -> bool:
    """True or false by name."""
    found = value.get(name)
    if not isinstance(found, bool):
        _unfit(name, "true or false")
    return found


def integer(value: Json, what: str) -> int:
    """A whole number that fits in 64 bits."""
    if isinstance(value, bool) or not isinstance(value, int) or not -_BIGGEST <= value < _BIGGEST:
        _unfit(what, "a whole number")
    return value


def optional_integer(value: Mapping[str, Json], name: str) -> int | None:
    """A whole number by name; None where it is absent or null."""
    found = value.get(name)
    return None if found is None else integer(found, name)


def _unfit(what: str, kind: str) -> NoReturn:
    raise Unfit(Reason.WRONG_SHAPE, f"{what} is not {kind}")


def _check_depth(body: bytes) -> None:
    """Refuse before parsing: the parser's own limit depends on the caller's stack.

    A pass takes away the innermost pairs: what is left after so many passes is deeper. No loop over
    single bytes, for this runs in the watcher's event loop.
    """
    if body.count(b"[") + body.count(b"{") <= _DEEPEST:
        return
    pairs = _without_texts(body).translate(_ONE_KIND, _NO_BRACKET)
    if pairs.count(b"[") != pairs.count(b"]"):
        raise Unfit(Reason.NOT_JSON, "its brackets do not match")
    for _ in range(_DEEPEST):
        pairs = pairs.replace(b"[]", b"")
        if not pairs:
            return
    raise Unfit(Reason.NOT_JSON, f"it is nested deeper than {_DEEPEST}")


def _without_texts(body: bytes) -> bytes:
    """What stands outside of quotes; escapes go first, in pairs, so that a quote is one."""
    bare = body.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in body else body
    return b"".join(bare.split(b'"')[::2])


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"it holds {name}, which is no JSON number")


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("it holds a number beyond every bound")
    return value


def _without_lone_surrogates(value: Json) -> Json:
    """Half characters, which no UTF-8 sink can take, become U+FFFD."""
    dumped = json.dumps(value, ensure_ascii=False)
    return json.loads(dumped.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))
