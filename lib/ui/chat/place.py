"""Whom the page talks to, and what is known of it without asking.

Decided here: where a page looks for the limits of a server. Nothing here waits for a slow one.
"""

from collections.abc import Mapping
from typing import NamedTuple

from lib.api.strict_json import Json
from lib.servers import Server
from lib.ui.house import house
from lib.ui.plain import plain

__all__ = ["Place", "models_of"]

_SENTENCE = 400
_MOMENT = 0.8
"""Seconds that the first answer of a server is worth waiting for: one that hangs holds up none."""


def models_of(server: Server) -> tuple[str, ...]:
    """The names that it serves, as far as that is known; asked in the background."""
    if listed := house().models(server):
        return tuple(listed)
    known = house().asked.told(server, wait=_MOMENT).capabilities
    return tuple(one.id for one in known.models) if known else ()


class Place(NamedTuple):
    """A server and one of its models; "" while it is not known which it has."""

    server: Server
    model: str

    @classmethod
    def of(cls, server: Server, model: str) -> "Place":
        """The model of that name if this server lists it, else its first."""
        listed = models_of(server)
        return cls(server, model if model in listed else next(iter(listed), ""))

    @property
    def trouble(self) -> str:
        """Why its models are not known, in one sentence; "" where they are."""
        if self.model:
            return ""
        listing = house().asked.listing(self.server)
        why = plain(listing.refused or house().asked.told(self.server).refused, _SENTENCE)
        return f"Not sent: {why}" if why else f"Not sent: {self.server.name} lists no model yet."

    @property
    def title(self) -> str:
        """Server and model, for people."""
        return f"{self.server.name} · {self.model}" if self.model else self.server.name

    @property
    def release(self) -> str:
        """The release that it runs, "" while it is not known."""
        return house().asked.told(self.server).version

    @property
    def limit(self) -> int | None:
        """The context length in tokens, as its list of models tells."""
        known = house().asked.told(self.server).capabilities
        listed = house().asked.listing(self.server).models or (known.models if known else ())
        own = next((one for one in listed if one.id == self.model), None)
        return own.max_model_len if own else None

    @property
    def block(self) -> int | None:
        """Tokens in a block of its KV cache, as its metrics tell; None where they do not."""
        return house().block_size(self.server)

    @property
    def requests(self) -> Json:
        """How it describes what can be asked of it; None where it does not, or not yet."""
        known = house().asked.told(self.server).capabilities
        return known.requests if known else None

    @property
    def info(self) -> Mapping[str, Json]:
        """Its running configuration, in development mode."""
        found = house().asked.told(self.server, documents=True).extra.get("server_info")
        return found if isinstance(found, Mapping) else {}
