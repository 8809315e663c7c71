"""Where a request could go now, best first, and why."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.health import State, Status
from lib.health.routing import FULL, Candidate, Standing, route

STALE = 5.0


def candidate(server="a", state=State.BUSY, **told):
    figures = {"age": 0.5, "free": 0.5, "running": 2.0, "waiting": 0.0}
    return Candidate(server, Status(state, 0.0, "Its reason."), **(figures | told))


def order(*candidates):
    return [place.server for place in route(candidates, stale_after=STALE)]


def place(**told):
    return route([candidate(**told)], stale_after=STALE)[0]


# ── The order ──


def test_more_free_cache_is_better():
    assert order(candidate("a", free=0.2), candidate("b", free=0.6)) == ["b", "a"]


def test_servers_that_are_as_good_as_equally_free_stand_by_their_seats_then_by_name():
    equal = [candidate("b", free=0.52, seats=64), candidate("a", free=0.54, seats=64)]
    assert order(*equal) == ["a", "b"]
    fewer = [candidate("b", free=0.5, seats=64), candidate("a", free=0.54, seats=4)]
    assert order(*fewer) == ["b", "a"]


def test_a_free_server_comes_before_an_unknown_one_and_that_before_a_queue():
    unknown = candidate("c", free=None)
    queue = candidate("d", free=0.9, waiting=1.0)
    assert order(queue, unknown, candidate("e", free=0.1)) == ["e", "c", "d"]


def test_the_shorter_queue_is_better_however_full_the_cache():
    assert order(candidate("a", waiting=5), candidate("b", waiting=2, free=0.0)) == ["b", "a"]


def test_what_may_hang_comes_after_every_queue_and_before_what_is_out():
    doubtful, out = candidate("b", State.SUSPECT), candidate("a", State.HUNG)
    assert order(out, doubtful, candidate("c", waiting=99)) == ["c", "b", "a"]


@pytest.mark.parametrize("state", State)
def test_a_state_decides_whether_a_server_is_asked_at_all(state):
    out = {State.HUNG, State.LIVELOCKED, State.DENIED, State.LOADING, State.PAUSED, State.ASLEEP}
    standing = place(state=state).standing
    assert standing.takes == (state not in out | {State.UNKNOWN} and not state.is_down)
    if state in (State.SUSPECT, State.FAILING):
        assert standing is Standing.DOUBTFUL


FIGURES = st.none() | st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, 1.0])
CANDIDATES = st.lists(
    st.builds(
        Candidate,
        st.sampled_from("abcdefgh"),
        st.none()
        | st.builds(Status, st.sampled_from(State), st.just(0.0), st.sampled_from(["", "Why."])),
        *([FIGURES] * 5),
    ),
    unique_by=lambda one: one.server,
)


@given(CANDIDATES, st.randoms(use_true_random=False))
def test_the_order_is_total_and_does_not_depend_on_how_servers_are_listed(candidates, random):
    shuffled = list(candidates)
    random.shuffle(shuffled)
    places = route(candidates, stale_after=STALE)
    assert places == route(shuffled, stale_after=STALE)
    assert sorted(one.server for one in places) == sorted(one.server for one in candidates)
    ranks = [one.standing.rank for one in places]
    assert ranks == sorted(ranks)


@given(CANDIDATES)
def test_a_server_keeps_its_place_among_fewer(candidates):
    whole = order(*candidates)
    part = candidates[::2]
    assert order(*part) == [name for name in whole if name in {one.server for one in part}]


@given(CANDIDATES)
def test_every_place_has_its_reason_in_a_sentence_without_a_figure_that_cannot_be(candidates):
    for one in route(candidates, stale_after=STALE):
        assert one.reason
        assert "nan" not in one.reason
        assert "inf" not in one.reason


# ── The reasons ──


def test_a_free_server_says_how_free():
    found = place(free=0.625, running=3, seats=64)
    assert found.standing is Standing.FREE
    assert found.reason == (
        "62\u202f% of its KV cache is free and nothing waits; 3 running in 64 seats."
    )


def test_a_queue_is_counted():
    assert place(waiting=1).reason.startswith("1 request waits already, 50")
    assert place(waiting=7, free=None).reason == "7 requests wait already; 2 running."


def test_taken_seats_make_a_request_wait():
    assert place(running=32, seats=32).reason.startswith("All 32 seats are taken")
    assert place(running=31, seats=32).standing is Standing.FREE


def test_a_full_cache_makes_a_request_wait():
    assert place(free=FULL - 0.001).reason.startswith("Only 4\u202f% of its KV cache")
    assert place(free=FULL).standing is Standing.FREE


@pytest.mark.parametrize("lacking", [None, math.nan, math.inf, -1.0])
def test_a_figure_that_is_missing_or_cannot_be_is_not_known(lacking):
    found = place(free=lacking)
    assert found.standing is Standing.NOT_KNOWN
    assert "how full its KV cache is" in found.reason
    assert "its queue" in place(waiting=lacking).reason


def test_an_old_reading_tells_nothing():
    assert place(age=STALE).standing is Standing.FREE
    found = place(age=12.0)
    assert found.standing is Standing.OUT
    assert found.reason == "Its newest reading is 12\u202fs old: nothing is known of it now."


def test_a_server_without_a_reading_is_out():
    (found,) = route([Candidate("a")], stale_after=STALE)
    assert found.standing is Standing.OUT
    assert "no reading" in found.reason


def test_what_is_out_says_its_state_and_why():
    assert place(state=State.HUNG).reason == "Hung: Its reason."
    assert place(state=State.SUSPECT).reason == "May hang: Its reason."
