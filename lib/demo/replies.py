"""Reading a request's body and refusing it: the same checks and the same words as vLLM's.

A `RefusalError` looks on the wire as the release has it: nested under `error`
in a current one, flat in one before 0.10.2. Validation answers 400, never 422, and lists every
fault.
"""

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

__all__ = [
    "Fields",
    "RefusalError",
    "flat",
    "nested",
    "read_fields",
    "refusal",
    "unknown_model",
    "wrong_type",
]


class RefusalError(Exception):
    """A refusal: HTTP status, the release's name for the kind, the message, the parameter."""

    def __init__(self, status: int, kind: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.param = param


def nested(problem: RefusalError) -> JSONResponse:
    """A refusal as releases from 0.10.2 on send it."""
    error = {
        "message": problem.message,
        "type": problem.kind,
        "param": problem.param,
        "code": problem.status,
    }
    return JSONResponse({"error": error}, problem.status)


def flat(problem: RefusalError) -> JSONResponse:
    """A refusal as older releases send it, which also knew only one kind of bad request."""
    kind = "BadRequestError" if problem.kind == "Bad Request" else problem.kind
    error = {
        "object": "error",
        "message": problem.message,
        "type": kind,
        "param": problem.param,
        "code": problem.status,
    }
    return JSONResponse(error, problem.status)


def unknown_model(asked: str, served: str) -> RefusalError:
    """The refusal for a model that is not served here."""
    message = f"The model `{asked}` does not exist. Valid aliases: {served}."
    return RefusalError(404, "NotFoundError", message, "model")


def refusal(message: str, param: str | None = None, value: object = None) -> RefusalError:
    """A refused value, as a current release words it."""
    if param is not None:
        more = "" if value is None else f", value={value}"
        message = f"{message} (parameter={param}{more})"
    return RefusalError(400, "BadRequestError", message, param)


def wrong_type(name: str, kind: str, value: object) -> RefusalError:
    """The refusal of a field that is no `integer`, `number`, `string` or `list`."""
    short = {"integer": "int", "number": "float"}.get(kind, kind)
    fault, message = f"{short}_type", f"Input should be a valid {kind}"
    if isinstance(value, str) and kind in {"integer", "number"}:
        fault, message = f"{short}_parsing", f"{message}, unable to parse string as {_a(kind)}"
    return _invalid([_fault(fault, f"body.{name}", message, value)])


def _a(kind: str) -> str:
    return f"an {kind}" if kind == "integer" else f"a {kind}"


def _invalid(faults: list[dict[str, Any]]) -> RefusalError:
    count = f"{len(faults)} validation error{'s' if len(faults) > 1 else ''}"
    lines = "".join(f"\n  {fault}" for fault in faults)
    return RefusalError(400, "Bad Request", f"{count}:{lines}", faults[0]["loc"])


def _fault(kind: str, where: str, message: str, value: object, **context: object) -> dict[str, Any]:
    fault = {"type": kind, "loc": where, "msg": message, "input": _shortened(value)}
    return {**fault, "ctx": context} if context else fault


def _shortened(value: object) -> str:
    """A refused value as vLLM shows it: containers by size only."""
    if isinstance(value, list | dict):
        return f"<{type(value).__name__} of {len(value)} items>"
    return str(value)


class Fields:
    """A JSON body read field by field; faults are collected until `check`."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.body = body
        self._faults: list[dict[str, Any]] = []

    def check(self) -> None:
        """Raise the refusal, if any field was at fault."""
        if self._faults:
            raise _invalid(self._faults)

    def missing(self, *names: str) -> None:
        for name in names:
            self._faults.append(_fault("missing", f"body.{name}", "Field required", self.body))

    def text(self, name: str, default: str | None = None) -> str:
        """A string; missing without a default is a fault."""
        if name not in self.body and default is None:
            self.missing(name)
        value = self.body.get(name)
        if isinstance(value, str):
            return value
        if value is not None:
            message = "Input should be a valid string"
            self._faults.append(_fault("string_type", f"body.{name}", message, value))
        return default or ""

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.body.get(name, default)
        if not isinstance(value, bool):
            message = "Input should be a valid boolean"
            self._faults.append(_fault("bool_type", f"body.{name}", message, value))
        return bool(value)

    def ids(self, name: str) -> list[int]:
        """A list of token ids, none negative."""
        if name not in self.body:
            self.missing(name)
            return []
        value = self.body[name]
        if not isinstance(value, list):
            message = "Input should be a valid list"
            self._faults.append(_fault("list_type", f"body.{name}", message, value))
            return []
        for place, token in enumerate(value):
            self._check_id(f"body.{name}.{place}", token)
        return value

    def _check_id(self, where: str, token: object) -> None:
        if isinstance(token, bool) or not isinstance(token, int):
            message = "Input should be a valid integer"
            self._faults.append(_fault("int_type", where, message, token))
        elif token < 0:
            message = "Input should be greater than or equal to 0"
            self._faults.append(_fault("greater_than_equal", where, message, token, ge=0))


async def read_fields(request: Request) -> Fields:
    """The body of a request.

    Raises:
        RefusalError: it is not declared as JSON, or is none, or no object.
    """
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        message = (
            "1 validation error:\n  Unsupported Media Type: Only 'application/json' is allowed"
        )
        raise RefusalError(400, "Bad Request", message)
    try:
        body = json.loads(await request.body())
    except json.JSONDecodeError as error:
        where, what = f"body.{error.pos}", error.msg
        fault = _fault("json_invalid", where, "JSON decode error", {}, error=what)
        raise _invalid([fault]) from error
    except UnicodeDecodeError as error:
        raise RefusalError(400, "Bad Request", "There was an error parsing the body") from error
    if not isinstance(body, dict):
        message = "Input should be a valid dictionary or object to extract fields from"
        raise _invalid([_fault("model_attributes_type", "body", message, body)])
    return Fields(body)
