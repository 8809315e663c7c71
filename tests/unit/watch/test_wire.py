import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.metrics import Layout
from lib.watch.wire import VERSION, Beat, Decoder, Hello, Kind, WireError, frame, layout_frame
from tests.support.ticks import LAYOUT

frames = st.lists(st.tuples(st.sampled_from(Kind), st.binary(max_size=50)), max_size=10)
HELLO = Hello(VERSION, 12, 1.5, 1.0, ("chat http://127.0.0.1:1", "embed"))


@given(frames, st.lists(st.integers(1, 40), max_size=30))
def test_frames_come_back_however_they_are_cut(said, cuts):
    stream = b"".join(frame(kind, payload) for kind, payload in said)
    decoder, heard = Decoder(), []
    for cut in [*cuts, len(stream)]:
        piece, stream = stream[:cut], stream[cut:]
        heard += decoder.feed(piece)
    heard += decoder.feed(stream)
    assert heard == said


@pytest.mark.parametrize(
    "noise", [b"\x00\x00\x00\x00\x01", b"\xff\xff\xff\xff\x01", b"\x02\0\0\0\x63"]
)
def test_other_bytes_are_refused(noise):
    with pytest.raises(WireError):
        list(Decoder().feed(noise))


def payload(data):
    ((_, found),) = Decoder().feed(data)
    return found


def test_hello_beat_and_layout_come_back():
    beat = Beat(3, 1.0, 2.0, missed=4, late=0.5, trouble="full", dropped=6)
    assert Hello.read(payload(HELLO.frame())) == HELLO
    assert Beat.read(payload(beat.frame())) == beat
    assert Layout.from_json(payload(layout_frame(LAYOUT)).decode()).key == LAYOUT.key


def test_another_version_is_not_listened_to():
    with pytest.raises(WireError, match="version 99"):
        Hello.read(payload(Hello(99, 1, 1.0, 1.0, ()).frame()))


@pytest.mark.parametrize("read", [Hello.read, Beat.read])
@pytest.mark.parametrize("noise", [b"", b"[]", b"{}", b'{"version": 1}', b"\xff"])
def test_other_words_are_refused(read, noise):
    with pytest.raises(WireError):
        read(noise)
