import asyncio

import pytest

from lib.demo.demo import PAST, Demo
from lib.demo.ledger import Ledger
from lib.demo.load import Ask
from lib.demo.roles import ROLES

CHAT, PRESSURE, TUTORIAL, HANG, EMBED = ROLES


class Clock:
    """A clock that a test turns by hand."""

    def __init__(self) -> None:
        self.now = 5000.0

    def __call__(self) -> float:
        return self.now


def playing(role=CHAT, past: float = 20.0) -> tuple[Demo, Clock]:
    clock = Clock()
    return Demo(role, past=past, clock=clock, wall=lambda: clock.now + 1e9), clock


def tokens(ledger: Ledger) -> int:
    return ledger.generation_tokens


def test_an_invented_past_is_not_counted_as_work_done():
    demo, clock = playing(PRESSURE, past=60.0)
    busy = demo.poll().running
    demo.count_from_now()
    assert demo.poll().ledger.generation_tokens == 0
    assert demo.started == clock.now + 1e9
    assert demo.poll().running == busy
    clock.now += 5.0
    assert 0 < demo.poll().ledger.generation_tokens < 50_000


def test_a_demo_begins_with_a_past():
    demo, clock = playing(past=PAST)
    assert tokens(demo.engine.ledger) > 1000
    assert demo.started == clock.now + 1e9 - PAST
    assert demo.engine.now <= clock.now


def test_looking_later_shows_what_happened_meanwhile():
    demo, clock = playing(PRESSURE, past=60.0)
    before = tokens(demo.poll().ledger)
    clock.now += 3.0
    assert tokens(demo.poll().ledger) > before


def test_a_suspended_machine_is_one_gap_not_an_hour_of_work():
    demo, clock = playing(PRESSURE, past=60.0)
    before = tokens(demo.poll().ledger)
    clock.now += 3600.0
    demo.poll()
    assert tokens(demo.engine.ledger) - before < 5000
    clock.now += 1.0
    itl = demo.poll().ledger.itl
    assert sum(itl.counts[itl.edges.index(80.0) + 1 :]) > 0, "the gap is seen as an interval"


def test_a_hanging_engine_freezes_and_then_goes_on():
    demo, clock = playing(HANG, past=60.0)
    demo.hang(5.0, http=False)
    frozen = tokens(demo.poll().ledger), len(demo.engine.running)
    clock.now += 4.9
    assert (tokens(demo.poll().ledger), len(demo.engine.running)) == frozen
    for _ in range(20):
        clock.now += 0.5
        demo.poll()
    assert tokens(demo.engine.ledger) > frozen[0]


def test_a_hanging_http_side_lets_go_when_told():
    async def hang_and_release() -> None:
        demo, _ = playing(HANG)
        demo.hang(60.0, http=True)
        waiting = asyncio.create_task(demo.answering())
        await asyncio.sleep(0)
        assert not waiting.done()
        demo.hang(0.0, http=True)
        await asyncio.wait_for(waiting, 1.0)
        await asyncio.wait_for(demo.answering(), 1.0)

    asyncio.run(hang_and_release())


def test_a_restart_begins_at_zero():
    demo, clock = playing(PRESSURE, past=60.0)
    clock.now += 1.0
    demo.restart()
    assert tokens(demo.engine.ledger) == 0
    assert not demo.engine.running
    assert demo.started == clock.now + 1e9


def test_a_real_request_joins_the_simulated_ones():
    demo, clock = playing()
    ask = Ask(
        number=-1, at=clock.now, prompt=20, output=3, limit=3, head=0, head_tokens=0, talk=-99
    )
    assert demo.submit(ask)
    clock.now += 2.0
    assert -1 in [end.number for end in demo.poll().recent]


def six_minutes(role) -> list[tuple[float, int, int, int]]:
    """KV usage, running, waiting, preemptions: every 5 s of six minutes."""
    demo, clock = playing(role, past=PAST)
    seen = []
    for _ in range(72):
        clock.now += 5.0
        engine = demo.poll()
        preemptions = engine.ledger.preemptions
        seen.append((engine.pool.usage, len(engine.running), len(engine.waiting), preemptions))
    return seen


@pytest.mark.parametrize("role", [CHAT, HANG], ids=lambda role: role.name)
def test_an_ordinary_server_breathes_without_trouble(role):
    usage, running, waiting, preemptions = zip(*six_minutes(role), strict=True)
    assert max(usage) < 0.8
    assert min(running) <= 2
    assert max(running) >= 12
    assert sum(count > 0 for count in waiting) < 0.1 * len(waiting)
    assert preemptions[-1] == 0


def test_the_server_under_pressure_is_under_pressure():
    usage, _, waiting, preemptions = zip(*six_minutes(PRESSURE), strict=True)
    assert sum(share >= 0.95 for share in usage) > 0.6 * len(usage)
    assert preemptions[-1] - preemptions[0] > 100
    assert min(waiting) < 10
    assert max(waiting) > 50


def test_the_tutorial_server_uses_less_than_half_of_its_cache():
    usage, running, _, _ = zip(*six_minutes(TUTORIAL), strict=True)
    assert max(usage) < 0.5
    assert sum(running) / len(running) > 5


def test_a_server_that_embeds_reads_and_writes_nothing():
    demo, clock = playing(EMBED, past=60.0)
    clock.now += 5.0
    ledger = demo.poll().ledger
    assert ledger.prompt_tokens > 1000
    assert ledger.generation_tokens == 0
    assert set(ledger.finished) - {"stop"} == {
        reason for reason, count in ledger.finished.items() if not count
    }
    assert {handler for handler, *_ in demo.web._requests} == {"/v1/embeddings"}


def test_a_server_that_embeds_breathes_without_trouble():
    usage, running, waiting, preemptions = zip(*six_minutes(EMBED), strict=True)
    assert max(usage) < 0.8
    assert min(running) == 0
    assert max(running) > 0
    assert max(waiting) < 20
    assert preemptions[-1] == 0
