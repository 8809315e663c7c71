import asyncio
import queue
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from lib.api import AsyncVllmClient, Route
from lib.health import Check
from lib.health.checks import FULL, LIGHT, look, see
from tests.support.authority import Authority
from tests.support.faulty import (
    FaultServer,
    answer,
    answer_json,
    black_hole,
    closed_port,
    empty,
    hang,
    html,
    in_turn,
    recorded,
)
from tests.support.processes import ROOT
from tests.support.waiting import until
from tests.unit.api.test_client import TUTORIAL, VLLM

ALL = frozenset(Check) - {Check.PROGRESS}
SERVING = VLLM | {
    "/metrics/": recorded("metrics_running_2.txt"),
    "/ping": empty(),
    "/v1/completions": answer_json({"choices": [{"text": "!", "finish_reason": "length"}]}),
}
DEVELOPING = SERVING | {
    "/is_sleeping": answer_json({"is_sleeping": False}),
    "/is_paused": answer_json({"is_paused": False}),
}
NO_ROUTE = answer_json({"detail": "Not Found"}, 404)
ALL_THE_TIME = 4.0
"""Seconds of a round that hangs: twice as long as any stall of the machine, and all used up."""


async def round_at(
    url, wanted=ALL, *, seconds=20.0, learn=False, model=None, client=AsyncVllmClient, **options
):
    """One round: its outcomes by check, and the figures."""
    async with client(url, **options) as asking:
        found = await see(
            asking, wanted, seconds=seconds, now=lambda: 1000.0, learn=learn, model=model
        )
        assert [one.check for one in found.outcomes] == [one for one in Check if one in wanted]
        assert {one.at for one in found.outcomes} == {1000.0}
        return {one.check: one for one in found.outcomes}, found.glance


def seen_at(url, wanted=ALL, **options):
    return asyncio.run(round_at(url, wanted, **options))


def outcomes_at(url, wanted=ALL, **options):
    return seen_at(url, wanted, **options)[0]


class Late(NamedTuple):
    """A round that used up all its time."""

    found: dict
    begun: float  # by the monotonic clock
    took: float
    server: FaultServer


HANGING = {
    **{path: (DEVELOPING | {path: hang()}, ALL - {Check.INFERENCE}, False) for path in (
        "/health", "/v1/models", "/ping", "/metrics/", "/is_paused",
    )},
    "the engine": (DEVELOPING | {"/is_sleeping": hang()}, ALL, False),
    "all": ({"/*": hang()}, ALL, False),
    "all that is learnt": ({"/*": hang()}, ALL, True),
}  # fmt: skip
"""What a server does, what is wanted of it, and whether it is found out first what it offers."""


@pytest.fixture(scope="module")
def late():
    """A round of each kind that hangs, side by side: each takes all its time."""

    async def one(server, wanted, learn):
        begun = time.monotonic()
        found, _ = await round_at(server.url, wanted, seconds=ALL_THE_TIME, learn=learn, timeout=60)
        return Late(found, begun, time.monotonic() - begun, server)

    async def main(stack):
        servers = {kind: stack.enter_context(FaultServer(HANGING[kind][0])) for kind in HANGING}
        rounds = (one(servers[kind], *HANGING[kind][1:]) for kind in HANGING)
        return dict(zip(HANGING, await asyncio.gather(*rounds), strict=True))

    with ExitStack() as stack:
        return asyncio.run(main(stack))


@pytest.mark.parametrize("learn", [False, True])
def test_a_server_that_serves_passes_all_that_it_offers(learn):
    with FaultServer(DEVELOPING) as server:
        found, glance = seen_at(server.url, learn=learn)
    offered = {check for check, one in found.items() if one.passed}
    assert offered >= ALL - {Check.PING, Check.ENGINE, Check.INFERENCE}
    assert not [one for one in found.values() if one.passed is False]
    assert all(one.seconds > 0 for one in found.values() if one.passed)
    assert found[Check.VERSION].words == "0.32.0"
    assert found[Check.MODELS].words == "Qwen/Qwen2.5-7B-Instruct"
    assert found[Check.MODELS].figure == 1
    assert found[Check.LOAD].words == "0 requests in flight"
    assert found[Check.LOAD].figure == 0
    assert glance.of("running") == 1
    assert found[Check.METRICS].words == "1 running, 0 waiting"


def test_nothing_is_asked_twice():
    with FaultServer(DEVELOPING) as server:
        outcomes_at(server.url)
        paths = [seen.path for seen in server.seen]
    assert len(paths) == len(set(paths))
    assert "/health/ready" in paths


