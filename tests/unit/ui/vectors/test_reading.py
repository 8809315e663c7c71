"""Texts out of files and out of what was pasted."""

import contextlib
import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.ui.vectors import reading
from lib.ui.vectors.reading import lines, table, texts_of

CELL = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).filter(str.strip)


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=20))
def test_a_csv_gives_back_what_a_spreadsheet_wrote(rows):
    out = io.StringIO(newline="")
    csv.writer(out).writerows([("text", "label"), *rows])
    found = table("csv", out.getvalue().encode("utf-8-sig"))
    assert found.columns == ("text", "label")
    assert texts_of(found, 0).texts == tuple(text for text, _ in rows)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), CELL, min_size=1), min_size=1, max_size=9))
def test_a_jsonl_gives_back_its_fields(records):
    found = table("jsonl", "\n".join(map(json.dumps, records)).encode())
    name = found.columns[0]
    wanted = tuple(one[name] for one in records if name in one)
    assert texts_of(found, 0).texts == wanted


@given(st.binary(max_size=200), st.sampled_from(reading.KINDS))
def test_any_bytes_are_a_table_or_a_sentence(data, kind):
    with contextlib.suppress(ValueError):  # which the page says; anything else is a fault
        check(table(kind, data))


def check(found):
    for column in range(len(found.columns)):
        assert all(text.strip() for text in texts_of(found, column).texts)


def test_what_cannot_be_embedded_is_told_by_its_row():
    found = table("csv", b"text,label\nfirst,a\n,b\nthird,c\n  ,d\n")
    texts = texts_of(found, 0, 1)
    assert texts.texts == ("first", "third")
    assert texts.labels == ("a", "c")
    assert texts.remarks == ("Left out, because they are empty: rows 3, 5.",)


def test_a_record_that_is_short_holds_no_text():
    texts = texts_of(table("csv", b"n,text\n1,one\n2\n3,three\n"), 1)
    assert texts.texts == ("one", "three")
    assert texts.remarks == ("Left out, because they hold no text: rows 3.",)


def test_a_number_may_be_a_label_and_is_no_text():
    found = table("jsonl", b'{"text": "a", "label": 1}\n{"text": 2, "label": 0}\nnonsense\n')
    texts = texts_of(found, 0, 1)
    assert (texts.texts, texts.labels) == (("a",), ("1",))
    assert texts.remarks == ("Left out, because they hold no text: rows 2, 3.",)


def test_half_a_character_and_a_novel_are_left_out():
    texts = texts_of(reading.Table(("line",), (["\ud800"], ["x" * 240_001], ["good"])), 0)
    assert texts.texts == ("good",)
    assert len(texts.remarks) == 2


def test_a_parquet_has_its_plain_columns():
    out = io.BytesIO()
    made = {"body": ["one", None, "three"], "list": [[1], [2], [3]], "topic": [1, 2, 3]}
    pq.write_table(pa.table(made), out)
    found = table("parquet", out.getvalue())
    assert found.columns == ("body", "topic")
    assert texts_of(found, 0, 1).labels == ("1", "3")


def test_a_small_file_that_unpacks_to_much_is_refused():
    out = io.BytesIO()
    pq.write_table(pa.table({"text": ["x" * 1_000_000] * 200}), out, compression="zstd")
    assert len(out.getvalue()) < 1_000_000
    with pytest.raises(ValueError, match="unpacks to more than 80 MB"):
        table("parquet", out.getvalue())


def test_the_first_fifty_thousand_are_taken_in_and_the_rest_is_told():
    found = table("txt", b"line\n" * 50_001)
    texts = texts_of(found, 0)
    assert len(texts) == 50_000
    assert texts.remarks == ("Only the first 50,000 rows are taken in.",)


def test_a_file_that_is_too_large_is_refused_before_it_is_read():
    with pytest.raises(ValueError, match="larger than 20 MB"):
        table("csv", b"x" * 20_000_001)


def test_pasted_lines_end_where_files_end_them():
    assert lines("one\r\ntwo\n\n   \nthr\u2028ee\rfour") == ("one", "two", "thr\u2028ee", "four")


def test_a_likely_column_is_found_whatever_its_case():
    found = table("csv", b"ID,Text,Category\n1,a,b\n")
    assert found.likely(("text",), 0) == 1
    assert found.likely(("label", "category"), None) == 2
    assert found.likely(("nothing",), None) is None
