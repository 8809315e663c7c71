"""What was sent in this tab: to be looked at again, and sent again.

Decided here: how much of it is kept, and what of it may be sent again. It lives as long as the
tab, and nowhere else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from secrets import token_hex

import streamlit as st

from lib.api import Listed, Route, Tried
from lib.servers import Server
from lib.ui.exploring import Sending
from lib.ui.house import house
from lib.ui.plain import count, duration, plain

__all__ = ["MOST", "Past", "add", "barred", "history", "last", "named", "rows", "show", "told"]

MOST = 20
_MOST_BYTES = 16 << 20
"""Of all sounds and answers that a tab keeps; the sounds go first, and the oldest of each."""
_SHOWN_BYTES = 300_000
"""Of a body, as text in the browser; `raw.js` draws no more either."""
_TEXTS = ("json", "text", "xml", "javascript", "yaml", "event-stream")
_FORGOTTEN = "Its body is no longer kept."
_KEPT, _LATEST = "explorer-past", "explorer-shown"


@dataclass(eq=False)
class Past:
    """One request of this tab. `sent` is what was sent, as text."""

    server: Server
    listed: Listed
    sending: Sending
    sent: str
    remark: str = ""
    id: str = field(default_factory=lambda: token_hex(6))

    @property
    def tone(self) -> str:
        if self.sending.is_running:
            return "unknown"
        tried = self.sending.tried
        if tried is None:
            return "bad"
        return "good" if tried.status < 300 else "watch" if tried.status < 500 else "bad"

    @property
    def words(self) -> str:
        """The status in words."""
        if self.sending.is_running:
            return "on its way"
        tried = self.sending.tried
        return _status(tried.status) if tried else "no answer"


def history() -> list[Past]:
    """The newest first."""
    found: list[Past] = st.session_state.setdefault(_KEPT, [])
    return found


def add(past: Past) -> None:
    """Keep it, and show it."""
    kept = history()
    kept.insert(0, past)
    del kept[MOST:]
    excess = sum(len(_sound(one)) + len(_body(one)) for one in kept) - _MOST_BYTES
    for drop in (_drop_sound, _drop_body):
        for one in reversed(kept):
            excess -= drop(one) if excess > 0 else 0
    show(past.id)


def _sound(past: Past) -> bytes:
    file = past.sending.trial.file
    return file.content if file else b""


def _body(past: Past) -> bytes:
    tried = past.sending.tried
    return tried.body if tried else b""


def _drop_sound(past: Past) -> int:
    """Bytes that this frees; none of what is on its way."""
    if past.sending.is_running:
        return 0
    size = len(_sound(past))
    past.sending.trial = replace(past.sending.trial, file=None)
    return size


def _drop_body(past: Past) -> int:
    tried, size = past.sending.tried, len(_body(past))
    if tried and size:
        past.sending.tried, past.remark = _without_body(tried), _FORGOTTEN
    return size


def show(id_: str) -> None:
    """Let this one be shown."""
    st.session_state[_LATEST] = id_


def named(id_: object) -> Past | None:
    """The one of that name."""
    return next((one for one in history() if one.id == id_), None)


def last() -> Past | None:
    """The one that is shown."""
    return named(st.session_state.get(_LATEST))


def barred(past: Past) -> str:
    """Why it is not sent again from the history, in a few words; "" where it is."""
    if not isinstance(past.listed.route, Route):
        return "only from its own form"
    if house().named(past.server.name) != past.server:
        return "its server has changed, or is gone"
    trial = past.sending.trial
    return "its sound is no longer kept" if trial.form is not None and not trial.file else ""


def rows() -> Sequence[Mapping[str, object]]:
    """The history as the page draws it."""
    return [_row(one) for one in history()]


def told(past: Past) -> Mapping[str, object]:
    """One answer as the page draws it."""
    tried, sending = past.sending.tried, past.sending
    about: dict[str, object] = {
        "id": past.id,
        "route": plain(past.listed.title, 160),
        "tone": past.tone,
        "words": past.words,
        "sent": past.sent,
    }
    if tried is None:
        nothing: dict[str, object] = {
            "seconds": duration(sending.seconds),
            "size": "",
            "body": None,
            "headers": [],
        }
        return about | nothing | {"at": None, "remark": plain(sending.refused, 400)}
    body, remark = _text(tried)
    remarks = [one for one in (past.remark, remark) if one]
    return about | {
        "seconds": duration(tried.seconds),
        "size": f"{count(len(tried.body))} bytes",
        "at": tried.at,
        "headers": [[name, value] for name, value in tried.headers.items()],
        "body": body,
        "remark": " ".join(remarks),
    }


def _row(past: Past) -> Mapping[str, object]:
    tried = past.sending.tried
    why = barred(past)
    return {
        "id": past.id,
        "at": tried.at if tried else None,
        "route": plain(past.listed.title, 80),
        "server": plain(past.server.name, 60),
        "tone": past.tone,
        "words": past.words,
        "seconds": duration(tried.seconds) if tried else "",
        "again": "" if why else _again(past.listed),
        "barred": why,
    }


def _again(listed: Listed) -> str:
    cost = listed.cost.value if listed.cost else "nothing that is known"
    return f"The same request again; it costs {cost}"


def _text(tried: Tried) -> tuple[str | None, str]:
    """The body as text, if it is one, and what is to be known of it."""
    told = []
    if tried.cut:
        told.append("The answer was longer than 8 MB: this is its beginning.")
    if tried.hidden:
        told.append("Secrets in it are hidden.")
    kind = tried.headers.get("content-type", "")
    try:
        text = tried.body[:_SHOWN_BYTES].decode("utf-8", "strict" if not tried.cut else "replace")
    except UnicodeDecodeError as error:
        is_text = any(one in kind for one in _TEXTS) or error.start > _SHOWN_BYTES - 4
        if not is_text:
            return None, " ".join([*told, f"Its body is no text ({plain(kind or 'untold', 60)})."])
        text = tried.body[:_SHOWN_BYTES].decode("utf-8", "replace")
    if len(tried.body) > _SHOWN_BYTES:
        told.append(f"Of {count(len(tried.body))} bytes the first {count(_SHOWN_BYTES)} are shown.")
    return text, " ".join(told)


def _without_body(tried: Tried) -> Tried:
    return Tried(tried.status, tried.headers, tried.seconds, b"", tried.at)


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
