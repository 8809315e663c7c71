"""A server that makes no vectors, and those that do.

Decided here: that a server is believed to embed unless its routes tell otherwise.
"""

import streamlit as st

from lib.servers import Server
from lib.ui.chat.place import Place, models_of
from lib.ui.house import house
from lib.ui.plain import escaped, plain

__all__ = ["draw", "is_untold", "may_embed"]

_MOST = 12
_AGAIN = 2.0
_TASK, _CHOSEN = "embed", "vectors-offered"


def may_embed(place: Place) -> bool:
    """Whether its routes leave it open that a server embeds."""
    known = house().asked.told(place.server, wait=0.8).capabilities
    return known is None or not known.tasks or _TASK in known.tasks


def is_untold(server: Server) -> bool:
    """Whether it has yet to tell what it does; asked again where it refused to."""
    return house().asked.told(server).capabilities is None


def draw(place: Place) -> None:
    """Say that this one makes none, and which do."""
    words = f"{place.server.name} makes no vectors: its routes offer generating, not embedding."
    st.warning(escaped(words), icon=":material/info:")
    _offers(place.server)


@st.fragment(run_every=_AGAIN)
def _offers(other: Server) -> None:
    """Those that embed, as far as they have told by now."""
    if st.session_state.pop(_CHOSEN, False):
        st.rerun()
    found = [one for one in house().watched() if one != other and _embeds(one)]
    if not found:
        st.caption("No other server is known to embed. One is, if it serves /v1/embeddings.")
        return
    st.caption("These do:")
    with st.container(horizontal=True):
        for one in found[:_MOST]:
            models = models_of(one)
            title = f"{one.name} · {plain(models[0], 60)}" if models else one.name
            st.button(
                escaped(title),
                key=f"vectors-offer-{one.name}",
                on_click=_choose,
                args=(one.name,),
                icon=":material/arrow_forward:",
            )


def _embeds(server: Server) -> bool:
    known = house().asked.told(server).capabilities
    return known is not None and _TASK in known.tasks


def _choose(name: str) -> None:
    st.session_state["server"] = st.session_state["servers"] = name
    st.session_state["model"] = ""
    st.session_state[_CHOSEN] = True
