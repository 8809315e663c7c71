"""What the page's address says of its tools, so that a link shows somebody else the same.

Decided here: who is right. The browser writes what a tool says into the address and sends it back
with every run, sometimes an older one than the newest; so what was said here is not news. Only an
address that was never said here (a link that somebody opened) is followed.
"""

from collections.abc import Iterable

import streamlit as st

from lib.ui import live

__all__ = ["follow", "said", "say", "write"]

_KEPT, _WRITTEN = "rca-said", "rca-written"
NAMES = frozenset({
    "tool", "from", "to", "heat", "latency", "target", "goal", "a", "b", "span", "with", "among",
    "of", "raw",
})  # fmt: skip
"""What the address may say; every tool's names are among them."""
_LONGEST = 1_000
"""Characters of a value that are read: anybody can write an address."""
_REMEMBERED = 24


def follow() -> bool:
    """Take over what the address says; whether that is news. Once in a run of the whole page."""
    told = {name: st.query_params[name][:_LONGEST] for name in NAMES if name in st.query_params}
    written: list[dict[str, str]] = st.session_state.setdefault(_WRITTEN, [])
    if not told or told in written:
        return False
    st.session_state[_KEPT] = dict(told)  # what is said later changes it
    _remember(told)
    return True


def said(name: str) -> str:
    """What the address, or a tool since, said under a name; "" for nothing."""
    kept: dict[str, str] = st.session_state.get(_KEPT, {})
    return kept.get(name, "")


def say(**values: str) -> None:
    """Say these from now on; "" takes a name away."""
    kept: dict[str, str] = st.session_state.setdefault(_KEPT, {})
    for name, value in values.items():
        kept.pop(name, None)
        if value:
            kept[name] = value[:_LONGEST]


def write(names: Iterable[str]) -> None:
    """Let the address have these names only, as they were said; every run of the tools does."""
    wanted = {name: value for name in names if (value := said(name))}
    _remember(wanted)
    query = dict.fromkeys(sorted(NAMES)) | wanted
    live.summary(
        {"tone": "hint", "sentence": "", "more": [], "tiles": [], "remarks": [], "query": query},
        key="rca-link",
    )


def _remember(said: dict[str, str]) -> None:
    written: list[dict[str, str]] = st.session_state.setdefault(_WRITTEN, [])
    if said in written:
        written.remove(said)
    written.append(said)
    del written[:-_REMEMBERED]
