import numpy as np
import pytest

from lib.diagnosis.holding import holding_since
from lib.metrics import Grid


def since(curve, *, hold=3.0, release=2.0):
    figures = np.array(curve, float)
    grid = Grid(0.0, 1.0, len(curve))
    return holding_since(grid, figures >= 1.0, figures < 0.5, hold=hold, release=release)


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
        ([], None),
    ],
)
def test_a_condition_holds_after_its_time_and_ends_after_its_release(curve, began):
    assert since(curve) == began
