"""Asking: what both clients do alike before and after the network.

This module alone decides how a request is judged before it is sent, what share of the time
connecting may take, and which call a question becomes in the server's dialect.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from lib.api import calls
from lib.api.answers import Answer, Tokens
from lib.api.calls import Call
from lib.api.capabilities import Capabilities, Conversation, Memory, recall
from lib.api.control import Control
from lib.api.errors import Reason, Refused, Unfit
from lib.api.resolver import Lookup, Resolver, system_lookup
from lib.api.routes import Route
from lib.api.strict_json import Json, encode
from lib.api.target import Target
from lib.api.transport import Sending
from lib.api.ways import Known
from lib.servers import AddressPolicy, Secret, Server, normal_url

if TYPE_CHECKING:
    from lib.api.generation import Generation

__all__ = ["Asking"]

T = TypeVar("T")
_CONNECT_SHARE = 0.6  # of an exchange's time may pass before the connection stands


class Asking:
    """The target, the time limit and what is remembered of a server.

    Args:
        url: the server's address, in any form that `normal_url` takes.
        api_key: sent to this server only, in a header only.
        policy: which addresses may be connected to; without one, all but the always forbidden.
        timeout: seconds for each whole exchange.
        verify: False for any certificate, or a file with the authorities to trust.
        lookup: stands for the name service in tests.
        control: whether routes that change the server may be sent.

    Raises:
        SettingsError: the address or key is unfit.
    """

    def __init__(
        self,
        url: str,
        api_key: Secret | str | None = None,
        *,
        policy: AddressPolicy | None = None,
        timeout: float = 10.0,
        verify: bool | str = True,
        lookup: Lookup = system_lookup,
        control: bool = False,
    ) -> None:
        key = Secret(api_key) if isinstance(api_key, str) else api_key
        self._target = Target(normal_url(url), key, policy or AddressPolicy(), verify)
        self._timeout = timeout
        self._resolver = Resolver(lookup)
        self._memory = Memory()
        self._control = control
        self._open()

    def _open(self) -> None:
        """Set up the way to the server."""
        raise NotImplementedError

    @classmethod
    def of(
        cls,
        server: Server,
        policy: AddressPolicy,
        *,
        timeout: float = 10.0,
        control: bool = False,
    ) -> Self:
        """The client of a configured server."""
        return cls(
            server.url,
            server.key,
            policy=policy,
            timeout=timeout,
            verify=server.verify_tls,
            control=control,
        )

    @property
    def url(self) -> str:
        """The server's address in its normal form."""
        return self._target.url

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url})"

    def _sending(self, call: Call[Any], seconds: float, *, retry: bool) -> Sending:
        """The request of a call, judged.

        Raises:
            CallerMistake: it must not be sent.
        """
        self._check_allowed(call)
        body = self._body(call)
        return Sending(
            route=call.route,
            method=call.method,
            path=self._made(lambda: call.path, call.route),
            query=call.query,
            body=body,
            kind=call.upload.kind if call.upload else "application/json",
            zipped=call.zipped,
            limit=call.limit,
            seconds=seconds,
            connect_seconds=_CONNECT_SHARE * min(seconds, self._timeout),
            retry=retry and call.repeatable,
            cut=call.cut,
            anonymous=call.anonymous,
        )

    def _check_allowed(self, call: Call[Any]) -> None:
        """Nothing that changes a server is sent unless this client was made for that.

        Raises:
            CallerMistake: it must not be sent.
        """
        if isinstance(call.route, Route) or call.probing:
            return
        if not isinstance(call.route, Control):
            raise self._mistake("it is never sent from here", call.route)
        if not self._control:
            raise self._mistake("it changes the server, and control is off", call.route)

    def _opening(self, call: Call[Any], seconds: float) -> tuple[Target, Resolver, Sending]:
        """What it takes to send a call over a connection of its own.

        Raises:
            CallerMistake: it must not be sent.
        """
        return self._target, self._resolver, self._sending(call, seconds, retry=False)

    def _chat(
        self, model: str, messages: Sequence[calls.Message], fields: Mapping[str, Json]
    ) -> "Generation":
        """The request for the next turn of a chat.

        Raises:
            CallerMistake: it must not be sent.
        """
        from lib.api import generation  # noqa: PLC0415 — most clients generate nothing

        try:
            return generation.chat(model, messages, **fields)
        except Unfit as unfit:
            problem = unfit.detail
        raise self._mistake(problem, Route.CHAT)

    def _completion(
        self, model: str, prompt: str | Sequence[int], fields: Mapping[str, Json]
    ) -> "Generation":
        """The request to continue a text.

        Raises:
            CallerMistake: it must not be sent.
        """
        from lib.api import generation  # noqa: PLC0415 — likewise

        try:
            return generation.completion(model, prompt, **fields)
        except Unfit as unfit:
            problem = unfit.detail
        raise self._mistake(problem, Route.COMPLETIONS)

    def _made(self, make: Callable[[], T], route: Known) -> T:
        """A call or a conversation, once it is made.

        Raises:
            CallerMistake: it must not be sent.
        """
        try:
            return make()
        except Unfit as unfit:
            problem = unfit.detail
        raise self._mistake(problem, route)

    def _body(self, call: Call[Any]) -> bytes | None:
        refused = None
        try:
            body = call.upload.content if call.upload else _encoded(call.body)
        except UnicodeEncodeError as error:
            half = f"the first is U+{ord(error.object[error.start]):04X}"
            refused = self._target.refuse(Reason.HALF_CHARACTER, half, route=call.route)
        except (ValueError, TypeError, RecursionError):
            refused = self._mistake("it holds something that JSON cannot", call.route)
        else:
            if body is None or len(body) <= call.most_sent:
                return body
            problem = f"it has {len(body):,} bytes; {call.most_sent:,} are sent at most"
            refused = self._target.refuse(Reason.TOO_LONG, problem, route=call.route)
        raise refused  # outside the handler: the cause holds what was typed

    def _mistake(self, problem: str, route: Known) -> Refused:
        return self._target.refuse(Reason.CALLER, problem, route=route)

    def _left(self, call: Call[Any], end: float) -> float:
        """Seconds for a call of a conversation that ends then, by the monotonic clock.

        Raises:
            Unreachable: it is over.
        """
        left = end - time.monotonic()
        if left <= 0:
            detail = "all that was asked before took too long"
            raise self._target.refuse(Reason.TIMEOUT, detail, route=call.route)
        return min(call.seconds or self._timeout, left)

    def _recalling(self) -> Conversation[Capabilities]:
        return recall(self._memory, time.monotonic())

    def _ready_calls(self, known: Capabilities) -> tuple[Call[Any], ...]:
        """What to ask for readiness: the server's own route, or its health and its models."""
        if known.dialect.ready is not None:
            return (calls.ready(),)
        return calls.health(), calls.models()

    def _check_ready(self, answer: Answer[Any]) -> None:
        if answer.value == ():
            raise self._target.refuse(Reason.NOT_READY, "its list of models is empty")

    def tokenize_call(
        self,
        known: Capabilities,
        text: str | None,
        model: str | None,
        **fields: Unpack[calls.TokenizeFields],
    ) -> Call[Tokens]:
        """The call that tokenizes a text or a chat here.

        Raises:
            CallerMistake: this server cannot be asked that.
        """
        try:
            return calls.tokenize(known.dialect, text, model or _first_model(known), **fields)
        except Unfit as unfit:
            problem = unfit.detail
        raise self._mistake(problem, known.dialect.tokenize)

    def detokenize_call(
        self, known: Capabilities, ids: Sequence[int], model: str | None
    ) -> Call[str]:
        """The call that gives the text of tokens here.

        Raises:
            CallerMistake: an id is none.
        """
        try:
            return calls.detokenize(known.dialect, ids, model or _first_model(known))
        except Unfit as unfit:
            problem = unfit.detail
        raise self._mistake(problem, known.dialect.detokenize)


def _encoded(body: Mapping[str, Json] | None) -> bytes | None:
    return None if body is None else encode(body)


def _first_model(known: Capabilities) -> str | None:
    """What to name where nobody has chosen: releases up to 0.7 want a name."""
    names = [model.id for model in known.models if model.parent is None]
    return names[0] if names else None
