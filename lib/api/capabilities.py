"""Capabilities: what one server is and can do, found out once per server and version.

This module alone decides how that is found out: from the server's own list of routes where it
serves one, else by asking each route whether it exists, in a way that never uses it. It sends
nothing itself: it is a conversation of calls and answers that either client can hold.
"""

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lib.api import calls, described
from lib.api.answers import Answer, Model
from lib.api.calls import Call
from lib.api.dialects import Dialect, recognised
from lib.api.errors import Denied, NotOffered, Reason, Refused, ServerFault, Unreachable
from lib.api.releases import numbers, written
from lib.api.routes import Route
from lib.api.strict_json import Json
from lib.api.ways import Kind, Known

__all__ = [
    "Absent",
    "Capabilities",
    "Conversation",
    "Existence",
    "Memory",
    "ask",
    "discover",
    "exists",
    "not_asked",
    "recall",
    "why_absent",
]

T = TypeVar("T")
Conversation = Generator[Call[Any], "Answer[Any] | Refused", T]
Existence = bool | Refused | None
"""Whether a route is there; None where only a key would tell, a refusal where it cannot be asked.

A proxy that gets no answer says nothing of the route.
"""

_FILTER_PROBE = ("vllm:num_requests_running", "sglang:num_running_reqs")
_TASKS = {
    Route.CHAT: "generate",
    Route.COMPLETIONS: "generate",
    Route.EMBEDDINGS: "embed",
    Route.CLASSIFY: "classify",
    Route.SCORE: "score",
}
_SURE_SECONDS, _KEPT_SECONDS = 10.0, 300.0


@dataclass(frozen=True, slots=True)
class Absent:
    """Something this server does not give: what, why, and what would show it (or stand for it)."""

    what: str
    why: str
    shown_by: str
    route: Route | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a server is and offers."""

    version: str | None
    engine_kind: Kind
    dialect: Dialect
    models: tuple[Model, ...]
    routes: frozenset[Route]
    tasks: frozenset[str]  # generate, embed, classify, score; empty where the routes do not tell
    absent: tuple[Absent, ...]
    metrics_filter: bool  # `/metrics/` gives chosen samples only
    metrics_gzip: bool  # `/metrics/` compresses
    # of its OpenAPI description, in the shape of one, the fields of the bodies that generate, with
    # their defaults where those are numbers or flags; None where it has none
    requests: Json = field(default=None, repr=False, compare=False)


class Memory:
    """What was found out about one server; moments are of the monotonic clock, in seconds."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Know nothing."""
        self.value: Capabilities | None = None
        self.found_at = self.checked_at = float("-inf")


def recall(memory: Memory, now: float) -> Conversation[Capabilities]:
    """The capabilities: from memory, unless the version has changed or five minutes have passed.

    Raises:
        Refused: the server cannot be asked.
    """
    value = memory.value
    if value is not None and now - memory.checked_at < _SURE_SECONDS:
        return value
    if value is not None and now - memory.found_at < _KEPT_SECONDS:
        version = yield from _version()
        if version == value.version:
            memory.checked_at = now
            return value
    memory.value = yield from discover()
    memory.found_at = memory.checked_at = now
    return memory.value


def discover() -> Conversation[Capabilities]:
    """Find out everything anew.

    Raises:
        Refused: the server cannot be reached, says that it cannot answer, or is no model server.
    """
    version = yield from _version()
    listed = yield from ask(calls.models())
    description = yield from _description()
    routes = None if description is None else described.routes(description)
    probed: Mapping[Route, Existence] = {}
    if routes is None:
        probed = yield from _probed_routes()
        routes = frozenset(route for route, exists in probed.items() if exists is True)
    unsure = {route: exists for route, exists in probed.items() if not isinstance(exists, bool)}
    filtered = yield from ask(calls.metrics(_FILTER_PROBE))
    metrics_filter = isinstance(filtered, Answer) and _is_filtered(filtered.value)
    if isinstance(listed, Refused) and not isinstance(listed, Denied) and version is None:
        raise listed  # neither a release nor a model: some servers answer 200 to everything
    if metrics_filter:
        routes |= {Route.METRICS_FILTERED, Route.METRICS}
    models: tuple[Model, ...] = () if isinstance(listed, Refused) else listed.value
    dialect = recognised(routes, frozenset(m.owned_by for m in models if m.owned_by))
    tasks = _tasks(routes, dialect, version)
    absent = [*_untold(listed, unsure), *_absent(routes | set(unsure), dialect, version, tasks)]
    return Capabilities(
        version=version,
        engine_kind=dialect.kind,
        dialect=dialect,
        models=models,
        routes=routes,
        tasks=tasks,
        absent=tuple(absent),
        metrics_filter=metrics_filter,
        metrics_gzip=isinstance(filtered, Answer)
        and "gzip" in filtered.headers.get("content-encoding", ""),
        requests=None if description is None else described.requests(description),
    )


