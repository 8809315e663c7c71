"""Every way to fail, through the real watcher: the word, the sentence, and the others' period."""

from contextlib import ExitStack

import numpy as np
import pytest

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
    "busy": ("429", "Not answering", "busy", "has no room"),
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
    with ExitStack() as stack:
        faults = {f"/{name}*": MODES[mode]() for name, (mode, *_) in TABLE.items()}
        server = stack.enter_context(FaultServer(faults | {"/good*": GOOD, "/still*": metrics()}))
        urls = {name: f"{server.url}/{name}" for name in (*TABLE, "good", "still")}
        urls["closed"] = stack.enter_context(closed_port())
        urls["hole"] = stack.enter_context(black_hole())
        all_of_them = stack.enter_context(watched(urls, period="1"))
        expected = TABLE | {
            "closed": ("", "Nothing listens", "not listening", "Nothing listens at"),
            "hole": ("", "No answer in time", "timeout", "did not answer"),
        }
        for name, (_, state, kind, words) in expected.items():
            tick = until(lambda name=name, state=state: is_in(all_of_them, name, state), 30)
            assert (name, tick.refused.kind) == (name, kind)
            assert words in tick.status.reason
            assert tick.status.reason.endswith(".")
            assert tick.status.reason.isprintable()
            assert tick.took < 1.0
        hung = until(lambda: is_in(all_of_them, "still", "Hung"), 40)
        assert "no token and no engine step" in hung.status.reason
        told = all_of_them.feed.events
        until(lambda: "hung" in [event.kind for event in told(0, 1e12, hung.server)])
        window = all_of_them.window("good")
        assert window.answered.all()
        assert abs(np.median(np.diff(window.times)) - 1.0) < 0.1
        assert np.diff(window.times).max() < 2.5
        assert "Traceback" not in all_of_them.log


def is_in(all_of_them, name, state):
    tick = all_of_them.latest(name)
    return tick if tick and tick.status.state.value == state else None


def test_a_certificate_that_is_not_trusted_is_told_and_never_fallen_back_from(watched, tmp_path):
    with (
        FaultServer({"*": GOOD}, Authority(tmp_path).context()) as server,
        watched({"tls": server.url, "plain": server.url.replace("https", "http")}) as both,
    ):
        assert "name its authority as verify" in both.told("tls", "tls").status.reason
        told = until(lambda: (tick := both.latest("plain")) and tick.refused, 20)
        assert told.kind in {"wrong scheme", "closed"}
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
        watched({name: f"{server.url}/{name}" for name in ("busy", "good")}) as both,
    ):
        both.told("busy", "busy")
        both.ticked("good", 12)
        until(lambda: len(arrivals(server, "/busy/metrics")) >= 3, 30)
        scrapes, asked = arrivals(server, "/busy/metrics"), arrivals(server, "/busy")
        assert np.diff(scrapes).min() >= 3.0
        for moment in scrapes:  # the round that was under way at its answer may go on to its end
            assert not asked[(asked > moment + 1.5) & (asked < moment + 3.0)].size


def arrivals(server, start):
    """When each request for such a path came."""
    return np.array([seen.at for seen in tuple(server.seen) if seen.path.startswith(start)])


def test_a_restarted_server_is_told_and_has_no_negative_rate(watched):
    """F18."""
    with FaultServer({"*": metrics(tokens=90)}) as server, watched({"again": server.url}) as one:
        one.ticked("again", 2)
        server["*"] = metrics(start=200, tokens=3)
        until(lambda: "restarted" in [event.kind for event in one.feed.events(0, 1e12)], 20)
        one.ticked("again")
        growth = one.window("again").growth("generation_tokens")
        assert sorted(set(growth[np.isfinite(growth)])) == [0, 3]
        assert len(one.window("again").restarts) == 1


def test_labels_that_change_while_it_runs_become_other_series(watched):
    """F21."""
    with FaultServer({"*": metrics()}) as server, watched({"odd": server.url}, period="1") as one:
        one.ticked("odd", 2)
        server["*"] = metrics(engine="1", model="n")
        until(lambda: (tick := one.latest("odd")).sample and tick.sample.models == ("n",), 10)
        one.ticked("odd", 2)
        assert set(one.window("odd").layout.members) == {("m", "0"), ("n", "1")}
        assert one.window("odd").answered.all()
