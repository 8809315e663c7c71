"""Target: the one server that a client speaks to, and how its refusals are worded.

This module alone decides what of a server's text may enter an error: one clean line. The key, which
a hostile or chatty server may send back in any of the forms that text takes on the way, is taken
out of every answer.
"""

import html
import json
from dataclasses import dataclass, field
from urllib.parse import quote

from lib.api.errors import Reason, Refused, refusal
from lib.api.text import plain_line
from lib.api.ways import Known
from lib.servers import AddressPolicy, Secret

__all__ = ["Target"]

_SHORTEST_KEY = 8
"""Characters: a shorter key may stand in an answer by chance, and hardly keeps anybody out."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server's address, its key, and what may be connected to and trusted on the way there."""

    url: str
    key: Secret | None = None
    policy: AddressPolicy = field(default_factory=AddressPolicy)
    verify: bool | str = True

    def refuse(
        self,
        reason: Reason,
        detail: str | bytes = "",
        *,
        route: Known | None = None,
        status: int | None = None,
        retry_after: float | None = None,
        told: str = "",
    ) -> Refused:
        """The error of a reason at this server; the detail is cleaned here."""
        return refusal(
            reason,
            self.url,
            route=route,
            status=status,
            detail=plain_line(self.without_key(detail)),
            retry_after=retry_after,
            told=told,
        )

    def cleared(self, body: bytes) -> bytes:
        """A whole answer with the key replaced, for what is shown and kept of it."""
        if self.key is None or len(self.key.reveal()) < _SHORTEST_KEY:
            return body
        key = self.key.reveal()
        # the longer one first: the shorter would leave its escape behind
        for spelling in (json.dumps(key)[1:-1], key):
            body = body.replace(spelling.encode(), b"[key]")
        return body

    def without_key(self, text: str | bytes) -> str:
        """The text with the key, in every spelling of it, replaced."""
        shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        if self.key is None:
            return shown
        key = self.key.reveal()
        spellings = {key, json.dumps(key)[1:-1], repr(key)[1:-1], quote(key, ""), html.escape(key)}
        for spelling in sorted(spellings, key=len, reverse=True):
            shown = shown.replace(spelling, "[key]")
        return shown
