"""Counting many texts at once: pasted lines or a file, with a histogram and a safe download.

Decided here: that counting waits for its button and goes in portions, so that what is counted
stays where a server stops answering; and that one text which is refused keeps none of the others.
"""

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from lib.api import BadRequest, CallerMistake, Refused
from lib.tokens.batch import (
    LARGEST_FILE,
    Row,
    Rows,
    columns,
    csv_of,
    csv_rows,
    decoded,
    fields,
    histogram,
    jsonl_rows,
    limited,
    line_rows,
)
from lib.ui.plain import escaped, plain
from lib.ui.tokenizers import Served

__all__ = ["Counted", "batch", "table"]

PORTION = 200
_TOGETHER = 8
"""Rows unpacked at once: each may be a text as long as all of its file."""
_KINDS = ["txt", "csv", "tsv", "jsonl", "ndjson", "parquet"]
_LIKELY = ("text", "prompt", "content", "question", "input")


class Counted(NamedTuple):
    """The rows, their tokens as far as counted, and why it ended early."""

    rows: tuple[Row, ...]
    counts: tuple[int | None, ...]
    trouble: str = ""


def batch(served: Served) -> None:
    """The tab."""
    rows = _source()
    if rows is None or not rows.rows:
        return
    more = "; those behind them are too many to be taken in" if rows.more else ""
    st.text(f"{len(rows.rows):,} texts{more}.")
    if st.button("Count them", key="batch-count"):
        st.session_state["batch"] = served.title, _counted(served, rows)
    title, found = st.session_state.get("batch", ("", None))
    if isinstance(found, Counted) and found.rows == rows.rows:
        _result(title, found)


def _source() -> Rows | None:
    left, right = st.columns(2)
    pasted = left.text_area("Texts, one on each line", key="batch-lines", height=120)
    file = right.file_uploader("or a file", type=_KINDS, key="batch-file")
    if file is None:
        return line_rows(pasted) if pasted.strip() else None
    kind = file.name.rpartition(".")[2].lower()
    data = file.getvalue()
    if kind == "parquet":
        return _parquet(data)
    text = decoded(data)
    if kind in ("csv", "tsv"):
        column = _column(columns(text))
        return csv_rows(text, column) if column else None
    if kind in ("jsonl", "ndjson"):
        column = _column(fields(text))
        return jsonl_rows(text, column) if column else None
    return line_rows(text)


def _column(names: Sequence[str]) -> str | None:
    """Which of the columns holds the texts."""
    if not names:
        st.text("No column with texts was found.")
        return None
    likely = next((n for n, name in enumerate(names) if name.lower() in _LIKELY), 0)
    return st.selectbox("Column", names, index=likely, key="batch-column")


def _parquet(data: bytes) -> Rows | None:
    import pyarrow as pa  # noqa: PLC0415 - slow, and for few
    import pyarrow.parquet as pq  # noqa: PLC0415 - likewise

    try:
        file = pq.ParquetFile(BytesIO(data))
        texts = (pa.types.is_string, pa.types.is_large_string)
        named = [one.name for one in file.schema_arrow if any(is_(one.type) for is_ in texts)]
        column = _column(named)
        if column is None:
            return None
        if _unpacked(file.metadata, column) > LARGEST_FILE:
            raise ValueError(f"The column is larger than {LARGEST_FILE // 1_000_000} MB.")
        values = (
            value
            for part in file.iter_batches(_TOGETHER, columns=[column])
            for value in part.column(0).to_pylist()
        )
        return limited(
            Row(n, value or "", "" if value is not None else "the field holds nothing")
            for n, value in enumerate(values, 1)
        )
    except pa.ArrowException as error:
        raise ValueError(f"The file is no Parquet: {plain(error, 120)}") from None


def _unpacked(metadata: Any, column: str) -> int:  # noqa: ANN401 - pyarrow has no types
    """Bytes of a column once its pages are unpacked; a text that it repeats may count once."""
    groups = (metadata.row_group(n) for n in range(metadata.num_row_groups))
    parts = (group.column(n) for group in groups for n in range(group.num_columns))
    return sum(one.total_uncompressed_size for one in parts if one.path_in_schema == column)


