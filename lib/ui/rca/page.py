"""The RCA / Cache page of one server: the live view first, then the tools, one of them open."""

import streamlit as st

from lib.servers import Server
from lib.ui import live, shell
from lib.ui.rca import link, tools

__all__ = ["draw"]


def draw(server: Server) -> None:
    """The page, for the server that the frame has chosen."""
    if link.follow():
        tools.open_named(link.said("tool"))
    live.rca(
        server=server.name,
        window=shell.selected_window().key,
        on_window=shell.window_changed,
        on_tool=_tool_opened,
    )
    tools.tools(server)


def _tool_opened() -> None:
    """Open the tool that a button of the live view names."""
    tools.open_named(str(st.session_state["live"].tool))
