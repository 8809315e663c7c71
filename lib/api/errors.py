"""Errors: why a server gave no usable answer. One tree, split by who is at fault.

This module alone decides the reasons and their sentences: what happened, at which server, what to
do. A sentence holds only our own words and the configured address; what the server said stands in
`detail`, cleaned and without the key.
"""

from enum import Enum
from typing import TYPE_CHECKING

from lib.api.ways import Known

if TYPE_CHECKING:
    from lib.api.excess import Excess

__all__ = [
    "BadRequest",
    "CallerMistake",
    "Denied",
    "NotOffered",
    "Reason",
    "Refused",
    "ServerFault",
    "Unfit",
    "Unreachable",
    "WronglyAnswered",
    "refusal",
]


class Reason(Enum):
    """Every way to get no usable answer; the value is what the store keeps."""

    NOT_LISTENING = "not listening"
    UNKNOWN_HOST = "unknown host"
    NO_ROUTE = "no route"
    FORBIDDEN_ADDRESS = "forbidden address"
    TLS = "tls"
    WRONG_SCHEME = "wrong scheme"
    TIMEOUT = "timeout"
    CLOSED = "closed"
    CLIENT_CLOSED = "client closed"
    CUT_SHORT = "cut short"
    SILENT = "silent"
    OVERTIME = "overtime"

    REDIRECT = "redirect"
    NOT_HTTP = "not http"
    HTML = "html"
    EMPTY = "empty"
    NOT_JSON = "not json"
    NOT_METRICS = "not metrics"
    TOO_LARGE = "too large"
    ENCODING = "encoding"
    WRONG_SHAPE = "wrong shape"
    MISCOUNTED = "miscounted"

    KEY_NEEDED = "key needed"
    KEY_REFUSED = "key refused"
    FORBIDDEN = "forbidden"

    NO_ROUTE_THERE = "route not offered"
    NO_TASK = "task not offered"
    SWITCHED_OFF = "switched off"
    FULL_LENGTH = "full length only"

    BUSY = "busy"
    SCALING = "scaling"
    LOADING = "loading"
    ENGINE_DEAD = "engine dead"
    NOT_READY = "not ready"
    GATEWAY = "gateway"
    SERVER_ERROR = "server error"
    FAILED_MIDWAY = "failed midway"

    UNKNOWN_MODEL = "unknown model"
    CONTEXT = "context"
    BAD_REQUEST = "bad request"

    CALLER = "caller"
    HALF_CHARACTER = "half character"
    TOO_LONG = "too long"


