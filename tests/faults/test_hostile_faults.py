"""Every way to fail, through the real watcher: the word, the sentence, and the others' period."""

from contextlib import ExitStack
from functools import partial

import numpy as np
import pytest

from lib.watch import checks_of
from tests.faults.stalls import Stalls, assert_kept, slowness
from tests.support.authority import Authority
from tests.support.faulty import (
    MODES,
    FaultServer,
    answer,
    black_hole,
    closed_port,
    recorded,
)
from tests.support.waiting import until

GOOD = recorded("metrics.txt")
PAGE = (
    "process_start_time_seconds {start}\n"
    'vllm:num_requests_running{{engine="{engine}",model_name="{model}"}} 1\n'
    'vllm:generation_tokens_total{{engine="{engine}",model_name="{model}"}} {tokens}\n'
)


def metrics(*, start=100, engine="0", model="m", tokens=5):
    text = PAGE.format(start=start, engine=engine, model=model, tokens=tokens)
    return answer(text, kind="text/plain")


# Name: mode of the fault server, state, kind of trouble, words of the sentence.
TABLE = {
    "hang": ("hang", "No answer in time", "timeout", "did not answer /metrics"),
    "drip-headers": ("drip headers", "No answer in time", "timeout", "did not answer /metrics"),
    "drip-body": ("drip body", "No answer in time", "timeout", "did not answer /metrics"),
    "half-body": ("half body", "Unreachable", "closed", "closed the connection"),
    "close": ("close at once", "Unreachable", "closed", "closed the connection"),
    "reset": ("reset", "Unreachable", "closed", "closed the connection"),
    "middle": ("reset in the middle", "Unreachable", "closed", "closed the connection"),
    "garbage": ("garbage", "Wrong protocol", "wrong scheme", "change http to https"),
    "redirect": ("redirect", "Wrong protocol", "redirect", "which is not followed"),
    "html": ("html", "Wrong protocol", "html", "with a web page"),
    "empty": ("empty", "No engine metrics", "empty", "with nothing"),
    "unauthorized": ("401", "Key refused", "key needed", "wants an API key"),
    "forbidden": ("403", "Key refused", "forbidden", "forbids /metrics"),
    "missing": ("404", "Wrong protocol", "route not offered", "does not offer /metrics"),
    "busy": ("429", "Server error", "busy", "has no room"),
    "error": ("500", "Engine dead", "server error", "failed at /health"),
    "gateway": ("502", "Server error", "gateway", "The proxy before"),
    "unavailable": ("503", "Engine dead", "busy", "its engine is dead"),
    "scaling": ("503 scaling", "Loading", "scaling", "is being scaled"),
    "json": ("null", "No engine metrics", "not metrics", "answers /metrics with"),
    "list": ("list", "No engine metrics", "not metrics", "not Prometheus text"),
    "large": ("10 MB", "Wrong protocol", "too large", "larger than is read"),
}


@pytest.mark.alone
def test_each_fault_has_its_word_and_sentence_and_costs_nobody_else(watched):
    period = slowness()
    with ExitStack() as stack:
        faults = {f"/{name}*": MODES[mode]() for name, (mode, *_) in TABLE.items()}
        server = stack.enter_context(FaultServer(faults | {"/good*": GOOD, "/still*": metrics()}))
        urls = {name: f"{server.url}/{name}" for name in (*TABLE, "good", "still")}
        urls["closed"] = stack.enter_context(closed_port())
        urls["hole"] = stack.enter_context(black_hole())
        stalls = stack.enter_context(Stalls())
        all_of_them = stack.enter_context(watched(urls, period=f"{period:g}"))
        stalls.watch(all_of_them.process.popen.pid)
        expected = TABLE | {
            "closed": ("", "Nothing listens", "not listening", "Nothing listens at"),
            "hole": ("", "No answer in time", "timeout", "did not answer"),
        }
        for name, (_, state, kind, words) in expected.items():
            is_told = partial(is_in, all_of_them, name, state, kind)
            tick = until(is_told, 30 * period)
            assert words in tick.status.reason
            assert tick.status.reason.endswith(".")
            assert tick.status.reason.isprintable()
            assert tick.took - stalls.within(tick.mono, tick.mono + tick.took) < period
        hung = until(partial(is_in, all_of_them, "still", "Hung", None), 40 * period)
        assert "no token and no engine step" in hung.status.reason
        told = all_of_them.feed.events
        until(lambda: "hung" in [event.kind for event in told(0, 1e12, hung.server)])
        assert_kept(all_of_them.ticks("good"), period, stalls)
        assert "Traceback" not in all_of_them.log


