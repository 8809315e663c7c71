"""What was sent in this tab: to be looked at again, and sent again.

Decided here: how much of it is kept. It lives as long as the tab, and nowhere else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from secrets import token_hex

import streamlit as st

from lib.api import Control, Listed, Tried
from lib.servers import Server
from lib.ui.exploring import Sending
from lib.ui.plain import count, duration, plain

__all__ = ["MOST", "Past", "add", "history", "last", "named", "rows", "show", "told"]

MOST = 20
_MOST_BYTES = 16 << 20
"""Of all answers that a tab keeps; the oldest lose their body first."""
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
    size = 0
    for one in kept:
        tried = one.sending.tried
        size += len(tried.body) if tried else 0
        if tried and size > _MOST_BYTES:
            one.sending.tried, one.remark = _without_body(tried), _FORGOTTEN
    show(past.id)


def show(id_: str) -> None:
    """Let this one be shown."""
    st.session_state[_LATEST] = id_


def named(id_: object) -> Past | None:
    """The one of that name."""
    return next((one for one in history() if one.id == id_), None)


def last() -> Past | None:
    """The one that is shown."""
    return named(st.session_state.get(_LATEST))


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
    again = not isinstance(past.listed.route, Control)
    return {
        "id": past.id,
        "at": tried.at if tried else None,
        "route": plain(past.listed.title, 80),
        "server": plain(past.server.name, 60),
        "tone": past.tone,
        "words": past.words,
        "seconds": duration(tried.seconds) if tried else "",
        "again": _again(past.listed) if again else "",
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
