"""Refusals: which answers of a server are none, and why.

This module alone decides what a status and an error body mean. Error bodies seen: nested (vLLM from
0.10.2), flat (before), a bare string (401, scaling), FastAPI's `detail`, nothing, and an error
inside a 200 (up to 0.13). Connections that fail are judged by `transport`.
"""

from collections.abc import Mapping
from typing import TypeVar

from lib.api.answers import Answer, Raw
from lib.api.calls import Call
from lib.api.errors import Reason, Refused, Unfit
from lib.api.routes import Route
from lib.api.strict_json import Json, read_json
from lib.api.target import Target
from lib.api.ways import Known

__all__ = ["answered", "failed_midway"]

T = TypeVar("T")
_BY_STATUS = {
    403: Reason.FORBIDDEN,
    404: Reason.NO_ROUTE_THERE,
    405: Reason.NO_ROUTE_THERE,
    429: Reason.BUSY,
    501: Reason.NO_TASK,
    502: Reason.GATEWAY,
    503: Reason.BUSY,
    504: Reason.GATEWAY,
}
# A phrase of the server's message that tells more than the status does; the first that fits.
_BY_PHRASE = (
    ("matryoshka", (400,), Reason.FULL_LENGTH),
    ("does not support", (200, 400, 501), Reason.NO_TASK),
    ("scale-out", (403,), Reason.SWITCHED_OFF),
    ("does not exist", (400, 404), Reason.UNKNOWN_MODEL),
    ("scaling", (503,), Reason.SCALING),
    ("loading model", (503,), Reason.LOADING),
)


def answered(call: Call[T], raw: Raw, seconds: float, target: Target) -> Answer[T]:
    """The answer to a call, if it is one.

    Raises:
        Refused: it is an error, or not what the route gives.
    """
    refused = (
        None
        if call.any_status or (call.probing and raw.status < 500)
        else _refused(call, raw, target)
    )
    if refused:
        raise refused
    try:
        value = call.read(raw)
    except Unfit as unfit:
        refused = target.refuse(unfit.reason, unfit.detail, route=call.route, status=raw.status)
    else:
        return Answer(value, seconds, raw.status, raw.headers, raw.body)
    raise refused  # outside the handler: what could not be read stays out of the traceback


def _refused(call: Call[T], raw: Raw, target: Target) -> Refused | None:
    status = raw.status
    if 300 <= status < 400:
        reason, detail = Reason.REDIRECT, "to " + raw.headers.get("location", "nowhere")
    elif status < 300 and _is_page(raw) and not call.route.way.page:
        reason, detail = Reason.HTML, raw.body[:400].decode("utf-8", "replace")
    else:
        message = _message(raw)
        if status < 300 and message is None:
            return None
        detail = message or f"status {status}"
        return _judged(call, raw, detail, target)
    return target.refuse(reason, detail, route=call.route, status=status)


def _judged(call: Call[T], raw: Raw, detail: str, target: Target) -> Refused:
    from lib.api.excess import excess  # noqa: PLC0415 — most servers are never asked too much

    reason = _reason(call.route, raw.status, detail, raw, keyed=target.key is not None)
    over = excess(detail, _asked(call)) if reason is Reason.BAD_REQUEST else None
    refused = target.refuse(
        Reason.CONTEXT if over else reason,
        detail,
        route=call.route,
        status=raw.status,
        retry_after=_retry_after(raw),
        told=over.words if over else "",
    )
    refused.excess = over
    return refused


def _asked(call: Call[T]) -> int | None:
    """The tokens that a request to generate asked for."""
    body = call.body or {}
    asked = body.get("max_completion_tokens") or body.get("max_tokens")
    return asked if isinstance(asked, int) else None


def _reason(route: Known, status: int, detail: str, raw: Raw, *, keyed: bool) -> Reason:
    if status == 401:
        return Reason.KEY_REFUSED if keyed else Reason.KEY_NEEDED
    lower = detail.lower()
    for phrase, statuses, reason in _BY_PHRASE:
        if status in statuses and phrase in lower:
            return reason
    if status == 503 and route is Route.HEALTH and not raw.body:
        return Reason.ENGINE_DEAD
    if status >= 500:
        return _BY_STATUS.get(status, Reason.SERVER_ERROR)
    return _BY_STATUS.get(status, Reason.BAD_REQUEST)


def failed_midway(
    call: Call[T], event: Mapping[str, Json], target: Target, told: str
) -> Refused | None:
    """The error that an event of a stream holds; None where it holds none.

    `told` says how much of the answer had come; where nothing had, it is judged as if the server
    had given its error instead of a stream.
    """
    error = event if event.get("object") == "error" else event.get("error")
    if error is None:
        return None
    message = error.get("message") if isinstance(error, dict) else error
    code = error.get("code") if isinstance(error, dict) else None
    status = code if type(code) is int and 400 <= code < 600 else 500
    detail = message if isinstance(message, str) and message else f"code {status}"
    if told:
        return target.refuse(
            Reason.FAILED_MIDWAY, detail, route=call.route, status=status, told=told
        )
    return _judged(call, Raw(status, {}, b""), detail, target)


def _is_page(raw: Raw) -> bool:
    kind = raw.headers.get("content-type", "").lower()
    start = raw.body[:100].lstrip().lower()
    return "text/html" in kind or start.startswith((b"<!doctype", b"<html"))


def _message(raw: Raw) -> str | None:
    """What an error body says; None where the body is no error, or says nothing."""
    good, start = raw.status < 300, raw.body[:400].decode("utf-8", "replace")
    if good and (b'"error"' not in raw.body or raw.body[:1] != b"{" or len(raw.body) > 65_536):
        return None
    try:
        body = read_json(raw.body)
    except Unfit:
        return None if good else start
    if not isinstance(body, dict):
        return start
    error = body.get("error", body if body.get("object") == "error" else None)
    if good and not isinstance(error, dict):
        return None  # a bare string is an error under an error status only
    message = error.get("message") if isinstance(error, dict) else error
    if isinstance(message, str) and message:
        return message
    return None if good else str(body.get("detail", start))


def _retry_after(raw: Raw) -> float | None:
    """Seconds the server asks to wait, at most an hour; a date is not read."""
    digits = raw.headers.get("retry-after", "")
    return min(float(digits), 3600.0) if digits.isascii() and digits.isdigit() else None
