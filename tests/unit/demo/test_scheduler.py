import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.demo.blocks import BLOCK_TOKENS
from lib.demo.limits import Limits, Pace
from lib.demo.load import Ask
from lib.demo.scheduler import Scheduler

PACE = Pace(step=0.03, per_prompt_token=0.0001, per_sequence=0.0003)
TIGHT = Limits(usable_blocks=24, max_model_len=256, max_num_seqs=6, token_budget=64)

LENGTHS = st.tuples(st.integers(1, 180), st.integers(1, 60))
CLIENTS = st.lists(
    st.tuples(st.floats(0.0, 0.5), LENGTHS, st.integers(0, 2), st.booleans()),
    min_size=1,
    max_size=40,
)


def ask(number: int = 0, at: float = 0.0, prompt: int = 40, output: int = 8, **changes) -> Ask:
    base = Ask(
        number=number,
        at=at,
        prompt=prompt,
        output=output,
        limit=max(60, output),
        head=0,
        head_tokens=0,
        talk=number,
    )
    return replace(base, **changes)


def asks_of(clients) -> list[Ask]:
    at, asks = 0.0, []
    for number, (gap, (prompt, output), head, shares) in enumerate(clients):
        at += gap
        head_tokens = 64 if shares else 0
        asks.append(ask(number, at, prompt, output, head=head, head_tokens=head_tokens))
    return asks


def engine(limits: Limits = TIGHT, **options) -> Scheduler:
    return Scheduler(limits, PACE, seed=1, start=0.0, **options)


def run(scheduler: Scheduler, asks: list[Ask], after_each=lambda: None) -> None:
    for one in asks:
        scheduler.advance(one.at)
        scheduler.submit(one)
        after_each()
    now = asks[-1].at
    while scheduler.running or scheduler.waiting or scheduler.swapped:
        now += 0.2
        scheduler.advance(now)
        after_each()
        assert now < 2000, "the engine does not come to an end"


def counters(scheduler: Scheduler) -> list[float]:
    ledger = scheduler.ledger
    return [
        ledger.prompt_tokens,
        ledger.generation_tokens,
        ledger.prefix_queries,
        ledger.prefix_hits,
        ledger.preemptions,
        *ledger.finished.values(),
        ledger.itl.count,
        ledger.e2e.count,
        ledger.step_tokens.sum,
    ]


@given(CLIENTS, st.sampled_from([0, 10, 1000]))
@settings(max_examples=60, deadline=None)
def test_an_engine_keeps_its_books(clients, swap_blocks):
    asks, ended = asks_of(clients), []
    scheduler = engine(replace(TIGHT, swap_blocks=swap_blocks), ended=ended.append)
    before = counters(scheduler)

    def look():
        nonlocal before
        pool, now = scheduler.pool, counters(scheduler)
        assert all(a <= b for a, b in zip(before, now, strict=True)), "a counter went back"
        before = now
        assert 0 <= pool.used <= pool.usable
        assert pool.used + pool.free == pool.usable
        in_use = {block for one in scheduler.running for block in one.blocks}
        assert pool.used == len(in_use), "a block is held by nobody"
        assert len(scheduler.running) <= TIGHT.max_num_seqs
        assert 0 <= scheduler.swapped_blocks <= swap_blocks
        assert scheduler.ledger.prefix_hits <= scheduler.ledger.prefix_queries

    run(scheduler, asks, look)
    ledger = scheduler.ledger
    assert sorted(end.number for end in ended) == [one.number for one in asks]
    for histogram in (
        *(ledger.e2e, ledger.queue, ledger.prefill, ledger.decode, ledger.inference, ledger.tpot),
        *(ledger.prompt_length, ledger.generation_length, ledger.max_tokens, ledger.choices),
        *(ledger.request_preemptions, ledger.prefill_computed, ledger.max_generation),
        ledger.ttft,
    ):
        assert histogram.count == len(asks)
    assert sum(ledger.finished.values()) == len(asks)
    assert ledger.generation_tokens == sum(one.output for one in asks)
    assert ledger.prompt_tokens == ledger.prefix_queries == sum(one.prompt for one in asks)
    assert ledger.itl.count == ledger.generation_tokens - len(asks)
    assert ledger.itl.sum == pytest.approx(ledger.decode.sum)
    computed = ledger.prompt_tokens - ledger.cached_tokens
    assert ledger.step_tokens.sum == computed + ledger.generation_tokens
    assert ledger.request_preemptions.sum == ledger.preemptions


