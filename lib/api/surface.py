"""Surface: every route of one server, listed and explained for somebody who explores it.

This module alone decides how that is found out: from the server's own description, and by asking
whether the routes exist that no description holds; or, without one, by asking that of every known
route. Asking never uses a route. It is a conversation of its own: no other page holds it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import islice
from typing import Any

from lib.api import calls, described
from lib.api.answers import Answer
from lib.api.capabilities import (
    Capabilities,
    Conversation,
    Existence,
    ask,
    exists,
    not_asked,
    why_absent,
)
from lib.api.control import Control, Unsent
from lib.api.errors import Denied, Reason
from lib.api.releases import guarded, numbers, written
from lib.api.routes import Route
from lib.api.strict_json import Json, inside
from lib.api.text import plain_line
from lib.api.ways import Cost, Group, Kind, Known

__all__ = ["EVERY", "Listed", "Parameter", "State", "Surface", "surface"]

EVERY: tuple[Known, ...] = (*Route, *Control, *Unsent)
"""Every route that is known, whether it may be sent or not."""

_SCALE_OUT = (
    Route.RENDER_CHAT,
    Route.RENDER_COMPLETION,
    Route.RENDER_MESSAGES,
    Route.RENDER_RESPONSE,
    Route.DERENDER_CHAT,
    Route.DERENDER_COMPLETION,
    Route.GENERATE,
    Control.ABORT_GENERATE,
)
"""From release 0.30 on they exist and refuse, and are described only where they are switched on."""
_UNTOLD = (Route.DOCS, Route.DOCS_LOGIN, Route.REDOC, *_SCALE_OUT)
"""What exists without a word in the description."""
_METHODS = ("get", "post", "put", "patch", "delete", "head")
_MOST_PATHS, _MOST_PARAMETERS = 1_000, 40
_FORM = "multipart/form-data"


class State(Enum):
    """Whether a server has a route."""

    PRESENT = "present"
    LOCKED = "locked"  # it is there, or may be; a key or a flag keeps it closed
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A field of a route's query or path, as the server describes it."""

    name: str
    place: str  # "query" or "path"
    is_required: bool
    schema: Json = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Listed:
    """One route at one server. What the server itself says is cleaned, and is no markup."""

    method: str
    path: str
    route: Known | None  # None: this project does not know it, and cannot send it
    group: Group
    what: str  # one sentence
    since: str  # the first release of vLLM that is sure to have it; "" where each has it
    needs: str  # the flag, variable or model without which it is absent; or what stands for it
    guarded: bool | None  # whether a key would guard it in this release; None: not known
    cost: Cost | None  # None: not known
    state: State
    reason: str = ""  # why it is absent or locked, or what else is to be known
    summary: str = ""  # the server's own words
    body: str = ""  # the name of what it takes, or of the first of several
    schema: Json = field(default=None, repr=False)  # of what it takes, with `$ref`s into `schemas`
    is_form: bool = False  # it takes a form with a file instead of JSON
    parameters: tuple[Parameter, ...] = ()
    is_sure: bool = True  # False: whether it exists could not be asked, or only with a key

    @property
    def title(self) -> str:
        """Method and path in one line."""
        return f"{self.method} {self.path}"

    @property
    def shape(self) -> str:
        """What it is at every server, whatever that calls the parts of its path."""
        return self.route.title if self.route else _shape(self.title)

    @property
    def may_be_sent(self) -> bool:
        """Whether a client that was not made for control sends it."""
        return isinstance(self.route, Route)


@dataclass(frozen=True, slots=True)
class Surface:
    """The routes of a server, by group, those that it lacks among them."""

    routes: tuple[Listed, ...]
    source: str  # "its OpenAPI document" or "harmless probes"
    schemas: Mapping[str, Json] = field(default_factory=dict, repr=False)  # what `$ref`s lead to

    def named(self, title: str) -> Listed | None:
        """The route of this method and path."""
        return next((one for one in self.routes if one.title == title), None)


