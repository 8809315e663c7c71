"""The tools under the answer, one in each tab; only the open one works."""

from collections.abc import Callable, Mapping

import streamlit as st

from lib.ui.vectors import (
    calibrated,
    consistency,
    contrasts,
    prefixes,
    quantised,
    reranked,
    throughput,
    two_models,
    why,
)
from lib.ui.vectors.sets import Embedded

__all__ = ["tools"]

_TOOLS: Mapping[str, Callable[[Embedded], None]] = {
    "Why equal, why so low?": why.draw,
    "Prefixes": prefixes.draw,
    "Reranked": reranked.draw,
    "Two models": two_models.draw,
    "Same every time?": consistency.draw,
    "Throughput": throughput.draw,
    "Contrasts": contrasts.draw,
    "Shorter vectors": quantised.draw,
    "Threshold": calibrated.draw,
}


@st.fragment
def tools(embedded: Embedded) -> None:
    """All of them."""
    st.subheader("Tools", anchor=False)
    tabs = st.tabs(list(_TOOLS), key="vector-tools", on_change="rerun")
    for tab, draw in zip(tabs, _TOOLS.values(), strict=True):
        if tab.open:
            with tab:
                draw(embedded)
