"""Hidden: what a server tells of its own secrets, taken out before anybody sees it.

Development mode shows the whole configuration, and with it the token for the model hub and the
server's API keys. This module alone decides which names hold a secret.
"""

import re

from lib.api.strict_json import Json

__all__ = ["HIDDEN", "is_secret", "without_secret_texts", "without_secrets"]

HIDDEN = "[hidden]"
_SECRET = re.compile(
    r"^token$|(^|_)((hf|hub|auth|access|bearer|api)_?tokens?|(api|access|secret|private)_?keys?"
    r"|secrets?|passwords?|passwd|credentials?)$",
    re.IGNORECASE,
)

_WRITTEN = re.compile(
    r"""(?ix) ((?:hf|hub|auth|access|api) _? (?:token|key)s? ['"]? \s* [=:] \s*)
    ( '[^']*' | "[^"]*" | \[[^\]]*\] | (?! None\b ) [^\s,)}\]]+ )"""
)
"""A secret in a configuration that stands in one text, as Python writes it."""


def is_secret(name: str) -> bool:
    """Whether what stands under this name is a secret."""
    return _SECRET.search(name) is not None


def without_secrets(document: Json) -> Json:
    """The document with every text under a secret's name replaced; figures stay as they are."""
    return _cleared(document, hides=False)


def without_secret_texts(text: str) -> str:
    """A text with the secrets replaced that stand in it beside their names."""
    return _WRITTEN.sub(rf"\1{HIDDEN}", text)


def _cleared(value: Json, *, hides: bool) -> Json:
    if isinstance(value, dict):
        return {name: _cleared(one, hides=hides or is_secret(name)) for name, one in value.items()}
    if isinstance(value, list):
        return [_cleared(one, hides=hides) for one in value]
    if not isinstance(value, str):
        return value
    return HIDDEN if hides and value else without_secret_texts(value)