@given(CLIENTS)
@settings(max_examples=40, deadline=None)
def test_first_come_is_first_served(clients):
    ended = []
    run(engine(ended=ended.append), asks_of(clients))
    first_seats = [end.scheduled for end in sorted(ended, key=lambda end: end.number)]
    assert first_seats == sorted(first_seats)
    for end in ended:
        assert end.arrived <= end.scheduled < end.first_token <= end.ended


@given(CLIENTS, st.lists(st.floats(0.01, 3.0), min_size=1, max_size=30))
@settings(max_examples=30, deadline=None)
def test_how_often_one_looks_changes_nothing(clients, gaps):
    asks = asks_of(clients)
    looked, left_alone = engine(), engine()
    for one in asks:
        left_alone.advance(one.at)
        left_alone.submit(one)
        looked.advance((looked.now + one.at) / 2)
        looked.advance(one.at)
        looked.submit(one)
    now = asks[-1].at
    for gap in gaps:
        now += gap
        looked.advance(now)
    left_alone.advance(now)
    assert counters(looked) == counters(left_alone)


def test_a_long_prompt_is_prefilled_in_chunks():
    ended = []
    scheduler = engine(ended=ended.append)
    run(scheduler, [ask(prompt=180, output=1)])
    # Three steps of at most 64 tokens, of which only the last brings a token out.
    assert ended[0].first_token > 3 * 0.5 * PACE.step
    assert scheduler.ledger.step_tokens.count == 1
    assert scheduler.ledger.step_tokens.sum == 181


def test_the_newest_gives_way_when_blocks_run_out():
    ended = []
    limits = replace(TIGHT, usable_blocks=8)
    scheduler = engine(limits, ended=ended.append)
    run(scheduler, [ask(0, prompt=60, output=60), ask(1, 0.01, prompt=50, output=40)])
    preempted = {end.number: end.preemptions for end in ended}
    assert preempted[0] == 0
    assert preempted[1] >= 1
    assert scheduler.ledger.preemptions == preempted[1]


def test_a_swapped_request_goes_on_where_it_was():
    limits = replace(TIGHT, usable_blocks=8, swap_blocks=100)
    scheduler, seen = engine(limits), []
    asks = [ask(0, prompt=60, output=60), ask(1, 0.01, prompt=50, output=40)]
    run(scheduler, asks, lambda: seen.append((len(scheduler.swapped), scheduler.swapped_blocks)))
    assert (1, 0) not in seen
    assert max(seen)[0] == 1
    assert scheduler.swapped_blocks == 0
    assert not scheduler.waiting


def test_what_two_prompts_share_is_computed_once():
    scheduler = engine()
    first = ask(0, prompt=100, output=4, head_tokens=64)
    run(scheduler, [first, ask(1, 5.0, prompt=100, output=4, head_tokens=64)])
    assert scheduler.ledger.prefix_queries == 200
    assert scheduler.ledger.prefix_hits == 64
    assert scheduler.ledger.cached_tokens == 64


def test_even_a_wholly_cached_prompt_computes_its_last_token():
    scheduler = engine()
    again = [ask(0, talk=9, prompt=64, output=2), ask(1, 5.0, talk=9, prompt=64, output=2)]
    run(scheduler, again)
    assert scheduler.ledger.prefix_hits == 64 - BLOCK_TOKENS


def test_a_full_queue_refuses():
    scheduler = engine(replace(TIGHT, max_queued=2))
    taken = [scheduler.submit(ask(number)) is not None for number in range(5)]
    assert taken == [True, True, False, False, False]
    assert scheduler.ledger.rejections == 3


@pytest.mark.parametrize(
    ("prompt", "output"), [(0, 5), (5, -1), (200, 57), (TIGHT.usable_blocks * BLOCK_TOKENS, 1)]
)
def test_what_can_never_fit_is_refused_at_once(prompt, output):
    scheduler = engine()
    with pytest.raises(ValueError, match="room for"):
        scheduler.submit(ask(prompt=prompt, output=output))
    assert not scheduler.waiting


