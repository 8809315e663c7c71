"""Failures: why a connection gave no whole answer.

This module alone translates what sockets, TLS, HTTP parsing and the address policy raise into
reasons. The cause is often wrapped twice, so the whole chain is looked at.
"""

import errno
import socket
import ssl
from collections.abc import Iterator

import anyio
import httpcore
import httpx

from lib.api.errors import Reason, Unfit
from lib.servers import AddressRefused

__all__ = ["FAILURES", "dropped", "reason_of"]

FAILURES = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
    anyio.ClosedResourceError,  # a handshake whose connection is closed meanwhile
    httpx.RemoteProtocolError,  # httpx reads the address of a redirect even where none is followed
    OSError,  # TimeoutError and every error of sockets, name service and TLS are one
    AddressRefused,
    Unfit,
)
_NO_WAY = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EACCES}


def reason_of(failure: BaseException) -> tuple[Reason, str]:
    """The reason of a failed exchange, and its cause in a few words."""
    chain = tuple(_chain(failure))
    for error in chain:
        reason = _reason(error)
        if reason is not None:
            return reason, str(error)
    return Reason.CLOSED, str(failure)


def dropped(failure: Exception) -> bool:
    """Whether the connection went away without a byte of an answer, as an idle one may."""
    if isinstance(failure, httpcore.RemoteProtocolError):
        return "without sending a response" in str(failure)
    return isinstance(failure, (httpcore.ReadError, httpcore.WriteError))


def _chain(failure: BaseException | None) -> Iterator[BaseException]:
    """The innermost cause first: it knows most."""
    if failure is not None:
        yield from _chain(failure.__cause__ or failure.__context__)
        yield failure


# The first row that fits decides, so a kind of error stands before the kinds it belongs to.
_BY_KIND: tuple[tuple[type[BaseException], Reason], ...] = (
    (AddressRefused, Reason.FORBIDDEN_ADDRESS),
    (ssl.SSLCertVerificationError, Reason.TLS),
    (socket.gaierror, Reason.UNKNOWN_HOST),
    (TimeoutError, Reason.TIMEOUT),
    (httpcore.TimeoutException, Reason.TIMEOUT),
    (ConnectionRefusedError, Reason.NOT_LISTENING),
    (httpx.RemoteProtocolError, Reason.REDIRECT),
)


def _reason(error: BaseException) -> Reason | None:
    for kind, reason in _BY_KIND:
        if isinstance(error, kind):
            return reason
    if isinstance(error, ssl.SSLError):
        return _tls_reason(error)
    if isinstance(error, httpcore.RemoteProtocolError):
        return _protocol_reason(str(error))
    if isinstance(error, Unfit):
        return error.reason
    return Reason.NO_ROUTE if isinstance(error, OSError) and error.errno in _NO_WAY else None


def _tls_reason(error: ssl.SSLError) -> Reason | None:
    if isinstance(error, (ssl.SSLWantReadError, ssl.SSLWantWriteError)):
        return None  # no failure: the handshake was waiting when its time ran out
    text = str(error).upper().replace(" ", "_")
    plain = any(sign in text for sign in ("WRONG_VERSION", "RECORD_LAYER", "HTTP_REQUEST"))
    closed = isinstance(error, ssl.SSLEOFError) or "EOF" in text
    if plain:
        return Reason.WRONG_SCHEME
    return Reason.CLOSED if closed else Reason.TLS


def _protocol_reason(text: str) -> Reason | None:
    if "too long" in text:
        return Reason.TOO_LARGE
    if "illegal request line" in text:
        return Reason.WRONG_SCHEME  # h11's words for a control byte, with which TLS alerts begin
    if "illegal" in text or "malformed" in text.lower():
        return Reason.NOT_HTTP
    return None
