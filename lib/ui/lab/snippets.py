"""The same question outside of this page: as JSON, for Python and for a shell.

Pure. Decided here: how it is spelled. No key is ever written; a snippet names the variable that
holds it. The words of a body are those of the server's own dialect.
"""

import json
import shlex
from collections.abc import Mapping, Sequence

__all__ = ["curl", "ids_json", "python"]

_KEY = "VLLM_API_KEY"


def ids_json(model: str, ids: Sequence[int], pieces: Sequence[str | bytes | None]) -> str:
    """The tokens as one JSON object."""
    told = [one.decode("latin-1") if isinstance(one, bytes) else one for one in pieces]
    found = {"model": model or None, "count": len(ids), "tokens": list(ids), "token_strs": told}
    return json.dumps(found, ensure_ascii=False)


def curl(url: str, path: str, body: Mapping[str, object], *, has_key: bool) -> str:
    """A command for a shell."""
    lines = [f"curl -s {shlex.quote(url + path)}", "-H 'Content-Type: application/json'"]
    if has_key:
        lines.append(f'-H "Authorization: Bearer ${_KEY}"')
    lines.append(f"-d {shlex.quote(json.dumps(body, ensure_ascii=False))}")
    return " \\\n  ".join(lines)


def python(url: str, path: str, body: Mapping[str, object], *, has_key: bool) -> str:
    """A script with httpx and nothing else."""
    headers = f'{{"Authorization": f"Bearer {{os.environ[{_KEY!r}]}}"}}' if has_key else "{}"
    imports = ["import os"] if has_key else []
    return "\n".join(
        [
            *imports,
            "import httpx",
            "",
            f"body = {dict(body)!r}",
            f"answer = httpx.post({url + path!r}, json=body, headers={headers}, timeout=30)",
            "answer.raise_for_status()",
            "tokens = answer.json()['tokens']",
            "print(len(tokens), tokens)",
            "",
        ]
    )
