"""What every page stands in: login, navigation, the servers in the sidebar, what the URL says.

This module alone decides which server and window a page shows: those in the URL, else those shown
last in this session, else the first server and the default window; and it writes them back, so that
the address can be sent to somebody else.
"""

import streamlit as st
from streamlit.navigation.page import Page

from lib.servers import Server
from lib.ui import guard, live
from lib.ui.house import house
from lib.ui.windows import Span, window_named

__all__ = [
    "draw",
    "no_servers",
    "open_server",
    "selected_server",
    "selected_window",
    "window_changed",
]

STYLE = """
<style>
[data-testid="stMainBlockContainer"] { padding-left: 32px; padding-right: 32px; padding-top: 24px; max-width: 1800px; }
[data-testid="stSidebarHeader"]::before { content: "vLLM Inspector"; font-weight: 700; font-size: 16px; padding-left: 8px; }
[data-testid="stHeader"] { background: transparent; pointer-events: none; }
[data-testid="stHeader"] * { pointer-events: auto; }
</style>
"""


def draw() -> None:
    """Draw what is around a page, then the page."""
    st.set_page_config(layout="wide", initial_sidebar_state=232)
    if not guard.viewer_admitted():
        _login()
        return
    page = st.navigation({"Live": _live_pages()}, expanded=True)
    st.html(STYLE)
    _open_clicked()
    with st.sidebar:
        _servers(current=page.url_path == "rca-cache")
    page.run()


def _live_pages() -> list[Page]:
    return [
        st.Page(
            "pages/live/overview.py",
            title="Overview",
            default=True,
            help="All servers at a glance, worst first.",
        ),
        st.Page(
            "pages/live/rca_cache.py",
            title="RCA / Cache",
            url_path="rca-cache",
            help="One server: what is wrong, since when, and the curves that show it.",
        ),
    ]


def _open_clicked() -> None:
    """Go to the server that was clicked in the run before."""
    name = st.session_state.pop("opening", None)
    if house().named(name):
        st.session_state["server"] = name
        query = {"server": name, "window": selected_window().key}
        st.switch_page("pages/live/rca_cache.py", query_params=query)


def _servers(*, current: bool) -> None:
    """The servers in the sidebar; a click opens one."""
    server = selected_server() if current else None
    live.sidebar(
        current=server.name if server else "",
        query={"window": selected_window().key},
        on_open=lambda: open_server("servers"),
    )


def _login() -> None:
    st.title("vLLM Inspector")
    st.text("This dashboard is open to people who have logged in.")
    if "auth" in st.secrets:
        st.button("Log in", type="primary", on_click=st.login)


def selected_window() -> Span:
    """The window of time that the page shows."""
    window = window_named(st.query_params.get("window") or st.session_state.get("window"))
    st.session_state["window"] = window.key
    if st.query_params.get("window", window.key) != window.key:
        st.query_params["window"] = window.key
    return window


def selected_server() -> Server | None:
    """The server that the page shows, which the URL then names; None when there is none."""
    asked = st.query_params.get("server") or st.session_state.get("server")
    server = house().named(asked) or next(iter(house().watched()), None)
    if server:
        st.session_state["server"] = server.name
        told = {"server": server.name, "window": selected_window().key}
        if st.query_params.to_dict() != told:
            st.query_params.from_dict(told)
    return server


def window_changed() -> None:
    """Take over the window that the viewer has chosen in a live view."""
    window = window_named(st.session_state["live"].window)
    st.session_state["window"] = st.query_params["window"] = window.key


def open_server(component: str = "live") -> None:
    """Remember the server that the viewer has clicked; the run that follows opens its page."""
    st.session_state["opening"] = st.session_state[component].open


def no_servers() -> None:
    """What a page shows before there is any server."""
    st.title("No servers yet")
    st.text("Set VLLM_SERVERS, or add a server of this machine on the Overview page.")