def test_what_is_known_to_be_absent_is_not_asked_again_in_the_next_round():
    async def rounds(url):
        async with AsyncVllmClient(url) as client:
            await look(client, FULL, seconds=20.0, now=time.time)
            server.seen.clear()
            return await look(client, FULL, seconds=20.0, now=time.time)

    with FaultServer(SERVING) as server:
        found = asyncio.run(rounds(server.url))
        paths = sorted(seen.path for seen in server.seen)
    assert paths == ["/health", "/load", "/ping", "/v1/models", "/version"]
    assert [one.check for one in found] == [one for one in Check if one in FULL]


def test_a_light_round_asks_for_little():
    with FaultServer(DEVELOPING) as server:
        found = outcomes_at(server.url, LIGHT)
        paths = {seen.path for seen in server.seen}
    assert paths == {"/health", "/load", "/is_sleeping", "/is_paused"}
    assert set(found) == LIGHT


def test_where_nothing_listens_nothing_else_is_asked():
    with closed_port() as url:
        found = outcomes_at(url)
    connect = found.pop(Check.CONNECT)
    assert (connect.passed, connect.kind) == (False, "not listening")
    assert connect.words.startswith(f"Nothing listens at {url}; ")
    assert {(one.passed, one.words) for one in found.values()} == {
        (None, "Not asked: no connection.")
    }


def test_a_port_that_takes_no_connection_uses_up_the_time_and_no_more():
    with black_hole() as url:
        begun = time.monotonic()
        connect = outcomes_at(url, seconds=2.5, timeout=60)[Check.CONNECT]
    assert 2.5 <= time.monotonic() - begun < 2 * 2.5
    assert (connect.passed, connect.kind) == (False, "timeout")
    assert connect.words.startswith(f"No answer within {connect.seconds:.1f} s;")


@pytest.mark.parametrize("kind", ["all", "all that is learnt"])
def test_a_server_that_never_answers_fails_each_check_within_the_time(late, kind):
    found, begun, took, server = late[kind]
    assert took < 2 * ALL_THE_TIME  # one after another they take many times as long
    assert found[Check.CONNECT].passed
    for check in (Check.HEALTH, Check.MODELS, Check.VERSION, Check.METRICS, Check.ENGINE):
        assert (found[check].passed, found[check].kind) == (False, "timeout")
    health = found[Check.HEALTH]
    assert health.words.startswith(f"No answer within {health.seconds:.1f} s;")
    arrived = next(seen.at for seen in server.seen if seen.path == "/health")
    assert begun + ALL_THE_TIME - arrived < health.seconds < took


@pytest.mark.parametrize("path", ["/health", "/v1/models", "/ping", "/metrics/", "/is_paused"])
def test_a_slow_check_hides_none_of_the_others(late, path):
    found = late[path].found
    failed = {check for check, one in found.items() if not one.passed}
    assert len(failed) == (2 if path in ("/health", "/v1/models") else 1)
    assert all(found[check].kind == "timeout" for check in failed)
    quick = [one.seconds for check, one in found.items() if check not in failed]
    assert max(quick) < 0.8 * ALL_THE_TIME


def test_a_check_that_is_only_slow_has_its_own_latency():
    """The slow answer is sent when health has been heard for as long again as that took."""
    heard = queue.SimpleQueue()

    class Hearing(AsyncVllmClient):
        async def send(self, call):
            answered = await super().send(call)
            if call.route is Route.HEALTH:  # noted in the loop's next turn: its latency stands then
                asyncio.get_running_loop().call_soon(lambda: heard.put(time.monotonic()))
            return answered

    async def late_list(exchange):
        took = await asyncio.to_thread(heard.get, timeout=15) - begun
        await asyncio.sleep(begun + 2 * took - time.monotonic())
        await VLLM["/v1/models"](exchange)

    with FaultServer(SERVING | {"/v1/models": late_list}) as server:
        begun = time.monotonic()
        found = outcomes_at(server.url, client=Hearing)
    assert found[Check.MODELS].passed
    assert found[Check.READY].seconds >= found[Check.MODELS].seconds
    assert found[Check.HEALTH].seconds < found[Check.MODELS].seconds


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (empty(503), "engine dead"),
        (answer_json({"error": "The model is currently scaling."}, 503), "scaling"),
        (answer_json({"error": {"message": "Loading model", "code": 503}}, 503), "loading"),
        (answer("", 500), "server error"),
        (html(), "html"),
        (NO_ROUTE, "route not offered"),
    ],
)
def test_health_keeps_the_kind_of_its_failure(behaviour, kind):
    with FaultServer(SERVING | {"/health": behaviour}) as server:
        found = outcomes_at(server.url)
    assert (found[Check.HEALTH].passed, found[Check.HEALTH].kind) == (False, kind)
    assert (found[Check.READY].passed, found[Check.READY].kind) == (False, kind)


