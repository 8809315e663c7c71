"""Whether an answer has the form that was asked for.

Decided here: how much checking may cost. The form is the operator's and the text the model's, and
either can be made so that a check never ends: schemas are followed for so many steps, patterns for
so long. What cannot be checked here is neither passed nor failed. Nothing is ever fetched: a schema
that refers to another address is not followed.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import regex

from lib.api.errors import Unfit
from lib.api.strict_json import Json, read_json
from lib.api.text import plain_line
from lib.chat.settings import KINDS, Settings, Structured
from lib.chat.words import count

__all__ = ["Check", "check"]

_LONGEST = 1_000_000
"""Characters of an answer."""
_STEPS = 30_000
"""Keywords of a schema applied to values: about a second."""
_PATTERN_STEPS = 200
_PATTERN_SECONDS = 0.02
_REGEX_SECONDS = 0.5
_MOST_UNIQUE = 2_000
_MOST_FAULTS = 20

Keyword = Callable[[Any, Any, Any, Any], Iterator[Any] | None]


class Check(NamedTuple):
    """Whether the form was kept; None where that cannot be told here, and the sentence says why."""

    passed: bool | None
    sentence: str


class _Unbounded(Exception):  # noqa: N818 — no error: the end of patience
    """The check would take too long, or cannot be made here."""


def check(kind: str, spec: str, text: str) -> Check:
    """Check an answer; `kind` is one of `KINDS`, `spec` the form as the person typed it."""
    if not kind:
        return Check(None, "No form was asked for.")
    if kind == "grammar":
        return Check(None, "A grammar is checked by the server only.")
    if len(text) > _LONGEST:
        return Check(None, f"The answer is longer than {count(_LONGEST)} characters: not checked.")
    try:
        form = Settings(structured=Structured(kind, spec)).form()
    except ValueError as error:
        return Check(None, str(error))
    if kind == "choice":
        return _choice(form, text)
    return _regex(form, text) if kind == "regex" else _json(kind, form, text)


def _choice(choices: list[str], text: str) -> Check:
    if text in choices:
        return Check(True, "The answer is one of the list.")
    if text.strip() in {one.strip() for one in choices}:
        return Check(
            False, "The answer is one of the list only if blanks at its ends are left out."
        )
    return Check(False, f"The answer is none of the {count(len(choices))} of the list.")


def _regex(pattern: str, text: str) -> Check:
    try:
        found = regex.fullmatch(pattern, text, timeout=_REGEX_SECONDS)
    except regex.error as error:
        return Check(None, f"The expression cannot be read here: {plain_line(str(error), 120)}.")
    except (TimeoutError, MemoryError, RecursionError, OverflowError):
        return Check(None, "The expression takes too long to be checked here.")
    if found is None:
        return Check(False, "The answer does not match the expression from its first to its last.")
    return Check(True, "The whole answer matches the expression.")


# ── JSON ──


def _json(kind: str, schema: Json, text: str) -> Check:
    try:
        value = read_json(text.encode("utf-8", "replace"))
    except Unfit as error:
        return Check(False, _no_json(text, error))
    if kind == "json_object":
        fits = isinstance(value, dict)
        return Check(fits, f"The answer is {'a' if fits else 'JSON, but no'} JSON object.")
    return _against(schema, value)


def _no_json(text: str, error: Unfit) -> str:
    if not text.strip():
        return "The answer is empty."
    if text.lstrip().startswith("```"):
        return "The answer is no JSON: it is wrapped in a Markdown fence."
    return f"The answer is no JSON: {plain_line(error.detail, 120)}."


def _against(schema: Mapping[str, Json], value: Json) -> Check:
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    try:
        faults = _faults(schema, value)
    except SchemaError as error:
        return Check(None, f"The schema itself is wrong: {plain_line(error.message, 120)}.")
    except Unresolvable:
        return Check(None, "The schema refers to another that is not in it; nothing is fetched.")
    except _Unbounded as error:
        return Check(None, str(error))
    except (RecursionError, TypeError, ValueError, ArithmeticError):
        return Check(None, "The schema cannot be followed here.")
    if not faults:
        return Check(True, f"The answer keeps to the {KINDS['json']}.")
    more = f" There are {len(faults) - 1} more." if len(faults) > 1 else ""
    return Check(False, f"The answer breaks the {KINDS['json']} {faults[0]}.{more}")


def _faults(schema: Mapping[str, Json], value: Json) -> list[str]:
    """What is wrong with a value, as far as the first twenty, each with its place."""
    import jsonschema  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415

    kind = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)
    kind.check_schema(schema, format_checker=jsonschema.FormatChecker(formats=()))
    registry: Registry[Any] = Registry()  # retrieves nothing
    validator = _patient(kind)(schema, registry=registry)
    found = []
    for error in validator.iter_errors(value):
        place = "/".join(map(str, error.absolute_path))
        at = f"at {plain_line(place, 60)}" if place else "as a whole"
        found.append(f"{at}: {plain_line(error.message, 160)}")
        if len(found) >= _MOST_FAULTS:
            break
    return found


def _patient(kind: Any) -> Any:  # noqa: ANN401 — jsonschema tells no types
    """The same checks, each of which costs steps, and patterns that end."""
    import jsonschema  # noqa: PLC0415

    left = _STEPS

    def paid(keyword: Keyword, steps: int = 1) -> Keyword:
        def apply(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any] | None:  # noqa: ANN401
            nonlocal left
            left -= steps
            if left < 0:
                raise _Unbounded("The schema takes too many steps to be checked here.")
            return keyword(validator, value, instance, schema)

        return apply

    keywords = {name: paid(one) for name, one in kind.VALIDATORS.items()}
    keywords["pattern"] = paid(_pattern, _PATTERN_STEPS)
    keywords["patternProperties"] = _by_pattern
    keywords["uniqueItems"] = paid(_unique(kind.VALIDATORS["uniqueItems"]))
    return jsonschema.validators.extend(kind, keywords)


def _pattern(validator: Any, pattern: Any, instance: Any, _: Any) -> Iterator[Any]:  # noqa: ANN401
    from jsonschema import ValidationError  # noqa: PLC0415

    if not validator.is_type(instance, "string"):
        return
    try:
        found = _compiled(pattern).search(instance, timeout=_PATTERN_SECONDS)
    except regex.error:
        raise _Unbounded("A pattern of the schema cannot be read here.") from None
    except TimeoutError:
        raise _Unbounded("A pattern of the schema takes too long to be checked here.") from None
    if found is None:
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


@lru_cache(64)
def _compiled(pattern: str) -> "regex.Pattern[str]":
    return regex.compile(pattern)


def _by_pattern(*_: Any) -> Iterator[Any] | None:  # noqa: ANN401
    raise _Unbounded("Names of properties by pattern are not checked here.")


def _unique(keyword: Keyword) -> Keyword:
    """Without sorting, every item is compared with every other."""

    def apply(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any] | None:  # noqa: ANN401
        if value and isinstance(instance, list) and len(instance) > _MOST_UNIQUE:
            raise _Unbounded(
                f"More than {count(_MOST_UNIQUE)} items that must differ: not checked."
            )
        return keyword(validator, value, instance, schema)

    return apply
