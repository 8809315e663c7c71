"""The same question outside of this page: as JSON, for Python and for a shell.

Pure. Decided here: what of the answer is told. How a request is spelled, and that no key is ever
written, is decided where the Chat page has it from too. The words of a body are those of the
server's own dialect.
"""

import json
from collections.abc import Mapping, Sequence

from lib.chat import snippets
from lib.chat.snippets import curl

__all__ = ["curl", "ids_json", "python"]


def ids_json(model: str, ids: Sequence[int], pieces: Sequence[str | bytes | None]) -> str:
    """The tokens as one JSON object."""
    told = [one.decode("latin-1") if isinstance(one, bytes) else one for one in pieces]
    found = {"model": model or None, "count": len(ids), "tokens": list(ids), "token_strs": told}
    return json.dumps(found, ensure_ascii=False)


def python(url: str, path: str, body: Mapping[str, object], *, has_key: bool) -> str:
    """A script with httpx and nothing else, which prints the tokens."""
    lines = ["tokens = answer.json()['tokens']", "print(len(tokens), tokens)"]
    return snippets.python(url, path, body, has_key=has_key, seconds=30, then=lines)
