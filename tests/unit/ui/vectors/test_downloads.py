"""The files that can be taken away hold what is on screen, and nothing that runs."""

import csv
import io
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from lib.api import Vectors
from lib.servers import Secret, Server, Source
from lib.ui.vectors import downloads
from lib.ui.vectors.measured import Measured
from lib.ui.vectors.sets import Embedded, How, Texts
from lib.vectors import Floor, Metric

TEXTS = ("=HYPERLINK(1)", "+1", "a, b", 'say "x"', "你好")


@pytest.fixture
def found():
    rows = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    rows[3] = np.nan
    server = Server("a", "http://127.0.0.1:1", Secret("sk-canary"), Source.ENVIRONMENT)
    vectors = Vectors(rows, {3: "refused"}, 12, frozenset({1}), 0.5, "m", ())
    texts = Texts(TEXTS, ("x", "=y", "", "", ""))
    made = Embedded(texts, vectors, server, "m", How(8), Floor.of(rows[:3]), rows[:3])
    return Measured(made, Metric.COSINE)


def rows_of(data):
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_a_csv_of_the_matrix_holds_the_scores_and_no_formula(found):
    rows = rows_of(downloads.matrix_csv(found))
    assert len(rows) == 5
    for cells in rows:
        assert not any(cell.startswith(("=", "+", "@")) for cell in cells)
    heat = found.heat
    assert float(rows[1][3]) == heat.scores[0, 1]
    assert rows[1][2] == ""
    assert [int(row[0]) for row in rows[1:]] == [int(n) + 1 for n in heat.down]
    assert [row[1].removeprefix("'") for row in rows[1:]] == [TEXTS[n] for n in heat.down]


def test_vectors_come_back_to_the_bit_from_every_file(found):
    rows = found.embedded.rows
    assert np.array_equal(np.load(io.BytesIO(downloads.vectors_npy(found))), rows, equal_nan=True)
    table = pq.read_table(io.BytesIO(downloads.vectors_parquet(found))).to_pylist()
    assert tuple(one["text"] for one in table) == TEXTS
    assert np.array_equal(np.array([one["vector"] for one in table], np.float32), rows, True)
    lines = rows_of(downloads.vectors_csv(found))[1:]
    numbers = np.array([[float(x or "nan") for x in one[3:]] for one in lines], np.float32)
    assert np.array_equal(numbers, rows, equal_nan=True)
    assert [one[1] for one in lines[:2]] == ["'=HYPERLINK(1)", "'+1"]
    assert lines[1][2] == "'=y"


def test_the_matrix_alone_is_the_heat_maps(found):
    matrix = np.load(io.BytesIO(downloads.matrix_npy(found)))
    assert np.array_equal(matrix, found.heat.scores, equal_nan=True)


def test_the_settings_hold_neither_a_text_nor_the_key(found):
    data = downloads.settings_json(found)
    told = json.loads(data)
    assert b"canary" not in data
    assert not any(text.encode() in data for text in TEXTS)
    assert told["asked"] == {"batch_size": 8, "dimensions": None, "truncate": False, "raw": False}
    assert told["without_vector"] == {"4": "refused"}
    assert told["truncated"] == [2]
    assert told["floor"]["pairs"] == 3
    assert told["order_of_the_matrix"]["rows"] == [int(n) + 1 for n in found.heat.down]
