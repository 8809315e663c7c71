"""What a viewer picked on the Models page: a model, and a list to be seen as it came.

Kept in the session, so that other pages know the model and a run gives the list again.
"""

from collections.abc import Mapping

import streamlit as st

from lib.ui.cards import ID_LENGTH
from lib.ui.house import house
from lib.ui.lists import raw_of

__all__ = ["list_opened", "marked_server", "model_chosen", "selected_model", "whole_list"]


def selected_model() -> str:
    """The model that the URL or the session names, as the page knows it; "" for none."""
    return str(st.session_state.get("model", ""))[:ID_LENGTH]


def marked_server() -> str:
    """The server that the URL or the session names, to be marked in every card; "" for none."""
    server = house().named(st.session_state.get("server"))
    return server.name if server else ""


def model_chosen() -> None:
    """Take over the model that the viewer has chosen."""
    st.session_state["model"] = str(st.session_state["live"].model)


def list_opened() -> None:
    """Remember whose list the viewer wants to see; the run that follows gives it."""
    st.session_state["listed"] = st.session_state["live"].raw


def whole_list() -> Mapping[str, str] | None:
    """The newest list of the server that was opened, as text; None where none was."""
    server = house().named(st.session_state.get("listed"))
    if server is None:
        return None
    return {"server": server.name, "text": raw_of(house().asked.listing(server))}
