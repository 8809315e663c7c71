import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from lib.api.answers import Raw
from lib.api.arrays import MOST_DIMENSIONS, read_arrays, read_rows
from lib.api.errors import Reason, Unfit

FLOATS = arrays_of.arrays(
    np.float32,
    st.tuples(st.integers(1, 6), st.integers(1, 9)),
    elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
)


def packed(vector) -> str:
    return base64.b64encode(np.asarray(vector, "<f4").tobytes()).decode()


def listed(vectors, **more) -> dict:
    return {"data": [{"index": n, "embedding": v} for n, v in enumerate(vectors)], **more}


def read(body, count=2, most=MOST_DIMENSIONS, dimensions=None):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_rows(count, most, dimensions, Raw(200, {}, content))


def pooled(values):
    body = {"data": [{"index": n, "data": value} for n, value in enumerate(values)]}
    return read_arrays(len(values), Raw(200, {}, json.dumps(body).encode()))


@given(FLOATS, st.randoms())
def test_numbers_and_base64_are_read_alike_in_any_order(vectors, random):
    for written in ([float(x) for x in v] for v in vectors), map(packed, vectors):
        rows = listed(written)["data"]
        random.shuffle(rows)
        found = read({"data": rows, "usage": {"prompt_tokens": 7}}, len(vectors))
        assert found.rows.dtype == np.float32
        assert found.rows.tobytes() == vectors.tobytes()
        assert found.tokens == 7


@pytest.mark.parametrize(
    ("vectors", "broken"),
    [
        ([[1, 2], [None, 1]], 1),
        ([[1e39, 2], [3, 1]], 0),
        ([packed([1, np.nan]), packed([2, 3])], 0),
        ([packed([1, 4]), packed([np.inf, 3])], 1),
        ([packed([-np.inf, 4]), [1, 3]], 0),
    ],
)
def test_a_vector_that_is_not_all_numbers_is_none_and_the_others_are_kept(vectors, broken):
    rows = read(listed(vectors)).rows
    assert np.isnan(rows[broken]).all()
    assert np.isfinite(rows[1 - broken]).all()


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"data": None},
        listed([[1.0]]),
        listed([[1.0]] * 3),
        {"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]},
        {"data": [{"index": 0, "embedding": [1]}, {"index": 2, "embedding": [1]}]},
        {"data": [{"index": 0, "embedding": [1]}, {"index": -1, "embedding": [1]}]},
        {"data": [{"index": 0, "embedding": [1]}, {"index": True, "embedding": [1]}]},
        {"data": [{"index": 0, "embedding": [1]}, {"embedding": [1]}]},
        {"data": [{"index": 0, "embedding": [1]}, [1]]},
        *(
            listed([[1.0], value])
            for value in (None, [], [[1.0]], ["1"], [True], {"0": 1}, 3, [10**400])
        ),
        *(listed([[1.0], text]) for text in ("", "AAA", "AAAAAAA=", "ä", "AAAA AA==")),
        listed([[1.0], [1.0, 2.0]]),
        listed([packed([1]), packed([1, 2])]),
    ],
    ids=repr,
)
def test_what_is_not_one_vector_for_each_text_is_refused(body):
    with pytest.raises(Unfit) as caught:
        read(body)
    assert caught.value.reason is Reason.WRONG_SHAPE


def test_a_length_that_is_known_must_be_kept():
    assert read(listed([[1, 2]]), 1, dimensions=2).rows.shape == (1, 2)
    with pytest.raises(Unfit) as caught:
        read(listed([[1, 2]]), 1, dimensions=3)
    assert caught.value.detail == "a vector has 2 numbers instead of 3"


def test_no_more_numbers_are_taken_than_there_is_room_for():
    wide = listed([packed(np.ones(MOST_DIMENSIONS))])
    assert read(wide, 1).rows.shape == (1, MOST_DIMENSIONS)
    with pytest.raises(Unfit) as caught:
        read(wide, 1, most=MOST_DIMENSIONS - 1)
    assert caught.value.reason is Reason.TOO_LARGE
    with pytest.raises(Unfit):
        read(listed([packed(np.ones(MOST_DIMENSIONS + 1))]), 1)


@pytest.mark.parametrize(
    "usage", [None, {}, {"prompt_tokens": None}, {"prompt_tokens": -1}, {"prompt_tokens": 2**60}]
)
def test_tokens_that_are_not_told_are_not_known(usage):
    assert read(listed([[1.0]], usage=usage), 1).tokens is None


def test_a_number_that_json_has_none_for_makes_the_answer_none():
    with pytest.raises(Unfit) as caught:
        read(b'{"data":[{"index":0,"embedding":[NaN]}]}', 1)
    assert caught.value.reason is Reason.NOT_JSON


def test_pooled_outputs_keep_the_shape_of_each_text():
    one, other, third = pooled([[1, 2, 3], [[1, 2], [3, 4], [5, 6]], [[7]]])
    assert (one.shape, other.shape, third.shape) == ((3,), (3, 2), (1, 1))
    assert other.tolist() == [[1, 2], [3, 4], [5, 6]]


@pytest.mark.parametrize("value", [None, [], "AAAA", [[]], [[1], [1, 2]], [[1], 1], [[[1]]], ["a"]])
def test_a_pooled_output_that_is_no_array_is_refused(value):
    with pytest.raises(Unfit) as caught:
        pooled([value])
    assert caught.value.reason is Reason.WRONG_SHAPE
