import asyncio
import time

import pytest

from lib.api import (
    AsyncVllmClient,
    Control,
    Reason,
    Risk,
    Route,
    Unreachable,
    Unsent,
    Verdict,
    VllmClient,
)
from tests.support.faulty import FaultServer, answer, answer_json, recorded, slow

KEY = "sk-abcdefgh12345"
EXISTS = answer_json({"detail": "Method Not Allowed"}, 405)
LOCKED = answer_json({"error": "Unauthorized"}, 401)
FORBIDDEN = answer_json({"error": "Forbidden"}, 403)


def guarded(behaviour):
    """As vLLM does: the key is looked at before the route."""

    async def behave(exchange):
        has_key = exchange.seen.headers.get("authorization") == f"Bearer {KEY}"
        await (behaviour if has_key else LOCKED)(exchange)

    return behave


SERVER = {
    "/version": recorded("version.json"),
    "/health": answer(""),
    "/v1/models": guarded(recorded("models.json")),
    "/openapi.json": recorded("openapi.json"),
    "GET /tokenize": EXISTS,
    "GET /invocations": EXISTS,
    "GET /scale_elastic_ep": EXISTS,
    "HEAD /scale_elastic_ep": EXISTS,
    "HEAD /metrics": EXISTS,
    "GET /v1/chat/completions": guarded(EXISTS),
    "/v1*": guarded(answer_json({"detail": "Not Found"}, 404)),
    "/v2*": guarded(answer_json({"detail": "Not Found"}, 404)),
}


def found(behaviours, key=None, present=(), unknown=()):
    with FaultServer(behaviours) as server, VllmClient(server.url, key, timeout=2) as client:
        return client.exposure(present, unknown), server


def rows(exposure):
    return {row.route: row for row in exposure.routes}


def test_what_answers_without_a_key_is_told_the_worst_first():
    exposure, _ = found(SERVER, KEY)
    told = rows(exposure)
    assert exposure.has_key
    assert [row.route for row in exposure.routes][:2] == [Control.SCALE, Route.INVOCATIONS]
    wrong = {row.route for row in exposure.routes if row.is_wrong}
    assert wrong == {
        Control.SCALE,
        Route.INVOCATIONS,
        Route.TOKENIZE,
        Route.METRICS,
        Route.OPENAPI,
        Route.VERSION,
    }
    assert "#58144" in told[Route.INVOCATIONS].advice
    assert told[Route.HEALTH].verdict is Verdict.OPEN
    assert told[Route.CHAT].verdict is told[Route.MODELS].verdict is Verdict.GUARDED
    assert told[Route.DOCS].verdict is Verdict.ABSENT
    assert exposure.sentence == (
        "6 routes answer without a key; the worst of them gives away control "
        "(POST /scale_elastic_ep)."
    )


def test_nothing_is_used_and_no_key_is_sent():
    _, server = found(SERVER, KEY)
    changing = {route.path for route in (*Control, *Unsent)}
    asked = [seen for seen in server.seen if "authorization" not in seen.headers]
    assert {seen.method for seen in server.seen} == {"GET", "HEAD"}
    assert len(asked) > len(Route) / 2
    for seen in asked:
        assert seen.method == "HEAD" or seen.path not in changing
        assert not seen.body


def test_a_guarded_route_counts_as_absent_where_the_server_lacks_it():
    for present, verdict in (
        ((), Verdict.GUARDED),
        ((Route.CHAT,), Verdict.ABSENT),
        ((Route.RESPONSES,), Verdict.GUARDED),
    ):
        exposure, _ = found(SERVER, KEY, present)
        assert rows(exposure)[Route.RESPONSES].verdict is verdict


def test_a_server_without_a_key_is_told_as_one():
    open_server = SERVER | {"/v1/models": recorded("models.json")}
    exposure, _ = found(open_server)
    assert exposure.has_key is False
    assert exposure.sentence.startswith("The server has no key")


def test_what_a_proxy_answers_to_everything_tells_nothing():
    page = answer("<html>", kind="text/html")
    others = {"/load": page, "/ping": answer("", 502), "/kv_event_sources": FORBIDDEN}
    exposure, _ = found(SERVER | others, KEY)
    assert rows(exposure)[Route.KV_EVENT_SOURCES].verdict is Verdict.GUARDED
    assert rows(exposure)[Route.LOAD].verdict is Verdict.UNKNOWN
    assert (rows(exposure)[Route.PING].verdict, rows(exposure)[Route.PING].status) == (
        Verdict.UNKNOWN,
        502,
    )


def test_where_all_is_guarded_that_is_told():
    every = {name: guarded(behaviour) for name, behaviour in SERVER.items()}
    exposure, _ = found(every | {"*": guarded(EXISTS)}, KEY)
    assert exposure.sentence == (
        "Of the routes that were asked, none that matters answers without a key; 1 was not asked."
    )
    assert not any(row.is_wrong for row in exposure.routes)
    doubts = [row.route for row in exposure.routes if row.is_in_doubt]
    assert doubts == [Unsent.REALTIME], "no question reaches a web socket"


