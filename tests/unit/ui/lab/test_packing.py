"""What travels to the browser, unpacked again as the browser does."""

import base64
import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lib.tokens import Alignment, Fit, Kind
from lib.ui.lab.packing import JOINED, MOST_NAMES, PIECE_LENGTH, packed, units

TYPES = {"b": np.int8, "h": np.int16, "i": np.int32}


def unpacked(row):
    name, data = row
    return np.cumsum(np.frombuffer(base64.b64decode(data), TYPES[name]).astype(np.int64)).tolist()


def aligned(text, cuts, *, ids=None, pieces=None, fit=Fit.EXACT, seen=None):
    """An alignment whose tokens end at these bytes."""
    data = text.encode()
    ends = np.asarray(cuts, np.int64)
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)[: len(ends)]
    begins = np.concatenate([[0], np.cumsum([len(char.encode()) for char in text])])
    first = np.searchsorted(begins, starts, "right") - 1
    last = np.searchsorted(begins, ends, "left")
    return Alignment(
        text,
        np.asarray(ids if ids is not None else range(len(cuts)), np.int64),
        tuple(pieces or ["x"] * len(cuts)),
        starts,
        ends,
        first,
        last,
        np.zeros(len(cuts), np.uint8),
        fit,
        seen=data if seen is None else seen,
    )


def test_places_are_counted_as_a_browser_counts():
    found = packed(aligned("a🙂b", [1, 3, 5, 6]))
    assert unpacked(found["starts"]) == [0, 1, 1, 3]
    assert unpacked(found["ends"]) == [1, 3, 3, 4]
    assert unpacked(found["kinds"]) == [0, 0, JOINED, 0]
    assert found["seen"] is None


def test_unknown_places_stay_unknown():
    one = aligned("ab", [1, 2])
    lost = np.array([-1, -1], np.int64)
    whole = Alignment(
        "ab", one.ids, one.pieces, lost, lost, lost, lost, one.kinds, Fit.UNALIGNED, seen=b"ab"
    )
    found = packed(whole)
    assert unpacked(found["starts"]) == [-1, -1]
    assert unpacked(found["bytes_from"]) == [-1, -1]
    assert found["placed"] is False


def test_what_the_model_sees_travels_only_where_it_is_not_what_was_typed():
    one = aligned("e\u0301", [3])
    seen = Alignment(
        *(one.text, one.ids, one.pieces, one.starts, one.ends, one.char_starts, one.char_ends),
        np.array([Kind.NORMALISED], np.uint8),
        Fit.NORMALISED,
        seen="é".encode(),
        seen_starts=np.array([0], np.int64),
        seen_ends=np.array([2], np.int64),
    )
    found = packed(seen)
    assert base64.b64decode(found["seen"]) == "é".encode()
    assert unpacked(found["bytes_to"]) == [2]
    assert found["names"]["E9"] == "LATIN SMALL LETTER E WITH ACUTE"


def test_pieces_are_bounded_and_said_once():
    found = packed(aligned("abab", [1, 2, 3, 4], ids=[7, 8, 7, 8], pieces=["x" * 999, b"\xff"] * 2))
    assert set(found["pieces"]) == {"7", "8"}
    assert len(found["pieces"]["7"]) == PIECE_LENGTH
    assert found["pieces"]["8"] == "\\xff"


def test_names_are_bounded():
    text = "".join(chr(code) for code in range(0x100, 0x100 + 2 * MOST_NAMES))
    assert len(packed(aligned(text, [len(text.encode())]))["names"]) == MOST_NAMES


def test_the_key_tells_one_answer_from_another():
    one, same = aligned("ab", [1, 2]), aligned("ab", [1, 2])
    other = aligned("ab", [1, 2], ids=[0, 9])
    assert packed(one)["key"] == packed(same)["key"] != packed(other)["key"]
    assert packed(one)["key"] != packed(one, np.array([0, -1]))["key"]


@given(st.text(max_size=60), st.data())
def test_everything_survives_the_journey(text, data):
    size = len(text.encode())
    cuts = sorted(data.draw(st.sets(st.integers(1, size), max_size=12))) if size else []
    ids = data.draw(st.lists(st.integers(0, 2**31 - 1), min_size=len(cuts), max_size=len(cuts)))
    alignment = aligned(text, cuts, ids=ids)
    found = json.loads(json.dumps(packed(alignment)))
    assert unpacked(found["ids"]) == ids
    places = units(text)
    assert unpacked(found["starts"]) == [int(places[one]) for one in alignment.char_starts]
    assert unpacked(found["bytes_to"]) == cuts
    assert places[-1] * 2 == len(text.encode("utf-16-le"))
