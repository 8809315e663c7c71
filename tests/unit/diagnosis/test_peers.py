import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.diagnosis.measures import MEASURES
from lib.diagnosis.peers import compared
from tests.unit.diagnosis.invented import window_of

SECONDS = 600
WAITING = next(one for one in MEASURES if one.name == "waiting")
USAGE = next(one for one in MEASURES if one.name == "kv_usage")


def among(measure=WAITING, *, seconds=SECONDS, **servers):
    quantity = measure.curve.quantity
    return compared(
        measure,
        {name: window_of({quantity: one}, seconds=seconds) for name, one in servers.items()},
    )


def named(found):
    return [one.name for one in found.outliers]


def test_the_one_that_is_far_from_the_others_is_named():
    found = among(a=10.0, b=11.0, c=9.0, d=lambda t: 10.0 if t < 300 else 60.0)
    (outlier,) = found.outliers
    assert outlier.name == "d"
    assert outlier.since == pytest.approx(300, abs=10)
    assert (outlier.value, outlier.usual) == (60.0, 10.5)
    assert outlier.times == pytest.approx(60 / 10.5)


def test_several_come_the_furthest_first():
    found = among(a=10.0, b=11.0, c=9.0, d=10.0, e=10.0, f=70.0, g=90.0)
    assert named(found) == ["g", "f"]


@pytest.mark.parametrize(
    "servers",
    [
        {"a": 10.0, "b": 11.0, "c": 12.0},
        {"a": 10.0, "b": 10.0, "c": 10.0},
        {"a": 0.0, "b": 0.0, "c": 0.9},
        {"a": 100.0, "b": 100.0, "c": 119.0},
        {"a": 10.0, "b": 10.0, "c": lambda t: 90.0 if 300 < t < 340 else 10.0},
        {"a": 10.0, "b": 10.0, "c": lambda t: 90.0 if t > SECONDS - 40 else 10.0},
        {"a": 10.0, "b": 19.0},
        {"a": 0.2, "b": 0.9},
        {"a": 10.0},
        {},
    ],
)
def test_nobody_is_out_of_line(servers):
    assert among(**servers).outliers == ()


def test_equal_others_do_not_hide_the_one_that_differs():
    assert named(among(a=0.0, b=0.0, c=30.0)) == ["c"]
    assert among(a=0.0, b=0.0, c=30.0).outliers[0].times is None


def test_of_two_the_one_with_twice_as_much_is_named():
    found = among(a=10.0, b=21.0)
    assert named(found) == ["b"]
    assert found.outliers[0].usual == 10.0
    assert named(among(a=30.0, b=0.0)) == ["a"]


def test_of_two_that_report_a_third_that_does_not_makes_no_three():
    found = among(a=10.0, b=21.0, c=math.nan)
    assert named(found) == ["b"]
    assert np.isnan(found.values[2]).all()


def test_multiples_are_of_the_median_of_those_that_are_known():
    found = among(a=10.0, b=20.0, c=math.nan, d=40.0)
    assert np.allclose(found.multiples[:, -1], [0.5, 1.0, math.nan, 2.0], equal_nan=True)
    assert np.isnan(among(a=0.0, b=0.0, c=1.0).multiples).all()


def test_a_gap_of_one_is_a_gap_and_the_others_go_on():
    windows = {
        "a": window_of({"waiting": 5.0}, seconds=SECONDS),
        "b": window_of({"waiting": 5.0}, seconds=SECONDS, silent=range(200, 400)),
        "c": window_of({"waiting": 5.0}, seconds=SECONDS),
    }
    found = compared(WAITING, windows)
    middle = int((300 - found.grid.first) / found.grid.step)
    assert np.isnan(found.values[1, middle])
    assert found.median[middle] == 5.0


def test_a_long_window_has_few_points():
    windows = {name: window_of({"waiting": 5.0}, seconds=86_400, period=60.0) for name in "abc"}
    found = compared(WAITING, windows)
    assert 200 <= found.grid.size <= 300
    assert np.isfinite(found.values).all()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=3, max_size=12), st.integers(0, 11))
def test_names_and_order_of_the_servers_do_not_matter(levels, turn):
    servers = {f"s{n}": level for n, level in enumerate(levels)}
    turned = dict(list(servers.items())[turn:] + list(servers.items())[:turn])
    one, other = among(USAGE, seconds=150, **servers), among(USAGE, seconds=150, **turned)
    assert set(named(one)) == set(named(other))
    assert len(one.outliers) <= len(levels) // 2
    assert np.allclose(one.median, other.median)
