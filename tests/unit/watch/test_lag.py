import asyncio

import pytest

from lib.watch.lag import Lag


@pytest.fixture
def measured(clock):
    def run(body):
        async def measure():
            lag = Lag()
            task = asyncio.create_task(lag.run())
            await asyncio.sleep(0.12)
            try:
                return await body(lag)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

        return clock.run(measure())

    return run


def test_a_loop_that_was_held_up_was_late(clock, measured):
    async def body(lag):
        begun = clock.monotonic()
        clock.advance(0.4)  # 0.03 s before it would have woken
        standing = lag.since(begun)
        await asyncio.sleep(0.1)
        return standing, lag.since(begun), lag.since(clock.monotonic() - 0.04)

    assert measured(body) == pytest.approx((0.37, 0.37, 0.0), abs=1e-6)


def test_nothing_is_known_before_it_runs():
    assert Lag().since(0.0) == 0.0


def test_a_loop_at_ease_is_never_late(clock, measured):
    async def body(lag):
        begun = clock.monotonic()
        await asyncio.sleep(0.4)
        return lag.since(begun), lag.mean(begun)

    assert measured(body) == pytest.approx((0.0, 0.0), abs=1e-6)