class Unfit(Exception):  # noqa: N818 — what is told of a server's answer becomes a `Refused`
    """A body that cannot be read or sent: the reason and a detail, before the server is known."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


class Refused(Exception):  # noqa: N818 — the project's word for every failed call
    """A call without a usable answer.

    `sentence` is for people; `detail` is the server's own text or the cause, one clean line;
    `status` is the HTTP status where there was one; `retry_after` the seconds it asked to wait;
    `excess`, of a request that is longer than the context, by how much.
    """

    def __init__(
        self,
        reason: Reason,
        sentence: str,
        *,
        route: Known | None = None,
        status: int | None = None,
        detail: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(sentence)
        self.reason, self.sentence, self.route = reason, sentence, route
        self.status, self.detail, self.retry_after = status, detail, retry_after
        self.excess: Excess | None = None


class Unreachable(Refused):
    """No connection, or it broke before a whole answer."""


class WronglyAnswered(Refused):
    """A whole answer that is not what this route gives."""


class Denied(Refused):
    """The server wants a key, or another one."""


class NotOffered(Refused):
    """This server lacks the route or the ability."""


class ServerFault(Refused):
    """The server says that it cannot answer now."""


class BadRequest(Refused):
    """The server finds the request wrong."""


class CallerMistake(Refused):
    """The request was wrong before it was sent."""


# Reason: whose fault, what happened, what to do.
_TABLE: dict[Reason, tuple[type[Refused], str, str]] = {
    Reason.NOT_LISTENING: (
        Unreachable,
        "Nothing listens at {server}",
        "start the server or correct its address",
    ),
    Reason.UNKNOWN_HOST: (
        Unreachable,
        "The host of {server} is not known to the name service",
        "correct the address",
    ),
    Reason.NO_ROUTE: (
        Unreachable,
        "The network has no way to {server}",
        "check the network, VPN or firewall",
    ),
    Reason.FORBIDDEN_ADDRESS: (
        Unreachable,
        "{server} leads to an address that must not be connected to",
        "configure the server's own address, or have its host allowed",
    ),
    Reason.TLS: (
        Unreachable,
        "The certificate of {server} is not trusted",
        "correct it, or name its authority as verify in the secrets file",
    ),
    Reason.WRONG_SCHEME: (
        Unreachable,
        "{server} does not speak the scheme of its address",
        "change http to https or back",
    ),
    Reason.TIMEOUT: (
        Unreachable,
        "{server} did not answer {route} in time",
        "see whether it is overloaded or hangs",
    ),
    Reason.CLOSED: (
        Unreachable,
        "{server} closed the connection before it had answered {route}",
        "look at its log",
    ),
    Reason.CLIENT_CLOSED: (
        Unreachable,
        "The client was closed before {server} had answered {route}",
        "ask again with a new one",
    ),
    Reason.CUT_SHORT: (
        Unreachable,
        "{server} broke off its answer {told}",
        "look at its log, and at the proxy before it",
    ),
    Reason.SILENT: (
        Unreachable,
        "{server} fell silent while it answered, {told}",
        "see whether its queue is long or its engine hangs",
    ),
    Reason.OVERTIME: (
        Unreachable,
        "The answer of {server} took too long and was given up {told}",
        "lower max_tokens",
    ),
    Reason.REDIRECT: (
        WronglyAnswered,
        "{server} redirects {route} elsewhere, which is not followed",
        "configure the address it redirects to",
    ),
    Reason.NOT_HTTP: (
        WronglyAnswered,
        "What answers at {server} does not speak HTTP",
        "correct the port",
    ),
    Reason.HTML: (
        WronglyAnswered,
        "{server} answered {route} with a web page",
        "correct the address, or log in to the proxy before it",
    ),
    Reason.EMPTY: (
        WronglyAnswered,
        "{server} answered {route} with nothing",
        "see whether it is still starting",
    ),
    Reason.NOT_JSON: (
        WronglyAnswered,
        "{server} answered {route} with something that is not valid JSON",
        "check what runs there",
    ),
    Reason.NOT_METRICS: (
        WronglyAnswered,
        "{server} answered {route} with something that is not Prometheus text",
        "check what runs there",
    ),
    Reason.TOO_LARGE: (
        WronglyAnswered,
        "The answer of {server} to {route} is larger than is read",
        "check what runs there",
    ),
    Reason.ENCODING: (
        WronglyAnswered,
        "{server} answered {route} in a compression that cannot be read",
        "check the proxy before it",
    ),
    Reason.WRONG_SHAPE: (
        WronglyAnswered,
        "The answer of {server} to {route} does not have the fields that vLLM's has",
        "check what runs there",
    ),
    Reason.MISCOUNTED: (
        WronglyAnswered,
        "{server} answered {route} with a count that is not that of its tokens",
        "check what runs there",
    ),
    Reason.KEY_NEEDED: (
        Denied,
        "{server} wants an API key for {route}",
        "set VLLM_API_KEY, or api_key in the secrets file",
    ),
    Reason.KEY_REFUSED: (
        Denied,
        "{server} does not accept the API key for {route}",
        "correct VLLM_API_KEY, or api_key in the secrets file",
    ),
    Reason.FORBIDDEN: (
        Denied,
        "{server} forbids {route}",
        "ask its operator for access",
    ),
    Reason.NO_ROUTE_THERE: (
        NotOffered,
        "{server} does not offer {route}",
        "{needs}",
    ),
    Reason.NO_TASK: (
        NotOffered,
        "The model of {server} cannot do {route}",
        "use a server with a model for it",
    ),
    Reason.SWITCHED_OFF: (
        NotOffered,
        "{server} has {route} switched off",
        "start it with --enable-scale-out to use it",
    ),
    Reason.FULL_LENGTH: (
        NotOffered,
        "The model of {server} gives vectors of one length only, and was asked for shorter ones",
        "leave dimensions out",
    ),
    Reason.BUSY: (
        ServerFault,
        "{server} has no room for {route} now",
        "try again when its queue is shorter",
    ),
    Reason.SCALING: (
        ServerFault,
        "{server} is being scaled and answers nothing meanwhile",
        "wait until it is done",
    ),
    Reason.LOADING: (
        ServerFault,
        "{server} is still loading its model",
        "wait until it is done",
    ),
    Reason.ENGINE_DEAD: (
        ServerFault,
        "{server} says that its engine is dead",
        "look at its log and restart it",
    ),
    Reason.NOT_READY: (
        ServerFault,
        "{server} serves no model yet",
        "wait, or look at its log",
    ),
    Reason.GATEWAY: (
        ServerFault,
        "The proxy before {server} got no answer from it",
        "see whether the server runs",
    ),
    Reason.SERVER_ERROR: (
        ServerFault,
        "{server} failed at {route}",
        "look at its log",
    ),
    Reason.FAILED_MIDWAY: (
        ServerFault,
        "{server} failed while it answered, {told}",
        "look at its log",
    ),
    Reason.UNKNOWN_MODEL: (
        BadRequest,
        "{server} does not serve that model",
        "choose one of its list",
    ),
    Reason.CONTEXT: (
        BadRequest,
        "The request does not fit into the context of the model at {server}: {told}",
        "shorten the prompt or lower max_tokens",
    ),
    Reason.BAD_REQUEST: (
        BadRequest,
        "{server} does not accept the request to {route}",
        "change what the detail names",
    ),
    Reason.CALLER: (
        CallerMistake,
        "The request to {route} of {server} was not sent",
        "change what the detail names",
    ),
    Reason.HALF_CHARACTER: (
        CallerMistake,
        "The text holds half a character (a lone surrogate), so it was not sent to {server}",
        "remove it, or have it replaced by U+FFFD",
    ),
    Reason.TOO_LONG: (
        CallerMistake,
        "The request to {route} of {server} is larger than is sent at once",
        "split the text",
    ),
}


def refusal(
    reason: Reason,
    server: str,
    *,
    route: Known | None = None,
    status: int | None = None,
    detail: str = "",
    retry_after: float | None = None,
    told: str = "",
) -> Refused:
    """The error of a reason, with its sentence for that server and route.

    `told` is what the sentence says of this one case: how much of an answer had come.
    """
    kind, what, todo = _TABLE[reason]
    sentence = f"{what}; {todo}.".format(
        server=server, route=route.path if route else "the request", needs=_advice(route), told=told
    )
    return kind(
        reason, sentence, route=route, status=status, detail=detail, retry_after=retry_after
    )


def _advice(route: Known | None) -> str:
    """What would make a server offer a route."""
    way = route.way if route else None
    if way and way.instead:
        return f"no vLLM release does: use {way.instead}"
    parts = []
    if way and way.since:
        parts.append(f"vLLM {'.'.join(map(str, way.since))} or later")
    if way and way.needs:
        parts.append(way.needs)
    return f"it takes {' with '.join(parts)}" if parts else "check what runs there"
