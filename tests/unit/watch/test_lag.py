import asyncio
import time

from lib.watch.lag import Lag


def measured(body):
    async def run():
        lag = Lag()
        task = asyncio.create_task(lag.run())
        await asyncio.sleep(0.12)
        try:
            return await body(lag)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return asyncio.run(run())


def test_a_loop_that_was_held_up_was_late():
    async def body(lag):
        begun = time.monotonic()
        time.sleep(0.4)  # noqa: ASYNC251 — what is measured
        standing = lag.since(begun)
        await asyncio.sleep(0.1)
        return standing, lag.since(begun), lag.since(time.monotonic() - 0.04)

    standing, afterwards, since_then = measured(body)
    assert 0.25 < standing < 0.6
    assert 0.25 < afterwards < 0.6
    assert since_then < 0.2


def test_nothing_is_known_before_it_runs():
    assert Lag().since(0.0) == 0.0


def test_a_loop_at_ease_is_hardly_late():
    async def body(lag):
        begun = time.monotonic()
        await asyncio.sleep(0.4)
        return lag.since(begun), lag.mean(begun)

    total, mean = measured(body)
    assert 0 <= mean <= total
    assert mean < 0.05
