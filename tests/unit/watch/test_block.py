import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lib.health import State, Status, Trouble
from lib.metrics import Series
from lib.watch.block import Block, gauge_columns
from lib.watch.record import RecordError, Tick
from tests.support.ticks import LAYOUT, OTHER_LAYOUT, START, tick, ticks

WIDTH = len(LAYOUT.series)
RUNNING = LAYOUT.column[Series("running", "m", "0")]
TOKENS = LAYOUT.column[Series("generation_tokens", "m", "0")]
PROCESS_START = LAYOUT.column[Series("process_start", "", "")]


def of(values, failed=frozenset()):
    rows = [tick(i, values=row, failed=i in failed) for i, row in enumerate(values)]
    (block,) = Block.of(rows)
    return block


@given(arrays(float, st.tuples(st.integers(1, 30), st.just(WIDTH)), elements=st.floats()))
def test_a_block_comes_back_bit_by_bit(values):
    block = of(values, failed={3})
    for one in (block, block.by_minute()):
        read = Block.decode(one.encode(), LAYOUT)
        for name in ("at", "mono", "took", "since", "ticks", "failed", "note", "values"):
            assert np.ascontiguousarray(getattr(read, name)).tobytes() == (
                np.ascontiguousarray(getattr(one, name)).tobytes()
            ), name
        assert read.notes == one.notes
        assert (read.lows is None) == (one.lows is None)


@given(st.binary(max_size=60))
def test_other_bytes_are_refused(noise):
    with pytest.raises(RecordError):
        Block.decode(noise, LAYOUT)


def test_a_block_of_another_layout_is_refused():
    with pytest.raises(RecordError):
        Block.decode(of(np.ones((2, WIDTH))).encode(), OTHER_LAYOUT)


def test_five_quiet_minutes_take_few_bytes():
    (block,) = Block.of(ticks(300))
    assert len(block.encode()) < 300 * WIDTH * 8 / 4


def test_a_new_layout_begins_a_new_block_and_a_failure_does_not():
    rows = [
        tick(0, failed=True),
        tick(1),
        tick(2, failed=True),
        tick(3, of=OTHER_LAYOUT),
        tick(4, failed=True, of=OTHER_LAYOUT),
    ]
    blocks = Block.of(rows)
    assert [block.layout.key for block in blocks] == [LAYOUT.key, OTHER_LAYOUT.key]
    assert [block.at.tolist() for block in blocks] == [
        [START, START + 1, START + 2],
        [START + 3, START + 4],
    ]


def test_a_server_that_never_answered_has_rows_without_series():
    (block,) = Block.of([tick(0, failed=True), tick(1, failed=True)])
    assert block.values.shape == (2, 0)
    assert block.by_minute().failed.tolist() == [2.0]
    assert len(Block.decode(block.encode(), block.layout)) == 2


def test_a_minute_has_the_last_counter_and_the_mean_and_extremes_of_a_gauge():
    values = np.zeros((120, WIDTH))
    values[:, RUNNING] = np.arange(120) % 7
    values[:, TOKENS] = np.arange(120) * 3.0
    values[:, PROCESS_START] = np.where(np.arange(120) < 30, 5.0, 9.0)
    minutes = of(values, failed={58, 59}).by_minute()
    place = list(gauge_columns(LAYOUT)).index(RUNNING)
    answered = values[:58, RUNNING]
    assert minutes.at.tolist() == [START + 57, START + 119]
    assert minutes.ticks.tolist() == [60.0, 60.0]
    assert minutes.failed.tolist() == [2.0, 0.0]
    assert minutes.values[:, TOKENS].tolist() == [57 * 3.0, 119 * 3.0]
    assert minutes.values[0, RUNNING] == pytest.approx(answered.mean())
    assert (minutes.lows[0, place], minutes.highs[0, place]) == (answered.min(), answered.max())
    assert minutes.values[0, PROCESS_START] == 9.0  # a moment has no mean


def test_a_minute_without_an_answer_is_a_gap():
    values = np.ones((180, WIDTH))
    minutes = of(values, failed=set(range(60, 120))).by_minute()
    assert np.isnan(minutes.values[1]).all()
    assert np.isfinite(minutes.values[[0, 2]]).all()
    assert minutes.failed.tolist() == [0.0, 60.0, 0.0]


@given(
    arrays(float, st.tuples(st.integers(1, 200), st.just(WIDTH)), elements=st.floats(0, 1e6)),
    st.sets(st.integers(0, 200)),
)
@example(np.zeros((1, WIDTH)), {0})
def test_minutes_lose_no_growth_and_no_extreme(values, failed):
    values = np.cumsum(values, axis=0)
    block = of(values, failed=failed)
    minutes = block.by_minute()
    known = block.values[np.isfinite(block.values).all(axis=1)]
    rows = minutes.values[np.isfinite(minutes.values).all(axis=1)]
    if not known.size:  # no answer at all: rows without series
        assert not rows.size
        return
    assert rows[-1, TOKENS] == known[-1, TOKENS]
    gauges = gauge_columns(LAYOUT)
    assert np.array_equal(np.nanmin(minutes.lows, axis=0), known[:, gauges].min(axis=0))
    assert np.array_equal(np.nanmax(minutes.highs, axis=0), known[:, gauges].max(axis=0))
    assert minutes.ticks.sum() == len(block)
    assert minutes.failed.sum() == block.failed.sum()


def said(second, state, reason, since=START):
    plain = tick(second)
    return Tick("a", plain.at, plain.mono, 0.01, Status(state, since, reason), plain.sample)


def test_a_note_is_the_state_the_kind_of_trouble_and_why():
    refused = Tick("a", 1.0, 1.0, 0.1, Status(State.FAILING, 1.0, "Late."), None, Trouble("t", "?"))
    (block,) = Block.of([said(0, State.SUSPECT, "No token."), refused, said(2, State.BUSY, "3.")])
    assert block.notes == (
        ("SUSPECT", "", "No token."),
        ("FAILING", "t", "Late."),
        ("BUSY", "", ""),
    )
    assert block.note.tolist() == [0.0, 1.0, 2.0]


def test_running_figures_make_no_new_note_and_the_first_are_kept():
    (block,) = Block.of([said(i, State.HUNG, f"No token for {i + 0.5} s.") for i in range(25, 300)])
    assert block.notes == (("HUNG", "", "No token for 25.5 s."),)


def test_a_server_that_always_says_something_else_makes_few_notes():
    words = [chr(ord("a") + i % 26) + chr(ord("a") + i // 26) for i in range(250)]
    (block,) = Block.of([said(i, State.FAILING, word * 200) for i, word in enumerate(words)])
    assert len(block.notes) == 65
    assert block.notes[-1] == ("FAILING", "", "")
    assert max(len(reason) for _, _, reason in block.notes) == 300


def test_a_minute_keeps_its_worst_note_and_since_when():
    states = {70: State.QUIET, 80: State.HUNG, 90: State.HUNG, 100: State.TIMED_OUT}
    rows = [
        said(i, states.get(i, State.BUSY), f"Of {states[i].value}." if i in states else "", i)
        for i in range(180)
    ]
    (block,) = Block.of(rows)
    minutes = block.by_minute()
    assert [minutes.notes[int(note)][0] for note in minutes.note] == ["BUSY", "HUNG", "BUSY"]
    assert minutes.since.tolist() == [0.0, 80.0, 120.0]
