"""The whole way, watcher to dashboard, on real servers: true figures, and no false "healthy"."""

import time

import numpy as np
import pytest

from lib.health import HUNG_AFTER, QUIET_AFTER, SUSPECT_AFTER, State, Tone
from lib.watch import History
from tests.real.load import loaded
from tests.real.vllm import SMALL_CACHE, serving
from tests.real.watched import watched
from tests.support.ports import free_port
from tests.support.waiting import until

SEEN_WITHIN = 4.0
"""Seconds in which a death, and a return, must be seen."""
HUNG_WITHIN = 30.0
HEALTHY = {state for state in State if state.tone is Tone.GOOD}
DOWN = {state for state in State if state.is_down}


@pytest.fixture(scope="module")
def watch(chat, tmp_path_factory):
    with watched({"chat": chat.url}, tmp_path_factory.mktemp("watch")) as watch:
        yield watch


@pytest.fixture(scope="module")
def rest(chat, watch):
    """Waits until the server has nothing to do."""

    def wait() -> float:
        begun = time.time()
        watch.first(State.HEALTHY, since=begun, timeout=60)
        return time.time()

    return wait


@pytest.fixture(scope="module")
def burst(chat, prometheus, watch, rest):
    """Begin and end of a span with 20 s of load in it, and nothing to do at either end."""
    begin = rest() + 1.5
    until(lambda: time.time() > begin, 5)
    with loaded(chat.url):
        until(lambda: time.time() > begin + 20, 30)
    end = rest() + 2.5
    until(lambda: time.time() > end, 5)
    return begin, end


class TestFigures:
    """Our own scrapes fall between Prometheus' ones, so they can't be equal at every moment.

    But where nothing moves at either end of a span, what was counted in it is the same whoever
    counts. And a counter that we read between two of its scrapes lies between their values.
    """

    def test_a_burst_counts_the_same_in_history_memory_and_prometheus(
        self, prometheus, watch, burst
    ):
        begin, end = burst
        scrapes = [at for at, _ in prometheus.scrapes(begin - 1.2, end)]
        span = scrapes[0], scrapes[-1]
        history = History(watch.data / "history.sqlite").window(watch.server, begin - 1.2, end)
        for window in (history, watch.feed.window(watch.server, begin - 1.2, end)):
            assert window.answered.all()
            self._equal_counts(prometheus, window, span)
            self._equal_percentiles(prometheus, window, span)

    def _equal_counts(self, prometheus, window, span):
        for name, wire in (
            ("generation_tokens", "vllm:generation_tokens_total"),
            ("prompt_tokens", "vllm:prompt_tokens_total"),
            ("preemptions", "vllm:num_preemptions_total"),
            ("finished", "vllm:request_success_total"),
        ):
            counted = prometheus.over(*span, f"sum(increase({wire}R))")
            assert window.increase(name) == pytest.approx(counted, rel=1e-4)
            assert counted > 0

    def _equal_percentiles(self, prometheus, window, span):
        for name in ("time_to_first_token", "inter_token_latency", "e2e_request_latency"):
            ours = {"time_to_first_token": "ttft", "inter_token_latency": "itl"}.get(name, "e2e")
            for q in (0.5, 0.95, 0.99):
                rates = f"sum by (le) (rate(vllm:{name}_seconds_bucketR))"
                asked = prometheus.over(*span, f"histogram_quantile({q}, {rates})")
                assert window.percentile(ours, q).value == pytest.approx(asked, rel=1e-4)

    def test_every_reading_lies_between_the_scrapes_around_it(self, prometheus, watch, burst):
        begin, end = burst
        window = watch.feed.window(watch.server, begin, end)
        wire = "vllm:generation_tokens_total"
        (series,) = prometheus.query(f"{wire}[{round(end - begin) + 6}s]", time.time())
        at, total = np.array(series["values"], float).T
        column = window.layout.columns("generation_tokens")
        read = window.values[:, column].sum(axis=1)
        # Both sides read at some moment between a request and its deadline.
        before = total[np.searchsorted(at, window.times - 0.9) - 1]
        after = total[np.minimum(np.searchsorted(at, window.times + 0.9), len(total) - 1)]
        assert (before <= read).all()
        assert (read <= after).all()
        assert read[-1] > read[0]

    def test_used_blocks_are_whole_numbers(self, watch, burst):
        window = watch.feed.window(watch.server, *burst)
        used = window.gauge("kv_usage") * 39
        assert np.abs(used - np.round(used)).max() < 1e-6
        assert used.max() > 30
        assert (window.gauge("blocks_used") == np.round(used)).all()


def test_a_stopped_server_is_never_called_healthy(chat, watch, rest):
    rest()
    with chat.stopped():
        stopped = time.time()
        down = watch.first(State.TIMED_OUT, since=stopped, timeout=10)
        until(lambda: len(watch.since(stopped)) >= 6, 30)
        assert not watch.states(stopped) & HEALTHY
        print(f"stopped: down after {down.at + down.took - stopped:.1f} s")
        assert "timeout" in down.refused.kind or "time" in down.refused.sentence
    back = time.time()
    watch.first(*HEALTHY, since=back, timeout=40)


def test_a_stopped_engine_with_requests_is_hung_within_half_a_minute(chat, watch, rest):
    rest()
    with loaded(chat.url, clients=4):
        watch.first(State.BUSY, since=time.time(), timeout=20)
        with chat.engine_stopped():
            stopped = time.time()
            assert chat.healthy(), "its own /health goes on saying that all is well"
            suspect = watch.first(State.SUSPECT, since=stopped, timeout=SUSPECT_AFTER + 5)
            hung = watch.first(State.HUNG, since=suspect.at, timeout=HUNG_AFTER)
            assert hung.at + hung.took - stopped <= HUNG_WITHIN
            assert chat.healthy(), "its own /health still says that all is well"
            assert "/health still passes" in hung.status.reason
            until(lambda: len(watch.since(hung.at)) >= 4, 30)
            assert not watch.states(stopped + QUIET_AFTER + 1.0) & HEALTHY
            assert watch.states(hung.at) == {State.HUNG}
            print(
                f"engine stopped: may hang after {suspect.at - stopped:.1f} s, "
                f"hung after {hung.at - stopped:.1f} s"
            )
        watch.first(State.BUSY, since=time.time(), timeout=20)
    told = watch.feed.events
    until(lambda: [e.kind for e in told(stopped, time.time(), watch.server)] == ["hung", "up"])
    stretches = watch.feed.states(watch.server, stopped + 15, hung.at + 2)
    assert [one.state for one in stretches] == [State.SUSPECT, State.HUNG]


def test_a_killed_and_restarted_server_is_seen_within_four_seconds(tmp_path):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with watched({"victim": url}, tmp_path) as watch:
        with serving("chat", *SMALL_CACHE, log=tmp_path / "first.log", port=port) as first:
            watch.first(State.HEALTHY, since=time.time(), timeout=SEEN_WITHIN)
            killed = first.kill()
            down = watch.first(*DOWN, since=killed, timeout=SEEN_WITHIN)
            print(f"killed: down after {down.at + down.took - killed:.1f} s")
            assert not watch.states(killed) & HEALTHY
        with serving("chat", *SMALL_CACHE, log=tmp_path / "second.log", port=port):
            ready = time.time()
            up = watch.first(*HEALTHY, since=killed, timeout=SEEN_WITHIN)
            print(f"restarted: up {up.at + up.took - ready:+.1f} s after its first 200")
        window = watch.feed.window(watch.server, killed - 30, time.time())
        assert len(window.restarts) == 1
        assert window.restarts[0] > killed
