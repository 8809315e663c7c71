"""The same request outside of this dashboard: for a shell, for Python and as JSON.

Pure. Decided here: how it is spelled. No key is ever written: a snippet names the variable that
holds it.
"""

import json
import shlex
from collections.abc import Mapping, Sequence

from lib.api.strict_json import Json

__all__ = ["as_json", "curl", "python"]

_KEY = "VLLM_API_KEY"
_LONGEST_ARGUMENT = 100_000  # bytes; Linux takes 128 KiB
_TEXTS = "answer.json()['choices'][0]"
_STREAMED = """\
    for line in answer.iter_lines():
        print(line)"""


def as_json(body: Mapping[str, Json]) -> str:
    """The body of a request, to be read."""
    return json.dumps(body, ensure_ascii=False, indent=2)


def curl(url: str, path: str, body: Mapping[str, Json], *, has_key: bool) -> str:
    """A command for a shell; a body that is too long for an argument comes by its input."""
    told = json.dumps(body, ensure_ascii=False)
    quiet = "curl -sN" if body.get("stream") else "curl -s"
    lines = [f"{quiet} {shlex.quote(url + path)}", "-H 'Content-Type: application/json'"]
    if has_key:
        lines.append(f'-H "Authorization: Bearer ${_KEY}"')
    if len(told.encode("utf-8", "replace")) > _LONGEST_ARGUMENT:
        return " \\\n  ".join([*lines, f"--data-binary @- <<'BODY'\n{told}\nBODY"])
    return " \\\n  ".join([*lines, f"-d {shlex.quote(told)}"])


def python(
    url: str,
    path: str,
    body: Mapping[str, Json],
    *,
    has_key: bool,
    seconds: int = 600,
    then: Sequence[str] = (),
) -> str:
    """A script with httpx and nothing else; `then` are its lines after the answer has come.

    Without them it prints the model's text, or of a stream each line as it comes.
    """
    headers = f'{{"Authorization": f"Bearer {{os.environ[{_KEY!r}]}}"}}' if has_key else "{}"
    call = f"{url + path!r}, json=body, headers={headers}, timeout={seconds}"
    head = ["import os"] if has_key else []
    head += ["import httpx", "", f"body = {dict(body)!r}"]
    if body.get("stream"):
        opened = f'with httpx.stream("POST", {call}) as answer:'
        return "\n".join([*head, opened, _STREAMED, ""])
    text = "['message']['content']" if "messages" in body else "['text']"
    lines = then or [f"print({_TEXTS}{text})"]
    sent = [f"answer = httpx.post({call})", "answer.raise_for_status()"]
    return "\n".join([*head, *sent, *lines, ""])
