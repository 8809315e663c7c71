"""Exposure: which routes answer whoever reaches the port, without a key.

This module alone decides how that is found out without using a route, what an open one risks, and
what is advised. What gives something is asked for it; what takes something is asked by a method
that it does not take; what changes the server is asked for its head only. vLLM looks at the key
before it looks for the route, so 401 says guarded, and 405 that nobody asked for a key. What nobody
knows how to ask is told, and leaves the whole in doubt.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum

from lib.api import calls
from lib.api.answers import Answer, Raw
from lib.api.calls import Call
from lib.api.capabilities import Capabilities, Conversation, ask
from lib.api.control import Control, Unsent
from lib.api.releases import numbers
from lib.api.routes import Route
from lib.api.ways import Cost, Kind, Known

__all__ = ["Exposed", "Exposure", "Risk", "Verdict", "exposure"]

_SMALL = 64 << 10  # bytes of an answer that only has to come


class Verdict(Enum):
    """What a route does with a request that has no key."""

    OPEN = "answers without a key"
    GUARDED = "asks for the key"
    ABSENT = "is not there"
    UNKNOWN = "cannot be told"
    UNASKED = "was not asked"


class Risk(Enum):
    """What whoever reaches an open route can take, the worst last."""

    UNKNOWN = "not known"
    NOTHING = "nothing"
    INFORMATION = "information"
    CPU = "processor time"
    GPU = "GPU time"
    CONTROL = "control"


@dataclass(frozen=True, slots=True)
class Exposed:
    """One route without a key."""

    method: str
    path: str
    route: Known | None  # None: nobody knows it
    verdict: Verdict
    risk: Risk  # if it is open
    advice: str  # one sentence
    status: int | None  # what it answered; None where there was no answer

    @property
    def is_wrong(self) -> bool:
        """Whether it is open and should not be."""
        return self.verdict is Verdict.OPEN and self.risk is not Risk.NOTHING

    @property
    def is_in_doubt(self) -> bool:
        """Whether it may be open and should not be."""
        is_untold = self.verdict in (Verdict.UNKNOWN, Verdict.UNASKED)
        return is_untold and self.risk is not Risk.NOTHING


@dataclass(frozen=True, slots=True)
class Exposure:
    """All routes without a key, the worst first, and one sentence for the whole."""

    routes: tuple[Exposed, ...]
    has_key: bool | None  # whether the server asks for a key at all; None: not told
    sentence: str


_NOTHING = frozenset({Route.HEALTH, Route.HEALTH_READY, Route.PING, Route.PING_POST, Route.LOAD})
_PROXY = "let a proxy pass only what is meant for everybody"
_ADVICE: dict[Known, str] = {
    Route.INVOCATIONS: "No key guards it in any release, and it runs chats, completions and "
    f"vectors (vllm-project/vllm#58144): {_PROXY}.",
    Route.GENERATIVE_SCORING: f"It runs the model, and no release guards it by the key: {_PROXY}.",
    Route.METRICS: "It tells models, load and sizes: let only the monitoring reach it.",
    Route.METRICS_FILTERED: "It tells models, load and sizes: let only the monitoring reach it.",
    Route.SERVER_INFO: "It tells the whole configuration: start without VLLM_SERVER_DEV_MODE.",
    Route.OPENAPI: "It tells every route: start with --disable-fastapi-docs.",
    Route.DOCS: "It tells every route: start with --disable-fastapi-docs.",
    Route.REDOC: "It tells every route: start with --disable-fastapi-docs.",
    Route.TOKENIZE: f"A long text holds up the server's only event loop: {_PROXY}.",
    Route.DETOKENIZE: f"A long list holds up the server's only event loop: {_PROXY}.",
    Control.SCALE: "Whoever reaches it can stop the server for minutes, and no release guards it "
    f"by the key: {_PROXY}.",
}
_ADVICE_BY_RISK = {
    Risk.NOTHING: "It tells nothing that matters: it may stay open for whoever checks the server.",
    Risk.INFORMATION: f"It tells how the server is set up: {_PROXY}.",
    Risk.CPU: f"It costs the server's processor time: {_PROXY}.",
    Risk.GPU: f"Whoever reaches the port can make the model work: {_PROXY}.",
    Risk.CONTROL: "Whoever reaches the port can change the server: start without development "
    f"mode, and {_PROXY}.",
}
_NO_WAY = f"No harmless way to ask it is known: {_PROXY}."
_NO_KEY = "The server has no key: start it with --api-key, and keep its port from strangers."


def exposure(
    known: Capabilities, present: Collection[Known] = (), unknown: Iterable[str] = ()
) -> Conversation[Exposure]:
    """Ask every route without the key; `present` are those that are known to be there.

    A guarded route does not tell whether it exists: where it is not among those present, it counts
    as absent. `unknown` are the titles of routes that the server lists and nobody knows here.

    Raises:
        Refused: the server cannot be reached.
    """
    asked, rows = tuple(_asked_for(known, present)), []
    for route in asked:
        outcome = yield from ask(_asking(route))
        raw = outcome.value if isinstance(outcome, Answer) else None
        rows.append(_row(known.engine_kind, route, raw, present))
    left = dict.fromkeys(route for route in (*present, *_unaskable(known)) if route not in asked)
    rows += [_unasked(route.title, _risk(route), route) for route in left]
    rows += [_unasked(title, Risk.UNKNOWN) for title in unknown]
    has_key = _has_key(rows)
    ranks = list(Risk)
    rows.sort(key=lambda row: (not row.is_wrong, row.verdict.name, -ranks.index(row.risk)))
    return Exposure(tuple(rows), has_key, _sentence(rows, has_key))


def _asked_for(known: Capabilities, present: Collection[Known]) -> Iterable[Known]:
    """Every route that such a server can have, or has; of what changes a server, vLLM's only."""
    kind = known.engine_kind
    yield from (route for route in Route if kind in route.way.kinds or route in present)
    if known.engine_kind is Kind.VLLM:
        yield from (route for route in (*Control, *Unsent) if route.method != "WS")


