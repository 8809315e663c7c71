"""Which texts the page is about: a sample set, pasted lines, or a file.

Decided here: the words and the limits of the choice. What a file holds is read by `reading`; texts
stay in the session and never reach an address.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import streamlit as st

from lib.ui import live
from lib.ui.plain import count, escaped, plain
from lib.ui.vectors import reading
from lib.ui.vectors.samples import SAMPLES
from lib.ui.vectors.sets import How, Texts

__all__ = ["chosen", "follow", "linked"]

SOURCE, SAMPLE, MODE = "vectors-source", "vectors-sample", "vectors-mode"
LINES, QUERIES = "vectors-lines", "vectors-queries"
_FROM_SAMPLE, _PASTED, _FILE = "Sample set", "Paste", "File"
_ALL, _SEARCH = "All with all", "Queries with documents"
_TEXT_NAMES = ("text", "sentence", "content", "document", "passage", "question", "input", "body")
_LABEL_NAMES = ("label", "category", "class", "topic", "group", "tag", "target")
_SHOWN = 6
_LONGEST = 4_000_000
"""Characters of what is pasted; a longer text belongs in a file."""
_PLACEHOLDER = "One text on each line.\nA column before a tab is its label."


def follow(query: Mapping[str, str]) -> None:
    """Take over what an address says."""
    if query.get("sample") in SAMPLES:
        st.session_state[SOURCE], st.session_state[SAMPLE] = _FROM_SAMPLE, query["sample"]
    if "mode" in query:
        st.session_state[MODE] = _SEARCH if query["mode"] == "search" else _ALL


def linked(texts: Texts | None) -> dict[str, str | None]:
    """What an address may say of the choice: never a text."""
    is_search = st.session_state.get(MODE) == _SEARCH
    name = texts.name if texts else ""
    return {
        "sample": name or None,
        "mode": "search" if is_search and not name else None,
        "text": None,
    }


def chosen() -> tuple[Texts | None, How]:
    """The texts, None while there are none, and how they are to be sent."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        source = st.segmented_control(
            "Texts from",
            [_FROM_SAMPLE, _PASTED, _FILE],
            default=_FROM_SAMPLE,
            required=True,
            key=SOURCE,
            label_visibility="collapsed",
            persist_state="session",
        )
        found = _sample() if source == _FROM_SAMPLE else None
        is_search = source != _FROM_SAMPLE and _mode() == _SEARCH
        how = _how()
    try:
        found = found or _typed(str(source), is_search=is_search)
    except ValueError as error:
        st.warning(escaped(plain(str(error), 300)), icon=":material/error:")
        return None, how
    if found is None or not len(found):
        return None, how
    for remark in found.remarks:
        st.caption(escaped(remark))
    _preview(found)
    return found, how


def _how() -> How:
    with st.popover("Options", icon=":material/tune:", key="vectors-how"):
        size = st.number_input(
            "Texts in a request", 1, 2048, 32, key="vectors-batch", persist_state="session"
        )
        dimensions = st.number_input(
            "Dimensions, for models made for it (Matryoshka)",
            1,
            65_536,
            None,
            key="vectors-dimensions",
            placeholder="all",
            persist_state="session",
        )
        cut = st.checkbox(
            "Cut texts that are too long, and mark them", key="vectors-cut", persist_state="session"
        )
        raw = st.checkbox(
            "Leave out the model's last step, which makes every length 1 (use_activation: false)",
            key="vectors-raw",
            persist_state="session",
        )
    return How(int(size), int(dimensions) if dimensions else None, cut, raw)


