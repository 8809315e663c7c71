"""What answers without a key: asked for by a button, and told in one table.

Decided here: what is alarming. A guarded route and one that gives nothing away are well; whatever
makes the model work or changes the server is not. While anything is in doubt, the whole is not.
"""

from collections.abc import Mapping
from concurrent.futures import Future

import streamlit as st

from lib.api import Exposed, Risk, Verdict
from lib.servers import Server
from lib.ui import live
from lib.ui.exploring import Checked
from lib.ui.house import house
from lib.ui.plain import count, escaped, plain
from lib.ui.rca.moments import written, zone

__all__ = ["draw"]

_KEPT = "explorer-exposure"
_TICK = 0.5
_GRAVE = (Risk.GPU, Risk.CONTROL)
_UNTOLD = (Verdict.UNKNOWN, Verdict.UNASKED)


def draw(server: Server) -> None:
    """The button, and what it brought."""
    st.text("Which routes answer whoever reaches the port, without a key?")
    asking = _kept().get(server)
    if asking and not asking.done():
        _wait(server)
        return
    st.button(
        "Check now",
        key="explorer-check",
        type="primary" if asking is None else "secondary",
        on_click=_begin,
        args=(server,),
    )
    st.caption(
        "Every route that is known here is asked without the key, in a way that uses none of them:"
        " nothing is computed and nothing changes. Routes of the server's own are told, and not"
        " asked."
    )
    if asking:
        _told(asking.result())


def _begin(server: Server) -> None:
    _kept()[server] = house().exploring.check(server)


def _kept() -> dict[Server, "Future[Checked]"]:
    found: dict[Server, Future[Checked]] = st.session_state.setdefault(_KEPT, {})
    return found


@st.fragment(run_every=_TICK)
def _wait(server: Server) -> None:
    asking = _kept().get(server)
    if asking is None or asking.done():
        st.rerun()
    st.caption(escaped(f"Asking {server.name} …"))


def _told(checked: Checked) -> None:
    when = f"Asked on {written(checked.at, zone())}."
    found = checked.exposure
    if found is None:
        st.warning(escaped(f"{plain(checked.refused, 400)} {when}"), icon=":material/error:")
        return
    rows = [one for one in found.routes if one.verdict is not Verdict.ABSENT]
    wrong = [one for one in rows if one.is_wrong]
    is_grave = any(one.risk in _GRAVE for one in wrong)
    is_well = not any(one.is_in_doubt for one in rows)
    tone = "bad" if is_grave else "watch" if wrong else "good" if is_well else "hint"
    live.summary(
        {
            "tone": tone,
            "sentence": found.sentence,
            "more": [when],
            "tiles": _tiles(rows),
            "remarks": [],
        },
        key="explorer-exposure-answer",
    )
    live.exposure([_row(one) for one in rows])
    st.caption(f"{count(len(found.routes) - len(rows))} further known routes are not there.")


def _tiles(rows: list[Exposed]) -> list[Mapping[str, str]]:
    def tile(label: str, which: list[Exposed], hint: str) -> Mapping[str, str]:
        return {"label": label, "value": count(len(which)), "hint": hint}

    grave = [one for one in rows if one.is_wrong and one.risk in _GRAVE]
    return [
        tile(
            "open that should not be", [one for one in rows if one.is_wrong], "whatever they give"
        ),
        tile("give GPU time or control", grave, "the worst of them"),
        tile("guarded", [one for one in rows if one.verdict is Verdict.GUARDED], "by the key"),
    ]


def _row(one: Exposed) -> Mapping[str, object]:
    return {
        "method": one.method,
        "path": plain(one.path, 120),
        "verdict": one.verdict.value,
        "tone": _tone(one),
        "risk": one.risk.value,
        "advice": one.advice if one.verdict in (Verdict.OPEN, Verdict.UNASKED) else "",
    }


def _tone(one: Exposed) -> str:
    if one.verdict in _UNTOLD:
        return "unknown"
    if not one.is_wrong:
        return "good"
    return "bad" if one.risk in _GRAVE else "watch"
