"""The Tokenizer page: what a served model makes of a text or a chat, while it is typed.

Decided here: what a run asks for and in which order, so that the tokens are on screen before
anything slower is begun.
"""

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from lib.servers import Server
from lib.ui import live
from lib.ui.house import house
from lib.ui.lab.answered import Shown, answered
from lib.ui.lab.beside import MOST, beside
from lib.ui.lab.examples import EXAMPLES
from lib.ui.lab.packing import packed
from lib.ui.lab.tools import block_size, tools
from lib.ui.lab.typed import ROLES, Typed, linked, read
from lib.ui.tokenizers import Served

__all__ = ["draw"]

_TYPED, _SEQ, _LINK, _PUT = "typed", "typed-seq", "typed-link", "typed-put"
_COMPARED, _COMPARE_LINK = "compared", "compared-link"


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
    together = [served, *(one for one in _compared() if one is not served)][:MOST]
    live.ratios(beside(together, _typed(), shown), on_compare=_compare, on_again=_nothing)
    _tools(served, shown)


@st.fragment
def _tools(served: Served, shown: Shown) -> None:
    tools(served, _typed(), shown, lambda text: _put(replace(_typed(), text=text, is_chat=False)))


def _typed() -> Typed:
    found = st.session_state.get(_TYPED)
    return found if isinstance(found, Typed) else Typed()


def _follow_address() -> None:
    """Take over what the URL says, when it says something new."""
    told = linked(dict(st.query_params))
    if told != st.session_state.get(_LINK):
        st.session_state[_LINK] = told
        _put(read(told, _typed()))
    compare = st.query_params.get("compare", "")
    if compare != st.session_state.get(_COMPARE_LINK, ""):
        st.session_state[_COMPARE_LINK] = compare
        rows = [one.partition("~") for one in compare.split(",")[:MOST]]
        st.session_state[_COMPARED] = [(name, model) for name, _, model in rows]


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


def _compared() -> list[Served]:
    """The tokenizers that the viewer wants beside the first."""
    found = []
    for name, model in st.session_state.get(_COMPARED, ()):
        server = house().named(name)
        if server and (not model or model in house().models(server)):
            found.append(house().tokenizers.of(server, model))
    return list(dict.fromkeys(found))


def _compare() -> None:
    """Take over which tokenizers to compare: a list of [server, model]."""
    told = st.session_state["ratios"].compare
    rows = told if isinstance(told, list) else []
    st.session_state[_COMPARED] = [
        (str(row[0]), str(row[1])) for row in rows[:MOST] if isinstance(row, list) and len(row) == 2
    ]


def _nothing() -> None:
    """The run itself looks again."""


def _model(server: Server) -> str:
    """The chosen model, if this server lists it; else its first, "" while that is not known."""
    model, listed = str(st.session_state.get("model", "")), house().tokenizers.models(server)
    return model if model in listed else next(iter(listed), "")


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
        "block": block_size(served),
        "trouble": shown.trouble,
        "remarks": shown.remarks,
        "fit": shown.alignment.fit.words if shown.alignment else "",
        "normaliser": shown.alignment.normaliser if shown.alignment else "",
        "tokens": packed(shown.alignment, shown.owners) if shown.alignment else None,
    }
