"""Addresses: how a server's address is written, and which addresses may be connected to.

This module alone decides both. `normal_url` judges text and gives every later parser one plain
form. `AddressPolicy` judges what a name resolved to, at the moment of connecting, because a name
can resolve to anything, and to something else the next time. Nothing is resolved or opened here.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from lib.servers.server import Server, Source
from lib.servers.settings import SettingsError

__all__ = ["AddressPolicy", "AddressRefused", "normal_url"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Never connected to, whoever configured it: no model server lives there, cloud credentials do.
_FORBIDDEN: tuple[tuple[Network, str], ...] = tuple(
    (ipaddress.ip_network(network), why)
    for network, why in (
        ("0.0.0.0/8", "means no particular machine"),
        ("100.100.100.200/32", "is a cloud metadata service"),
        ("168.63.129.16/32", "is a cloud metadata service"),
        ("192.0.0.192/32", "is a cloud metadata service"),
        ("169.254.0.0/16", "is link-local, where cloud metadata lives"),
        ("224.0.0.0/4", "is multicast"),
        ("240.0.0.0/4", "is reserved"),
        ("::/128", "means no particular machine"),
        ("fe80::/10", "is link-local"),
        ("fec0::/10", "is site-local"),
        ("ff00::/8", "is multicast"),
        ("fd00:ec2::/32", "is a cloud metadata service"),
        ("fd20:ce::254/128", "is a cloud metadata service"),
    )
)
# IPv6 forms that carry an IPv4 address in their last 32 bits.
_CARRIERS = tuple(
    ipaddress.IPv6Network(network)
    for network in ("::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")
)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")
_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
_LOOSE_NUMBER = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)")
_EXAMPLE = "write it like http://10.0.0.5:8000"


class AddressRefused(Exception):  # noqa: N818 — a refusal, named like `lib.api.Refused`
    """The policy forbids connecting; the text is one plain sentence."""


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What may be connected to, decided on the resolved address.

    `only` None is for servers of the operator's configuration: everything but what is always
    forbidden. Otherwise only this machine and the listed hosts and networks (`allowing`).
    """

    only: tuple[str | Network, ...] | None = None

    @classmethod
    def allowing(cls, listed: str) -> "AddressPolicy":
        """The policy for servers added in the page, from the text of `INSPECTOR_ALLOW_HOSTS`.

        Raises:
            SettingsError: an entry is neither a host, `*.domain`, address nor network.
        """
        return cls(tuple(_allowed(entry) for entry in re.split(r"[,\s]+", listed.strip()) if entry))

    @classmethod
    def of(cls, server: Server, allow_hosts: str) -> "AddressPolicy":
        """The policy of a server: strict for one that was added in the page."""
        return cls.allowing(allow_hosts) if server.source is Source.ADDED else cls()

    def check(self, host: str, address: str) -> None:
        """Judge the address that `host` resolved to.

        Raises:
            AddressRefused: it must not be connected to.
        """
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            raise AddressRefused(f"{address[:60]!r} is not an address.") from None
        for face in _faces(parsed):
            self._check_face(host, face)

    def check_text(self, host: str) -> None:
        """Judge a host before anything is resolved, for an early answer when one is added.

        Raises:
            AddressRefused: no resolution of the host could make it allowed.
        """
        try:
            ipaddress.ip_address(host)
        except ValueError:
            if not (self.only is None or host == "localhost" or self._lists(host)):
                raise AddressRefused(_not_allowed(host)) from None
        else:
            self.check(host, host)

    def _check_face(self, host: str, address: Address) -> None:
        for network, why in _FORBIDDEN:
            if address in network:
                raise AddressRefused(
                    f"{address} {why} and is never connected to; give the server's own address."
                )
        if self.only is None or address.is_loopback or self._lists(host):
            return
        if not any(address in entry for entry in self.only if not isinstance(entry, str)):
            raise AddressRefused(_not_allowed(host))

    def _lists(self, host: str) -> bool:
        names = [entry for entry in self.only or () if isinstance(entry, str)]
        return any(
            host == name or (name.startswith("*.") and host.endswith(name[1:])) for name in names
        )


def normal_url(text: str) -> str:
    """The one form of a server's address: scheme, host, port unless it is the scheme's own, path.

    The path is the base path of a server behind a proxy; a trailing `/v1`, which OpenAI clients
    want and which is a route here, is dropped. Normal forms are left as they are.

    Raises:
        SettingsError: the text is not such an address.
    """
    text = text.strip()
    shown = _shown(text)
    if not text or not all("\x21" <= char <= "\x7e" for char in text) or "\\" in text:
        raise SettingsError(f"{shown} is not a plain web address; {_EXAMPLE}.")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise SettingsError(f"{shown} is not a web address; {_EXAMPLE}.") from None
    if parts.scheme not in ("http", "https"):
        raise SettingsError(f"{shown} does not begin with http:// or https://; {_EXAMPLE}.")
    if "@" in parts.netloc:
        raise SettingsError("An address must not hold a user or password; give the key as api_key.")
    if "?" in text or "#" in text:
        raise SettingsError(f"{shown} has a ? or # part; {_EXAMPLE}, with nothing after it.")
    if port == 0:
        raise SettingsError(f"{shown} has port 0; ports go from 1 to 65535.")
    shown_port = "" if port in (None, 443 if parts.scheme == "https" else 80) else f":{port}"
    host = _host(parts.hostname or "", shown)
    return f"{parts.scheme}://{host}{shown_port}{_base_path(parts.path, shown)}"


def _host(host: str, shown: str) -> str:
    try:
        if ":" in host and "%" not in host:
            return f"[{ipaddress.IPv6Address(host)}]"
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        # "127.1", "2130706433" and "0x7f.1" resolve to addresses that they do not look like
        if _HOST.fullmatch(host) and not _LOOSE_NUMBER.fullmatch(host):
            return host
    raise SettingsError(f"{shown} names no host or whole address; {_EXAMPLE}.")


def _base_path(path: str, shown: str) -> str:
    path = path.rstrip("/").removesuffix("/v1")
    if not _PATH.fullmatch(path):
        raise SettingsError(f"{shown} has a path that is not plain names; {_EXAMPLE}/base-path.")
    return path


def _shown(text: str) -> str:
    """The text for a sentence, without what may be a password."""
    return repr(re.sub(r"//.*@", "//…@", text.partition("?")[0])[:80])


def _allowed(entry: str) -> str | Network:
    try:
        return ipaddress.ip_network(entry.strip("[]"))
    except ValueError:
        name = entry.lower()
    if not _HOST.fullmatch(name.removeprefix("*.")) or _LOOSE_NUMBER.fullmatch(name):
        raise SettingsError(
            f"INSPECTOR_ALLOW_HOSTS holds {entry[:60]!r}; "
            "list hosts, *.domains, addresses or networks like 10.0.0.0/8, with commas between."
        )
    return name


def _not_allowed(host: str) -> str:
    return (
        f"{host} is neither this machine nor a host the operator allows to be added; "
        "have it listed in INSPECTOR_ALLOW_HOSTS or configured in VLLM_SERVERS."
    )


def _faces(address: Address) -> Iterable[Address]:
    """Every address that a packet sent to this one may reach."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    inner: list[Address] = [
        ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        for network in _CARRIERS
        if address in network
    ]
    inner += [found for found in (address.sixtofour, *(address.teredo or ())) if found]
    # ::ffff:a.b.c.d is that IPv4 address and nothing else; the others are their own addresses too
    return inner if address.ipv4_mapped else (address, *inner)