def _preview(found: Texts) -> None:
    """The first of them, as they will be sent."""
    step = max(1, len(found.documents) // _SHOWN)
    some = [*sorted(found.queries)[:_SHOWN], *found.documents[::step][:_SHOWN]]
    rows = [
        (
            f"{n + 1:,}",
            found.short(n, 140),
            found.label(n) or ("query" if n in found.queries else ""),
        )
        for n in some
    ]
    live.table(("", "Text", "Label" if found.labels else ""), rows, key="vectors-preview")
    rest = len(found) - len(some)
    if rest > 0:
        st.caption(f"{count(rest)} more")


def _typed(source: str, *, is_search: bool) -> Texts | None:
    queries = _queries() if is_search else ()
    documents = _pasted(is_search=is_search) if source == _PASTED else _file()
    if documents is None or not is_search:
        return documents
    if not queries:
        st.caption("At least one query is needed.")
        return None
    return _joined(queries, documents)


def _mode() -> str:
    found = st.segmented_control(
        "Compare",
        [_ALL, _SEARCH],
        default=_ALL,
        required=True,
        key=MODE,
        label_visibility="collapsed",
        persist_state="session",
    )
    return str(found)


def _sample() -> Texts:
    name = st.selectbox(
        "Sample set",
        list(SAMPLES),
        key=SAMPLE,
        label_visibility="collapsed",
        persist_state="session",
        width=320,
    )
    found = SAMPLES[name or next(iter(SAMPLES))]
    st.button(
        "Edit them",
        key="vectors-edit",
        type="tertiary",
        on_click=_edit,
        args=(found,),
        icon=":material/edit:",
    )
    return found


def _edit(found: Texts) -> None:
    """Put a sample set where it can be changed."""
    st.session_state[SOURCE] = _PASTED
    st.session_state[MODE] = _SEARCH if found.is_search else _ALL
    rows = [
        f"{found.label(n)}\t{found.texts[n]}" if found.labels else found.texts[n]
        for n in range(len(found))
    ]
    st.session_state[QUERIES] = "\n".join(rows[n] for n in sorted(found.queries))
    st.session_state[LINES] = "\n".join(rows[n] for n in found.documents)


def _queries() -> tuple[str, ...]:
    text = st.text_area(
        "Queries",
        key=QUERIES,
        height=100,
        placeholder="One query on each line.",
        max_chars=_LONGEST,
        persist_state="session",
    )
    return reading.lines(text or "")


def _pasted(*, is_search: bool) -> Texts | None:
    text = st.text_area(
        "Documents" if is_search else "Texts",
        key=LINES,
        height=180,
        placeholder=_PLACEHOLDER,
        max_chars=_LONGEST,
        persist_state="session",
        label_visibility="visible" if is_search else "collapsed",
    )
    found = reading.lines(text or "")
    return _labelled(found) if found else None


def _labelled(found: tuple[str, ...]) -> Texts:
    """Lines, or two columns as a spreadsheet copies them: a label, a tab, the text."""
    rows = [("", one) for one in found]
    first = 0
    if all("\t" in one for one in found):
        rows = [one.partition("\t")[::2] for one in found]
        first = 0
    table = reading.Table(
        ("label", "text"),
        tuple(rows[: reading.MOST_TEXTS]),
        1 + first,
        len(rows) > reading.MOST_TEXTS,
    )
    return reading.texts_of(table, 1, 0)


def _file() -> Texts | None:
    file = st.file_uploader(
        f"CSV, JSONL, Parquet or lines, up to {reading.LARGEST_FILE // 1_000_000} MB and"
        f" {reading.MOST_TEXTS:,} rows",
        type=list(reading.KINDS),
        key="vectors-file",
        max_upload_size=reading.LARGEST_FILE // 1_000_000,
    )
    if file is None:
        return None
    found = _table(file.name.rpartition(".")[2].lower(), file.getvalue(), file.file_id)
    if len(found.columns) == 1:
        return reading.texts_of(found, 0)
    left, right = st.columns(2)
    places = list(range(len(found.columns)))
    named = partial(_named, found)
    column = left.selectbox(
        "Texts",
        places,
        index=found.likely(_TEXT_NAMES, 0) or 0,
        format_func=named,
        key=f"vectors-column-{file.file_id}",
    )
    likely = found.likely(_LABEL_NAMES, None)
    label = right.selectbox(
        "Labels",
        places,
        index=likely,
        format_func=named,
        placeholder="none",
        key=f"vectors-label-{file.file_id}",
    )
    return reading.texts_of(found, column or 0, label)


def _table(kind: str, data: bytes, file: str) -> reading.Table:
    """What the file holds; read once for the runs of the page."""
    kept = st.session_state.get("vectors-table")
    if not isinstance(kept, tuple) or kept[0] != file:
        kept = st.session_state["vectors-table"] = file, reading.table(kind, data)
    found: reading.Table = kept[1]
    return found


def _named(found: reading.Table, place: int) -> str:
    return plain(found.columns[place], 60) or f"column {place + 1}"


def _joined(queries: tuple[str, ...], documents: Texts) -> Texts:
    asked = _labelled(queries)
    labels = documents.labels or asked.labels
    return replace(
        documents,
        texts=asked.texts + documents.texts,
        labels=(
            (asked.labels or ("",) * len(asked)) + (documents.labels or ("",) * len(documents))
            if labels
            else ()
        ),
        queries=frozenset(range(len(asked))),
        remarks=(*asked.remarks, *documents.remarks),
    )
