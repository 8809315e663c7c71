from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lib.api.errors import Reason, Unfit
from lib.api.sse import Frame, Framing

LINES = st.sampled_from(
    [
        b"data: {}",
        b"data:x",
        b"data",
        b"data:  two",
        b": keep-alive",
        b":",
        b"event: e",
        b"id: 7",
        b"",
    ]
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
WHOLE = st.lists(st.tuples(LINES, ENDS), max_size=30).map(
    lambda pairs: b"".join(line + end for line, end in pairs)
)


def frames(*chunks, longest=1 << 20):
    framing = Framing(longest)
    return [frame for chunk in chunks for frame in framing.feed(chunk)]


def data(*texts):
    return [Frame("data", text) for text in texts]


@given(WHOLE, st.lists(st.integers(0, 400), max_size=12))
@example(b"data: a\r\n\r\ndata: b\r\r", [8, 9, 10, 20])
def test_any_split_of_the_bytes_gives_the_same_frames(whole, cuts):
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    chunks = [whole[start:end] for start, end in pairwise(places)]
    assert frames(*chunks) == frames(whole)
    assert frames(*(bytes([byte]) for byte in whole)) == frames(whole)


@given(st.lists(st.binary(max_size=40), max_size=5), st.integers(1, 60))
def test_whatever_comes_is_read_alike_in_pieces(parts, longest):
    whole = b"".join(parts)

    def outcome(*chunks):
        framing, found = Framing(longest), []
        try:
            for chunk in chunks:
                for frame in framing.feed(chunk):
                    found.append(frame)  # noqa: PERF402 — those before a failure count too
        except Unfit as unfit:
            found.append(unfit.reason)
        return found

    assert outcome(whole) == outcome(*parts) == outcome(*(bytes([byte]) for byte in whole))


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_line_may_end_in_three_ways(end):
    assert frames(b"data: a" + end + end + b"data: b" + end + end) == data(b"a", b"b")


def test_the_lines_of_one_event_are_joined():
    assert frames(b"data: a\ndata:\ndata: b\n\n") == data(b"a\n\nb")


def test_only_one_blank_is_taken_away():
    assert frames(b"data:  a \n\n") == data(b" a ")


def test_a_comment_is_told_at_once_and_ends_no_event():
    assert frames(b"data: a\n: alive\n") == [Frame("comment", b"alive")]
    assert frames(b"data: a\n: alive\ndata: b\n\n") == [
        Frame("comment", b"alive"),
        Frame("data", b"a\nb"),
    ]


def test_other_fields_are_passed_over():
    assert frames(b"event: error\nid: 1\nretry: 5\ndatum: x\ndata: a\n\n") == data(b"a")
    assert frames(b"event: ping\n\n\n\n") == []


def test_a_byte_order_mark_is_taken_off_the_first_line_only():
    assert frames(b"\xef\xbb\xbfdata: a\n\n") == data(b"a")
    assert frames(b"\n\xef\xbb\xbfdata: a\n\n") == []


def test_what_is_not_ended_is_not_told():
    assert frames(b"data: a\n") == []
    assert frames(b"data: a\n\ndata: b") == data(b"a")


@pytest.mark.parametrize("chunk", [b"data: " + b"x" * 5, b"data: 1\n" * 6, b":" + b"x" * 11])
def test_what_is_longer_than_is_read_is_refused(chunk):
    assert frames(b"data: 23\n\n", longest=10) == data(b"23")
    with pytest.raises(Unfit) as caught:
        frames(chunk, longest=10)
    assert caught.value.reason is Reason.TOO_LARGE


def test_a_long_line_in_single_bytes_costs_no_more_than_its_length():
    framing = Framing()
    for _ in range(300_000):
        assert not list(framing.feed(b"x"))
    assert list(framing.feed(b"\n\ndata: a\n\n")) == data(b"a")
