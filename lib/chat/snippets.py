"""The same request outside of this dashboard: for a shell, for Python and as JSON.

Pure. Decided here: how it is spelled. No key is ever written: a snippet names the variable that
holds it.
"""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lib.api.strict_json import Json

__all__ = ["Sent", "as_json", "curl", "curl_of", "python", "python_of"]

_KEY = "VLLM_API_KEY"
_LONGEST_ARGUMENT = 100_000  # bytes; Linux takes 128 KiB
_TEXTS = "answer.json()['choices'][0]"
_STREAMED = """\
    for line in answer.iter_lines():
        print(line)"""


class Sent(NamedTuple):
    """A request of any kind.

    `upload` is the name of a form's field and of the file in it: then `body` is the rest of that
    form.
    """

    url: str
    path: str
    body: Mapping[str, Json] | None
    has_key: bool
    method: str = "POST"
    upload: tuple[str, str] | None = None

    @property
    def form(self) -> dict[str, str]:
        """The fields of a form as text."""
        listed = (self.body or {}).items()
        return {name: one if isinstance(one, str) else _compact(one) for name, one in listed}


def as_json(body: Mapping[str, Json]) -> str:
    """The body of a request, to be read."""
    return json.dumps(body, ensure_ascii=False, indent=2)


def curl(url: str, path: str, body: Mapping[str, Json], *, has_key: bool) -> str:
    """A command for a shell."""
    return curl_of(Sent(url, path, body, has_key))


def curl_of(sent: Sent) -> str:
    """A command for a shell; a body that is too long for an argument comes by its input."""
    quiet = "curl -sN" if _is_streamed(sent) else "curl -s"
    posts = f" -X {sent.method}" if sent.body is None and sent.method != "GET" else ""
    lines = [f"{quiet}{posts} {shlex.quote(sent.url + sent.path)}"]
    if sent.body is not None and not sent.upload:
        lines.append("-H 'Content-Type: application/json'")
    if sent.has_key:
        lines.append(f'-H "Authorization: Bearer ${_KEY}"')
    return " \\\n  ".join([*lines, *_arguments(sent)])


def _arguments(sent: Sent) -> list[str]:
    if sent.upload:
        name, file = sent.upload[0], _quoted(sent.upload[1])
        parts = [f"--form-string {shlex.quote(f'{one}={text}')}" for one, text in sent.form.items()]
        return [f"-F {shlex.quote(f'{name}=@{file}')}", *parts]
    if sent.body is None:
        return []
    told = _compact(sent.body)
    if len(told.encode("utf-8", "replace")) > _LONGEST_ARGUMENT:
        return [f"--data-binary @- <<'BODY'\n{told}\nBODY"]
    return [f"-d {shlex.quote(told)}"]


def _quoted(file: str) -> str:
    """The name of a file, in which curl reads neither a type nor a second file."""
    if not re.search(r'[;,"\\]', file):
        return file
    return '"' + re.sub(r'(["\\])', r"\\\1", file) + '"'


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
    text = "['message']['content']" if "messages" in body else "['text']"
    lines = then or [f"print({_TEXTS}{text})"]
    return python_of(Sent(url, path, body, has_key), lines, seconds=seconds)


def python_of(sent: Sent, then: Sequence[str], *, seconds: int = 600) -> str:
    """A script with httpx and nothing else; `then` are its lines after the answer has come."""
    key = f'{{"Authorization": f"Bearer {{os.environ[{_KEY!r}]}}"}}' if sent.has_key else "{}"
    body, told = sent.body, "json=body, "
    if sent.upload:
        name, file = sent.upload
        body, told = sent.form, f"data=body, files={{{name!r}: open({file!r}, 'rb')}}, "
    call = f"{sent.url + sent.path!r}, {told if body is not None else ''}"
    call += f"headers={key}, timeout={seconds}"
    head = ["import os"] if sent.has_key else []
    head += ["import httpx", ""]
    head += [f"body = {dict(body)!r}"] if body is not None else []
    if _is_streamed(sent):
        opened = f'with httpx.stream("POST", {call}) as answer:'
        return "\n".join([*head, opened, _STREAMED, ""])
    asked = [f"answer = httpx.{sent.method.lower()}({call})", "answer.raise_for_status()"]
    return "\n".join([*head, *asked, *then, ""])


def _is_streamed(sent: Sent) -> bool:
    return bool(sent.body and sent.body.get("stream"))


def _compact(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
