from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given

from lib.health import State
from lib.ui.strips import CELLS, Part, Strip, coarse, joined, share
from lib.ui.windows import window_named
from tests.unit.ui.scene import PAGE, START, Readings, moved, server, told

GROWING = [moved(PAGE, 1 + number / 100) for number in range(90)]
FIT, HUNG, UNSEEN, ASLEEP = State.HEALTHY, State.HUNG, State.UNKNOWN, State.ASLEEP


def strip_of(bodies, window="1m", told=None):
    feed = Readings(server(), bodies)
    feed.tell(len(bodies) if told is None else told)
    strip = Strip(server(), window_named(window))
    return feed, strip


def now(feed):
    return feed.latest(server().id).at


def words(strip):
    return [(part.state, part.start - START, part.end - START) for part in strip.parts]


def test_ticks_of_one_meaning_are_one_stretch():
    feed, strip = strip_of(GROWING)
    feed.calls(40, 50, HUNG, "5 requests, but no token.")
    strip.read(feed, now(feed))
    assert [(state, start) for state, start, _ in words(strip)] == [
        (FIT, 29),
        (HUNG, 40),
        (FIT, 50),
    ]
    assert strip.parts[1].reason == "5 requests, but no token."


def test_what_follows_is_what_a_later_reading_of_the_history_has():
    feed, strip = strip_of(GROWING, told=40)
    feed.calls(40, 50, HUNG, "No token.")
    feed.calls(70, 72, State.FAILING, "No answer.")
    strip.read(feed, now(feed))
    for count in range(41, 91):
        feed.tell(count)
        strip.follow(feed, now(feed))
    whole = Strip(server(), window_named("1m"))
    whole.read(feed, now(feed))
    assert [part.state for part in strip.parts] == [part.state for part in whole.parts]
    for one, other in zip(strip.parts[1:], whole.parts[1:], strict=True):
        assert one.start == pytest.approx(other.start, abs=1.0)


def test_only_what_begins_or_ends_is_told():
    feed, strip = strip_of(GROWING, told=40)
    feed.calls(50, 90, HUNG, "No token.")
    strip.read(feed, now(feed))
    told = []
    for count in range(41, 60):
        feed.tell(count)
        told.append(strip.follow(feed, now(feed)))
    spoken = [parts for parts in told if parts]
    assert len(spoken) == 1
    assert [part.state for part in spoken[0]] == [FIT, HUNG]


def test_a_reason_with_a_running_figure_is_told_anew_every_few_seconds():
    feed, strip = strip_of(GROWING, told=10)
    for number in range(10, 40):
        feed.calls(number, number + 1, HUNG, f"No token for {number} s.")
    strip.read(feed, now(feed))
    told = []
    for count in range(11, 41):
        feed.tell(count)
        told += strip.follow(feed, now(feed))
    reasons = [part.reason for part in told if part.state is HUNG]
    assert 4 <= len(reasons) <= 8
    assert reasons[-1].startswith("No token for 3")


def test_nobody_looked_is_a_gap_and_not_a_state_that_went_on():
    feed, strip = strip_of(GROWING, told=60)
    strip.read(feed, now(feed))
    (told,) = [strip.follow(feed, now(feed) + 30)[-1:]]
    assert [(part.state, part.reason) for part in told] == [(UNSEEN, "Nobody looked.")]
    assert told[0].start == now(feed)


def test_a_server_that_fails_and_is_asked_less_often_is_not_one_that_nobody_looks_at():
    feed, strip = strip_of([*GROWING[:20], *[None] * 10])
    strip.read(feed, now(feed))
    assert strip.follow(feed, now(feed) + 12) == []
    assert strip.follow(feed, now(feed) + 30)[-1].state is UNSEEN


def test_an_empty_history_is_a_gap():
    feed, strip = strip_of([])
    strip.read(feed, START)
    assert [part.state for part in strip.parts] == [UNSEEN]


def test_restarts_of_the_window_are_counted_and_later_ones_added():
    again = [moved(PAGE, 0.01 + number / 1000) for number in range(60)]
    feed, strip = strip_of([*GROWING[:30], *again[:30], *again[:20]], told=40)
    strip.read(feed, now(feed))
    assert strip.facts(None, now(feed))["restarts"] is None
    strip.count_restarts(feed, now(feed))
    assert strip.restarts == [START + 30]
    for count in range(41, 81):
        feed.tell(count)
        strip.follow(feed, now(feed))
    assert strip.restarts == [START + 30, START + 60]


