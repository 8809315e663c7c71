"""Trying: one request to any route, put together by a person, and its answer as it came.

This module alone decides what of such an answer is shown: every status is one, of a long body the
beginning, and neither the key nor a server's own secrets.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from lib.api.answers import Answer, Raw
from lib.api.calls import Call
from lib.api.errors import Reason, Unfit
from lib.api.hidden import HIDDEN, is_secret, without_secret_texts, without_secrets
from lib.api.multipart import File, form
from lib.api.strict_json import Json, encode, read_json
from lib.api.target import Target
from lib.api.text import plain_line
from lib.api.ways import Group, Known

__all__ = ["MOST_READ", "MOST_SENT", "MOST_TYPED", "File", "Trial", "Tried", "tried", "trying"]

MOST_READ = 8 << 20
"""Bytes of an answer; of a longer one the beginning is kept."""
MOST_SENT = 32 << 20
MOST_TYPED = 1_000_000
"""Bytes of a request with a file, and of one without."""
_MOST_HEADERS, _LONGEST_HEADER = 100, 500
_TELLING = (Group.SYSTEM, Group.DEBUGGING, Group.DEVELOPMENT)
"""Groups whose answers tell how a server runs. Elsewhere a "token" is a piece of text."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One request: a known route, and what goes with it, which no traceback shows."""

    route: Known
    body: Mapping[str, Json] | None = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)  # instead of a body
    file: File | None = None  # of the form
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    parts: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # what stands for `{name}`
    anonymous: bool = False  # the key stays here
    seconds: float = 120.0  # for the whole exchange


@dataclass(frozen=True, slots=True)
class Tried:
    """The answer to a trial, without secrets. `at` is of the wall clock, in seconds of 1970."""

    status: int
    headers: Mapping[str, str] = field(repr=False)  # names in lower case
    seconds: float  # from asking to the last byte
    body: bytes = field(repr=False)  # inflated; at most `MOST_READ`
    at: float
    cut: bool = False  # the answer was longer
    hidden: bool = False  # a secret was taken out of the body


def trying(trial: Trial) -> Call[Raw]:
    """The call of a trial.

    Raises:
        Unfit: it has two bodies, or the form or the query holds half a character.
    """
    if trial.body is not None and (trial.form is not None or trial.file is not None):
        raise Unfit(Reason.CALLER, "give either a body or a form")
    has_form = trial.form is not None or trial.file is not None
    try:
        upload = form(trial.form or {}, trial.file) if has_form else None
        for name, value in trial.query:
            f"{name}={value}".encode()
    except UnicodeEncodeError:
        raise Unfit(Reason.HALF_CHARACTER, "what is filled in holds half a character") from None
    return Call(
        trial.route,
        lambda raw: raw,
        body=trial.body,
        upload=upload,
        parts=trial.parts,
        query=trial.query,
        limit=MOST_READ,
        seconds=trial.seconds,
        any_status=True,
        cut=True,
        anonymous=trial.anonymous,
        most_sent=MOST_SENT if upload else MOST_TYPED,
    )


def tried(route: Known, answer: Answer[Raw], target: Target) -> Tried:
    """What is shown of the answer."""
    raw = answer.value
    body = _without_secrets(raw.body) if route.way.group in _TELLING else raw.body
    return Tried(
        status=raw.status,
        headers=_headers(raw.headers, target),
        seconds=answer.seconds,
        body=body,
        at=time.time() - answer.seconds,
        cut=raw.cut,
        hidden=body is not raw.body,
    )


def _headers(headers: Mapping[str, str], target: Target) -> dict[str, str]:
    kept = list(headers.items())[:_MOST_HEADERS]
    return {
        plain_line(name, 100): HIDDEN
        if "cookie" in name or "authorization" in name or is_secret(name.replace("-", "_"))
        else plain_line(target.without_key(value), _LONGEST_HEADER)
        for name, value in kept
    }


def _without_secrets(body: bytes) -> bytes:
    """A body without a server's secrets; the very same one where it holds none."""
    try:
        document = read_json(body)
    except Unfit:
        text = body.decode("utf-8", "replace")
        cleared = without_secret_texts(text)
        return body if cleared == text else cleared.encode()
    cleared = without_secrets(document)
    return body if cleared == document else encode(cleared)