@pytest.mark.parametrize("absent", [NO_ROUTE, html(), answer_json({}, 405)])
def test_what_may_be_missing_is_not_offered_rather_than_failed(absent):
    optional = dict.fromkeys(("/load", "/ping", "/version", "/is_paused"), absent)
    metrics = dict.fromkeys(("/metrics", "/metrics/"), NO_ROUTE)
    with FaultServer(VLLM | optional | metrics) as server:
        found = outcomes_at(server.url)
    for check in (Check.LOAD, Check.PING, Check.VERSION, Check.ENGINE, Check.METRICS):
        assert found[check].passed is None
        assert found[check].seconds is None
        assert found[check].kind == "route not offered"


def test_the_tutorials_own_route_tells_readiness():
    for behaviour, passed in ((empty(), True), (empty(503), False)):
        with FaultServer(TUTORIAL | {"/health/ready": behaviour}) as server:
            assert outcomes_at(server.url)[Check.READY].passed is passed
            assert outcomes_at(server.url, learn=True)[Check.READY].passed is passed


def test_an_empty_list_of_models_is_not_ready():
    with FaultServer(SERVING | {"/v1/models": answer_json({"data": []})}) as server:
        found = outcomes_at(server.url)
    assert found[Check.MODELS].words == "It lists no model."
    assert (found[Check.READY].passed, found[Check.READY].kind) == (False, "not ready")
    assert found[Check.INFERENCE].kind == "unknown model"


def test_a_refused_key_is_told_and_readiness_left_open():
    refused = answer_json({"error": "Unauthorized"}, 401)
    with FaultServer(SERVING | {"/v1/*": refused, "/v1/models": refused}) as server:
        needed = outcomes_at(server.url)
        wrong = outcomes_at(server.url, api_key="a-wrong-key")
    assert (needed[Check.MODELS].passed, needed[Check.MODELS].kind) == (False, "key needed")
    assert wrong[Check.MODELS].kind == "key refused"
    assert wrong[Check.READY].passed is None
    assert "a-wrong-key" not in repr(wrong)


@pytest.mark.parametrize(
    ("sleeping", "paused", "kind"),
    [(True, False, "asleep"), (True, True, "asleep"), (False, True, "paused"), (False, False, "")],
)
def test_the_engine_tells_whether_it_rests(sleeping, paused, kind):
    engine = {
        "/is_sleeping": answer_json({"is_sleeping": sleeping}),
        "/is_paused": answer_json({"is_paused": paused}),
    }
    with FaultServer(SERVING | engine) as server:
        found = outcomes_at(server.url)
        sent = [seen for seen in server.seen if seen.method == "POST"]
    assert (found[Check.ENGINE].passed, found[Check.ENGINE].kind) == (True, kind)
    assert bool(sent) is not bool(kind), "no request may wake what sleeps"
    assert found[Check.INFERENCE].passed is (None if kind else True)


def test_an_engine_that_does_not_answer_is_asked_for_no_token(late):
    found, _, _, server = late["the engine"]
    assert not [seen for seen in server.seen if seen.method == "POST"]
    assert (found[Check.ENGINE].passed, found[Check.ENGINE].kind) == (False, "timeout")
    assert found[Check.INFERENCE].words.startswith("Not asked: its engine does not say")


def test_one_flag_is_enough_where_the_other_is_not_offered():
    with FaultServer(SERVING | {"/is_sleeping": answer_json({"is_sleeping": True})}) as server:
        assert outcomes_at(server.url)[Check.ENGINE].kind == "asleep"


def test_a_token_is_asked_of_the_wanted_model_by_whatever_route_there_is():
    chat = {"/v1/chat/completions": SERVING["/v1/completions"], "/v1/completions": NO_ROUTE}
    vector = {
        "/v1/*": NO_ROUTE,
        "/v1/embeddings": answer_json({"data": [{"embedding": [0.5, 1.5]}]}),
        "/v1/models": VLLM["/v1/models"],
    }
    no_task = {key: one for key, one in SERVING.items() if "completions" not in key}
    for routes, words in (
        (SERVING, "one token from Qwen/Qwen2.5-7B-Instruct"),
        (SERVING | chat, "one token from Qwen/Qwen2.5-7B-Instruct"),
        (no_task | vector, "a vector of 2 numbers from Qwen/Qwen2.5-7B-Instruct"),
    ):
        with FaultServer(routes) as server:
            outcome = outcomes_at(server.url)[Check.INFERENCE]
            assert (outcome.passed, outcome.words) == (True, words)
            assert server.seen[-1].json["model"] == "Qwen/Qwen2.5-7B-Instruct"
    with FaultServer(no_task | {"/v1/chat/completions": NO_ROUTE}) as server:
        outcome = outcomes_at(server.url)[Check.INFERENCE]
    assert (outcome.passed, outcome.kind) == (False, "task not offered")


