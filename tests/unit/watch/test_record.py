import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.health import State, Status, Trouble
from lib.metrics import Layout, Sample, Series
from lib.watch.record import RecordError, Tick, layout_key, pack, unpack
from tests.support.ticks import LAYOUT, same, tick

finite = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(max_size=40)
samples = st.lists(st.floats(), max_size=40).map(
    lambda values: Sample(
        Layout(Series("running", f"m{i}", "0") for i in range(len(values))), np.array(values, float)
    )
)


@given(
    st.builds(
        Tick,
        server=words,
        at=finite,
        mono=finite,
        took=finite,
        status=st.builds(Status, st.sampled_from(State), finite, words),
        sample=st.none() | samples,
        refused=st.none() | st.builds(Trouble, words, words),
    )
)
def test_every_tick_comes_back_bit_by_bit(one):
    layouts = {} if one.sample is None else {one.sample.layout.key: one.sample.layout}
    assert same(unpack(pack(one), layouts), one)


def test_a_record_names_the_layout_that_it_needs():
    assert layout_key(pack(tick(1))) == LAYOUT.key
    assert layout_key(pack(tick(1, failed=True))) is None


def test_an_unknown_layout_is_refused():
    with pytest.raises(RecordError, match=LAYOUT.key):
        unpack(pack(tick(1)), {})


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(noise):
    with pytest.raises(RecordError):
        unpack(noise, {})


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_read_but_never_breaks(place, value):
    record = bytearray(pack(tick(1)))
    record[place % len(record)] = value
    try:
        found = unpack(bytes(record), {LAYOUT.key: LAYOUT})
    except RecordError:
        return
    assert isinstance(found, Tick)


def test_values_that_do_not_fit_the_layout_are_refused():
    with pytest.raises(RecordError, match="values for"):
        unpack(pack(tick(1))[:-8], {LAYOUT.key: LAYOUT})
