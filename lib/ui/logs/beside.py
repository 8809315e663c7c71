"""The log beside a live server: do they agree?

Decided here: what of a live server is taken for the comparison. It is asked only while this is
looked at: its list of models, and its routes as the API Explorer finds them.
"""

import streamlit as st

from lib.api import State, Surface
from lib.logs import Live, Log, compare
from lib.servers import Server
from lib.ui import live as views
from lib.ui.house import house
from lib.ui.plain import escaped, plain

__all__ = ["draw", "likely", "routes_of"]

_AGAIN = 3.0
_SIGNS = {True: "agree", False: "differ", None: "not judged"}
_LONG = 300


def likely(log: Log) -> Server | None:
    """The watched server that may have written it: the same port and model, else the same model."""
    watched = house().watched()
    named = [one for one in watched if set(house().models(one)) & {*log.names, log.model}]
    port = log.address.rpartition(":")[2].strip("/")
    same = [one for one in named if port and one.url.rstrip("/").endswith(f":{port}")]
    return next(iter([*same, *named]), None)


def draw(log: Log) -> None:
    """The choice of a server, and the rows."""
    names = [one.name for one in house().watched()]
    if not names:
        st.text("No server is watched that it could be compared with.")
        return
    name = st.session_state.get("server")
    if name not in names:
        found = likely(log)
        name = found.name if found else names[0]
    st.selectbox(
        "Compare with",
        names,
        index=names.index(name),
        key=f"log-beside-{name}",
        on_change=_choose,
        args=(f"log-beside-{name}",),
        width=320,
    )
    _rows(log, name)


def _choose(key: str) -> None:
    st.session_state["server"] = st.session_state["servers"] = st.session_state[key]


@st.fragment(run_every=_AGAIN)
def _rows(log: Log, name: str) -> None:
    server = house().named(name)
    if server is None:
        return
    live, trouble = _live(server)
    if trouble:
        st.caption(escaped(plain(trouble, _LONG)))
    found = compare(log, live)
    differ = sum(row.agree is False for row in found)
    judged = sum(row.agree is not None for row in found)
    if not judged:
        st.text(f"Nothing that {plain(name, 60)} tells can be compared with this log.")
    elif differ:
        st.text(f"{differ} of {judged} things differ: the log may be another server's, or older.")
    else:
        st.text(f"All {judged} things that both tell agree: it may well be this server's log.")
    views.table(
        ("What", "In the log", "Live", ""),
        [
            (
                plain(row.what, 120),
                plain(row.in_log, 160),
                plain(row.live, 160),
                (_SIGNS[row.agree], plain(row.why, _LONG)),
            )
            for row in found
        ],
        key="log-compared",
    )


def _live(server: Server) -> tuple[Live, str]:
    """What is known of it now, and what is in the way of knowing more."""
    told = house().asked.told(server, wait=0.8)
    listing = house().asked.listing(server)
    explored = house().exploring.found(server, wait=1.0)
    newest = house().feed.latest(server.id)
    configs = newest.sample.layout.configs if newest and newest.sample else ()
    models = listing.models or (told.capabilities.models if told.capabilities else ())
    trouble = told.refused or explored.refused
    return (
        Live(
            version=told.version or None,
            lengths={one.id: one.max_model_len for one in models},
            routes=routes_of(explored.surface) if explored.surface else {},
            capacity=configs[0] if configs else {},
            engines=max(1, len(configs)),
            seats=listing.seats,
            address=server.url,
        ),
        trouble or ("" if explored.surface else "Its routes are being asked for …"),
    )


def routes_of(surface: Surface) -> dict[str, bool]:
    """Whether each path is there; without those of which nobody can tell."""
    found: dict[str, bool] = {}
    untold = set()
    for one in surface.routes:
        path = one.path.rstrip("/") or "/"
        if one.is_sure:
            found[path] = found.get(path, False) or one.state is not State.ABSENT
        else:
            untold.add(path)
    return {path: there for path, there in found.items() if there or path not in untold}
