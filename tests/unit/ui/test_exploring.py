"""What is found out about servers on demand: for whoever asks, and at nobody's cost."""

import time
from concurrent.futures import wait

import pytest

from lib.api import Exposure, Route, Trial, Verdict, VllmClient
from lib.servers import Server, Source
from lib.ui.answering import Answers
from lib.ui.exploring import Exploring, Sending
from tests.support.faulty import FaultServer, answer_json, hang, recorded
from tests.support.waiting import until

SECONDS = 30
DESCRIBED = {"/v1/models": {"get": {}}, "/my/admin/drop": {"post": {}}, "/tokenize": {"post": {}}}
SERVER = {
    "/version": recorded("version.json"),
    "/v1/models": recorded("models.json"),
    "/openapi.json": answer_json({"paths": DESCRIBED}),
}


@pytest.fixture
def exploring():
    answers = Answers({})
    made = Exploring({}, answers)
    yield made
    made.close()
    answers.close()


def watched(server, name="s"):
    return Server(name, server.url, None, Source.ADDED)


def told(exploring, server):
    """The routes of a server, once it has told them."""
    until(lambda: exploring.found(server).surface is not None, SECONDS)


def test_a_check_asks_what_is_there_and_tells_what_nobody_knows(exploring):
    before = time.time()
    with FaultServer(SERVER) as server:
        told(exploring, watched(server))
        checked = exploring.check(watched(server)).result(SECONDS)
    assert before <= checked.at <= time.time()
    verdicts = {f"{one.method} {one.path}": one.verdict for one in checked.exposure.routes}
    assert verdicts["POST /my/admin/drop"] is Verdict.UNASKED
    assert verdicts["GET /v1/models"] is Verdict.OPEN


def test_who_asks_meanwhile_gets_the_same_check(exploring):
    with FaultServer(SERVER | {"/health": hang()}) as server:
        first, second = (exploring.check(watched(server)) for _ in range(2))
        assert first is second
        until(lambda: any(seen.path == "/health" for seen in server.seen), SECONDS)
        server["/health"] = answer_json({})
    wait([first], SECONDS)
    assert exploring.check(watched(server)) is not first


def test_servers_that_hang_hold_up_no_other(exploring):
    with FaultServer(SERVER | {"/health": hang()}) as slow, FaultServer(SERVER) as quick:
        checks = [exploring.check(watched(slow, f"slow {number}")) for number in range(12)]
        told(exploring, watched(quick))
        assert not any(one.done() for one in checks)


def test_an_end_that_nobody_thought_of_is_told_in_words(exploring, monkeypatch):
    def broken(*_: object) -> Exposure:
        raise RuntimeError("secret")

    monkeypatch.setattr(VllmClient, "exposure", broken)
    with FaultServer(SERVER) as server:
        checked = exploring.check(watched(server)).result(SECONDS)
    assert checked.exposure is None
    assert checked.refused.startswith("It ended in a way that was not thought of")


def test_the_time_of_a_request_stands_still_when_it_has_ended(exploring):
    with FaultServer(SERVER | {"/load": hang()}) as server:
        answered = exploring.send(watched(server), Trial(Route.VERSION))
        given_up = exploring.send(watched(server), Trial(Route.LOAD))
        until(lambda: any(seen.path == "/load" for seen in server.seen), SECONDS)
        assert given_up.seconds < given_up.seconds, "it is on its way"
        given_up.stop()
        until(lambda: not (answered.is_running or given_up.is_running), SECONDS)
    until(lambda: given_up.ended is not None, SECONDS)
    for sending in (answered, given_up):
        assert 0 < sending.seconds == sending.seconds < SECONDS
    assert Sending(Trial(Route.LOAD), refused="Too many.").seconds == 0
