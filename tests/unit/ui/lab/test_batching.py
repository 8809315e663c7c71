"""Uploaded Parquet: its rows, and files of some bytes that unpack to gigabytes."""

from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lib.ui.lab import batching

MEGABYTE = "x" * 1_000_000


@pytest.fixture(autouse=True)
def first_column(monkeypatch):
    monkeypatch.setattr(batching, "_column", lambda names: names[0] if names else None)


def parquet(columns, **options):
    file = BytesIO()
    pq.write_table(pa.table(columns), file, compression="zstd", **options)
    return file.getvalue()


def test_the_first_text_column_is_read_with_its_gaps():
    found = batching._parquet(parquet({"n": [1, 2, 3], "text": ["a", None, ""]}))
    assert [(one.number, one.text) for one in found.rows] == [(1, "a"), (2, ""), (3, "")]
    assert [bool(one.trouble) for one in found.rows] == [False, True, False]


def test_what_is_no_parquet_is_one_sentence():
    with pytest.raises(ValueError, match=r"^The file is no Parquet: "):
        batching._parquet(b"PAR1 and no more")


def test_a_text_repeated_without_end_takes_little_memory():
    repeated = pa.DictionaryArray.from_arrays(np.zeros(400, np.int32), pa.array([MEGABYTE]))
    data = parquet({"text": repeated}, store_schema=False)
    assert len(data) < 1_000
    before = pa.default_memory_pool().max_memory()
    found = batching._parquet(data)
    assert found.more
    assert len(found.rows) == 50
    assert pa.default_memory_pool().max_memory() - before < 100_000_000


def test_one_text_larger_than_any_file_is_not_unpacked():
    data = parquet({"text": [MEGABYTE * 60], "t": ["x"]}, use_dictionary=False)
    with pytest.raises(ValueError, match=r"^The column is larger than 50 MB\.$"):
        batching._parquet(data)
