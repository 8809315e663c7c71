import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.ui.rca.percentiled import LATENCIES
from lib.ui.rca.targets import USUAL, goal_of, said_goal, seconds_of, target_words


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250 ms", 0.25),
        ("250ms", 0.25),
        (" 1.5 S ", 1.5),
        ("1,5", 1.5),
        ("2 min", 120.0),
        ("0", None),
        ("-1 s", None),
        ("1e9", None),
        ("nan", None),
        ("", None),
        ("1 parsec", None),
        ("999999 min", None),
        ("٣ s", 3.0),
    ],
)
def test_a_target_is_a_time(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("text", "share"),
    [("99", 0.99), ("99.9 %", 0.999), ("99,5%", 0.995), ("100", None), ("0", None), ("x", None)],
)
def test_a_goal_is_a_share_below_all(text, share):
    assert goal_of(text) == (share and pytest.approx(share))


@given(st.integers(1, 60_000).map(lambda ms: ms / 1_000), st.integers(1, 9_999))
def test_what_is_written_is_read_again(seconds, goal):
    assert seconds_of(target_words(seconds)) == pytest.approx(seconds)
    assert goal_of(said_goal(goal / 10_000)) == pytest.approx(goal / 10_000)


def test_every_usual_target_is_of_a_latency_that_is_told():
    assert set(USUAL) <= {one.quantity for one in LATENCIES}
