"""Many texts at once: rows out of what was pasted or uploaded, their counts drawn, and a safe CSV.

Decided here: how much is taken in, what a row is in each format, and that a row which cannot be
read is kept with the reason, so that the row numbers of the result are those of the file.
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "LARGEST_FILE",
    "LONGEST_ROW",
    "MOST_ROWS",
    "Histogram",
    "Row",
    "Rows",
    "columns",
    "csv_of",
    "csv_rows",
    "decoded",
    "fields",
    "histogram",
    "jsonl_rows",
    "limited",
    "line_rows",
    "safe_cell",
]

LARGEST_FILE = 50_000_000
"""Bytes."""
MOST_ROWS = 10_000
"""Each row is one question to a server."""
LONGEST_ROW = 1_000_000
"""Characters."""
_MOST_COLUMNS = 1_000
_LOOKED_AT = 100
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""What a spreadsheet may take for the beginning of a formula, fullwidth signs included."""


class Row(NamedTuple):
    """One text. `number` counts lines or records from 1; `trouble` says why there is no text."""

    number: int
    text: str
    trouble: str = ""


class Rows(NamedTuple):
    """The rows that are taken in; `more`: there were others behind them, not taken in."""

    rows: tuple[Row, ...]
    more: bool = False


class Histogram(NamedTuple):
    """Rows by count: bin n holds counts from `edges[n]` up to, not including, `edges[n + 1]`."""

    edges: NDArray[np.int64]
    rows: NDArray[np.int64]


def decoded(data: bytes) -> str:
    """The text of a file.

    Raises:
        ValueError: it is too large, or no text; the message is one sentence for people.
    """
    if len(data) > LARGEST_FILE:
        raise ValueError(f"The file is larger than {LARGEST_FILE // 1_000_000} MB.")
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"The file is not UTF-8 text: see byte {error.start:,}.") from None


def limited(rows: Iterable[Row]) -> Rows:
    """The first rows, as many as are taken in; those that cannot be sent without their text.

    All together are no longer than the largest file: a packed one may hold a text many times.
    """
    kept: list[Row] = []
    size = 0
    for row in rows:
        size += len(row.text)
        if len(kept) == MOST_ROWS or size > LARGEST_FILE:
            return Rows(tuple(kept), more=True)
        trouble = _unsendable(row.text)
        kept.append(Row(row.number, "", trouble) if trouble else row)
    return Rows(tuple(kept))


def _unsendable(text: str) -> str:
    """Why a text cannot be sent to a server; "" where it can."""
    if len(text) > LONGEST_ROW:
        return f"longer than {LONGEST_ROW:,} characters"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "the text holds half of a character (a lone surrogate)"
    return ""


def line_rows(text: str) -> Rows:
    """One text per line; empty lines are none."""
    # Only what ends lines in files does: a text may hold U+2028 or a form feed.
    lines = io.StringIO(text, newline=None)
    stripped = ((number, line.rstrip("\n")) for number, line in enumerate(lines, 1))
    return limited(Row(number, line) for number, line in stripped if line.strip())


def columns(text: str) -> tuple[str, ...]:
    """The names in the first line of a CSV; none where it has none."""
    return tuple(next(_records(text), []))[:_MOST_COLUMNS]


def csv_rows(text: str, column: str) -> Rows:
    """The texts of one column, which the first line names; empty records are none.

    Raises:
        ValueError: there is no such column, or none of its own.
    """
    records = _records(text)
    names = next(records, [])
    if names.count(column) != 1:
        raise ValueError(f"The first line names {names.count(column)} columns {column[:80]!r}.")
    return limited(_column(records, names.index(column)))


def _column(records: Iterator[list[str]], index: int) -> Iterator[Row]:
    number = 1
    try:
        for number, record in enumerate(records, 2):
            if index < len(record):
                yield Row(number, record[index])
            elif record:
                yield Row(number, "", "the record is too short")
    except csv.Error as error:
        yield Row(number + 1, "", f"the rest is no CSV: {error}")


def _records(text: str) -> Iterator[list[str]]:
    first = text.lstrip("\r\n").split("\n", 1)[0]
    outside = "".join(first.split('"')[::2])
    delimiter = max(",;\t|", key=outside.count)
    # The module's own limit is shared by the whole process: it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), LARGEST_FILE))
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)


def fields(text: str) -> tuple[str, ...]:
    """The fields of the first records of a JSONL that hold texts, in the order of their coming."""
    found: dict[str, None] = {}
    for row in _objects(text, _LOOKED_AT):
        if isinstance(row, dict):
            found |= {name: None for name, value in row.items() if isinstance(value, str)}
    return tuple(found)[:_MOST_COLUMNS]


def jsonl_rows(text: str, field: str) -> Rows:
    """The texts of one field, one record in each line; empty lines are none."""
    numbered = enumerate(_objects(text), 1)
    return limited(_row_of(number, one, field) for number, one in numbered if one is not _EMPTY)


_EMPTY = object()


def _objects(text: str, most: int | None = None) -> Iterator[object]:
    """What each line holds: `_EMPTY` for an empty one, the exception for one that is no JSON."""
    for number, line in enumerate(io.StringIO(text, newline="\n")):
        if number == most:
            return
        try:
            yield json.loads(line) if line.strip() else _EMPTY
        except (ValueError, RecursionError) as error:
            yield error


def _row_of(number: int, found: object, field: str) -> Row:
    if isinstance(found, Exception):
        return Row(number, "", "the line is no JSON")
    if not isinstance(found, dict):
        return Row(number, "", "the line is no record with fields")
    if field not in found:
        return Row(number, "", "the record has no such field")
    value = found[field]
    if not isinstance(value, str):
        return Row(number, "", f"the field holds no text but {_KINDS.get(type(value), 'a list')}")
    return Row(number, value)


_KINDS: dict[type, str] = {
    bool: "true or false",
    dict: "a record",
    float: "a number",
    int: "a number",
    type(None): "nothing",
}


def histogram(counts: Sequence[int], most: int = 30) -> Histogram:
    """Bins of one width, 1, 2 or 5 times a power of ten, and at most so many of them."""
    if not counts:
        return Histogram(np.zeros(0, np.int64), np.zeros(0, np.int64))
    values = np.asarray(counts, np.int64)
    low, high = int(values.min()), int(values.max())
    width = next(width for width in _widths() if high // width - low // width < most)
    first = low // width
    edges = np.arange(first, high // width + 2, dtype=np.int64) * width
    return Histogram(edges, np.bincount(values // width - first, minlength=len(edges) - 1))


def _widths() -> Iterator[int]:
    for power in range(int(math.log10(2**62)) + 1):
        yield from (factor * 10**power for factor in (1, 2, 5))


def safe_cell(value: object) -> object:
    """A value that no spreadsheet takes for a formula: a text that begins like one gets a quote."""
    if isinstance(value, str) and value.lstrip(" \u00a0\ufeff\x00").startswith(_FORMULA):
        return f"'{value}"
    return value


def csv_of(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A CSV that is safe to open in a spreadsheet: UTF-8 with its mark, CRLF, None left empty."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    for row in ([*header], *rows):
        writer.writerow([safe_cell(value) for value in row])
    return out.getvalue().encode("utf-8-sig", "replace")
