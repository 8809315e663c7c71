import asyncio

import numpy as np
import pytest

from lib.api import Reason
from lib.api.errors import refusal
from lib.health import State
from lib.metrics import Layout, Reader, Sample, Series
from lib.watch.lag import Lag
from lib.watch.pace import phase_of
from lib.watch.poller import DEADLINE, Poller

BODY = b'vllm:num_requests_running{model_name="m",engine="0"} %d\n'
PERIOD = 0.1


class Scripted:
    """A client that answers what it is told, one after the other, then for ever the last."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []
        self.under_way = self.most_under_way = 0
        self.closed = False

    async def scrape(self, deadline, names):
        self.asked.append((asyncio.get_running_loop().time(), deadline, names))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        try:
            if callable(answer):
                answer = await answer(deadline)
        finally:
            self.under_way -= 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self):
        self.closed = True


@pytest.fixture
def polled(clock):
    """What a poller tells within some seconds: (ticks, events, poller)."""

    def run(client, seconds, *, server="chat", slots=64, measured=False, faults=()):
        ticks, events, faults = [], [], list(faults)

        def tell(tick, happened):
            if faults:
                raise faults.pop()
            ticks.append(tick)
            events.extend(happened)

        async def poll():
            lag = Lag()
            measuring = asyncio.create_task(lag.run() if measured else asyncio.sleep(0))
            await asyncio.sleep(0.12 if measured else 0)
            poller = Poller(
                server, client, period=PERIOD, slots=asyncio.Semaphore(slots), lag=lag, tell=tell
            )
            task = asyncio.create_task(poller.run())
            await asyncio.sleep(seconds)
            task.cancel()
            measuring.cancel()
            await asyncio.gather(task, measuring, return_exceptions=True)
            return poller

        return ticks, events, clock.run(poll())

    return run


def test_it_asks_each_period_in_its_phase(polled):
    ticks, _, poller = polled(Scripted(BODY % 1), 1.05)
    assert 10 <= len(ticks) <= 11
    turns = (np.array([tick.mono for tick in ticks]) - phase_of("chat", PERIOD)) / PERIOD
    assert turns == pytest.approx(np.round(turns), abs=1e-6)
    assert ticks[-1].sample.total.running == 1
    assert poller.pace.missed == 0


def test_it_asks_for_what_the_reader_wants_within_the_deadline(polled):
    client = Scripted(BODY % 1)
    polled(client, 0.3)
    _, deadline, names = client.asked[0]
    assert deadline == pytest.approx(DEADLINE * PERIOD)
    assert names == Reader.wanted
    assert client.closed


def test_never_two_requests_at_once(polled):
    async def slow(_):
        await asyncio.sleep(0.25)
        return BODY % 1

    client = Scripted(slow)
    ticks, _, poller = polled(client, 1.0)
    assert client.most_under_way == 1
    assert np.diff([tick.mono for tick in ticks]) == pytest.approx(0.3)
    assert poller.pace.missed == 2 * len(ticks)


def test_a_failure_is_a_tick_with_a_reason(polled):
    ticks, _, _ = polled(Scripted(refusal(Reason.TIMEOUT, "http://h")), 0.25)
    assert ticks[0].sample is None
    assert ticks[0].refused.kind == "timeout"
    assert "http://h" in ticks[0].refused.sentence
    assert ticks[0].status.state is State.FAILING


@pytest.mark.parametrize("reason", [Reason.KEY_NEEDED, Reason.KEY_REFUSED])
def test_a_server_that_wants_a_key_is_not_down(reason, polled):
    ticks, _, _ = polled(Scripted(refusal(reason, "http://h")), 0.6)
    assert {tick.status.state for tick in ticks} == {State.DENIED}


def test_what_is_no_metrics_page_is_a_failure(polled):
    ticks, _, _ = polled(Scripted(b"<html>"), 0.25)
    assert ticks[0].refused.kind == "not metrics"
    assert "an HTML page" in ticks[0].refused.sentence


def test_what_nobody_foresaw_is_told_and_survived(caplog, polled):
    ticks, _, _ = polled(Scripted(RuntimeError("secret detail"), BODY % 2), 0.35)
    assert ticks[0].refused.kind == "unforeseen"
    assert "secret detail" not in ticks[0].refused.sentence
    assert ticks[-1].sample is not None
    assert "in an unforeseen way" in caplog.text


def test_what_nobody_foresaw_in_telling_costs_that_tick_only(caplog, polled):
    client = Scripted(BODY % 1)
    ticks, _, poller = polled(client, 1.05, faults=[MemoryError("mine"), KeyError("too")])
    assert len(client.asked) >= 10
    assert len(ticks) == len(client.asked) - 2
    assert poller.pace.missed == 2
    assert np.diff([moment for moment, *_ in client.asked]) == pytest.approx(PERIOD)
    assert caplog.text.count("Telling of chat failed in an unforeseen way.") == 2


def test_three_failures_are_down_and_two_answers_are_up(polled):
    failed = refusal(Reason.NOT_LISTENING, "http://h")
    ticks, events, _ = polled(Scripted(*[failed] * 4, BODY % 1), 1.2)
    states = [tick.status.state for tick in ticks[:7]]
    assert states == [State.FAILING] * 2 + [State.NOT_LISTENING] * 3 + [State.BUSY] * 2
    assert [event.kind for event in events] == ["down", "up"]


def test_a_server_that_stays_away_is_asked_less_often(polled):
    client = Scripted(refusal(Reason.TIMEOUT, "http://h"))
    ticks, _, poller = polled(client, 60.0)
    assert 5 < len(ticks) < 60
    assert poller.pace.missed == 0  # a pause is no missed tick


def test_a_pause_that_the_server_asks_for_is_kept(polled):
    client = Scripted(refusal(Reason.BUSY, "http://h", retry_after=0.5), BODY % 1)
    polled(client, 0.9)
    (first, *_), (second, *_) = client.asked[:2]
    assert 0.5 <= second - first <= 0.5 + 2.5 * PERIOD


def test_a_restart_is_an_event(polled):
    page = (
        b"process_start_time_seconds %d\n"
        b'vllm:generation_tokens_total{model_name="m",engine="0"} %d\n'
    )
    _, events, _ = polled(Scripted(page % (5, 9), page % (5, 9), page % (90, 0)), 0.6)
    assert [event.kind for event in events] == ["restarted"]


def test_without_a_start_time_fallen_counters_tell_of_a_restart(polled):
    page = b'vllm:generation_tokens_total{model_name="m",engine="0"} %d\n'
    _, events, _ = polled(Scripted(page % 9, page % 12, page % 3), 0.6)
    assert [event.kind for event in events] == ["restarted"]


def test_with_all_slots_taken_the_deadline_still_holds(polled):
    async def hang(deadline):
        await asyncio.sleep(deadline)
        return refusal(Reason.TIMEOUT, "http://h")

    ticks, _, _ = polled(Scripted(hang), 0.5, slots=1)
    assert all(tick.took < PERIOD for tick in ticks[:3])


def test_a_sample_is_the_readers(polled, clock):
    ticks, _, _ = polled(Scripted(BODY % 7), 0.25)
    assert ticks[0].sample.layout.series == (Series("running", "m", "0"),)
    assert isinstance(ticks[0].sample, Sample)
    assert isinstance(ticks[0].sample.layout, Layout)
    assert ticks[0].at == pytest.approx(clock.time() - 0.25, abs=PERIOD)


def test_running_out_of_time_while_the_loop_stood_still_is_no_fault_of_the_server(polled, clock):
    async def held_up(_):
        clock.advance(0.15)  # another task's fault
        await asyncio.sleep(0)
        return refusal(Reason.TIMEOUT, "http://h")

    ticks, _, poller = polled(Scripted(BODY % 1, held_up, BODY % 1), 0.8, measured=True)
    assert all(tick.sample is not None for tick in ticks)
    assert poller.pace.missed >= 1
