"""Secret: an API key that shows itself only when asked to.

This module alone decides what a key may look like and how one is shown. A key is checked here,
before it can meet a header: a stray newline would come back in an error text, with the key.
"""

import hashlib
import re
from typing import NoReturn, final

from lib.servers.settings import SettingsError

__all__ = ["Secret"]

_KEY = re.compile(r"[\x21-\x7e]{1,512}")


@final
class Secret:
    """A key of 1 to 512 visible ASCII characters; surrounding white space is dropped.

    Raises:
        SettingsError: the text cannot be a key; the sentence never holds any of it.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        stripped = text.strip()
        if not _KEY.fullmatch(stripped):
            raise SettingsError(_complaint(stripped))
        self._text = stripped

    def reveal(self) -> str:
        """The key itself, for the header of a request to its own origin and for nothing else."""
        return self._text

    @property
    def fingerprint(self) -> str:
        """First 8 hex digits of its SHA-256: tells two keys apart and gives neither away."""
        return hashlib.sha256(self._text.encode()).hexdigest()[:8]

    def __repr__(self) -> str:
        return f"Secret({self.fingerprint}…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key is never pickled: it would end up in a cache or a file.")


def _complaint(text: str) -> str:
    if not text:
        return "The API key is empty; set it to the server's key, or leave it out."
    if len(text) > 512:
        return f"The API key has {len(text)} characters; a key has at most 512."
    where = next(i for i, char in enumerate(text, 1) if not "\x21" <= char <= "\x7e")
    return (
        f"Character {where} of the API key is a space, a line break or not plain ASCII; "
        "copy the key again, without anything around it."
    )
