"""Whom the page talks to, and what is known of it without asking.

Decided here: where a page looks for the limits of a server. Nothing here waits.
"""

from collections.abc import Mapping
from typing import NamedTuple

from lib.api.strict_json import Json
from lib.servers import Server
from lib.ui.house import house

__all__ = ["Place"]


class Place(NamedTuple):
    """A server and one of its models; "" while it is not known which it has."""

    server: Server
    model: str
    models: tuple[str, ...] = ()

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
        listed = house().asked.listing(self.server).models or ()
        own = next((one for one in listed if one.id == self.model), None)
        return own.max_model_len if own else None

    @property
    def block(self) -> int | None:
        """Tokens in a block of its KV cache, as its metrics tell; None where they do not."""
        return house().block_size(self.server)

    @property
    def info(self) -> Mapping[str, Json]:
        """Its running configuration, in development mode."""
        found = house().asked.told(self.server, documents=True).extra.get("server_info")
        return found if isinstance(found, Mapping) else {}
