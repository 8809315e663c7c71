"""What a diagnosis costs: the Overview works one out for every server, ten minutes deep."""

import time

import numpy as np
import pytest

from lib.diagnosis import RULES, diagnose
from lib.metrics import BY_NAME, Kind, Reader, Window
from tests.support.processes import ROOT

PAGE = (ROOT / "tests/recordings/metrics_running_2.txt").read_bytes()
START = 1_800_000_000.0


def window(rows):
    """A real server's series, once a second, all of its counters growing."""
    sample = Reader().read(PAGE)
    kinds = [BY_NAME[series.quantity].kind for series in sample.layout.series]
    grows = np.array([kind is not Kind.GAUGE for kind in kinds])
    values = np.tile(sample.values, (rows, 1))
    values[:, grows] *= (1 + np.arange(rows) / 100)[:, None]
    times = START + np.arange(float(rows))
    return Window(sample.layout, times, values, start=START - 1, end=START + rows - 1, period=1.0)


@pytest.mark.parametrize(("rows", "most"), [(590, 0.030), (1_860, 0.120)])
def test_a_diagnosis_is_worked_out_in_time(rows, most):
    took = []
    for _ in range(20):
        fresh = window(rows)
        begun = time.process_time()
        diagnose(fresh)
        took.append(time.process_time() - begun)
    series = len(fresh.layout.series)
    print(f"{len(RULES)} rules on {rows} rows of {series} series: {1_000 * min(took):.1f} ms")
    assert min(took) < most
