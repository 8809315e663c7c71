"""The components that page scripts mount: one per live view, and plain lists of facts.

Each has the same short script, `assets/loader.js`, which Streamlit sends with every run and which
loads `assets/live.js` from our own route once for all pages. A component gets addresses, a ticket
and settings; figures come by the stream, never through the script.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from lib.ui import guard, wire
from lib.ui.house import house
from lib.ui.routes import stream_path
from lib.ui.windows import WINDOWS

__all__ = [
    "alike",
    "chat",
    "exposure",
    "facts",
    "head",
    "health",
    "lanes",
    "log_head",
    "milestones",
    "models",
    "overview",
    "ranks",
    "ratios",
    "rca",
    "routes",
    "said",
    "sendings",
    "sidebar",
    "summary",
    "table",
    "tokens",
    "tried",
    "vectors",
]

_LOADER = (Path(__file__).parent / "assets" / "loader.js").read_text(encoding="utf-8")
_HTML = '<div class="vi">\n</div>'

_component = st.components.v2.component(
    "inspector_live", html=_HTML, js=_LOADER, isolate_styles=False
)


def _nothing() -> None:
    """Nothing to do: when a ticket is asked for, the run itself mints one."""


def overview(*, window: str, on_open: Callable[[], None], on_window: Callable[[], None]) -> None:
    """All servers, live."""
    _mount(
        "overview",
        "live",
        {
            "title": "Overview",
            "window": window,
            "stream": stream_path("overview"),
            "expected": max(1, len(house().watched())),
            "target": "rca-cache",
        },
        open=on_open,
        window=on_window,
    )


def rca(
    *, server: str, window: str, on_window: Callable[[], None], on_tool: Callable[[], None]
) -> None:
    """One server's verdict, figures and plots, live; it may ask for a tool by its name."""
    _mount(
        "rca",
        "live",
        {
            "title": "RCA / Cache",
            "server": server,
            "window": window,
            "stream": stream_path("rca", server),
            "plotly": wire.plotly_url(),
        },
        window=on_window,
        tool=on_tool,
    )


def health(
    *,
    chosen: Sequence[str],
    model: str,
    window: str,
    on_window: Callable[[], None],
    on_chosen: Callable[[], None],
    on_check: Callable[[], None],
    on_infer: Callable[[], None],
) -> None:
    """The verdicts of all servers over time, and every check of the chosen ones, live."""
    _mount(
        "health",
        "live",
        {
            "title": "Health",
            "chosen": list(chosen),
            "model": model,
            "window": window,
            "stream": stream_path("health"),
            "plotly": wire.plotly_url(),
        },
        window=on_window,
        chosen=on_chosen,
        check=on_check,
        infer=on_infer,
    )


def models(
    *,
    model: str,
    server: str,
    raw: Mapping[str, str] | None,
    on_open: Callable[[], None],
    on_model: Callable[[], None],
    on_raw: Callable[[], None],
) -> None:
    """The models of all servers, and where a request for one could go, live.

    `raw` is a list that was asked for: the text of a `server`.
    """
    _mount(
        "models",
        "live",
        {
            "title": "Models",
            "model": model,
            "server": server,
            "raw": raw,
            "windows": [],
            "window": "",
            "stream": stream_path("models"),
        },
        open=on_open,
        model=on_model,
        raw=on_raw,
    )


def tokens(
    data: Mapping[str, object], *, on_typed: Callable[[], None], on_pick: Callable[[], None]
) -> None:
    """What is typed, and its tokens, as `lib.ui.lab.tokenizer` makes them."""
    _mount("tokens", "tokens", data, typed=on_typed, pick=on_pick)


def ratios(
    data: Mapping[str, object], *, on_compare: Callable[[], None], on_again: Callable[[], None]
) -> None:
    """What stands under the tokens, as `lib.ui.lab.beside` makes it."""
    _mount("ratios", "ratios", data, compare=on_compare, again=on_again)


def chat(data: Mapping[str, object], *, on_act: Callable[[], None]) -> None:
    """A conversation with a model, as `lib.ui.chat` makes it; an answer comes by its own stream."""
    _mount("chat", "chat", data, act=on_act)


def lanes(data: Mapping[str, object], *, on_act: Callable[[], None]) -> None:
    """One prompt answered side by side, as `lib.ui.chat` makes it."""
    _mount("lanes", "lanes", data, act=on_act)


