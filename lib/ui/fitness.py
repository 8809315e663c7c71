"""What the Health page has besides its live view: what its buttons do, and recipes for probes.

This module alone decides which server and which model a press may ask: chosen ones, and those that
the server lists.
"""

import streamlit as st

from lib.health import State
from lib.health.recipes import recipes
from lib.servers import Server
from lib.ui import shell
from lib.ui.house import house
from lib.ui.plain import escaped

__all__ = ["check_now", "infer", "probes"]


def check_now() -> None:
    """Ask the chosen servers for all checks, because somebody pressed the button."""
    for server in shell.chosen_servers():
        house().pressing.look(server)


def infer() -> None:
    """Ask a model for one token, because somebody pressed the button: [server, model]."""
    told = st.session_state["live"].infer
    name, model = (str(one) for one in told) if isinstance(told, list) and len(told) == 2 else "  "
    server = house().named(name)
    if server in shell.chosen_servers() and model in house().models(server):
        newest = house().feed.latest(server.id)
        state = newest.status.state if newest else State.UNKNOWN
        house().pressing.infer(server, model, state)


def probes(server: Server) -> None:
    """How to let an orchestrator ask what this page asks, filled in with the server's address."""
    model = next(iter(house().models(server)), None)
    found = recipes(server.url, model=model, has_key=server.key is not None)
    st.subheader("Probe recipes", anchor=False)
    st.caption(escaped(f"Filled in with the address of {server.name}."))
    for tab, recipe in zip(st.tabs([one.title for one in found]), found, strict=True):
        with tab:
            st.text(recipe.why)
            st.code(recipe.text, language=recipe.language)