def surface(known: Capabilities) -> Conversation[Surface]:
    """Find out every route.

    Raises:
        Refused: the server cannot be reached.
    """
    listed = yield from ask(calls.models())
    denied = listed if isinstance(listed, Denied) else None
    outcome = yield from ask(calls.openapi())
    teller = _Teller(known, denied)
    if isinstance(outcome, Answer) and described.is_description(outcome.value):
        document: Mapping[str, Json] = outcome.value
        found = _described(document, teller)
        probed = yield from _probed(one for one in _UNTOLD if one not in found)
        for route, told in probed.items():
            if told is not False:
                found[route] = teller.untold(route, told)
        source, schemas = "its OpenAPI document", inside(document, "components", "schemas")
    else:
        probed = yield from _probed(_asked_for(known))
        found = {
            route: teller.there(route, told) for route, told in probed.items() if told is not False
        }
        source, schemas = "harmless probes", {}
    for route in (Route.METRICS_FILTERED,) if known.metrics_filter else ():
        found[route] = teller.there(route, True)
    missing = [teller.missing(route) for route in EVERY if route not in found]
    rows = [*found.values(), *missing]
    order = list(Group)
    rows.sort(key=lambda row: order.index(row.group))
    return Surface(tuple(rows), source, schemas)


def _asked_for(known: Capabilities) -> Iterable[Known]:
    """What is asked for where a server has no description.

    What changes vLLM is asked for at vLLM only: of other servers nobody knows what asking does.
    """
    yield from (route for route in Route if route is not Route.METRICS_FILTERED)
    if known.engine_kind.is_vllm:
        yield from (route for route in (*Control, *Unsent) if route.method != "WS")


def _probed(routes: Iterable[Known]) -> Conversation[dict[Known, Existence]]:
    found: dict[Known, Existence] = {}
    for route in routes:
        if route.way.shadowed:  # its path answers anyway; it comes with the others of its kind
            found[route] = found.get(Route.RENDER_CHAT, False)
            continue
        found[route] = yield from exists(route)
    return found


def _described(document: Mapping[str, Json], teller: "_Teller") -> dict[Any, Listed]:
    """The routes of a description: known ones by themselves, the others by their title."""
    by_title = {_shape(route.title): route for route in EVERY}
    found: dict[Any, Listed] = {Route.OPENAPI: teller.there(Route.OPENAPI, True)}
    for path, methods in islice(inside(document, "paths").items(), _MOST_PATHS):
        for method in _METHODS if isinstance(methods, dict) else ():
            told = methods.get(method)
            if isinstance(told, dict):
                title = f"{method.upper()} {plain_line(path)}"
                route = by_title.get(_shape(title))
                found[route or title] = teller.described(title, route, told)
    return found


def _shape(title: str) -> str:
    """A title without the names of the parts of its path."""
    return re.sub(r"\{[^{}]*\}", "{}", title)


