"""Real requests in an engine on the real clock: what they see of it, and what they leave behind."""

import asyncio
from dataclasses import replace

import pytest

from lib.demo.demo import Demo
from lib.demo.roles import ROLES
from lib.demo.visitors import LostError, Visitor, Visitors, _keys

CALM = replace(ROLES[0].traffic, calm=1e-6, busy=1e-6, burst=1e-6)
IDLE = replace(ROLES[0], traffic=CALM)
PROMPT = tuple(range(100))


def here(**changes) -> tuple[Demo, Visitors]:
    demo = Demo(replace(IDLE, **changes), past=0.0)
    return demo, Visitors(demo)


async def seen(visitor: Visitor) -> list[int]:
    return [made async for made in visitor.progress()]


def test_every_token_is_seen_once_and_in_order():
    async def visit() -> tuple[list[int], Demo]:
        demo, visitors = here()
        visitor = visitors.enter(PROMPT, range(12), limit=12)
        made = await seen(visitor)
        visitors.leave(visitor)
        return made, demo

    made, demo = asyncio.run(visit())
    assert made == sorted(set(made))
    assert made[-1] == 12
    assert len(made) > 6
    (end,) = demo.engine.recent
    assert (end.reason, end.generated_tokens) == ("length", 12)


def test_the_same_beginning_is_found_in_the_cache_and_another_is_not():
    async def visit() -> list[int]:
        _, visitors = here()
        cached = []
        other = (7, *PROMPT[1:])  # its later blocks are the same, but not what is before them
        for prompt in (PROMPT, PROMPT, (*PROMPT[:50], *PROMPT), other):
            visitor = visitors.enter(prompt, [1, 2], limit=2)
            assert visitor is not None
            await seen(visitor)
            cached.append(visitor.request.cached)
        return cached

    assert asyncio.run(visit()) == [0, 96, 48, 0]


def test_a_block_is_known_by_all_that_is_before_it():
    first = _keys([*range(16), *range(16)])
    assert len(set(first)) == len({key for key, _ in first}) == 2
    assert _keys(list(range(40))) == _keys(list(range(47)))
    assert not {key for key, _ in first} & {key for key, _ in _keys([9, *range(1, 16), *range(16)])}


def test_who_leaves_is_gone_at_once():
    async def visit() -> None:
        demo, visitors = here()
        staying, leaving = (visitors.enter(PROMPT, range(30), limit=30) for _ in range(2))
        await anext(aiter(leaving.progress()))
        assert len(demo.engine.running) == 2
        visitors.leave(leaving)
        assert demo.engine.running == [staying.request]
        assert (await seen(staying))[-1] == 30
        visitors.leave(staying)
        assert demo.engine.pool.used == 0

    asyncio.run(visit())


def test_nobody_drives_an_engine_without_visitors():
    async def visit() -> None:
        _, visitors = here()
        visitor = visitors.enter(PROMPT, [1], limit=1)
        await seen(visitor)
        visitors.leave(visitor)
        await asyncio.wait_for(visitors._driving, 1.0)
        again = visitors.enter(PROMPT, [1], limit=1)
        assert await seen(again) == [1]

    asyncio.run(visit())


def test_a_restart_loses_its_visitors():
    async def visit() -> None:
        demo, visitors = here()
        visitor = visitors.enter(PROMPT, range(500), limit=500)
        demo.restart()
        with pytest.raises(LostError):
            await seen(visitor)

    asyncio.run(visit())


def test_a_full_queue_takes_nobody_and_what_never_fits_is_an_error():
    async def visit() -> None:
        _, visitors = here(limits=replace(IDLE.limits, max_queued=0))
        assert visitors.enter(PROMPT, [1], limit=1) is None
        _, visitors = here()
        with pytest.raises(ValueError, match="room for"):
            visitors.enter(range(5000), [1], limit=1)

    asyncio.run(visit())


def test_who_wants_no_token_waits_until_the_prompt_is_read():
    async def visit() -> tuple[bool, list[int], Demo]:
        demo, visitors = here()
        visitor = visitors.enter(PROMPT, (), limit=0)
        waited = visitor.request.done
        await visitor.over()
        await visitor.over()  # it stays over
        visitors.leave(visitor)
        return waited, await seen(visitor), demo

    waited, made, demo = asyncio.run(visit())
    assert (waited, made) == (False, [])
    (end,) = demo.engine.recent
    assert (end.reason, end.prompt_tokens, end.generated_tokens) == ("stop", 100, 0)


def test_a_restart_loses_whoever_waits_for_a_prompt():
    async def visit() -> None:
        demo, visitors = here(pace=replace(IDLE.pace, step=30.0))
        visitor = visitors.enter(PROMPT, (), limit=0)
        demo.restart()
        with pytest.raises(LostError):
            await asyncio.wait_for(visitor.over(), 5)
        visitors.leave(visitor)

    asyncio.run(visit())
