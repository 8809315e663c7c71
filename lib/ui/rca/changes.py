"""What changed: two moments of a server, or two servers at one moment, side by side.

Decided here: what is asked and in which words it is answered. The moments stay as they are until
somebody chooses others, so that a link shows the same to everybody.
"""

import time
from collections.abc import Mapping
from datetime import tzinfo
from functools import partial

import streamlit as st

from lib.diagnosis import Finding, Severity
from lib.diagnosis.changes import (
    LEAST_SLICES,
    Difference,
    differences,
    is_restarted,
    shifts,
)
from lib.servers import Server
from lib.ui import live
from lib.ui.house import house
from lib.ui.plain import ABSENT, escaped, plain
from lib.ui.rca import link, moments
from lib.ui.rca.spans import MINUTES, Spans, around, by_default
from lib.ui.rca.told import Told, changed_rows, differing, steady, summary
from lib.watch.checker import RELEASE

__all__ = ["SAYS", "draw"]

SAYS = ("a", "b", "span", "with")
A, B, LENGTH, OTHER, SHORTCUT = (f"changes-{one}" for one in ("a", "b", "span", "with", "go"))
_FOLLOWED = "changes-followed"
_ITSELF = "itself, at the first moment"
_HOW = "A date with a time, a clock time, “10 min ago”, “now”, or seconds since 1970."
_MINUTES = "How long the two spans are; each ends at its moment."
_DAY = 86_400.0
_OFFERED, _PILLS, _EVENTS = 2, 6, 20


def draw(server: Server) -> None:
    """The tab."""
    where, now = moments.zone(), time.time()
    _follow(server, where, now)
    spans = _asked(server, where, now)
    if spans is not None:
        _say(spans)
        _show(spans, where, now)


# ── What is asked ──


def _follow(server: Server, where: tzinfo, now: float) -> None:
    """Fill in what a link says, and what there is to look at where it says nothing."""
    said = [link.said(name) for name in SAYS]
    if said == st.session_state.get(_FOLLOWED) and A in st.session_state:
        return
    a, b, minutes = by_default(house().feed, server, _findings(server), now)
    told = link.said("span")
    _fill(
        moments.read(link.said("a"), now, where) or a,
        moments.read(link.said("b"), now, where) or b,
        int(told) if told in map(str, MINUTES) else minutes,
        where,
    )
    other = house().named(link.said("with"))
    st.session_state[OTHER] = other.name if other and other != server else _ITSELF


def _findings(server: Server) -> list[Finding]:
    found = house().diagnosis(server.id).findings
    return [one for one in found if one.severity is not Severity.HINT]


def _fill(a: float, b: float, minutes: int, where: tzinfo) -> None:
    st.session_state[A], st.session_state[B] = moments.written(a, where), moments.written(b, where)
    st.session_state[LENGTH] = minutes


def _asked(server: Server, where: tzinfo, now: float) -> Spans | None:
    """What the viewer wants to see; None, and why, where that is nothing."""
    others = [one.name for one in house().watched() if one != server]
    if st.session_state[OTHER] not in others:
        st.session_state[OTHER] = _ITSELF
    _shortcuts(server, where, now)
    with st.container(key="rca-asked"):
        columns = st.columns([3, 3, 2, 3])
    name = columns[3].selectbox("Held against", [_ITSELF, *others], key=OTHER)
    other = house().named(name)
    first = columns[0].text_input(
        "First moment",
        key=A,
        max_chars=40,
        disabled=other is not None,
        on_change=partial(_settle, A, where),
    )
    second = columns[1].text_input(
        "Second moment", key=B, max_chars=40, help=_HOW, on_change=partial(_settle, B, where)
    )
    minutes = columns[2].selectbox("Minutes each", MINUTES, key=LENGTH, help=_MINUTES)
    a, b = (moments.read(text, now, where) for text in (first, second))
    wrong = second if b is None else first if a is None and other is None else None
    if wrong is not None:
        st.warning(escaped(f"Not a moment: {plain(wrong, 40)!r}. {_HOW}"), icon=":material/error:")
        return None
    spans = Spans(server, a or 0.0, b or 0.0, int(minutes), other)
    if other is None and spans.a >= spans.b:
        st.warning("The first moment is not before the second.", icon=":material/error:")
        return None
    return spans


def _settle(key: str, where: tzinfo) -> None:
    """Let “now” and “10 min ago” be the moments that they are when they are typed."""
    moment = moments.read(str(st.session_state[key]), time.time(), where)
    if moment is not None:
        st.session_state[key] = moments.written(moment, where)


