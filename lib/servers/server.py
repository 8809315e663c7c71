"""Server: who is watched.

This module alone decides what identifies a server and what its name may be.
"""

import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from lib.servers.secret import Secret
from lib.servers.settings import SettingsError

__all__ = ["Server", "Source", "checked_name"]

_NAME = re.compile(r"[^\W_][\w .:-]{0,62}[\w.-]|[^\W_]")


class Source(Enum):
    """Where a server came from."""

    ENVIRONMENT = "environment"
    SECRETS = "secrets file"
    DEMO = "built-in demo"
    ADDED = "added in the page"


@dataclass(frozen=True, slots=True)
class Server:
    """One server: its name, its normal address, its key and where it came from."""

    name: str
    url: str  # in the form that `normal_url` gives
    key: Secret | None
    source: Source
    verify_tls: bool | str = True  # False: any certificate; a path: the authorities to trust

    @property
    def simulated(self) -> bool:
        """Whether it is one of the built-in demo servers."""
        return self.source is Source.DEMO

    @property
    def id(self) -> str:
        """Names its history. A demo server keeps its history when its port changes."""
        return self.name if self.simulated else f"{self.name} {self.url}"

    @property
    def key_in_clear(self) -> bool:
        """Whether its key crosses a network unencrypted: worth a warning, no reason to refuse."""
        host = urlsplit(self.url).hostname or ""
        here = host in ("localhost", "::1") or host.startswith("127.")
        return self.key is not None and self.url.startswith("http:") and not here


def checked_name(text: str) -> str:
    """A server's name as people will read it: 1 to 64 letters, digits, blanks and `.-_:`.

    Raises:
        SettingsError: the text cannot be a name.
    """
    name = text.strip()
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"{name[:40]!r} cannot name a server; use 1 to 64 letters, digits, blanks or .-_: "
            "and begin with a letter or digit."
        )
    return name