def test_what_cannot_be_told_is_not_told_as_well():
    names = ("/version", "/v1/models", "/openapi.json")
    told = {name: guarded(SERVER[name]) for name in names}
    exposure, _ = found(told | {"*": answer("", 502)}, KEY)
    doubts = [row for row in exposure.routes if row.is_in_doubt]
    untold = [row for row in doubts if row.verdict is Verdict.UNKNOWN]
    assert len(untold) == len(doubts) - 1 > 10
    assert exposure.sentence == (
        "Of the routes that were asked, none that matters answers without a key; "
        f"of {len(untold)} it cannot be told; 1 was not asked."
    )


def test_what_nobody_knows_is_told_and_not_asked():
    every = {name: guarded(behaviour) for name, behaviour in SERVER.items()}
    own = ("POST /my/admin/drop", "GET /my/admin/keys")
    exposure, server = found(every | {"*": guarded(EXISTS)}, KEY, unknown=own)
    assert not any("/my/" in seen.path for seen in server.seen)
    untold = {f"{row.method} {row.path}": row for row in exposure.routes if row.is_in_doubt}
    assert set(untold) == {*own, "WS /v1/realtime"}
    for title in own:
        row = untold[title]
        assert (row.route, row.verdict, row.risk) == (None, Verdict.UNASKED, Risk.UNKNOWN)
    assert exposure.sentence.endswith("none that matters answers without a key; 3 were not asked.")


def test_what_a_server_of_another_make_lists_is_asked_or_told():
    sglang = {
        "/v1/models": answer_json({"data": [{"id": "m", "owned_by": "sglang"}]}),
        "/get_model_info": answer_json({}),
        "GET /pooling": EXISTS,
        "/metrics": EXISTS,
    }
    exposure, server = found(sglang, present=(Route.POOLING, Route.METRICS, Control.SLEEP))
    told = rows(exposure)
    assert told[Route.POOLING].is_wrong
    assert (told[Control.SLEEP].verdict, told[Control.SLEEP].is_in_doubt) == (Verdict.UNASKED, True)
    assert not any(seen.path == "/sleep" for seen in server.seen)
    assert Unsent.REALTIME not in told
    assert not any("--" in row.advice or "#" in row.advice for row in exposure.routes)


def test_it_ends_in_time_however_slow_each_answer_is():
    async def asked(url):
        async with AsyncVllmClient(url, KEY) as client:
            await client.capabilities()
            begun = time.monotonic()
            with pytest.raises(Unreachable):
                await client.exposure(seconds=0.6)
            return time.monotonic() - begun

    with FaultServer(SERVER) as server, VllmClient(server.url, KEY) as client:
        client.capabilities()
        server["*"] = slow(0.2, EXISTS)
        begun = time.monotonic()
        with pytest.raises(Unreachable) as caught:
            client.exposure(seconds=0.6)
        assert 0.5 < time.monotonic() - begun < 5
        assert caught.value.reason is Reason.TIMEOUT
        with pytest.raises(Unreachable):
            client.surface(seconds=0)
        assert asyncio.run(asked(server.url)) < 5


def test_every_row_has_its_risk_and_its_advice():
    exposure, _ = found(SERVER, KEY)
    for row in exposure.routes:
        assert row.advice.endswith(".")
        is_changing = isinstance(row.route, Control | Unsent) and row.method != "WS"
        assert (row.risk is Risk.CONTROL) == is_changing


def test_both_clients_find_the_same():
    async def asked(url):
        async with AsyncVllmClient(url, KEY) as client:
            return await client.exposure()

    with FaultServer(SERVER) as server, VllmClient(server.url, KEY) as client:
        assert client.exposure() == asyncio.run(asked(server.url))


@pytest.mark.parametrize("status", [404, 200])
def test_of_a_path_with_a_part_in_braces_404_tells_nothing(status):
    behaviour = answer_json({"error": {"message": "not found"}}, status)
    exposure, _ = found(SERVER | {"GET /v1/responses/unknown": behaviour}, KEY)
    expected = Verdict.UNKNOWN if status == 404 else Verdict.OPEN
    assert rows(exposure)[Route.RESPONSE].verdict is expected
    exposure, _ = found(SERVER | {"GET /v1/responses/unknown": behaviour}, KEY, [Route.MODELS])
    expected = Verdict.ABSENT if status == 404 else Verdict.OPEN
    assert rows(exposure)[Route.RESPONSE].verdict is expected, "its list of routes lacks it"


def test_one_open_route_is_told_as_one():
    names = ("/version", "/v1/models", "/openapi.json")
    told = {name: guarded(SERVER[name]) for name in names}
    exposure, _ = found(
        told | {"/load": answer_json({"server_load": 0}), "/metrics": EXISTS, "*": guarded(EXISTS)},
        KEY,
    )
    assert exposure.sentence == (
        "1 route answers without a key; it gives away information (GET /metrics)."
    )