def _shortcuts(server: Server, where: tzinfo, now: float) -> None:
    """Moments that somebody may want, one press away."""
    offered = {"Half an hour ago": (now - 1_800, now), "A day ago": (now - _DAY, now)}
    for finding in reversed(_findings(server)[:_OFFERED]):
        since = moments.clock(finding.since, where, beside=now)
        offered = {f"{finding.brief} · {since}": (finding.since, now)} | offered
    for event in house().feed.events(now - _DAY, now, server.id):
        if event.kind in ("restarted", RELEASE):
            when = moments.clock(event.at, where, beside=now)
            offered |= {f"{event.kind} · {when}": (event.at, now)}
    st.pills(
        "Around",
        list(offered)[:_PILLS],
        key=SHORTCUT,
        on_change=partial(_go, offered, where),
        label_visibility="collapsed",
    )


def _go(offered: Mapping[str, tuple[float, float]], where: tzinfo) -> None:
    """Take the moments that were pressed."""
    pressed = offered.get(str(st.session_state[SHORTCUT]))
    st.session_state[SHORTCUT] = None
    if pressed:
        a, b, minutes = around(*pressed)
        _fill(a, b, minutes, where)
        st.session_state[OTHER] = _ITSELF


def _say(spans: Spans) -> None:
    link.say(
        a="" if spans.other else moments.iso(spans.a),
        b=moments.iso(spans.b),
        span=f"{spans.minutes}",
        **{"with": spans.other.name if spans.other else ""},
    )
    st.session_state[_FOLLOWED] = [link.said(name) for name in SAYS]


# ── What came of it ──


def _show(spans: Spans, where: tzinfo, now: float) -> None:
    told = _told(spans, where, now)
    live.summary(summary(told), key="changes-answer")
    if not told.judged:
        st.caption(escaped(_missing(told)))
        return
    if rows := changed_rows(told, [_when(one.since, where, spans.b) for one in told.changed]):
        what, *when = ("Difference",) if told.are_servers else ("Change", "Since")
        live.ranks(
            (what, "Figure", told.then, told.now, *when),
            rows,
            key="changes-figures",
            label="Figures that changed",
        )
    if words := differing(told):
        live.table(("It runs", told.then, told.now), words, key="changes-words")
    _happened(spans, where)
    with st.expander(escaped(f"{len(told.figures) - len(told.changed)} other figures")):
        live.table(("Figure", told.then, told.now, ""), steady(told), key="changes-steady")
    st.caption(escaped(_as_of(spans, where)))


def _told(spans: Spans, where: tzinfo, now: float) -> Told:
    feed = house().feed
    before, after = spans.before(feed), spans.after(feed)
    runs = [house().version(one) for one in (spans.server, spans.other or spans.server)]
    release = Difference("Release", "release", *spans.releases(feed, now, runs))
    words = (release, *differences(before.layout, after.layout))
    return Told(
        spans.other.name if spans.other else _until(spans, spans.a, where, now),
        spans.server.name if spans.other else _until(spans, spans.b, where, now),
        shifts(before, after, whole=spans.whole(feed)),
        [one for one in words if one.then or one.now],
        None if spans.other else is_restarted(before, after),
        spans.other is not None,
    )


def _until(spans: Spans, moment: float, where: tzinfo, now: float) -> str:
    """What a span is called."""
    return f"{spans.minutes} min until {moments.clock(moment, where, beside=now)}"


def _when(since: float | None, where: tzinfo, beside: float) -> str:
    """When a figure left its usual range."""
    return ABSENT if since is None else moments.clock(since, where, beside=beside)


def _happened(spans: Spans, where: tzinfo) -> None:
    """What the server went through from the first span to the second."""
    events = spans.happened(house().feed)
    if not events:
        return
    rows = [
        (moments.clock(one.at, where, beside=spans.b), plain(one.kind, 40), plain(one.text, 200))
        for one in reversed(events[-_EVENTS:])
    ]
    live.table(("When", "Event", ""), rows, key="changes-events")


def _missing(told: Told) -> str:
    """Where readings are missing."""
    few = {told.then: max((one.before.slices for one in told.figures), default=0)}
    few[told.now] = max((one.after.slices for one in told.figures), default=0)
    lacking = [name for name, slices in few.items() if slices < LEAST_SLICES]
    if not lacking:
        return "No figure is reported in both."
    return f"Nobody watched, or nothing answered: {' and '.join(lacking)}."


def _as_of(spans: Spans, where: tzinfo) -> str:
    """What was held against what, to be read below a picture of it."""
    until = moments.written(spans.b, where)
    if spans.other:
        return (
            f"{spans.minutes} min until {until} ({where}): {spans.server.name} against"
            f" {spans.other.name}. Medians; of rates means."
        )
    return (
        f"{spans.minutes} min until {until} against {spans.minutes} min until"
        f" {moments.written(spans.a, where)} ({where}). Medians, of rates means; changed is what"
        " moved by a fifth and by three times its usual spread."
    )
