import asyncio
import threading

from lib.ui.bell import Bell
from tests.support.waiting import until


def test_a_ring_from_a_thread_wakes_who_waits():
    async def story():
        bell, rung = Bell(), []

        def ring():
            rung.append(1)
            bell.ring()

        threading.Timer(0.02, ring).start()
        return await bell.until(lambda: bool(rung), 30)

    assert asyncio.run(story())


def test_what_is_true_already_is_not_waited_for():
    assert asyncio.run(Bell().until(lambda: True, 5))


def test_time_runs_out_and_nobody_waits_any_more():
    bell = Bell()
    assert not asyncio.run(bell.until(lambda: False, 0.02))
    assert not bell._waiting


def test_a_ring_without_the_condition_lets_it_wait_on():
    async def story():
        bell, seen, rung = Bell(), [], []

        def looked():
            seen.append(1)
            return bool(rung)

        def ring():
            until(lambda: seen, every=0.001)
            bell.ring()
            until(lambda: len(seen) > 1, every=0.001)
            rung.append(1)
            bell.ring()

        threading.Thread(target=ring).start()
        return await bell.until(looked, 30)

    assert asyncio.run(story())


def test_many_rings_from_many_threads_lose_nobody():
    bell, numbers = Bell(), []

    def add():
        for _ in range(200):
            numbers.append(1)
            bell.ring()

    async def story():
        threads = [threading.Thread(target=add) for _ in range(4)]
        for thread in threads:
            thread.start()
        found = [await bell.until(lambda n=n: len(numbers) >= n, 30) for n in range(1, 801, 40)]
        for thread in threads:
            thread.join()
        return found

    assert all(asyncio.run(story()))


def test_a_loop_that_has_ended_is_rung_without_harm():
    bell = Bell()
    loop = asyncio.new_event_loop()
    bell._waiting.append((loop, asyncio.Event()))
    loop.close()
    bell.ring()
    assert not bell._waiting
