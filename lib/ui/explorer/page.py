"""The API Explorer: every route of a server, one of them to try, and what stands open.

Decided here: the order of a run, and what the address says: the server, its model, the route, and
which part of the page is looked at. What was typed is never in it.
"""

from collections.abc import Mapping

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.api import Surface
from lib.servers import Server
from lib.ui import live
from lib.ui.chat.place import Place, models_of
from lib.ui.explorer import exposed, past, rows, trying
from lib.ui.exploring import Found
from lib.ui.house import house
from lib.ui.plain import escaped, plain

__all__ = ["draw"]

_ROUTE, _PART, _LINKS = "explorer-route", "explorer-part", "explorer-links"
_ROUTES, _EXPOSURE = "Routes", "Exposure check"
_SAID = ("route", "part")
_LONGEST, _MOST_LINKS = 200, 40
_MOMENT, _AGAIN, _SETTLE = 1.5, 1.0, 2.0
_SHOWN = ("all", "here", "absent")


def draw(server: Server) -> None:
    """The page, for the server that the frame has chosen."""
    _follow_address()
    place = Place.of(server, str(st.session_state.get("model", "")))
    found = house().exploring.found(server, wait=_MOMENT)
    _head(place, found)
    if found.surface is None:
        _waiting(server)
        return
    if found.refused:
        words = f"{found.refused} Below is what it said before."
        st.warning(escaped(plain(words, 500)), icon=":material/error:")
    part = st.segmented_control(
        "Part of the page",
        [_ROUTES, _EXPOSURE],
        default=_ROUTES,
        required=True,
        key=_PART,
        label_visibility="collapsed",
        persist_state="session",
    )
    if part == _EXPOSURE:
        exposed.draw(server)
    else:
        _explored(place, found.surface)


def _head(place: Place, found: Found) -> None:
    line = rows.summary(found.surface) if found.surface else f"What {place.server.name} can do"
    live.head(
        {
            "title": "API Explorer",
            "line": line,
            "server": place.server.name,
            "model": place.model,
            "servers": [
                {"name": one.name, "models": list(house().models(one))} for one in house().watched()
            ],
            "query": _query(place),
        },
        key="explorer",
        on_pick=_pick,
    )


def _query(place: Place) -> Mapping[str, str | None]:
    is_exposure = st.session_state.get(_PART) == _EXPOSURE
    said: dict[str, str | None] = {
        "route": st.session_state.get(_ROUTE) or None,
        "part": "exposure" if is_exposure else None,
    }
    _remember({name: value for name, value in said.items() if value})
    own = {"server": place.server.name, "model": place.model or None}
    return {**own, "window": None, "servers": None, **said}


def _pick() -> None:
    """Take over the server and model that were chosen: [server, model]."""
    told = st.session_state["explorer"].pick
    name, model = told if isinstance(told, list) and len(told) == 2 else ("", "")
    if server := house().named(str(name)):
        st.session_state["server"] = st.session_state["servers"] = server.name
        st.session_state["model"] = model if model in models_of(server) else ""


def _follow_address() -> None:
    """Take over what the URL says, when it says something new.

    The browser sends the address back with every run, sometimes an older one than the newest: what
    was said from here is no news.
    """
    told = {name: st.query_params[name] for name in _SAID if name in st.query_params}
    if not told or told in st.session_state.setdefault(_LINKS, []):
        return
    _remember(told)
    if "route" in told:
        st.session_state[_ROUTE] = told["route"][:_LONGEST]
    st.session_state[_PART] = _EXPOSURE if told.get("part") == "exposure" else _ROUTES


def _remember(said: Mapping[str, str]) -> None:
    links: list[Mapping[str, str]] = st.session_state.setdefault(_LINKS, [])
    if said in links:
        links.remove(said)
    links.append(said)
    del links[:-_MOST_LINKS]


@st.fragment(run_every=_AGAIN)
def _waiting(server: Server) -> None:
    """A server that has told nothing yet; it is asked again until it does."""
    found = house().exploring.found(server)
    if found.surface is not None:
        st.rerun()
    if found.refused:
        st.warning(escaped(plain(found.refused, 400)), icon=":material/error:")
        st.caption("It is asked again every few seconds.")
    else:
        st.caption(escaped(f"Asking {server.name} for its routes …"))


@st.fragment(run_every=_SETTLE)
def _settle(server: Server) -> None:
    """Draw the page again once the other servers have told what they have."""
    if not rows.is_settling(server):
        st.rerun()


def _explored(place: Place, surface: Surface) -> None:
    elsewhere = rows.others(place.server)
    surface = rows.widened(place.server, surface)
    title = str(st.session_state.get(_ROUTE) or "")
    listed = surface.named(title)
    if title and listed is None:
        words = f"{place.server.name} has no route called {plain(title, 120)}, and nobody knows it."
        st.warning(escaped(words), icon=":material/info:")
    list_, detail = _sides() if listed else (st.container(), None)
    with list_:
        live.routes(
            {
                "groups": rows.groups(surface, elsewhere),
                "selected": listed.title if listed else "",
                "filter": st.query_params.get("filter", "")[:_LONGEST],
                "which": _which(),
            },
            on_open=_open,
        )
    if listed and detail:
        with detail:
            trying.draw(place, listed, surface, elsewhere.get(listed.shape, []))
    if past.history():
        st.subheader("Sent in this tab", anchor=False)
        shown = past.last()
        told = {"rows": past.rows(), "shown": shown.id if shown else ""}
        live.sendings(told, on_show=_show, on_again=_again)
    if rows.is_settling(place.server):
        _settle(place.server)


def _sides() -> tuple[DeltaGenerator, DeltaGenerator]:
    """The list and the open route, below each other where there is no room for both."""
    with st.container(key="explorer-sides"):
        left, right = st.columns([5, 6], gap="large")
    return left, right


def _which() -> str:
    told = st.query_params.get("show", "all")
    return told if told in _SHOWN else "all"


def _open() -> None:
    """Open the route that was clicked."""
    st.session_state[_ROUTE] = str(st.session_state["routes"].open)[:_LONGEST]


def _show() -> None:
    if one := past.named(st.session_state["sendings"].show):
        _open_past(one)
        trying.show_again(one)


def _again() -> None:
    told = st.session_state["sendings"].again
    if isinstance(told, list) and told and (one := past.named(told[0])):
        _open_past(one)
        trying.send_again(one)


def _open_past(one: past.Past) -> None:
    st.session_state[_ROUTE] = one.listed.title
    if house().named(one.server.name) == one.server:
        st.session_state["server"] = st.session_state["servers"] = one.server.name