def test_a_stalled_step_is_one_long_interval():
    scheduler = engine()
    scheduler.submit(ask(prompt=10, output=40))
    scheduler.advance(0.5)
    made = scheduler.ledger.generation_tokens
    scheduler.stall(60.5)
    assert scheduler.ledger.generation_tokens == made
    scheduler.advance(62.0)
    assert scheduler.ledger.itl.counts[scheduler.ledger.itl.edges.index(80.0)] == 1
    assert scheduler.ledger.finished["stop"] == 1


def test_an_idle_engine_only_lets_time_pass():
    scheduler = engine()
    before = counters(scheduler)
    scheduler.advance(1000.0)
    assert scheduler.now == 1000.0
    assert counters(scheduler) == before
    assert not any(math.isnan(value) for value in counters(scheduler))


@given(clients=CLIENTS, leaving=st.sets(st.integers(0, 39)), swap=st.sampled_from([0, 64]))
@settings(deadline=None)
def test_who_goes_away_leaves_nothing_behind(clients, leaving, swap):
    scheduler = engine(replace(TIGHT, swap_blocks=swap))
    for one in asks_of(clients):
        scheduler.advance(one.at)
        request = scheduler.submit(one)
        if one.number in leaving:
            scheduler.advance(one.at + 0.1)
            scheduler.withdraw(request)
            scheduler.withdraw(request)  # a second time changes nothing
            assert request not in [*scheduler.running, *scheduler.waiting, *scheduler.swapped]
    before = scheduler.now
    scheduler.advance(before + 500.0)
    assert scheduler.now == before + 500.0
    assert (scheduler.pool.used, scheduler.swapped_blocks) == (0, 0)
    stayed = [number for number in range(len(clients)) if number not in leaving]
    assert sum(scheduler.ledger.finished.values()) >= len(stayed)
    assert scheduler.ledger.finished["abort"] == 0


def test_an_engine_that_lost_its_only_request_begins_anew_later():
    scheduler = engine()
    gone = scheduler.submit(ask(0, output=50))
    scheduler.advance(0.5)
    assert math.isfinite(scheduler.due)
    scheduler.withdraw(gone)
    assert scheduler.due == math.inf
    scheduler.advance(100.0)
    scheduler.submit(ask(1, at=100.0, output=1))
    scheduler.advance(101.0)
    (end,) = scheduler.recent
    assert (end.number, end.arrived) == (1, 100.0)
    assert 100.0 < end.first_token < 100.2


def test_a_swapped_request_that_leaves_gives_its_cpu_blocks_back():
    scheduler = engine(replace(TIGHT, swap_blocks=64))
    requests = [scheduler.submit(ask(number, prompt=100, output=60)) for number in range(4)]
    moments = iter(range(1, 2000))
    while not scheduler.swapped:
        scheduler.advance(0.02 * next(moments))
    assert scheduler.swapped_blocks > 0
    for request in requests:
        scheduler.withdraw(request)
    assert (scheduler.swapped_blocks, scheduler.pool.used) == (0, 0)


def test_a_request_that_wants_no_token_is_done_with_its_prompt():
    scheduler = engine()
    long = scheduler.submit(ask(0, prompt=150, output=0, limit=0))  # three chunks of a budget of 64
    scheduler.submit(ask(1, prompt=30, output=0, limit=0))
    scheduler.advance(0.05)
    assert not long.done
    scheduler.advance(5.0)
    ledger = scheduler.ledger
    assert {end.number: end.reason for end in scheduler.recent} == {0: "stop", 1: "stop"}
    assert all(end.first_token == end.ended for end in scheduler.recent)
    assert (ledger.prompt_tokens, ledger.generation_tokens) == (180, 0)
    assert ledger.step_tokens.sum == 180
    assert (ledger.ttft.count, ledger.tpot.sum, ledger.max_tokens.count) == (2, 0, 0)
    assert scheduler.pool.used == 0


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 0.5), st.integers(1, 200)), min_size=1, max_size=30))
def test_every_prompt_is_read_once_where_nothing_is_generated(clients):
    scheduler = engine(replace(TIGHT, usable_blocks=64))
    at, asks = 0.0, []
    for number, (gap, prompt) in enumerate(clients):
        at += gap
        asks.append(ask(number, at, prompt, 0, limit=0))
    run(scheduler, asks)
    assert scheduler.ledger.finished["stop"] == len(asks)
    assert scheduler.ledger.prompt_tokens == sum(one.prompt for one in asks)
    assert scheduler.ledger.generation_tokens == 0
    assert scheduler.pool.used == 0
