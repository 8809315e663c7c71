"""The tools under the live view, one in each tab; only the open one works.

This table alone decides which there are, how a link names each, and which names of the address are
its own (`lib.ui.rca.link.NAMES` has them all).
"""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from lib.servers import Server
from lib.ui import shell
from lib.ui.rca import attainment, changes, compare, latency, link

__all__ = ["TOOLS", "Tool", "open_named", "tools"]

KEY = "rca-tools"


@dataclass(frozen=True, slots=True)
class Tool:
    """`name` is the tool's in a link, `title` its tab's; `says` is what its link holds besides."""

    name: str
    title: str
    draw: Callable[[Server], None]
    says: tuple[str, ...] = ()


TOOLS: tuple[Tool, ...] = (
    Tool("latency", "Latency", latency.draw, latency.SAYS),
    Tool("slo", "SLO", attainment.draw, attainment.SAYS),
    Tool("changes", "What changed", changes.draw, changes.SAYS),
    Tool("compare", "Compare servers", compare.draw, compare.SAYS),
    Tool("configuration", "Configuration", shell.running),
)
DEFAULT = TOOLS[-1]


def open_named(name: str) -> None:
    """Open the tool of that name in the run to come; any other name changes nothing."""
    for tool in TOOLS:
        if tool.name == name:
            st.session_state[KEY] = tool.title


@st.fragment
def tools(server: Server) -> None:
    """All of them."""
    titles = [tool.title for tool in TOOLS]
    tabs = st.tabs(titles, default=DEFAULT.title, key=KEY, on_change="rerun")
    for tab, tool in zip(tabs, TOOLS, strict=True):
        if tab.open:
            with tab:
                tool.draw(server)
            link.say(tool="" if tool is DEFAULT else tool.name)
            link.write(("tool", *tool.says))
