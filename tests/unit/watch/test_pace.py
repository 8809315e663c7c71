import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.watch.pace import BACK_OFF_AFTER, Pace, phase_of

periods = st.floats(0.1, 60)
moments = st.floats(0, 1e6)


def at_most(low, high):
    return high


@given(st.text(), periods)
def test_a_phase_lies_within_the_period(server, period):
    assert 0 <= phase_of(server, period) < period


def test_phases_spread():
    tenths = {int(phase_of(f"chat-{i} http://10.0.0.{i}:8000", 1.0) * 10) for i in range(100)}
    assert len(tenths) == 10


@given(periods, moments)
def test_the_next_moment_is_within_a_period_and_in_phase(period, now):
    pace = Pace(period, phase_of("chat", period))
    due = pace.after(now)
    assert now < due <= now + period * (1 + 1e-9)
    turns = (due - phase_of("chat", period)) / period
    assert turns == pytest.approx(round(turns), abs=1e-6)


def test_answers_in_time_keep_the_period_and_miss_nothing():
    pace = Pace(1.0, 0.25)
    due = pace.after(10.0)
    for _ in range(100):
        due = pace.answered(due, due + 0.7)
    assert due == 110.25
    assert pace.missed == 0


def test_a_late_answer_skips_moments_and_counts_them():
    pace = Pace(1.0, 0.25)
    assert pace.answered(10.25, 13.5) == 14.25
    assert pace.missed == 3


def test_a_moment_long_past_is_skipped_and_counted_not_replayed():
    pace = Pace(1.0, 0.25)
    assert not pace.is_too_late(10.25, 10.7)
    assert pace.is_too_late(10.25, 15.3)
    assert pace.skip(10.25, 15.3) == 16.25
    assert pace.missed == 6


def test_failures_keep_the_period_until_the_fifth():
    pace = Pace(1.0, 0.0, draw=at_most)
    due, dues = 1.0, []
    for _ in range(9):
        due = pace.failed(due, due + 0.1)
        dues.append(due)
    steps = [b - a for a, b in zip([1.0, *dues], dues, strict=False)]
    assert steps == [1.0] * 4 + [3.0, 5.0, 9.0, 16.0, 16.0]
    assert pace.missed == 0


def test_the_first_answer_ends_the_back_off():
    pace = Pace(1.0, 0.0, draw=at_most)
    for _ in range(20):
        pace.failed(1.0, 1.1)
    assert pace.answered(5.0, 5.1) == 6.0
    assert pace.failed(6.0, 6.1) == 7.0


def test_pauses_are_drawn_in_full():
    drawn = []
    pace = Pace(1.0, 0.0, draw=lambda low, high: drawn.append((low, high)) or low)
    for _ in range(BACK_OFF_AFTER + 5):
        pace.failed(1.0, 1.1)
    assert drawn == [(0.0, 2.0), (0.0, 4.0), (0.0, 8.0), (0.0, 15.0), (0.0, 15.0), (0.0, 15.0)]


def test_a_closed_port_is_asked_again_soon():
    pace = Pace(1.0, 0.0, draw=at_most)
    for _ in range(50):
        assert pace.failed(1.0, 1.01, longest=2.0) <= 4.0


def test_a_pause_that_the_server_asks_for_is_kept():
    pace = Pace(1.0, 0.5)
    assert pace.failed(1.5, 1.6, at_least=7.0) == 9.5
    assert pace.missed == 0


@given(periods, moments, st.lists(st.booleans(), max_size=30), st.floats(0, 100))
def test_the_next_moment_is_always_ahead(period, now, answers, late):
    pace = Pace(period, phase_of("chat", period))
    due = pace.after(now)
    for answered in answers:
        now = due + late
        due = pace.answered(due, now) if answered else pace.failed(due, now)
        assert due > now
    assert pace.missed >= 0