def is_in(all_of_them, name, state, kind):
    """The newest tick of a server that is in a state and was refused for a reason."""
    tick = all_of_them.latest(name)
    is_there = tick and tick.status.state.value == state
    return tick if is_there and (tick.refused and tick.refused.kind) == kind else None


def test_a_certificate_that_is_not_trusted_is_told_and_never_fallen_back_from(watched, tmp_path):
    with (
        FaultServer({"*": GOOD}, Authority(tmp_path).context()) as server,
        watched({"tls": server.url, "plain": server.url.replace("https", "http")}) as both,
    ):
        assert "name its authority as verify" in both.told("tls", "tls").status.reason
        kinds = {"wrong scheme", "closed"}  # not that of an answer that was late at first
        until(lambda: any(t.refused and t.refused.kind in kinds for t in both.ticks("plain")))
        assert not any(tick.sample for tick in both.ticks("plain"))
        assert server.seen == []


def test_https_to_a_plain_port_says_that_the_scheme_is_wrong(watched):
    with (
        FaultServer({"*": GOOD}) as server,
        watched({"plain": server.url.replace("http", "https")}) as one,
    ):
        assert "change http to https or back" in one.told("plain", "wrong scheme").status.reason


def test_a_server_that_asks_to_be_left_alone_is_left_alone(watched):
    """F13: the others are asked meanwhile."""
    busy = answer("{}", 429, headers={"retry-after": "3"})
    with (
        FaultServer({"/busy*": busy, "/good*": GOOD}) as server,
        watched({name: f"{server.url}/{name}" for name in ("busy", "good")}, "1") as both,
    ):
        until(lambda: len(heeded(both)) >= 3, 30)
        scrapes = arrivals(server, "/busy/metrics")
        checks = both.heard(checks_of(both.servers["busy"].id))
        rounds = np.array([tick.mono for tick in checks])
        others = np.array([tick.mono for tick in both.ticks("good")])
        for begun in heeded(both)[:-1]:
            assert not within(scrapes, begun).size
            assert not within(rounds, begun).size  # one that was under way may go on to its end
        first, *_, last = heeded(both)
        assert within(others, first, last - first).size


def heeded(both):
    """When the watcher had heard each time that it is to leave the server alone.

    An answer that comes after the deadline is none: then it is not heard.
    """
    told = [tick for tick in both.ticks("busy") if tick.refused and tick.refused.kind == "busy"]
    return [tick.mono + tick.took for tick in told]


def within(moments, begun, seconds=3.0):
    """Those of the moments that lie in the seconds that begin then."""
    return moments[(moments > begun) & (moments < begun + seconds)]


def arrivals(server, start):
    """When each request for such a path came."""
    return np.array([seen.at for seen in tuple(server.seen) if seen.path.startswith(start)])


def test_a_restarted_server_is_told_and_has_no_negative_rate(watched):
    """F18."""
    with FaultServer({"*": metrics(tokens=90)}) as server, watched({"again": server.url}) as one:
        one.answered("again", 2)
        server["*"] = metrics(start=200, tokens=3)
        until(lambda: "restarted" in [event.kind for event in one.feed.events(0, 1e12)], 20)
        until(lambda: one.window("again").restarts)
        growth = one.window("again").growth("generation_tokens")
        assert sorted(set(growth[np.isfinite(growth)])) == [0, 3]
        assert len(one.window("again").restarts) == 1


def test_labels_that_change_while_it_runs_become_other_series(watched):
    """F21."""
    with FaultServer({"*": metrics()}) as server, watched({"odd": server.url}, period="1") as one:
        until(lambda: len(answered(one, "odd")) >= 2, 20)
        server["*"] = metrics(engine="1", model="n")
        until(lambda: answered(one, "odd")[-2:] == ["n"] * 2, 20)
        assert answered(one, "odd") == sorted(answered(one, "odd"))
        assert set(one.window("odd").layout.members) == {("m", "0"), ("n", "1")}
        kinds = {tick.refused.kind for tick in one.ticks("odd") if tick.refused}
        assert kinds <= {"timeout"}  # of a machine that stood still


def answered(one, name):
    """The model of each answer of a server so far."""
    return [tick.sample.models[0] for tick in one.ticks(name) if tick.sample]
