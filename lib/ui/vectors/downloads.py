"""What can be taken away: the matrix, the vectors, and the settings that made them.

Decided here: the shapes of the files. They are made when somebody asks; a text that a spreadsheet
would take for a formula is made harmless in a CSV, and only there.
"""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from lib.tokens.batch import csv_of
from lib.ui.plain import count, escaped
from lib.ui.vectors.measured import Measured

__all__ = [
    "downloads",
    "matrix_csv",
    "matrix_npy",
    "settings_json",
    "vectors_csv",
    "vectors_npy",
    "vectors_parquet",
]

_CSV, _BINARY = "text/csv", "application/octet-stream"


def downloads(found: Measured) -> None:
    """The buttons."""
    with st.container(horizontal=True, gap="small"):
        _offer("Matrix, CSV", "matrix.csv", _CSV, lambda: matrix_csv(found))
        _offer("Matrix, npy", "matrix.npy", _BINARY, lambda: matrix_npy(found))
        _offer("Vectors, CSV", "vectors.csv", _CSV, lambda: vectors_csv(found))
        _offer("Vectors, npy", "vectors.npy", _BINARY, lambda: vectors_npy(found))
        _offer("Vectors, Parquet", "vectors.parquet", _BINARY, lambda: vectors_parquet(found))
        _offer("Settings, JSON", "settings.json", "application/json", lambda: settings_json(found))
    rows, columns = found.heat.scores.shape
    words = f"The matrix has {count(rows)} × {count(columns)} scores in the order of the heat map"
    size = _size(found.embedded.rows.nbytes)
    st.caption(escaped(f"{words}; the vectors are {size} in the order of the texts."))


def _size(number: int) -> str:
    return f"{number / 1e6:,.1f} MB" if number >= 1_000_000 else f"{number / 1e3:,.0f} kB"


def _offer(label: str, name: str, kind: str, make: Callable[[], bytes]) -> None:
    given = st.container(width="content")
    given.download_button(
        label,
        make,
        f"embeddings-{name}",
        kind,
        key=f"vectors-{name}",
        on_click="ignore",
        icon=":material/download:",
    )


def matrix_csv(found: Measured) -> bytes:
    """The scores, each row and column under its text."""
    heat, texts = found.heat, found.embedded.texts
    header = ["number", "text", *(f"{n + 1} {texts.short(int(n))}" for n in heat.across)]
    rows = (
        [int(n) + 1, texts.texts[n], *map(_number, line)]
        for n, line in zip(heat.down, heat.scores, strict=True)
    )
    return csv_of(header, rows)


def matrix_npy(found: Measured) -> bytes:
    """The scores alone."""
    return _npy(found.heat.scores)


def vectors_npy(found: Measured) -> bytes:
    """The vectors alone; a row of NaN where a text has none."""
    return _npy(found.embedded.rows)


def vectors_csv(found: Measured) -> bytes:
    """Each text with its label and its numbers."""
    texts, rows = found.embedded.texts, found.embedded.rows
    header = ["number", "text", "label", *(f"d{n}" for n in range(rows.shape[1]))]
    lines = (
        [n + 1, texts.texts[n], texts.label(n), *map(_number, line)] for n, line in enumerate(rows)
    )
    return csv_of(header, lines)


def vectors_parquet(found: Measured) -> bytes:
    """The same, each vector as one list of float32."""
    import pyarrow as pa  # noqa: PLC0415 - slow, and for few
    import pyarrow.parquet as pq  # noqa: PLC0415 - likewise

    texts, rows = found.embedded.texts, found.embedded.rows
    flat = pa.array(np.ascontiguousarray(rows).ravel(), pa.float32())
    table = pa.table(
        {
            "text": list(texts.texts),
            "label": [texts.label(n) or None for n in range(len(texts))],
            "is_query": [n in texts.queries for n in range(len(texts))],
            "vector": pa.FixedSizeListArray.from_arrays(flat, max(1, rows.shape[1]))
            if rows.shape[1]
            else [None] * len(texts),
        }
    )
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def settings_json(found: Measured) -> bytes:
    """What made these vectors, without any text and without any key."""
    embedded = found.embedded
    vectors, how, floor = embedded.vectors, embedded.how, embedded.floor
    told = {
        "server": embedded.server.name,
        "model": embedded.model,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "sample": embedded.texts.name or None,
        "texts": len(embedded.texts),
        "queries": len(embedded.texts.queries),
        "dimensions": embedded.rows.shape[1],
        "asked": {
            "batch_size": how.batch_size,
            "dimensions": how.dimensions,
            "truncate": how.truncate,
            "raw": how.raw,
        },
        "metric": found.metric.value,
        "tokens": vectors.tokens,
        "seconds": round(vectors.seconds, 3),
        "without_vector": {str(n + 1): why for n, why in vectors.failed.items()},
        "truncated": sorted(n + 1 for n in vectors.truncated),
        "floor": floor
        and {"mean": float(floor.mean), "sd": float(floor.sd), "pairs": len(floor.scores)},
        "order_of_the_matrix": {
            "rows": [int(n) + 1 for n in found.heat.down],
            "columns": [int(n) + 1 for n in found.heat.across],
        },
    }
    return json.dumps(told, ensure_ascii=False, indent=2).encode()


def _number(value: float) -> float | None:
    """As short as it can be without another value; nothing for NaN."""
    return None if np.isnan(value) else float(str(np.float32(value)))


def _npy(array: NDArray[np.float32]) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=False)
    return out.getvalue()