def test_a_model_that_is_not_listed_is_not_asked_for():
    with FaultServer(SERVING) as server:
        outcome = outcomes_at(server.url, model="other")[Check.INFERENCE]
        assert not [seen for seen in server.seen if seen.method == "POST"]
    assert (outcome.passed, outcome.kind) == (False, "unknown model")


def test_an_adapter_is_asked_only_where_nothing_else_is_listed():
    rows = [{"id": "fine", "parent": "base"}, {"id": "base", "parent": None}]
    with FaultServer(SERVING | {"/v1/models": answer_json({"data": rows})}) as server:
        assert outcomes_at(server.url)[Check.INFERENCE].words == "one token from base"


def test_what_is_no_page_of_metrics_fails_and_has_no_figures():
    page = answer("some words", kind="text/plain")
    with FaultServer(SERVING | {"/metrics/": page, "/metrics": page}) as server:
        found, glance = seen_at(server.url)
    assert glance is None
    assert (found[Check.METRICS].passed, found[Check.METRICS].kind) == (False, "not metrics")


def test_a_page_without_engine_figures_says_so():
    page = answer("process_start_time_seconds 5\n", kind="text/plain")
    with FaultServer({**SERVING, "/metrics/": page, "/metrics": page}) as server:
        found, glance = seen_at(server.url)
    assert found[Check.METRICS].words == "It holds no engine figures."
    assert glance.of("process_start") == 5


def test_a_certificate_that_is_not_trusted_is_named(tmp_path):
    authority = Authority(tmp_path)
    with FaultServer(SERVING, tls=authority.context()) as server:
        plain = outcomes_at(server.url.replace("https", "http"))
        untrusted = outcomes_at(server.url)[Check.CONNECT]
        assert outcomes_at(server.url, verify=str(authority.file))[Check.READY].passed
        assert outcomes_at(server.url, verify=False)[Check.READY].passed
    assert (untrusted.passed, untrusted.kind) == (False, "tls")
    assert "certificate verify failed" in untrusted.words
    assert plain[Check.CONNECT].passed  # a port is open; only HTTP tells that it is the wrong one
    assert plain[Check.HEALTH].passed is False
    with FaultServer(SERVING) as server:
        connect = outcomes_at(server.url.replace("http", "https"))[Check.CONNECT]
    assert (connect.passed, connect.kind) == (False, "wrong scheme")


def test_a_name_that_nobody_knows_is_told():
    def unknown(host, port):
        raise socket.gaierror(-2, "Name or service not known")

    assert outcomes_at("http://x.invalid", lookup=unknown)[Check.CONNECT].kind == "unknown host"


def test_a_name_service_that_hangs_holds_nobody_up():
    release, told = threading.Event(), []

    def hanging(host, port):
        release.wait(60)
        told.append(host)
        return ("127.0.0.1",)

    found = outcomes_at("http://x.invalid", lookup=hanging, seconds=0.3, timeout=60)
    assert not told
    release.set()
    assert (found[Check.CONNECT].passed, found[Check.CONNECT].kind) == (False, "timeout")
    assert found[Check.CONNECT].seconds < 5  # of the client's own 60


def test_a_server_that_recovers_is_seen_anew_in_each_round():
    with FaultServer(SERVING | {"/health": in_turn(empty(503), empty())}) as server:
        assert outcomes_at(server.url)[Check.HEALTH].passed is False
        assert outcomes_at(server.url)[Check.HEALTH].passed is True


def test_a_round_that_is_cancelled_leaves_nothing_behind():
    async def main(url):
        async with AsyncVllmClient(url) as client:
            task = asyncio.create_task(look(client, FULL, seconds=30.0, now=time.time))
            await asyncio.to_thread(until, lambda: len(server.seen) >= 4)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return len(asyncio.all_tasks())

    with FaultServer({"/*": hang()}) as server:
        left = asyncio.run(main(server.url))
    assert left <= 2  # this one, and a discarded client that closes itself


@pytest.mark.parametrize("name", ["lib.health", "lib.health.checks"])
def test_no_module_of_the_probe_brings_a_heavy_library(name):
    code = f"import sys, {name}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert name in loaded
    assert not {"numpy", "streamlit", "pandas", "plotly"} & set(loaded)
    assert ("httpx" in loaded) is (name != "lib.health")
