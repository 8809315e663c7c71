"""The Start-up log page: a log in, what it says out.

Decided here: the order of the page. What went wrong stands first, then how long the start took;
all else is in tabs, of which only the open one is drawn.
"""

from collections.abc import Callable
from functools import partial

import streamlit as st

from lib.logs import Log
from lib.ui import live, shell
from lib.ui.logs import beside, plots, rows
from lib.ui.logs.choosing import chosen
from lib.ui.logs.words import moment, summary
from lib.ui.plain import count, plain

__all__ = ["draw"]

_LINE = "What a vLLM server printed when it started and while it ran, explained line by line"
_FEW = 6
_MOST = 200


def draw() -> None:
    """The page."""
    live.log_head({"title": "Start-up log", "line": _LINE})
    log = chosen()
    if log is None:
        return
    live.summary(summary(log), key="log-summary")
    _remarks(log)
    if drawn := rows.milestones(log):
        st.subheader("The start", anchor=False)
        live.milestones(drawn, key="log-milestones", label="How long each part of the start took")
    _tabs(log)


def _remarks(log: Log) -> None:
    found = rows.remarks(log)
    if not found:
        return
    st.subheader("Warnings and errors", anchor=False)
    live.said(found[:_FEW], key="log-remarks", label="Warnings and errors")
    if found[_FEW:]:
        with st.expander(f"{count(len(found) - _FEW)} more"):
            live.said(found[_FEW:], key="log-remarks-more", label="More warnings and errors")
    if untold := log.uncounted + max(0, len(log.remarks) - len(found)):
        st.caption(
            f"{count(untold)} more of further kinds are not shown: there are too many kinds."
        )


@st.fragment
def _tabs(log: Log) -> None:
    made: dict[str, Callable[[], None]] = {
        "Explained": partial(_explained, log),
        "Arguments": partial(_arguments, log),
        "Routes": partial(_routes, log),
        "Statistics": partial(plots.draw, log),
        "Processes and requests": partial(_processes, log),
        "Compare with a server": partial(beside.draw, log),
    }
    tabs = st.tabs(list(made), key="log-tabs", on_change="rerun")
    for tab, draw_tab in zip(tabs, made.values(), strict=True):
        if tab.open:
            with tab:
                draw_tab()


def _explained(log: Log) -> None:
    found = rows.lines(log)
    if not found:
        st.text("No line of it is known here.")
        return
    if len(log.starts) > 1:
        st.caption(f"The newest of {count(len(log.starts))} starts.")
    live.said(found, key="log-lines", label="Known lines")


def _arguments(log: Log) -> None:
    found = rows.arguments(log)
    if not found:
        st.text("The log does not tell them: it begins later, or they all have their defaults.")
    else:
        if log.has_defaults:
            st.caption("This release prints all of them, those at their defaults too.")
        live.said(found, key="log-arguments", label="Arguments")
    if log.configuration:
        told = [(plain(name), plain(value, 300)) for name, value in log.configuration.items()]
        section = {
            "title": "The engine's configuration",
            "rows": told[:_MOST],
            "note": "as the engine says when it begins",
            "code": "",
            "wide": True,
            "open": False,
        }
        live.facts([section], key="log-configuration")


def _routes(log: Log) -> None:
    server = beside.likely(log) or shell.selected_server()
    found = rows.routes(log, server.name if server else "")
    if not found:
        st.text("The log has no list of routes.")
        return
    if len(found) <= 8:
        st.caption("A list this short may be incomplete: some releases print no more.")
    live.said(found, key="log-routes", label="Routes")


def _processes(log: Log) -> None:
    if log.processes:
        live.table(
            ("Process", "Number", "Lines", "From", "To"),
            [
                (
                    plain(one.name, 60),
                    "" if one.pid is None else f"{one.pid}",
                    count(one.lines),
                    f"line {count(one.first)}  {moment(one.first_at, has_day=False)}",
                    f"line {count(one.last)}  {moment(one.last_at, has_day=False)}",
                )
                for one in log.processes[:_MOST]
            ],
            key="log-processes",
        )
    else:
        st.text("This release does not say which process wrote a line.")
    if len(log.starts) > 1:
        live.table(
            ("Start", "Release", "Begun", "Ready"),
            [
                (
                    f"line {count(one.line)}",
                    plain(one.version, 40),
                    moment(one.at, has_year=log.has_year),
                    moment(one.ready_at, has_year=log.has_year) or "not told",
                )
                for one in log.starts[:_MOST]
            ],
            key="log-starts",
        )
    if log.requests:
        live.table(
            ("Requests", "Method", "Path", "Status"),
            [
                (count(one.count), one.method, plain(one.path, 120), f"{one.status}")
                for one in log.requests[:_MOST]
            ],
            key="log-requests",
        )
