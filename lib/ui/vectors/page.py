"""The Embeddings page: texts, their vectors, what they say, and the tools under them."""

import streamlit as st

from lib.servers import Server
from lib.ui.vectors.sets import Embedded
from lib.ui.vectors.tools import tools

__all__ = ["draw"]

_EMBEDDED = "embedded"


def draw(server: Server) -> None:
    """The page, for the server that the frame has chosen."""
    st.title("Embeddings", anchor=False)
    embedded = st.session_state.get(_EMBEDDED)
    if isinstance(embedded, Embedded):
        _tools(embedded)


@st.fragment
def _tools(embedded: Embedded) -> None:
    tools(embedded)
