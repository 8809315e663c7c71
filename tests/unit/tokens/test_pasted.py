"""Ids are read out of every form that tools print, and nothing else becomes an id."""

import json
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.tokens.pasted import MOST_IDS, ids_of

IDS = st.lists(st.integers(0, 2**31 - 1), max_size=30)

WRITTEN = {
    "JSON": json.dumps,
    "JSON, indented": lambda ids: json.dumps(ids, indent=2),
    "bare": lambda ids: json.dumps(ids)[1:-1],
    "blanks": lambda ids: " ".join(map(str, ids)),
    "lines": lambda ids: "\n".join(map(str, ids)),
    "a tuple": lambda ids: str(tuple(ids)),
    "hexadecimal": lambda ids: ", ".join(map(hex, ids)),
    "strings": lambda ids: json.dumps([str(one) for one in ids]),
    "vLLM's names": lambda ids: json.dumps([f"token_id:{one}" for one in ids]),
    "a tensor": lambda ids: f"tensor([{ids}], device='cuda:0', dtype=torch.int64)",
    "an array": lambda ids: f"ids = {np.array(ids, np.int64)!r}",
    "a request": lambda ids: json.dumps({"model": "m7", "tokens": ids}),
    "an answer": lambda ids: json.dumps(
        {"count": len(ids), "max_model_len": 4096, "tokens": ids, "token_strs": ["1", "[2"]}
    ),
    "a dictionary": lambda ids: str({"input_ids": [ids], "attention_mask": [[1] * len(ids)]}),
    "a dictionary of tensors": lambda ids: (
        f"{{'input_ids': tensor([{ids}]), 'attention_mask': tensor([[1, 1]])}}"
    ),
    "an assignment": lambda ids: f"token_ids = {ids}  # 99 of them",
}


@given(IDS)
@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN)
def test_ids_are_read_as_written(write, ids):
    found = ids_of(write(ids))
    assert found.ids == tuple(ids)
    assert (found.rejected, found.refused, found.cut) == ((), 0, False)


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("-5", "below nothing"),
        ("1.5", "not a whole number"),
        ("1e3", "not a whole number"),
        ("2147483648", "so high"),
        ("9" * 30, "so high"),
        ("000", "thousands separator"),
        ("1f", "begin with 0x"),
        ("hello", "not a number"),
        ("...", "left out"),
        ("٣", "not a number"),
        ("True", "not a number"),
    ],
)
def test_what_is_no_id_is_handed_back_with_its_place_and_the_reason(word, why):
    found = ids_of(f"[1, {word}, 2]")
    assert found.ids == (1, 2)
    ((start, end, text, reason),) = found.rejected
    assert f"[1, {word}, 2]"[start:end] == text == word[:40]
    assert why in reason


def test_a_shortened_tensor_is_told():
    found = ids_of("tensor([  1,   2, ..., 8, 9])")
    assert found.ids == (1, 2, 8, 9)
    assert "left out" in found.rejected[0].why


def test_only_so_many_ids_are_read():
    found = ids_of("7 " * (MOST_IDS + 2))
    assert (len(found.ids), found.cut) == (MOST_IDS, True)


def test_much_nonsense_is_counted_and_not_all_kept():
    found = ids_of("x " * 500)
    assert (found.refused, len(found.rejected)) == (500, 100)


@given(st.text(max_size=200) | st.text("0123456789abx-.,[](){}'\"= :tensorids_", max_size=200))
def test_any_text_is_read_and_places_are_right(text):
    found = ids_of(text)
    assert all(0 <= one < 2**31 for one in found.ids)
    assert found.refused >= len(found.rejected)
    for one in found.rejected:
        assert text[one.start : one.end].startswith(one.text)
        assert one.why


@pytest.mark.parametrize("unit", ["[", "a", "a=", "ids:", "dtype=(", " ", "0x", "_", "'", "-"])
def test_no_paste_takes_long(unit):
    text = unit * (300_000 // len(unit))
    started = time.perf_counter()
    ids_of(text)
    assert time.perf_counter() - started < 5.0