@dataclass(frozen=True, slots=True)
class _Teller:
    """Tells of the routes of one server."""

    known: Capabilities
    denied: Denied | None

    def described(self, title: str, route: Known | None, told: Mapping[str, Json]) -> Listed:
        """A route that stands in the description."""
        summary, content = _summary(told), inside(told, "requestBody", "content")
        is_form = _FORM in content
        schema = inside(content, _FORM if is_form else "application/json", "schema") or None
        row = self._row(title, route)
        return replace(
            row,
            what=row.what or (f"{summary}." if summary else "The server says nothing of it."),
            summary=summary,
            body=_name(schema),
            schema=schema,
            is_form=is_form or row.is_form,
            parameters=tuple(_parameters(told)),
        )

    def there(self, route: Known, told: Existence) -> Listed:
        """A route that a probe found, or of which it told nothing."""
        if told is None:
            row = self._row(route.title, route, State.LOCKED, self._key())
            return replace(row, is_sure=False)
        if not isinstance(told, bool):
            row = self._row(route.title, route, State.ABSENT, not_asked(told))
            return replace(row, is_sure=False)
        is_stub = route in _SCALE_OUT and self._stubs
        reason = "it refuses unless it is switched on" if is_stub else ""
        return self._row(route.title, route, reason=reason)

    def untold(self, route: Known, told: Existence) -> Listed:
        """The same of a route that no description holds."""
        if told is True and route in _SCALE_OUT and self._stubs:
            return self._row(route.title, route, State.LOCKED, "it is switched off")
        return self.there(route, told)

    def missing(self, route: Known) -> Listed:
        """A route that is not there."""
        known = self.known
        if route is Unsent.REALTIME and known.engine_kind is Kind.VLLM:
            reason, needs = "no question tells whether it is there", route.way.needs
        elif known.engine_kind in route.way.kinds:
            reason, needs = why_absent(route, known.dialect, known.version, known.tasks)
        elif route.way.instead and known.engine_kind is Kind.VLLM:
            reason, needs = "no vLLM release has it", f"use {route.way.instead}"
        elif known.engine_kind.is_vllm and any(kind.is_vllm for kind in route.way.kinds):
            reason, needs = "this server does not offer it", route.way.needs
        else:
            reason, needs = f"{known.engine_kind.value} does not have it", ""
        row = self._row(route.title, route, State.ABSENT, reason)
        return replace(row, needs=needs, is_sure=route.method != "WS")

    @property
    def _stubs(self) -> bool:
        """Whether routes that are switched off exist all the same."""
        return self.known.engine_kind is Kind.VLLM and numbers(self.known.version) >= (0, 30)

    def _key(self) -> str:
        wrong = self.denied is not None and self.denied.reason is Reason.KEY_REFUSED
        return "the server does not accept the key" if wrong else "the server wants a key"

    def _row(
        self, title: str, route: Known | None, state: State = State.PRESENT, reason: str = ""
    ) -> Listed:
        """A route with what our table says of it."""
        method, _, path = title.partition(" ")
        is_guarded = self._guarded(path)
        if state is State.PRESENT and self.denied is not None and is_guarded:
            state, reason = State.LOCKED, self._key()
        if route is None:
            return Listed(
                method, path, None, Group.OTHER, "", "", "", is_guarded, None, state, reason
            )
        way, is_vllm = route.way, self.known.engine_kind.is_vllm
        flag = self.known.dialect.flags.get(route, "")
        return Listed(
            method,
            path,
            route,
            way.group,
            what=_sentence(route),
            since=written(way.since) if is_vllm else "",
            needs=(way.needs or _instead(route)) if is_vllm else flag,
            guarded=is_guarded,
            cost=way.cost,
            state=state,
            reason=reason,
            is_form=way.form,
        )

    def _guarded(self, path: str) -> bool | None:
        is_vllm = self.known.engine_kind.is_vllm
        return guarded(path, self.known.version) if is_vllm else None


def _sentence(route: Known) -> str:
    """What it does; a route that changes a server is described by a verb of its own."""
    what = route.way.what
    if not isinstance(route, Route):
        return f"{what[:1].upper()}{what[1:]}."
    verb = "Tells" if what.startswith(("whether", "where", "which")) else "Gives"
    return f"{verb} {what}."


def _instead(route: Known) -> str:
    return f"use {route.way.instead}" if route.way.instead else ""


def _summary(told: Mapping[str, Json]) -> str:
    words = told.get("summary") or told.get("description")
    return plain_line(words).rstrip(".") if isinstance(words, str) else ""


def _name(schema: Json) -> str:
    """The name of a body: of the first of several that it may have."""
    if not isinstance(schema, dict):
        return ""
    forms = schema.get("anyOf") or schema.get("oneOf") or [schema]
    first = forms[0] if isinstance(forms, list) and isinstance(forms[0], dict) else {}
    name = first.get("$ref") or schema.get("title")
    return plain_line(name.rpartition("/")[2], 80) if isinstance(name, str) else ""


def _parameters(told: Mapping[str, Json]) -> Iterable[Parameter]:
    listed = told.get("parameters")
    for one in listed[:_MOST_PARAMETERS] if isinstance(listed, list) else ():
        if not isinstance(one, dict) or one.get("in") not in ("query", "path"):
            continue
        name = one.get("name")
        if isinstance(name, str):
            yield Parameter(
                plain_line(name, 80), one["in"], one.get("required") is True, one.get("schema")
            )