def _unaskable(known: Capabilities) -> Iterable[Known]:
    """What such a server may have, and no harmless question reaches: a web socket."""
    realtime = Unsent.REALTIME
    if known.engine_kind is Kind.VLLM and numbers(known.version) >= realtime.way.since:
        yield realtime


def _asking(route: Known) -> Call[Raw]:
    is_used = route.method == "GET" and route.way.cost is Cost.NOTHING and not route.way.page
    return Call(
        route,
        lambda raw: raw,
        parts=calls.stand_ins(route),
        limit=_SMALL,
        cut=True,
        probing=not is_used,
        any_status=True,
        anonymous=True,
    )


def _row(kind: Kind, route: Known, raw: Raw | None, present: Collection[Known]) -> Exposed:
    verdict = Verdict.UNKNOWN if raw is None else _verdict(route, raw)
    is_missed = raw is not None and raw.status == 404
    says_nothing = verdict is Verdict.GUARDED or route.way.shadowed or is_missed
    if says_nothing and present and route not in present:
        verdict = Verdict.ABSENT
    risk = _risk(route)
    return Exposed(
        route.method,
        route.path,
        route,
        verdict,
        risk,
        (_ADVICE if kind.is_vllm else {}).get(route, _ADVICE_BY_RISK[risk]),
        None if raw is None else raw.status,
    )


def _unasked(title: str, risk: Risk, route: Known | None = None) -> Exposed:
    method, _, path = title.partition(" ")
    return Exposed(method, path, route, Verdict.UNASKED, risk, _NO_WAY, None)


def _verdict(route: Known, raw: Raw) -> Verdict:
    is_page = "text/html" in raw.headers.get("content-type", "")
    if raw.status in (401, 403):
        return Verdict.GUARDED
    if raw.status == 404:
        # of a route with a part in braces, 404 also says that there is no such thing
        return Verdict.ABSENT if "{" not in route.path else Verdict.UNKNOWN
    if raw.status < 300 and is_page and not route.way.page:
        return Verdict.UNKNOWN  # what some proxies answer to everything
    return (
        Verdict.OPEN if raw.status < 300 or raw.status in (400, 405, 415, 422) else Verdict.UNKNOWN
    )


def _risk(route: Known) -> Risk:
    if route in _NOTHING:
        return Risk.NOTHING
    if route in (Route.METRICS, Route.METRICS_FILTERED, Route.OPENAPI, Route.SERVER_INFO):
        return Risk.INFORMATION
    by_cost = {
        Cost.CHANGES: Risk.CONTROL,
        Cost.GPU: Risk.GPU,
        Cost.CPU: Risk.CPU,
        Cost.NOTHING: Risk.INFORMATION,
    }
    return by_cost[route.way.cost]


def _has_key(rows: Iterable[Exposed]) -> bool | None:
    """Whether any route asked for a key; where the list of models is open, there is none."""
    verdicts = {row.route: row.verdict for row in rows}
    if verdicts.get(Route.MODELS) is Verdict.OPEN:
        return False
    return True if Verdict.GUARDED in verdicts.values() else None


def _sentence(rows: Collection[Exposed], has_key: bool | None) -> str:
    wrong = [row for row in rows if row.is_wrong]
    if has_key is False:
        return _NO_KEY
    if not wrong:
        unasked = sum(row.verdict is Verdict.UNASKED for row in rows)
        untold = sum(row.is_in_doubt for row in rows) - unasked
        rest = f"; of {untold} it cannot be told" if untold else ""
        rest += f"; {unasked} {'was' if unasked == 1 else 'were'} not asked" if unasked else ""
        return f"Of the routes that were asked, none that matters answers without a key{rest}."
    worst = max(wrong, key=lambda row: list(Risk).index(row.risk))
    many = f"{len(wrong)} routes answer" if len(wrong) > 1 else "1 route answers"
    worst_of_them = "the worst of them" if len(wrong) > 1 else "it"
    return (
        f"{many} without a key; {worst_of_them} gives away "
        f"{worst.risk.value} ({worst.method} {worst.path})."
    )