def test_a_restart_behind_an_outage_is_counted_once():
    again = [moved(PAGE, 0.01 + number / 1000) for number in range(40)]
    feed, strip = strip_of([*GROWING[:20], *[None] * 25, *again], "5m", told=15)
    strip.read(feed, now(feed))
    strip.count_restarts(feed, now(feed))
    for count in range(16, 86):
        feed.tell(count)
        strip.follow(feed, now(feed))
    assert strip.restarts == [START + 45]


def test_facts_tell_uptime_where_it_is_reported_and_come_again_only_when_they_changed():
    feed, strip = strip_of(GROWING)
    strip.read(feed, now(feed))
    sample = feed.latest(server().id).sample
    facts = strip.facts(sample, now(feed))
    assert facts["up"] == sample.of("process_start")
    assert facts["share"] == "100\u202f%"
    assert strip.facts(sample, now(feed)) is None
    bare = "\n".join(line for line in PAGE.splitlines() if "process_start" not in line)
    feed, strip = strip_of([bare.encode()] * 5)
    strip.read(feed, now(feed))
    facts = strip.facts(feed.latest(server().id).sample, now(feed))
    assert (facts["up"], facts["up_words"]) == (None, "uptime not reported")


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([(0, 60, FIT)], ("100\u202f%", "1\u202fmin")),
        ([(0, 30, FIT), (30, 60, HUNG)], ("50\u202f%", "1\u202fmin")),
        ([(0, 30, FIT), (30, 60, UNSEEN)], ("100\u202f%", "30\u202fs")),
        ([(0, 30, FIT), (30, 60, ASLEEP)], ("100\u202f%", "1\u202fmin")),
        ([(0, 60, ASLEEP)], (None, "1\u202fmin")),
        ([(0, 60, UNSEEN)], (None, "0\u202fs")),
        ([(0, 59.99, FIT), (59.99, 60, HUNG)], ("> 99\u202f%", "1\u202fmin")),
        ([(-60, 30, HUNG), (30, 90, FIT)], ("50\u202f%", "1\u202fmin")),
        ([], (None, "0\u202fs")),
    ],
)
def test_the_share_is_of_the_time_in_which_somebody_looked(parts, told):
    made = [Part(start, end, state, "") for start, end, state in parts]
    assert share(made, 0, 60) == told


def test_a_long_step_is_no_time_in_which_it_was_unfit():
    made = [Part(0, 30, FIT, ""), Part(30, 40, State.QUIET, "No token."), Part(40, 50, HUNG, "")]
    assert share(made, 0, 50) == ("80\u202f%", "50\u202fs")


@given(st.lists(st.floats(0.001, 1e5), min_size=1, max_size=9), st.floats(0.001, 1e5))
def test_a_server_that_was_always_fit_is_a_hundred_per_cent_fit(lengths, rest):
    made, at = [], 1.7e9
    for length in [*lengths, rest]:
        made.append(Part(at, at + length, FIT, ""))
        at += length
    made[-1] = made[-1]._replace(state=ASLEEP)
    assert share(made, 1.7e9, at)[0] == "100\u202f%"


STRETCHES = st.lists(
    st.tuples(st.floats(0.01, 50), st.sampled_from([FIT, HUNG, UNSEEN, State.QUIET])), max_size=1500
)


@given(STRETCHES)
def test_no_strip_has_more_stretches_than_can_be_drawn_and_none_overlap(lengths):
    parts, at = [], 0.0
    for length, state in lengths:
        parts.append(Part(at, at + length, state, ""))
        at += length
    cell = max(at / CELLS, 1e-6)
    drawn = coarse(joined(parts), 0.0, cell)
    assert len(drawn) <= CELLS + 1
    for one, other in pairwise(drawn):
        assert one.end <= other.start + 1e-9
        assert one.state is not other.state or one.end < other.start
    seen = {part.state for part in joined(parts)}
    if HUNG in seen:
        assert HUNG in {part.state for part in drawn}, "the worst is never left out"


def test_of_what_is_finer_than_can_be_drawn_the_worst_is_left():
    states = [HUNG if number % 50 == 25 else State.QUIET for number in range(5_000)]
    moments = [Part(at, at + 0.5, state, "") for at, state in enumerate(states)]
    fit = [Part(at + 0.5, at + 1, FIT, "") for at in range(5_000)]
    drawn = coarse(sorted([*moments, *fit]), 0.0, 5_000 / CELLS)
    assert len(drawn) <= CELLS
    assert [part.state for part in drawn].count(HUNG) == 100
    assert FIT not in {part.state for part in drawn}


def test_a_page_that_talks_of_requests_names_no_reason_while_it_is_fit():
    feed, strip = strip_of([told(PAGE, num_requests_running=n).encode() for n in (0, 5, 0, 7)])
    strip.read(feed, now(feed))
    assert [(part.state, part.reason) for part in strip.parts] == [(FIT, "")]
