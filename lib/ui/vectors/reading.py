"""Texts out of what was pasted or uploaded: lines, CSV, JSONL and Parquet, with their labels.

Decided here: how much is taken in, and that what cannot be embedded is left out and told of, by the
rows of the file.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from lib.tokens.batch import decoded
from lib.ui.plain import plain
from lib.ui.vectors.sets import Texts

__all__ = ["KINDS", "LARGEST_FILE", "MOST_TEXTS", "Table", "lines", "table", "texts_of"]

KINDS = ("txt", "csv", "tsv", "jsonl", "ndjson", "parquet")
LARGEST_FILE = 20_000_000
"""Bytes, and of a packed file its bytes once unpacked."""
MOST_TEXTS = 50_000
LONGEST_TEXT = 240_000
"""Characters: more than any model sees."""
LABEL_LENGTH = 60
_MOST_COLUMNS = 200
_MOST_NAMED = 3
_LINE = "line"


class Table(NamedTuple):
    """The columns of a file and its rows, the first of which is row `first` of the file."""

    columns: tuple[str, ...]
    rows: tuple[Sequence[object], ...]
    first: int = 1
    has_more: bool = False

    def likely(self, names: Sequence[str], default: int | None) -> int | None:
        """The first column that is called one of these."""
        lowered = [one.lower() for one in self.columns]
        return next((lowered.index(name) for name in names if name in lowered), default)


def table(kind: str, data: bytes) -> Table:
    """What a file holds; `kind` is the end of its name.

    Raises:
        ValueError: it cannot be read; the message is for people.
    """
    if len(data) > LARGEST_FILE:
        raise ValueError(f"The file is larger than {LARGEST_FILE // 1_000_000} MB.")
    if kind == "parquet":
        return _parquet(data)
    text = decoded(data)
    if kind in ("csv", "tsv"):
        return _csv(text)
    if kind in ("jsonl", "ndjson"):
        return _jsonl(text)
    return Table((_LINE,), *_bounded([one] for one in _lines(text)))


def lines(text: str) -> tuple[str, ...]:
    """The lines of what was pasted; empty ones are none."""
    return tuple(islice((one for one in _lines(text) if one.strip()), MOST_TEXTS + 1))


def texts_of(found: Table, column: int, label: int | None = None) -> Texts:
    """The texts of a column, with those of another as labels."""
    texts: list[str] = []
    labels: list[str] = []
    left: dict[str, list[int]] = {}
    for number, row in enumerate(found.rows, found.first):
        text = row[column] if column < len(row) else None
        if why := _trouble(text):
            left.setdefault(why, []).append(number)
            continue
        texts.append(str(text))
        labels.append(_label(row, label))
    told = [_left_out(why, numbers) for why, numbers in left.items()]
    if found.has_more:
        told.append(f"Only the first {MOST_TEXTS:,} rows are taken in.")
    return Texts(tuple(texts), tuple(labels) if any(labels) else (), remarks=tuple(told))


def _label(row: Sequence[object], column: int | None) -> str:
    value = row[column] if column is not None and column < len(row) else None
    return "" if value is None else plain(value, LABEL_LENGTH)


def _trouble(text: object) -> str:
    """Why a value is no text to be embedded; "" where it is one."""
    if not isinstance(text, str):
        return "hold no text"
    if not text.strip():
        return "are empty"
    if len(text) > LONGEST_TEXT:
        return f"are longer than {LONGEST_TEXT:,} characters"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "hold half of a character"
    return ""


def _left_out(why: str, numbers: Sequence[int]) -> str:
    named = ", ".join(f"{one:,}" for one in numbers[:_MOST_NAMED])
    more = f" and {len(numbers) - _MOST_NAMED:,} more" if len(numbers) > _MOST_NAMED else ""
    return f"Left out, because they {why}: rows {named}{more}."


def _bounded(rows: Iterable[Sequence[object]]) -> tuple[tuple[Sequence[object], ...], int, bool]:
    """The first rows, the number of the first of them, and whether there are others."""
    kept = tuple(islice(rows, MOST_TEXTS + 1))
    return kept[:MOST_TEXTS], 1, len(kept) > MOST_TEXTS


def _lines(text: str) -> Iterator[str]:
    # only what ends lines in files does: a text may hold U+2028 or a form feed
    return (line.rstrip("\n") for line in io.StringIO(text, newline=None))


def _csv(text: str) -> Table:
    head = text.lstrip("\r\n").split("\n", 1)[0]
    outside = "".join(head.split('"')[::2])
    delimiter = max(",;\t|", key=outside.count)
    # the module's own limit is shared by the whole process: it is only ever raised
    csv.field_size_limit(max(csv.field_size_limit(), LARGEST_FILE))
    records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        names = tuple(next(records, []))[:_MOST_COLUMNS]
        rows, _, more = _bounded(record for record in records if record)
    except csv.Error as error:
        raise ValueError(f"The file is no CSV: {error}.") from None
    if not names:
        raise ValueError("The file has no column.")
    return Table(names, rows, 2, more)


def _jsonl(text: str) -> Table:
    rows, _, more = _bounded([_value(line)] for line in _lines(text) if line.strip())
    records = [row[0] for row in rows]
    names: dict[str, None] = {}
    for record in records:
        if isinstance(record, dict) and len(names) < _MOST_COLUMNS:
            names |= dict.fromkeys(map(str, record))
    if not names:
        raise ValueError("No line of the file is a JSON object with fields.")
    columns = tuple(names)[:_MOST_COLUMNS]
    kept = (
        tuple(record.get(name) for name in columns) if isinstance(record, dict) else ()
        for record in records
    )
    return Table(columns, tuple(kept), 1, more)


def _value(line: str) -> object:
    try:
        found: object = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found


def _parquet(data: bytes) -> Table:
    import pyarrow as pa  # noqa: PLC0415 - slow, and for few
    import pyarrow.parquet as pq  # noqa: PLC0415 - likewise

    try:
        file = pq.ParquetFile(io.BytesIO(data))
        flat = [one.name for one in file.schema_arrow if not pa.types.is_nested(one.type)]
        columns = tuple(flat)[:_MOST_COLUMNS]
        if _unpacked(file.metadata) > 4 * LARGEST_FILE:
            raise ValueError(f"It unpacks to more than {4 * LARGEST_FILE // 1_000_000} MB.")
        batches = file.iter_batches(64, columns=list(columns))
        rows = (row for batch in batches for row in zip(*map(_cells, batch.columns), strict=True))
        kept, _, more = _bounded(_sized(rows))
    except pa.ArrowException as error:
        raise ValueError(f"The file is no Parquet: {plain(error, 120)}.") from None
    if not columns:
        raise ValueError("The file has no column with plain values.")
    return Table(columns, kept, 1, more)


def _cells(column: Any) -> list[object]:  # noqa: ANN401 - pyarrow has no types
    found: list[object] = column.to_pylist()
    return found


def _sized(rows: Iterable[Sequence[object]]) -> Iterator[Sequence[object]]:
    """The rows, as long as they are not too large: a packed one may hold a text many times."""
    size = 0
    for row in rows:
        size += sum(len(one) for one in row if isinstance(one, str | bytes))
        if size > 4 * LARGEST_FILE:
            raise ValueError(f"It unpacks to more than {4 * LARGEST_FILE // 1_000_000} MB.")
        yield row


def _unpacked(metadata: Any) -> int:  # noqa: ANN401 - pyarrow has no types
    groups = (metadata.row_group(n) for n in range(metadata.num_row_groups))
    return sum(int(group.total_byte_size) for group in groups)
