"""A request of the page for other tools: a shell, httpx, the OpenAI SDK.

Decided here: how its path is written out. How a request is spelled is decided where the Chat page
has it from too; the key is never in it.
"""

from urllib.parse import urlencode

from lib.api import Listed, Trial, calls
from lib.chat.sdk import openai_sdk
from lib.chat.snippets import Sent, curl_of, python_of
from lib.servers import Server
from lib.ui.explorer.draft import sent_path

__all__ = ["copies", "path_of"]

_PRINTED = ("print(answer.status_code, answer.text)",)


def path_of(listed: Listed, trial: Trial) -> str:
    """Path and query as they are sent."""
    path = calls.filled(sent_path(listed), trial.parts)
    return f"{path}?{urlencode(trial.query)}" if trial.query else path


def copies(server: Server, listed: Listed, trial: Trial) -> dict[str, tuple[str, str]]:
    """Text and language by the name of a tool; those that have a call for it."""
    upload = ("file", trial.file.name or "sound.wav") if trial.file else None
    body = trial.body if trial.form is None else trial.form
    has_key = server.key is not None
    sent = Sent(server.url, path_of(listed, trial), body, has_key, listed.method, upload)
    found = {
        "curl": (curl_of(sent), "bash"),
        "httpx": (python_of(sent, _PRINTED), "python"),
        "OpenAI SDK": (openai_sdk(sent), "python"),
    }
    return {name: one for name, one in found.items() if one[0]}
