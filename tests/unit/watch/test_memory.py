from lib.watch.memory import KEPT_SECONDS, Memory
from tests.support.ticks import tick, ticks


def filled(rows):
    memory = Memory()
    for row in rows:
        memory.add(row)
    return memory


def test_the_newest_minutes_are_kept():
    memory = filled(ticks(int(KEPT_SECONDS) + 100))
    kept, complete = memory.ticks()
    assert len(kept) == KEPT_SECONDS + 1
    assert complete == 0
    assert memory.latest is kept[-1]


def test_a_tick_that_is_known_is_not_new():
    memory = filled(ticks(5))
    assert not memory.add(tick(4))
    assert not memory.add(tick(2))
    assert memory.add(tick(5))
    assert len(memory.ticks()[0]) == 6


def test_coming_back_in_time_leaves_no_hole():
    memory = filled(ticks(50))
    memory.begin()
    for row in ticks(30, first=30):
        memory.add(row)
    kept, complete = memory.ticks()
    assert [one.mono for one in kept] == [1000.0 + i for i in range(60)]
    assert complete == 0


def test_coming_back_late_leaves_a_hole():
    memory = filled(ticks(50))
    memory.begin()
    for row in ticks(30, first=100):
        memory.add(row)
    kept, complete = memory.ticks()
    assert len(kept) == 80
    assert kept[complete].mono == 1100.0


def test_a_hole_is_forgotten_with_what_lies_before_it():
    memory = filled(ticks(50))
    memory.begin()
    for row in ticks(int(KEPT_SECONDS) + 100, first=100):
        memory.add(row)
    assert memory.ticks()[1] == 0


def test_the_newest_is_told_before_the_rest():
    memory = Memory()
    memory.newest(tick(9))
    assert memory.latest.mono == 1009.0
    for row in ticks(10):
        assert memory.add(row)
    assert memory.latest.mono == 1009.0
    assert len(memory.ticks()[0]) == 10


def test_the_wall_clock_orders_nothing():
    memory = filled([*ticks(5), tick(5, at=1.0)])
    assert memory.latest.at == 1.0
    assert len(memory.ticks()[0]) == 6