def ask(call: Call[T]) -> Conversation[Answer[T] | Refused]:
    """The outcome of one call; a server that cannot be reached ends the conversation.

    Raises:
        Refused: it cannot be reached.
    """
    outcome = yield call
    if isinstance(outcome, Unreachable):
        raise outcome
    return outcome


def _version() -> Conversation[str | None]:
    for route in (Route.VERSION, Route.DEBUG_VERSION):
        outcome = yield from ask(calls.version(route))
        if isinstance(outcome, Answer):
            return outcome.value
        if isinstance(outcome, ServerFault):
            raise outcome
    return None


def _description() -> Conversation[Mapping[str, Json] | None]:
    """The server's OpenAPI description; None where it has none worth the name."""
    outcome = yield from ask(calls.openapi())
    if isinstance(outcome, Refused) or not described.is_description(outcome.value):
        return None
    return outcome.value


def exists(route: Known) -> Conversation[Existence]:
    """Whether a server has a route."""
    outcome = yield from ask(calls.probe(route))
    if isinstance(outcome, Answer):
        return outcome.value
    return False if isinstance(outcome, NotOffered) else outcome


def not_asked(refused: Refused) -> str:
    """Why nothing is known of a route, as the reason that is shown."""
    return f"it could not be asked: {refused.sentence.rstrip('.')}"


def _probed_routes() -> Conversation[dict[Route, Existence]]:
    """Whether it has each of the routes that are of use to a page."""
    found: dict[Route, Existence] = {}
    for route in Route:
        if route is not Route.METRICS_FILTERED and not route.way.seldom:
            found[route] = yield from exists(route)
    return found


def _is_filtered(body: bytes) -> bool:
    samples = [line for line in body.decode("utf-8", "replace").splitlines() if line[:1] != "#"]
    return all(line.startswith(_FILTER_PROBE) for line in samples if line.strip())


def _tasks(routes: frozenset[Route], dialect: Dialect, version: str | None) -> frozenset[str]:
    """From the routes, where a server registers only those that its model can do."""
    if not dialect.kind.is_vllm or numbers(version) < (0, 16):
        return frozenset()
    return frozenset(task for route, task in _TASKS.items() if route in routes)


def _untold(
    listed: Answer[Any] | Refused, unsure: Mapping[Route, Refused | None]
) -> Iterable[Absent]:
    """What only a key, or another one, would show; and what could not be asked."""
    key = "the API key of the server"
    if isinstance(listed, Denied):
        wrong = listed.reason is Reason.KEY_REFUSED
        why = "the server does not accept the key" if wrong else "the server wants a key"
        yield Absent(Route.MODELS.value.what, why, key, Route.MODELS)
    for route, refused in unsure.items():
        if refused is not None:
            yield Absent(route.value.what, not_asked(refused), "", route)
        elif route is not Route.MODELS or not isinstance(listed, Denied):
            yield Absent(route.value.what, "only a key would tell whether it exists", key, route)


def _absent(
    routes: frozenset[Route], dialect: Dialect, version: str | None, tasks: frozenset[str]
) -> Iterable[Absent]:
    """What the server lacks of its kind; then what a tutorial promises of vLLM and none has."""
    lacking = [route for route in Route if route not in routes and not route.way.seldom]
    for route in lacking:
        if dialect.kind in route.value.kinds:
            why, shown_by = why_absent(route, dialect, version, tasks)
            yield Absent(route.value.what, why, shown_by, route)
    for route in lacking:
        way = route.value
        if dialect.kind is Kind.VLLM and Kind.VLLM not in way.kinds and way.instead:
            yield Absent(way.what, "no vLLM release has it", f"use {way.instead}", route)


def why_absent(
    route: Known, dialect: Dialect, version: str | None, tasks: frozenset[str]
) -> tuple[str, str]:
    """Why a server lacks a route that its kind can have, and what would show it."""
    way = route.way
    if dialect.kind is not Kind.VLLM:
        return "this server does not offer it", dialect.flags.get(route, "")
    if numbers(version) < way.since:
        release = f"vLLM {written(way.since)} or later"
        return f"release {version} does not have it", " with ".join(
            filter(None, (release, way.needs))
        )
    if way.needs.startswith("a server whose model"):
        does = "its model does something else" if tasks else "no task of its model is served"
        return does, way.needs
    return ("it is not switched on" if way.needs else "this server does not offer it"), way.needs
