"""The tools under the answer, one in each tab; only the open one works."""

from collections.abc import Callable, Mapping

import streamlit as st

from lib.ui.vectors.sets import Embedded

__all__ = ["tools"]

_TOOLS: Mapping[str, Callable[[Embedded], None]] = {}


def tools(embedded: Embedded) -> None:
    """All of them."""
    if not _TOOLS:
        return
    st.subheader("Tools", anchor=False)
    tabs = st.tabs(list(_TOOLS), key="vector-tools", on_change="rerun")
    for tab, draw in zip(tabs, _TOOLS.values(), strict=True):
        if tab.open:
            with tab:
                draw(embedded)
