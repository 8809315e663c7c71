import numpy as np
import pytest

from lib.diagnosis.holding import holding_since
from lib.metrics import Grid


def since(curve, *, hold=3.0, release=2.0, step=1.0):
    figures = np.array(curve, float)
    grid = Grid(0.0, step, len(curve))
    known = np.isfinite(figures)
    return holding_since(grid, known, figures >= 1.0, figures < 0.5, hold=hold, release=release)


@pytest.mark.parametrize(
    ("curve", "began"),
    [
        ([0, 1, 1, 1], None),
        ([0, 1, 1, 1, 1], 1.0),
        ([0, 1, 1, 0, 1, 1, 1, 1], 4.0),
        ([0, 1, 0.7, 1, 1], 1.0),
        ([1, 1, 1, 1, 0, 0], 0.0),
        ([1, 1, 1, 1, 0, 0, 0], None),
        ([1, 1, 1, 1, 0, 0, 1, 0, 0], 0.0),
        ([1, 1, np.nan, 1, 1], 0.0),
        ([1, 1, 1, 1, np.nan, np.nan, np.nan, np.nan], 0.0),
        ([1, 1, 1, 1, 0, np.nan, 0], None),
        ([0, 0, 0, 0], None),
        ([np.nan, np.nan], None),
        ([], None),
    ],
)
def test_a_condition_holds_after_its_time_and_ends_after_its_release(curve, began):
    assert since(curve) == began


def blind(moments):
    return [np.nan] * moments


@pytest.mark.parametrize(
    ("curve", "began"),
    [
        ([1, *blind(11), 1], 0.0),
        ([1, *blind(12), 1, 1], 65.0),
        ([1, 1, 1, *blind(12)], 0.0),
        ([1, 1, 1, *blind(13)], None),
        ([1, 1, 1, *blind(30), 1, 1], 165.0),
        ([1, 1, 1, *blind(30), 0.7], None),
    ],
)
def test_what_was_before_a_minute_of_silence_is_not_known_to_go_on(curve, began):
    assert since(curve, step=5.0, hold=5.0) == began


def test_in_minutes_one_that_is_missing_is_bridged_and_two_are_not():
    assert since([1, np.nan, 1], step=60.0, hold=120.0) == 0.0
    assert since([1, np.nan, np.nan, 1], step=60.0, hold=120.0) is None
