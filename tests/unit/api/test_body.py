import gzip
import random
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.api.body import Body
from lib.api.errors import Reason, Unfit

ZIPPED = {"content-encoding": "gzip"}


def read(headers, limit, *pieces):
    body = Body(headers, limit)
    for piece in pieces:
        body.feed(piece)
    return body.whole()


def cut(data, seed):
    pieces, at, choose = [], 0, random.Random(seed)
    while at < len(data):
        step = choose.randint(1, 50)
        pieces.append(data[at : at + step])
        at += step
    return pieces


@given(st.binary(max_size=2000), st.integers(), st.booleans())
def test_a_body_is_the_same_however_it_is_cut_and_compressed(data, seed, zipped):
    pieces = cut(gzip.compress(data) if zipped else data, seed)
    assert read(ZIPPED if zipped else {}, 5000, *pieces) == data


@given(st.integers(0, 400), st.integers(0, 400))
def test_the_cap_is_exact(size, limit):
    try:
        taken = len(read({}, limit, bytes(size)))
    except Unfit:
        taken = None
    assert taken == (size if size <= limit else None)


def test_a_bomb_is_stopped_at_the_cap_and_not_inflated():
    bomb = gzip.compress(bytes(64 << 20))
    tracemalloc.start()
    body = Body(ZIPPED, 1 << 20)
    with pytest.raises(Unfit) as caught:
        body.feed(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.reason is Reason.TOO_LARGE
    assert peak < 4 << 20


def test_endless_empty_blocks_are_stopped_too():
    packer = zlib.compressobj(wbits=31)
    body = Body(ZIPPED, 1000)
    body.feed(packer.compress(b"x") + packer.flush(zlib.Z_SYNC_FLUSH))
    body.feed(b"\0\0\0\xff\xff" * 190)
    with pytest.raises(Unfit, match="more than 1000 bytes"):
        body.feed(b"\0\0\0\xff\xff" * 10)


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "x" * 1000])
def test_another_compression_is_refused(encoding):
    with pytest.raises(Unfit) as caught:
        Body({"content-encoding": encoding}, 10)
    assert caught.value.reason is Reason.ENCODING


@pytest.mark.parametrize(
    "data", [b"no gzip at all", gzip.compress(b"a") + b"tail", gzip.compress(b"abc")[:-5]]
)
def test_broken_compression_is_refused(data):
    with pytest.raises(Unfit) as caught:
        read(ZIPPED, 1000, data)
    assert caught.value.reason is Reason.ENCODING


@pytest.mark.parametrize("length", ["1001", "9" * 400])
def test_an_announced_length_beyond_the_cap_is_refused_at_once(length):
    with pytest.raises(Unfit) as caught:
        Body({"content-length": length}, 1000)
    assert caught.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    "headers", [{}, {"content-length": "nonsense"}, {"content-encoding": "identity"}, ZIPPED]
)
def test_no_body_is_an_empty_one(headers):
    assert Body(headers, 10).whole() == b""


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
@given(size=st.integers(0, 3000), step=st.integers(1, 700))
def test_of_a_longer_body_the_beginning_will_do_where_that_is_asked(zipped, size, step):
    whole = bytes(number % 251 for number in range(size))
    sent = gzip.compress(whole) if zipped else whole
    headers = {"content-encoding": "gzip"} if zipped else {"content-length": str(size)}
    body = Body(headers, 1000, cut=True)
    for at in range(0, len(sent), step):
        body.feed(sent[at : at + step])
        if body.is_full:
            break
    assert body.whole() == whole[:1000]
    assert body.is_full is (size > 1000)
