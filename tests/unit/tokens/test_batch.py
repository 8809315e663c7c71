"""Rows keep their numbers, nothing in a file stops the reading, and no cell becomes a formula."""

import csv
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.tokens import batch
from lib.tokens.batch import (
    LARGEST_FILE,
    LONGEST_ROW,
    MOST_ROWS,
    Row,
    columns,
    csv_of,
    csv_rows,
    decoded,
    fields,
    histogram,
    jsonl_rows,
    limited,
    line_rows,
    safe_cell,
)

CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


# ── Reading ──


def test_lines_keep_their_numbers():
    found = line_rows("one\r\n\n  two\u2028still two \rthree")
    assert found.rows == (Row(1, "one"), Row(3, "  two\u2028still two "), Row(4, "three"))
    assert not found.more


def test_a_csv_has_columns_and_rows():
    text = 'id;text\n1;"a ""b"";\nc"\n2\n\n3;d\n'
    assert columns(text) == ("id", "text")
    assert csv_rows(text, "text").rows == (
        Row(2, 'a "b";\nc'),
        Row(3, "", "the record is too short"),
        Row(5, "d"),
    )


@pytest.mark.parametrize("column", ["missing", "twice", ""])
def test_a_column_must_be_there_and_be_one(column):
    with pytest.raises(ValueError, match="first line names"):
        csv_rows("twice,twice,once\n1,2,3\n", column)
    assert csv_rows("twice,twice,once\n1,2,3\n", "once").rows == (Row(2, "3"),)


def test_an_empty_csv_has_no_columns():
    assert columns("") == ()


def test_a_cell_may_be_longer_than_the_csv_module_is_used_to():
    assert len(csv_rows("t\n" + "x" * 200_000, "t").rows[0].text) == 200_000


def test_jsonl_rows_that_cannot_be_read_say_why():
    lines = [
        '{"t": "good", "n": 1}',
        "",
        "{broken",
        '["t"]',
        '{"other": "x"}',
        '{"t": 7}',
        '{"t": null}',
        '{"t": ["x"]}',
        '{"t": "\\ud83d"}',
        "[" * 100_000,
    ]
    found = jsonl_rows("\n".join(lines), "t").rows
    assert found[0] == Row(1, "good")
    assert [row.number for row in found] == [1, 3, 4, 5, 6, 7, 8, 9, 10]
    assert [row.trouble for row in found[1:]] == [
        "the line is no JSON",
        "the line is no record with fields",
        "the record has no such field",
        "the field holds no text but a number",
        "the field holds no text but nothing",
        "the field holds no text but a list",
        "the text holds half of a character (a lone surrogate)",
        "the line is no JSON",
    ]


def test_fields_are_those_that_hold_text():
    assert fields('{"b": "x", "n": 1}\nbroken\n{"a": "y", "b": "z"}') == ("b", "a")


def test_only_so_many_rows_are_taken_in():
    found = line_rows("x\n" * (MOST_ROWS + 1))
    assert (len(found.rows), found.more) == (MOST_ROWS, True)
    assert not line_rows("x\n" * MOST_ROWS).more


def test_only_so_many_characters_are_taken_in_all_together():
    most = LARGEST_FILE // LONGEST_ROW
    found = limited(Row(n, "x" * LONGEST_ROW) for n in range(1, most + 9))
    assert (len(found.rows), found.more) == (most, True)


def test_a_pasted_half_of_a_character_is_told():
    assert line_rows("ok\n\ud83d").rows[1].trouble.startswith("the text holds half")


def test_a_row_too_long_is_kept_without_its_text():
    found = line_rows("x" * (LONGEST_ROW + 1) + "\ny")
    assert found.rows == (Row(1, "", "longer than 1,000,000 characters"), Row(2, "y"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_is_read_in_its_encoding(encoding):
    assert decoded("é你".encode(encoding)) == "é你"


def test_what_is_no_text_is_refused():
    with pytest.raises(ValueError, match="see byte 2"):
        decoded(b"ab\xff")
    with pytest.raises(ValueError, match="not UTF-8"):
        decoded(b"\xff\xfea")


def test_a_file_too_large_is_refused():
    with pytest.raises(ValueError, match="larger than 50 MB"):
        decoded(bytes(LARGEST_FILE + 1))


@given(st.lists(st.tuples(CELLS, CELLS), max_size=8), st.sampled_from(",;\t|"))
def test_what_was_written_as_csv_is_read_back(rows, delimiter):
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("first", "second"), *rows])
    found = csv_rows(out.getvalue(), "second")
    assert [(row.text, row.trouble) for row in found.rows] == [(cell, "") for _, cell in rows]


@given(st.lists(CELLS, max_size=8))
def test_what_was_written_as_jsonl_is_read_back(texts):
    lines = "\n".join(json.dumps({"t": text}) for text in texts)
    assert jsonl_rows(lines, "t").rows == tuple(Row(n, text) for n, text in enumerate(texts, 1))


@given(st.text(max_size=200) | st.text('",;\n\r\x00{}[]:t', max_size=60))
def test_no_text_stops_the_reading(text):
    for name in columns(text)[:1]:
        if columns(text).count(name) == 1:
            assert csv_rows(text, name).rows is not None
    numbers = [row.number for row in (*jsonl_rows(text, "t").rows,)]
    assert numbers == sorted(set(numbers))
    assert all(row.text.strip() for row in line_rows(text).rows)


# ── Counts ──


def test_bins_are_of_a_round_width():
    found = histogram([3, 4, 4, 99])
    assert (np.diff(found.edges) == 5).all()
    assert found.edges[0] == 0
    assert found.rows.sum() == 4
    assert found.rows[0] == 3


def test_few_counts_have_a_bin_each():
    found = histogram([7, 8, 8])
    assert (found.edges.tolist(), found.rows.tolist()) == ([7, 8, 9], [1, 2])
    assert histogram([5]).edges.tolist() == [5, 6]


def test_no_counts_have_no_bins():
    assert histogram([]).edges.tolist() == histogram([]).rows.tolist() == []


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=50), st.integers(1, 40))
def test_every_count_is_in_its_bin(counts, most):
    found = histogram(counts, most)
    assert len(found.rows) == len(found.edges) - 1 <= most
    expected, _ = np.histogram(np.array(counts), np.append(found.edges[:-1], found.edges[-1] - 0.5))
    assert found.rows.tolist() == expected.tolist()
    assert found.rows.sum() == len(counts)


# ── Writing ──


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "\ufeff=1", "\u00a0=1"],
)
def test_what_begins_like_a_formula_gets_a_quote(cell):
    assert safe_cell(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["plain", "1-1", "", " a=b", -5, 2.5, None, True])
def test_everything_else_stays(cell):
    assert safe_cell(cell) is cell


@given(st.lists(st.lists(st.text(max_size=8) | st.integers() | st.none(), min_size=1, max_size=3)))
def test_a_download_holds_all_values_and_no_formula(rows):
    data = csv_of(["text", "=tokens"], rows)
    assert data.startswith(b"\xef\xbb\xbf")
    records = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert records[0] == ["text", "'=tokens"]
    assert len(records) == len(rows) + 1
    for record, row in zip(records[1:], rows, strict=True):
        for cell, value in zip(record, row, strict=True):
            if isinstance(value, str):
                assert not cell.lstrip(" \u00a0\ufeff").startswith(batch._FORMULA)
                assert cell.removeprefix("'") == value.encode("utf-8", "replace").decode() or (
                    cell == value
                )
            else:
                assert cell == ("" if value is None else str(value))
