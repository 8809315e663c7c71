"""What every page stands in: login, navigation, the servers in the sidebar, what the URL says.

This module alone decides which server and window a page shows: those in the URL, else those shown
last in this session, else the first server and the default window.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import streamlit as st
from streamlit.navigation.page import Page

from lib.servers import AddressPolicy, Server, SettingsError, Source, remove_server, setting
from lib.servers import add_server as add_to_file
from lib.ui import guard, live
from lib.ui.health_view import MOST
from lib.ui.house import house
from lib.ui.plain import escaped
from lib.ui.running import sections
from lib.ui.windows import Span, window_named

__all__ = [
    "add_server",
    "chosen_servers",
    "draw",
    "follow_link",
    "no_servers",
    "open_server",
    "running",
    "selected_server",
    "selected_window",
    "servers_chosen",
    "window_changed",
]

CHOSEN = ("server", "window", "servers", "model")
"""What the URL may say, and session state remembers under the same names."""
OF_ONE_SERVER = (
    "rca-cache",
    "health",
    "tokenizer",
    "chat",
    "embeddings",
    "explorer",
    "startup-log",
)
"""The pages on which a click in the sidebar changes the server and not the page."""

STYLE = (Path(__file__).parent / "assets" / "shell.css").read_text("utf-8")


def draw() -> None:
    """Draw what is around a page, then the page."""
    st.set_page_config(layout="wide", initial_sidebar_state=232)
    if not guard.viewer_admitted():
        _login()
        return
    page = st.navigation({"Live": _live_pages(), "Lab": _lab_pages()}, expanded=True)
    st.html(f"<style>{STYLE}</style>")
    _read_address()
    _follow_clicked()
    _open_clicked(page.url_path)
    with st.sidebar:
        _servers(page.url_path)
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
        st.Page(
            "pages/live/health.py",
            title="Health",
            url_path="health",
            help="Fit to serve or not: verdicts over time, every check, and probe recipes.",
        ),
        st.Page(
            "pages/live/models.py",
            title="Models",
            url_path="models",
            help="What each server serves, and where a request for a model could go now.",
        ),
    ]


def _lab_pages() -> list[Page]:
    return [
        st.Page(
            "pages/lab/tokenizer.py",
            title="Tokenizer",
            url_path="tokenizer",
            help="What a served model makes of a text: tokens, figures, costs.",
        ),
        st.Page(
            "pages/lab/chat.py",
            title="Chat",
            url_path="chat",
            help="Talk to a served model, and see where the time of its answer went.",
        ),
        st.Page(
            "pages/lab/embeddings.py",
            title="Embeddings",
            url_path="embeddings",
            help="What a served model takes for similar: compared, measured and explained.",
        ),
        st.Page(
            "pages/lab/explorer.py",
            title="API Explorer",
            url_path="explorer",
            help="Every route of a server: explained, tried, and whether it stands open.",
        ),
        st.Page(
            "pages/lab/startup_log.py",
            title="Start-up log",
            url_path="startup-log",
            help="What a server printed when it started: explained, and compared with a live one.",
        ),
    ]


def _read_address() -> None:
    """Take over what the URL says, when it says something new.

    The live view in the browser keeps the URL up to date (`assets/address.js`); Streamlit's idea of
    it may then be an old one, and must not undo what was chosen since.
    """
    told = {name: st.query_params[name] for name in CHOSEN if name in st.query_params}
    if told != st.session_state.get("address"):
        st.session_state["address"] = told
        st.session_state.update(told)


def _open_clicked(shown: str) -> None:
    """Go to the server that was clicked in the run before; `shown` is the page's name in the URL.

    A page of one server stays and shows the other one.
    """
    name = st.session_state.pop("opening", None)
    if house().named(name):
        st.session_state["server"] = st.session_state["servers"] = name
        if shown not in OF_ONE_SERVER:
            st.switch_page("pages/live/rca_cache.py")


def _follow_clicked() -> None:
    """Go to the page whose link was clicked in the run before, with its server and model."""
    link = urlsplit(str(st.session_state.pop("following", "")))
    pages = [*_live_pages(), *_lab_pages()]
    page = next((one for one in pages if link.path and one.url_path == link.path), None)
    if page is None:
        return
    told = dict(parse_qsl(link.query))
    if house().named(told.get("server")):
        st.session_state["server"] = st.session_state["servers"] = told["server"]
    st.session_state["model"] = told.get("model", "")
    st.switch_page(page)


def _servers(shown: str) -> None:
    """The servers in the sidebar; a click opens one."""
    is_of_one = shown in OF_ONE_SERVER
    server = selected_server() if is_of_one else None
    live.sidebar(
        current=server.name if server else "",
        query={"window": selected_window().key},
        target=shown if is_of_one else OF_ONE_SERVER[0],
        on_open=lambda: open_server("watched"),
    )


def _login() -> None:
    st.title("vLLM Inspector")
    st.text("This dashboard is open to people who have logged in.")
    if guard.has_oidc():
        st.button("Log in", type="primary", on_click=st.login)


def selected_window() -> Span:
    """The window of time that the page shows."""
    return window_named(st.session_state.get("window"))


def selected_server() -> Server | None:
    """The server that the page shows; None when there is none."""
    asked = st.session_state.get("server") or st.session_state.get("servers", "").partition(",")[0]
    return house().named(asked) or next(iter(house().watched()), None)


def chosen_servers() -> tuple[Server, ...]:
    """The servers that the page compares, the selected one first; none when there is none.

    Those of the URL or the session, if the selected one is among them; else that one alone.
    """
    selected = selected_server()
    names = str(st.session_state.get("servers", "")).split(",")
    found = [server for name in dict.fromkeys(names) if (server := house().named(name))]
    if selected is None or selected not in found:
        return () if selected is None else (selected,)
    return (selected, *(server for server in found if server is not selected))[:MOST]


def servers_chosen() -> None:
    """Take over the servers that the viewer has chosen to compare."""
    names = str(st.session_state["live"].chosen)
    st.session_state["servers"] = names
    st.session_state["server"] = names.partition(",")[0]


def window_changed() -> None:
    """Take over the window that the viewer has chosen in a live view."""
    st.session_state["window"] = window_named(st.session_state["live"].window).key


def open_server(component: str = "live") -> None:
    """Remember the server that the viewer has clicked; the run that follows opens its page."""
    st.session_state["opening"] = st.session_state[component].open


def follow_link() -> None:
    """Remember the link of ours that the viewer has clicked; the run that follows goes there."""
    st.session_state["following"] = st.session_state["live"].open


def no_servers() -> None:
    """What a page shows before there is any server."""
    st.title("No servers yet")
    st.text("Set VLLM_SERVERS, or add a server of this machine on the Overview page.")


@st.fragment(run_every=15.0)
def running(server: Server) -> None:
    """What the server told when it was asked: configuration, statistics, traces, routes."""
    newest = house().feed.latest(server.id)
    layout = newest.sample.layout if newest and newest.sample else None
    told = house().asked.told(server, documents=True, wait=0.8)
    live.facts(sections(layout, told), key="running")


def add_server() -> None:
    """Offer to watch one more server, and to forget those that were added here."""
    allowed = setting(house().environ, "INSPECTOR_ALLOW_HOSTS")
    with st.popover("Add server", icon=":material/add:", key="add-server"):
        with st.form("add", border=False, clear_on_submit=True):
            name = st.text_input("Name", placeholder="chat", max_chars=64)
            url = st.text_input("Address", placeholder="http://127.0.0.1:8000", max_chars=300)
            st.caption(escaped(_what_may_be_added(allowed)))
            if st.form_submit_button("Watch it"):
                _change(lambda: _add(name, url, allowed))
        for server in house().watched():
            if server.source is Source.ADDED:
                label = escaped(f"Forget {server.name}")
                forget = partial(remove_server, house().data, server.name)
                if st.button(label, icon=":material/close:", key=f"forget-{server.name}"):
                    _change(forget)


def _what_may_be_added(allowed: str) -> str:
    if allowed:
        return f"Servers of this machine, and {allowed}. Servers with a key belong in the settings."
    return "Servers of this machine only; others belong in VLLM_SERVERS or the secrets file."


def _add(name: str, url: str, allowed: str) -> None:
    if house().named(name.strip()):
        raise SettingsError(f"There is a server called {name.strip()!r} already.")
    add_to_file(house().data, name, url, AddressPolicy.allowing(allowed))


def _change(change: Callable[[], object]) -> None:
    """Change the list of servers, or say why not."""
    try:
        change()
    except SettingsError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return
    house().forget_servers()
    st.rerun()