def vectors(data: Mapping[str, object], *, on_pick: Callable[[], None]) -> None:
    """The head of the Embeddings page, as `lib.ui.vectors` makes it; it keeps the address."""
    head(data, key="vectors", on_pick=on_pick)


def head(data: Mapping[str, object], *, key: str, on_pick: Callable[[], None]) -> None:
    """Title, sentence, and whose model it is, as the Embeddings page has them."""
    _mount("vectors", key, data, pick=on_pick)


def routes(data: Mapping[str, object], *, on_open: Callable[[], None]) -> None:
    """The routes of a server in their groups, as `lib.ui.explorer` makes them."""
    _mount("routes", "routes", data, open=on_open)


def tried(data: Mapping[str, object]) -> None:
    """What a route answered, as `lib.ui.explorer` makes it."""
    _mount("tried", "tried", data)


def sendings(
    data: Mapping[str, object], *, on_show: Callable[[], None], on_again: Callable[[], None]
) -> None:
    """What was sent in this tab, as `lib.ui.explorer` makes it."""
    _mount("sendings", "sendings", data, show=on_show, again=on_again)


def exposure(rows: Iterable[Mapping[str, object]]) -> None:
    """What answers without a key, as `lib.ui.explorer` makes it."""
    _mount("exposure", "exposure", {"rows": list(rows)})


def summary(data: Mapping[str, object], *, key: str) -> None:
    """An answer in one sentence, its figures, and remarks, as `lib.ui.vectors` makes it."""
    _mount("summary", key, data)


def ranks(
    header: Sequence[str], rows: Iterable[Mapping[str, object]], *, key: str, label: str
) -> None:
    """Texts by their scores; `label` says what table it is. Foreign text is drawn as text."""
    _mount("ranks", key, {"header": list(header), "rows": list(rows), "label": label})


def alike(data: Mapping[str, object], *, key: str) -> None:
    """Two texts as tokens, as `lib.ui.vectors.why` makes them."""
    _mount("alike", key, data)


def log_head(data: Mapping[str, object]) -> None:
    """Title and sentence of the Start-up log page."""
    _mount("loghead", "log-head", data)


def milestones(rows: Sequence[Mapping[str, object]], *, key: str, label: str) -> None:
    """How long each part of a start took, as `lib.ui.logs` makes them."""
    _mount("milestones", key, {"rows": list(rows), "label": label})


def said(rows: Sequence[Mapping[str, object]], *, key: str, label: str) -> None:
    """Lines of a log with their meanings, as `lib.ui.logs` makes them."""
    _mount("said", key, {"rows": list(rows), "label": label})


def sidebar(
    *, current: str, query: Mapping[str, str], target: str, on_open: Callable[[], None]
) -> None:
    """The list of servers with their states; it lives on the page's own stream.

    `target` is the page that a click opens, as the URL calls it.
    """
    _mount(
        "sidebar",
        "watched",
        {
            "servers": house().listed(),
            "current": current,
            "query": urlencode(query),
            "target": target,
        },
        open=on_open,
    )


def table(
    header: Sequence[str], rows: Iterable[Sequence[str | tuple[str, ...]]], *, key: str
) -> None:
    """A table of texts, drawn as text; unlike Streamlit's it offers no file with formulas in it.

    A cell may be up to three texts: the second stands quietly under the first, and a pointer is
    told the third.
    """
    _mount("table", key, {"header": list(header), "rows": [list(row) for row in rows]})


def facts(sections: Sequence[Mapping[str, object]], *, key: str) -> None:
    """Lists of names and values, as `lib.ui.running.sections` makes them."""
    _mount("facts", key, {"sections": list(sections)})


def _mount(view: str, key: str, data: Mapping[str, object], **on: Callable[[], None]) -> None:
    """Put a view into the page; `on` is what to do when it sends something of that name."""
    fixed: dict[str, object] = {
        "view": view,
        "script": wire.asset_url("live.js"),
        "sheet": wire.asset_url("live.css"),
        "windows": [{"key": w.key, "label": w.label, "words": w.words} for w in WINDOWS],
        "ticket": guard.mint(),
    }
    known = dict.fromkeys(("ticket", "open", "window"), _nothing) | on
    calls: dict[str, Any] = {f"on_{name}_change": then for name, then in known.items()}
    _component(key=key, data=fixed | dict(data), **calls)
