"""The Tokenizer page: what a served model makes of a text or a chat, while it is typed.

Decided here: what a run asks for and in which order, so that the tokens are on screen before
anything slower is begun.
"""

from collections.abc import Mapping

import streamlit as st

from lib.servers import Server
from lib.ui import live
from lib.ui.house import house
from lib.ui.lab.answered import Shown, answered
from lib.ui.lab.examples import EXAMPLES
from lib.ui.lab.packing import packed
from lib.ui.lab.typed import ROLES, Typed, linked, read
from lib.ui.tokenizers import Served

__all__ = ["draw"]

_TYPED, _SEQ, _LINK, _PUT = "typed", "typed-seq", "typed-link", "typed-put"


def draw(server: Server) -> None:
    """The page, for the server that the frame has chosen."""
    _follow_address()
    _playground(server)


@st.fragment
def _playground(chosen: Server) -> None:
    server = house().named(st.session_state.get("server")) or chosen
    served = house().tokenizers.of(server, _model(server))
    shown = answered(served, _typed())
    live.tokens(_data(served, shown), on_typed=_take, on_pick=_pick)


def _typed() -> Typed:
    found = st.session_state.get(_TYPED)
    return found if isinstance(found, Typed) else Typed()


def _follow_address() -> None:
    """Take over what the URL says, when it says something new."""
    told = linked(dict(st.query_params))
    if told != st.session_state.get(_LINK):
        st.session_state[_LINK] = told
        _put(read(told, _typed()))


def _put(typed: Typed) -> None:
    """Give the browser a text that was not typed there."""
    st.session_state[_TYPED] = typed
    st.session_state[_PUT] = st.session_state.get(_PUT, 0) + 1


def _take() -> None:
    """Take over what was typed."""
    value = st.session_state["tokens"].typed
    st.session_state[_TYPED] = read(value, _typed())
    seq = value.get("seq") if isinstance(value, Mapping) else None
    st.session_state[_SEQ] = seq if isinstance(seq, int) else 0


def _pick() -> None:
    """Take over the server and model that were chosen: [server, model]."""
    told = st.session_state["tokens"].pick
    name, model = (str(one) for one in told) if isinstance(told, list) and len(told) == 2 else "  "
    if server := house().named(name):
        st.session_state["server"] = st.session_state["servers"] = server.name
        st.session_state["model"] = model if model in house().models(server) else ""


def _model(server: Server) -> str:
    """The chosen model, if this server lists it; else "", its first."""
    model = str(st.session_state.get("model", ""))
    return model if model in house().models(server) else ""


def _data(served: Served, shown: Shown) -> dict[str, object]:
    typed = _typed()
    return {
        "title": "Tokenizer",
        "server": served.server.name,
        "model": served.model,
        "servers": [
            {"name": one.name, "models": list(house().models(one))} for one in house().watched()
        ],
        "roles": ROLES,
        "examples": EXAMPLES,
        "typed": typed.as_data(),
        "seq": st.session_state.get(_SEQ, 0),
        "put": st.session_state.get(_PUT, 0),
        "tiles": shown.tiles,
        "costs": shown.costs,
        "trouble": shown.trouble,
        "remarks": shown.remarks,
        "fit": shown.alignment.fit.words if shown.alignment else "",
        "normaliser": shown.alignment.normaliser if shown.alignment else "",
        "tokens": packed(shown.alignment, shown.owners) if shown.alignment else None,
    }
