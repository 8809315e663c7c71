"""Who may see the dashboard: addresses it listens on, login, and tickets for its own routes.

This module alone decides it. Without a login the dashboard serves loopback only. With one (OIDC in
`[auth]`, or `server.trustedUserHeaders` behind a proxy) every page asks for it, and our routes ask
for a ticket that a page mints for a viewer it has let in: Streamlit's login guards its own
WebSocket, not a route beside it. A ticket is asked for without a login too, so that a foreign web
page cannot read the stream from a visitor's browser.
"""

import hashlib
import hmac
import ipaddress
import secrets
import socket
import time
from urllib.parse import urlsplit

import streamlit as st
from streamlit import config

__all__ = [
    "TICKET_SECONDS",
    "allow_hosts",
    "has_login",
    "has_oidc",
    "is_loopback",
    "mint",
    "refusal",
    "valid",
    "viewer_admitted",
]

TICKET_SECONDS = 900
"""How long a ticket opens a stream; one that is open stays open."""

_SECRET = secrets.token_bytes(32)


def is_loopback(address: str | None) -> bool:
    """Whether a listening address reaches this machine only. None and "" listen everywhere."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address((address or "").strip("[]")).is_loopback
    except ValueError:
        return False


def has_login() -> bool:
    """Whether the operator has configured a login."""
    return bool(config.get_option("server.trustedUserHeaders")) or has_oidc()


def has_oidc() -> bool:
    """Whether people log in here, with an OpenID Connect provider."""
    try:
        return "auth" in st.secrets
    except FileNotFoundError:
        return False


def refusal(address: str | None) -> str | None:
    """Why the dashboard must not listen on `address`, and what to set; None when it may."""
    if is_loopback(address) or has_login():
        return None
    return (
        f"vLLM Inspector does not listen on {address or 'all addresses'} without a login: "
        "configure one ([auth] in .streamlit/secrets.toml, or server.trustedUserHeaders behind a "
        "proxy), or set HOST=127.0.0.1."
    )


def allow_hosts(address: str | None) -> None:
    """Add the names that this machine is reached by to `server.allowedHosts`, beyond loopback."""
    if is_loopback(address):
        return
    names = {socket.gethostname(), socket.getfqdn(), _redirect_host()}
    if address and address not in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        names.add(address)
    hosts = [
        *config.get_option("server.allowedHosts"),
        *sorted(name.lower() for name in names if name),
    ]
    config.set_option("server.allowedHosts", list(dict.fromkeys(hosts)))


def viewer_admitted() -> bool:
    """Whether the viewer of the running script may see a page. Call from a page script only."""
    if not has_login():
        return True
    if has_oidc() and st.user.is_logged_in:
        return True
    names = dict(config.get_option("server.trustedUserHeaders") or {}).values()
    return any(st.user.get(name) for name in names)


def mint(now: float | None = None) -> str:
    """A ticket for our routes, good for `TICKET_SECONDS` from `now` (wall clock)."""
    until = str(int((time.time() if now is None else now) + TICKET_SECONDS))
    return f"{until}.{_signature(until)}"


def valid(ticket: str, now: float | None = None) -> bool:
    """Whether a ticket was minted by this process and has not expired."""
    until, _, signature = ticket.partition(".")
    if not hmac.compare_digest(_signature(until).encode(), signature.encode()):
        return False
    return (
        until.isascii() and until.isdigit() and int(until) >= (time.time() if now is None else now)
    )


def _signature(until: str) -> str:
    return hmac.new(_SECRET, until.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:32]


def _redirect_host() -> str:
    """The host that the OIDC provider sends people back to, which is how they reach us."""
    try:
        return urlsplit(str(st.secrets["auth"]["redirect_uri"])).hostname or ""
    except (FileNotFoundError, KeyError, ValueError):
        return ""
