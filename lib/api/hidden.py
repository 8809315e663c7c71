"""Hidden: what a server tells of its own secrets, taken out before anybody sees it.

Development mode shows the whole configuration, and with it the token for the model hub and the
server's API keys. What looks like a secret is decided in `lib.secrets`; here, that a document keeps
its shape and its figures.
"""

from collections.abc import Iterator, Mapping, Sequence

from lib.api.strict_json import Json
from lib.secrets import HIDDEN, Masker, is_secret

__all__ = ["HIDDEN", "is_secret", "without_secret_texts", "without_secrets"]


def without_secrets(document: Json) -> Json:
    """The document with every text under a secret's name replaced; figures stay as they are."""
    return _cleared(document, hides=False)


def without_secret_texts(text: str) -> str:
    """A text with the secrets replaced that it holds."""
    return Masker().masked(text)


def _cleared(value: Json, *, hides: bool) -> Json:
    if isinstance(value, dict):
        named = _names_a_secret(value)
        return {
            name: _cleared(one, hides=hides or is_secret(name) or (named and name == "value"))
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [
            _cleared(one, hides=hides or behind)
            for one, behind in zip(value, _behind_a_flag(value), strict=True)
        ]
    if not isinstance(value, str):
        return value
    return HIDDEN if hides and value else without_secret_texts(value)


def _names_a_secret(entry: Mapping[str, Json]) -> bool:
    """Whether it is written as a variable of a container: `{"name": "API_KEY", "value": …}`."""
    name = entry.get("name")
    return isinstance(name, str) and is_secret(name)


def _behind_a_flag(words: Sequence[Json]) -> Iterator[bool]:
    """For each word of a command line whether a flag of secrets takes it: `--api-key one two`."""
    hides = False
    for word in words:
        is_flag = isinstance(word, str) and word.startswith("-")
        if is_flag:
            hides = is_secret(str(word).lstrip("-"))
        yield hides and not is_flag