def _counted(served: Served, rows: Rows) -> Counted:
    """Ask for all that can be asked for; only a server that fails ends it, not a refused text."""
    asked = [n for n, row in enumerate(rows.rows) if not row.trouble]
    counts: dict[int, int] = {}
    bar, trouble = st.progress(0.0, "Counting …"), ""
    for start in range(0, len(asked), PORTION):
        part = asked[start : start + PORTION]

        def show(done: int, _all: int, start: int = start) -> None:
            bar.progress((start + done) / len(asked), f"{start + done:,} of {len(asked):,} counted")

        try:
            told = _portion(served, [rows.rows[n].text for n in part], show)
        except Refused as refused:
            trouble = refused.sentence
            break
        counts |= {n: one for n, one in zip(part, told, strict=True) if isinstance(one, int)}
        trouble = trouble or next((one for one in told if isinstance(one, str)), "")
    bar.empty()
    return Counted(rows.rows, tuple(counts.get(n) for n in range(len(rows.rows))), trouble)


def _portion(
    served: Served, texts: Sequence[str], show: Callable[[int, int], None]
) -> list[int | str]:
    """The tokens of each text, or why it alone is refused."""
    try:
        told = served.tokenizer.encode_batch(texts, special=False, progress=show)
    except (BadRequest, CallerMistake):
        return [_one(served, text) for text in texts]
    return [one.count for one in told]


def _one(served: Served, text: str) -> int | str:
    try:
        return served.tokenizer.count(text, special=False)
    except (BadRequest, CallerMistake) as refused:
        return refused.sentence


def _result(title: str, found: Counted) -> None:
    counts = [one for one in found.counts if one is not None]
    if found.trouble:
        st.warning(escaped(plain(found.trouble, 300)), icon=":material/error:")
    if not counts:
        return
    values = np.asarray(counts)
    middle, high = np.percentile(values, [50, 95], method="inverted_cdf")
    st.text(
        f"{values.sum():,} tokens in {len(counts):,} texts on {plain(title, 80)}: median"
        f" {int(middle):,}, 95 of 100 have at most {int(high):,}, longest {values.max():,}."
    )
    _histogram(counts)
    header, rows = table(found)
    st.download_button(
        "Download as CSV",
        csv_of(header, rows),
        "tokens.csv",
        "text/csv",
        key="batch-download",
        on_click="ignore",
    )


def table(found: Counted) -> tuple[list[str], list[list[object]]]:
    """The header and the rows of the download."""
    header = ["row", "tokens", "characters", "characters_per_token", "trouble", "text"]
    rows: list[list[object]] = []
    for row, tokens in zip(found.rows, found.counts, strict=True):
        rate = round(len(row.text) / tokens, 4) if tokens else None
        trouble = row.trouble or ("" if tokens is not None else "not counted")
        rows.append([row.number, tokens, len(row.text), rate, trouble, row.text])
    return header, rows


def _histogram(counts: Sequence[int]) -> None:
    import plotly.graph_objects as go  # noqa: PLC0415 - only this tab needs it

    shade = "dark" if st.context.theme.type == "dark" else "light"
    found = histogram(counts)
    widths = np.diff(found.edges)
    figure = go.Figure(
        go.Bar(
            x=(found.edges[:-1] + widths / 2).tolist(),
            y=found.rows.tolist(),
            width=(widths * 0.92).tolist(),
            customdata=np.stack([found.edges[:-1], found.edges[1:] - 1], axis=1).tolist(),
            marker={"color": st.get_option(f"theme.{shade}.primaryColor")},
            hovertemplate="%{customdata[0]} to %{customdata[1]} tokens: %{y} texts<extra></extra>",
        )
    )
    figure.update_layout(
        height=220,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        xaxis={"title": "tokens"},
        yaxis={"title": "texts"},
    )
    st.plotly_chart(figure, key="batch-histogram", config={"displayModeBar": False})
