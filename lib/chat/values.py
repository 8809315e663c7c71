"""Values: what a person typed for a parameter, read.

Pure. Decided here: how numbers, flags and lists are typed, and the sentence for what is none of
them. A sentence completes the parameter's label: "Temperature is from 0 to 2".
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, TypeVar

from lib.api.errors import Unfit
from lib.api.strict_json import Json, read_json

__all__ = ["TINY", "Kind", "Parameter", "value"]

Number = TypeVar("Number", int, float)
Kind = Literal["number", "integer", "text", "list", "flag", "json"]
TINY = 1e-6
"""As a lower bound: more than nothing."""
_LONGEST = 20_000  # characters of one value as typed
_MOST_ITEMS = 1_000
_DIGITS = re.compile(r"[+-]?(\d+(_\d+)*|\d{1,3}(,\d{3})+)", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_BOTH = frozenset({"chat", "completions"})
_TRUTHS = {"true": True, "yes": True, "on": True, "1": True}
_TRUTHS |= {"false": False, "no": False, "off": False, "0": False}


class Parameter(NamedTuple):
    """One field of a request.

    `least` and `most` bound a number, and the number of characters or items of what is none.
    `default` is what a server does unless told. `short` names it in an address; "" for what can
    hold a person's own words, which no address carries. `items` are the numbers or texts of a list.
    """

    name: str
    label: str
    group: str
    kind: Kind
    tip: str
    default: str = ""
    least: float | None = None
    most: float | None = None
    step: float | None = None
    short: str = ""
    modes: frozenset[str] = _BOTH
    choices: tuple[str, ...] = ()
    items: Literal["", "text", "integer"] = ""

    def as_data(self) -> dict[str, Json]:
        """As the browser gets it."""
        return {**self._asdict(), "modes": sorted(self.modes), "choices": list(self.choices)}


def value(one: Parameter, text: str) -> Json:
    """What a text says; raises ValueError whose message completes "Temperature …"."""
    if len(text) > _LONGEST:
        raise ValueError(f"has more than {_LONGEST:,} characters")
    return _READERS[one.kind](one, text)


def _number(one: Parameter, text: str) -> float:
    number = float(text) if _NUMBER.fullmatch(text := text.strip()) else math.nan
    if not math.isfinite(number):
        raise ValueError(f"is a number {_bounds(one)}")
    return _bounded(one, number)


def _integer(one: Parameter, text: str) -> int:
    if not _DIGITS.fullmatch(text := text.strip()) or len(text) > 30:
        raise ValueError(f"is a whole number {_bounds(one)}")
    return _bounded(one, int(text.replace(",", "")))


def _bounded(one: Parameter, number: Number) -> Number:
    low, high = one.least, one.most
    if (low is not None and number < low) or (high is not None and number > high):
        raise ValueError(f"is {_bounds(one)}")
    return number


def _bounds(one: Parameter) -> str:
    low = "above 0 and at most" if one.least == TINY else f"from {one.least:,} to"
    return f"{low} {one.most:,}"


def _text(one: Parameter, text: str) -> str:
    if one.choices and (text := text.strip()) not in one.choices:
        raise ValueError(f"is one of {', '.join(one.choices)}")
    if one.most is not None and len(text) > one.most:
        raise ValueError(f"has at most {one.most:,} characters")
    return text


def _flag(_one: Parameter, text: str) -> bool:
    found = _TRUTHS.get(text.strip().lower())
    if found is None:
        raise ValueError("is true or false")
    return found


def _list(one: Parameter, text: str) -> list[int] | list[str]:
    return _ids(one, text) if one.items == "integer" else _texts(one, text)


def _ids(one: Parameter, text: str) -> list[int]:
    found = [part for part in re.split(r"[\s,\[\]]+", text) if part]
    if not found or not all(part.isascii() and part.isdigit() for part in found):
        raise ValueError("are token ids with commas between them")
    if len(found) > _MOST_ITEMS or any(len(part) > 10 for part in found):
        raise ValueError(f"are at most {_MOST_ITEMS:,} token ids")
    ids = [int(part) for part in found]
    if one.most is not None and max(ids) > one.most:
        raise ValueError(f"are {_bounds(one)}")
    return ids


def _texts(one: Parameter, text: str) -> list[str]:
    found = _json(text) if text.lstrip()[:1] == "[" else None
    if found is None:
        found = [line for line in text.replace("\r\n", "\n").split("\n") if line]
    is_list = isinstance(found, list) and bool(found)
    if not is_list or not all(isinstance(part, str) and part for part in found):
        raise ValueError("are texts, one a line, or a JSON list of texts")
    if one.most is not None and len(found) > one.most:
        raise ValueError(f"are at most {one.most:,}")
    return [str(part) for part in found]


def _object(one: Parameter, text: str) -> dict[str, Json]:
    found = _json(text)
    if not isinstance(found, dict) or not found:
        raise ValueError("is a JSON object of token ids and numbers")
    for name, number in found.items():
        if type(number) not in (int, float) or not (name.isascii() and name.isdigit()):
            raise ValueError("is a JSON object of token ids and numbers")
        _bounded(one, number)
    return found


def _json(text: str) -> Json:
    """The value of a JSON text; None where it is none."""
    try:
        return read_json(text.encode("utf-8", "replace"))
    except Unfit:
        return None


_READERS: Mapping[Kind, Callable[[Parameter, str], Json]] = {
    "number": _number,
    "integer": _integer,
    "text": _text,
    "flag": _flag,
    "list": _list,
    "json": _object,
}
