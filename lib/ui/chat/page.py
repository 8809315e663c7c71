"""The Chat page: which conversation a session shows, and what the browser sends of it.

Decided here: the order of a run. What was done in the browser is taken over before anything is
drawn; what takes time runs in the loop of `lib.ui.answering`, never in a run of this page.
"""

from collections.abc import Mapping

import streamlit as st

from lib.chat.settings import from_query
from lib.servers import Server
from lib.ui import live
from lib.ui.chat import view
from lib.ui.chat.acts import Acts
from lib.ui.chat.place import Place, models_of
from lib.ui.chat.tools import tools
from lib.ui.house import house
from lib.ui.talks import Talk

__all__ = ["draw"]

_TAB, _HELLO, _PUT, _SEQ, _LINK = "chat-tab", "chat-hello", "chat-put", "chat-seq", "chat-link"
_ACTS, _MOST_ACTS = "chat-acts", 50


def draw(server: Server) -> None:
    """The page, for the server that the frame has chosen."""
    _follow_address()
    _conversation(server)
    _tools(server)


@st.fragment
def _conversation(chosen: Server) -> None:
    if _catch_up():
        st.rerun()  # the frame and the tools are about that one, too
    place = _place(house().named(st.session_state.get("server")) or chosen)
    talk = _talk()
    with talk.lock:
        told = view.data(talk, place)
    told |= {
        "tab": talk.tab if st.session_state.get(_HELLO) else "",
        "seq": st.session_state.get(_SEQ, 0),
        "put": st.session_state.get(_PUT, 0),
    }
    live.chat(told, on_act=_take)


@st.fragment
def _tools(chosen: Server) -> None:
    tools(_talk(), _place(house().named(st.session_state.get("server")) or chosen))


def _talk() -> Talk:
    """The conversation of this session's tab."""
    talk = house().talks.get(st.session_state.get(_TAB))
    if talk is None:
        talk = house().talks.new()
        st.session_state[_TAB] = talk.tab
        st.session_state[_HELLO] = False
    return talk


def _place(server: Server) -> Place:
    """Whom the page talks to."""
    return Place.of(server, str(st.session_state.get("model", "")))


def _follow_address() -> None:
    """Take over the settings that the URL names, when it says something new."""
    told = view.linked(dict(st.query_params))
    if told != st.session_state.get(_LINK, {}):
        st.session_state[_LINK] = told
        _put(_talk())


def _put(talk: Talk) -> None:
    """Give the browser settings that were not set there: those of the address have their say."""
    with talk.lock:
        talk.settings = from_query(st.session_state.get(_LINK, {}), talk.settings)
    st.session_state[_PUT] = st.session_state.get(_PUT, 0) + 1


def _take() -> None:
    """Remember what was done in the browser: one act, or several that were done at once."""
    value = st.session_state["chat"].act
    acts = value if isinstance(value, list) else [value]
    st.session_state[_ACTS] = [*st.session_state.get(_ACTS, ()), *acts][:_MOST_ACTS]


def _catch_up() -> bool:
    """Do what was done in the browser since the last run; whether another one is talked to now.

    That is another server or model, or the talk that a tab had before it was loaded again.
    """
    before = _whom()
    for act in st.session_state.pop(_ACTS, ()):
        seq = act.get("seq") if isinstance(act, Mapping) else None
        if isinstance(seq, int) and seq > st.session_state.get(_SEQ, 0):
            st.session_state[_SEQ] = seq
            _do(act)
    return before != _whom()


def _whom() -> tuple[object, ...]:
    return tuple(st.session_state.get(name) for name in ("server", "model", _TAB))


def _do(act: Mapping[str, object]) -> None:
    if known := house().talks.get(act.get("tab")):
        st.session_state[_TAB] = known.tab
    _choose(act)
    talk = _talk()
    server = house().named(st.session_state.get("server")) or next(iter(house().watched()), None)
    if server:
        Acts(talk, _place(server)).do(act)
    if act.get("kind") == "hello":
        st.session_state[_HELLO] = True
    if act.get("kind") in ("hello", "import"):
        _put(talk)


def _choose(act: Mapping[str, object]) -> None:
    """Take over another server and model."""
    name, model = act.get("server"), act.get("model")
    if act.get("kind") == "pick" and isinstance(name, str) and (server := house().named(name)):
        st.session_state["server"] = st.session_state["servers"] = server.name
        st.session_state["model"] = model if model in models_of(server) else ""
