"""One route: what it is, the request that a person puts together for it, and the answer.

Decided here: what may be sent from this page, and that whoever sends knows what it costs. What
changes a server is not offered unless its operator has switched control on; then the server's name
is typed first, each time.
"""

import streamlit as st

from lib.api import Control, Cost, Listed, Route, State, Surface, Trial
from lib.servers import Server
from lib.ui import live
from lib.ui.chat.place import Place
from lib.ui.explorer import form, past
from lib.ui.explorer.copies import copies
from lib.ui.explorer.draft import Draft, draft_of, restore, sent_text, trial_of
from lib.ui.explorer.past import Past
from lib.ui.explorer.rows import needs_of
from lib.ui.exploring import Full, Sending
from lib.ui.house import house
from lib.ui.plain import count, escaped, plain

__all__ = ["draw", "send_again", "show_again"]

_MOMENT, _TICK = 0.6, 0.5
_MOST_OFFERED = 8
_TYPED, _GATE = "explorer-name", "explorer-gate"
_USES = {
    Cost.CPU: "uses processor time",
    Cost.GPU: "uses GPU time",
    Cost.CHANGES: "changes the server",
}
_FULL = "Too many requests are on their way from here; wait until one has ended."
_STREAMED = "Asked for whole: this page shows no streams."
_OFF = (
    "It changes the server, so it is not sent from here. The operator of this dashboard can allow "
    "it with INSPECTOR_CONTROL=on."
)
_NEVER = "It is never sent from here: it hands the server over, or is no plain request."
_UNKNOWN = "Nothing is known here of what it does, so it is not sent."


def draw(place: Place, listed: Listed, surface: Surface, elsewhere: list[str]) -> None:
    """The route, what may be tried of it, and what it answered last."""
    _head(place.server, listed)
    if listed.state is State.ABSENT:
        _offers(elsewhere)
        return
    if why := _unsendable(listed):
        st.info(escaped(why), icon=":material/lock:")
        return
    draft = draft_of(place, listed, surface)
    form.parts(draft, listed, surface)
    file = form.sound(draft) if draft.is_form else None
    form.body(draft, place, listed, surface)
    trial, why = trial_of(draft, listed, file)
    _send(place.server, listed, trial, why, draft)
    _answer(place.server, listed)
    if trial:
        _copies(place.server, listed, trial)


def _head(server: Server, listed: Listed) -> None:
    st.subheader(escaped(plain(listed.title, 160)), anchor=False)
    st.text(plain(listed.what, 300))
    facts = []
    if listed.since:
        facts.append(f"since {listed.since}")
    facts.append(f"costs {listed.cost.value}" if listed.cost else "its cost is not known")
    if listed.guarded is not None:
        facts.append(_guard(server, listed) if listed.guarded else "no key guards it")
    if listed.body:
        facts.append(f"takes {listed.body}")
    if listed.summary:
        facts.append(f"called “{listed.summary}” by the server")
    st.caption(escaped(plain(" · ".join(facts), 400)))
    if needs := needs_of(listed):
        st.caption(escaped(plain(f"{needs[:1].upper()}{needs[1:]}", 300)))
    if listed.reason:
        words = f"{listed.reason[:1].upper()}{listed.reason[1:]}."
        st.warning(escaped(plain(words, 300)), icon=":material/info:")


def _guard(server: Server, listed: Listed) -> str:
    """Whether a key guards it here: one that let us in without a key has asked for none."""
    is_open = server.key is None and listed.state is State.PRESENT
    return "a key would guard it; none was asked for" if is_open else "a key guards it"


def _offers(elsewhere: list[str]) -> None:
    """Servers that have what this one lacks."""
    if not elsewhere:
        return
    st.caption("Others have it:")
    with st.container(horizontal=True):
        for name in elsewhere[:_MOST_OFFERED]:
            st.button(
                escaped(name),
                key=f"explorer-offer-{name}",
                on_click=_choose,
                args=(name,),
                icon=":material/arrow_forward:",
            )


def _choose(name: str) -> None:
    st.session_state["server"] = st.session_state["servers"] = name
    st.session_state["model"] = ""


def _unsendable(listed: Listed) -> str:
    """Why it cannot be tried from here; "" where it can."""
    if isinstance(listed.route, Route):
        return ""
    if isinstance(listed.route, Control):
        return "" if house().exploring.has_control else _OFF
    return _NEVER if listed.route else _UNKNOWN


# ── Sending ──


def _send(server: Server, listed: Listed, trial: Trial | None, why: str, draft: Draft) -> None:
    uses = _USES.get(listed.cost) if listed.cost else None
    label = f"Send · {uses}" if uses else "Send"
    is_barred = isinstance(listed.route, Control) and not _is_named(server, listed)
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            label,
            key=f"explorer-send-{draft.serial}",  # a click is for the route that was seen
            type="primary",
            icon=":material/send:",
            disabled=trial is None or is_barred,
        )
        if why:
            st.caption(escaped(plain(why, 300)), width="content")
    if pressed and trial and not is_barred:
        is_streamed = bool(draft.body and draft.body.get("stream"))
        _begin(server, listed, trial, _STREAMED if is_streamed else "")
        st.session_state[_GATE] = int(st.session_state.get(_GATE, 0)) + 1


def _is_named(server: Server, listed: Listed) -> bool:
    """Whether the server's name was typed for this route, since the last sending."""
    gate = int(st.session_state.get(_GATE, 0))
    typed = st.text_input(
        escaped(f"Type {server.name} to change it"),
        key=f"{_TYPED}-{server.name}-{listed.title}-{gate}",
        autocomplete="off",
        width=340,
    )
    return typed.strip() == server.name


def _begin(server: Server, listed: Listed, trial: Trial, remark: str = "") -> None:
    try:
        sending = house().exploring.send(server, trial)
    except Full:
        sending = Sending(trial, refused=_FULL)
    past.add(Past(server, listed, sending, sent_text(trial), remark))
    sending.wait(_MOMENT)


def _answer(server: Server, listed: Listed) -> None:
    shown = past.last()
    if shown is None or shown.server != server or shown.listed.title != listed.title:
        return
    if shown.sending.is_running:
        _progress(shown)
    else:
        live.tried(past.told(shown))


@st.fragment(run_every=_TICK)
def _progress(shown: Past) -> None:
    """How long an answer has been waited for; the page is drawn again when it is there."""
    if not shown.sending.is_running:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Give up", key=f"explorer-stop-{shown.id}", on_click=shown.sending.stop)
        seconds = count(shown.sending.seconds)
        st.caption(escaped(f"Waiting for {shown.server.name} · {seconds} s"), width="content")


def _copies(server: Server, listed: Listed, trial: Trial) -> None:
    with st.expander("Copy as", icon=":material/content_copy:", key="explorer-copies"):
        found = copies(server, listed, trial)
        for name, (text, language) in found.items():
            st.caption(name)
            st.code(text, language=language, wrap_lines=True)
        if "OpenAI SDK" not in found:
            st.caption("The OpenAI SDK has no call for this route.")


# ── What was sent before ──


def show_again(one: Past) -> None:
    """Show an answer again, and put what was sent into the form."""
    past.show(one.id)
    _restore(one)


def send_again(one: Past) -> None:
    """Send the same request again, where nothing bars it."""
    _restore(one)
    if not past.barred(one):
        _begin(one.server, one.listed, one.sending.trial, one.remark)


def _restore(one: Past) -> None:
    surface = house().exploring.peek(one.server)
    if surface is not None:
        place = Place.of(one.server, str(st.session_state.get("model", "")))
        restore(place, one.listed, surface, one.sending.trial)
