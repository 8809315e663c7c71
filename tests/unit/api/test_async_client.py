import asyncio
import inspect
import time

import pytest

from lib.api import AsyncVllmClient, Denied, Reason, Refused, Unreachable, VllmClient
from tests.support.faulty import (
    FaultServer,
    answer,
    answer_json,
    close_at_once,
    empty,
    hang,
    in_turn,
    recorded,
    redirect,
    slow,
)

NAMES = ("vllm:num_requests_running", "vllm:kv_cache_usage_perc")
WHOLE = recorded("metrics.txt")
CHOSEN = recorded("metrics_slash_filter.txt", zipped=True)
NO_ROUTE = answer_json({"detail": "Not Found"}, 404)


def scraping(server, *scrapes, key=None):
    """What each scrape gives (a size or a reason), over one client."""

    async def main():
        outcomes = []
        async with AsyncVllmClient(server.url, key) as client:
            for names in scrapes:
                try:
                    outcomes.append(len(await client.scrape(0.5, names)))
                except Refused as refused:
                    outcomes.append(refused.reason)
        return outcomes

    return asyncio.run(main())


def paths(server):
    return [seen.path for seen in server.seen]


def test_a_server_that_filters_is_asked_for_what_is_wanted():
    with FaultServer({"/metrics/": CHOSEN, "/metrics": WHOLE}) as server:
        sizes = scraping(server, NAMES, NAMES, ())
    assert sizes == [580, 580, 78044]
    assert paths(server) == ["/metrics/", "/metrics/", "/metrics"]
    assert server.seen[0].query == tuple(("name[]", name) for name in NAMES)
    assert server.seen[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    "refusing",
    [NO_ROUTE, redirect("/metrics"), empty(), answer("", 414), answer("<html>", kind="text/html")],
)
def test_a_server_that_does_not_filter_is_asked_once_and_then_for_everything(refusing):
    with FaultServer({"/metrics/": refusing, "/metrics": WHOLE}) as server:
        assert scraping(server, NAMES, NAMES) == [78044, 78044]
    assert paths(server) == ["/metrics/", "/metrics", "/metrics"]


def test_a_filter_that_went_away_costs_no_scrape():
    with FaultServer({"/metrics/": in_turn(CHOSEN, NO_ROUTE), "/metrics": WHOLE}) as server:
        assert scraping(server, NAMES, NAMES, NAMES) == [580, 78044, 78044]


def test_after_a_failure_it_is_found_out_anew():
    whole = in_turn(WHOLE, close_at_once(), WHOLE)
    with FaultServer({"/metrics/": in_turn(NO_ROUTE, CHOSEN), "/metrics": whole}) as server:
        outcomes = scraping(server, NAMES, NAMES, NAMES)
    assert outcomes == [78044, Reason.CLOSED, 580]


def test_it_is_found_out_anew_when_told_to_forget():
    async def main(url):
        async with AsyncVllmClient(url) as client:
            first = await client.scrape(0.5, NAMES)
            client.forget()
            return len(first), len(await client.scrape(0.5, NAMES))

    with FaultServer({"/metrics/": in_turn(NO_ROUTE, CHOSEN), "/metrics": WHOLE}) as server:
        assert asyncio.run(main(server.url)) == (78044, 580)


def test_a_scrape_is_never_tried_again():
    with FaultServer({"/metrics": close_at_once()}) as server:
        assert scraping(server, ()) == [Reason.CLOSED]
    assert len(server.seen) == 1


def test_a_server_that_wants_a_key_is_told_from_one_without_a_filter():
    locked = answer_json({"error": "Unauthorized"}, 401)
    with FaultServer({"/metrics/": locked, "/metrics": WHOLE}) as server:
        assert scraping(server, NAMES) == [Reason.KEY_NEEDED]
        assert issubclass(Denied, Refused)


def test_both_questions_of_one_scrape_share_its_deadline():
    async def main(url):
        async with AsyncVllmClient(url) as client:
            begun = time.monotonic()
            with pytest.raises(Unreachable):
                await client.scrape(2.0, NAMES)
            return time.monotonic() - begun

    with FaultServer({"/metrics/": slow(1.5, NO_ROUTE), "/metrics": hang()}) as server:
        assert asyncio.run(main(server.url)) < 3.0  # of its own the second would have until 3.5
        assert paths(server) == ["/metrics/", "/metrics"]


@pytest.mark.parametrize("body", ["", " \n", '{"status": "ok"}'])
def test_what_is_no_metrics_is_a_failure_and_not_an_idle_server(body):
    with FaultServer({"/metrics": answer(body)}) as server:
        (reason,) = scraping(server, ())
    assert reason in (Reason.EMPTY, Reason.NOT_METRICS)


def test_every_call_of_the_blocking_client_can_be_awaited():
    public = {name for name in dir(VllmClient) if not name.startswith("_")}
    awaited = {name for name in dir(AsyncVllmClient) if not name.startswith("_")}
    assert public <= awaited
    assert awaited - public == {"scrape", "forget"}


def test_a_call_takes_the_same_and_gives_the_same_in_both_clients():
    public = {name for name in dir(VllmClient) if not name.startswith("_")}
    for name in public - {"url"}:
        blocking, awaiting = (
            inspect.signature(getattr(client, name)) for client in (VllmClient, AsyncVllmClient)
        )
        assert blocking.parameters == awaiting.parameters, name
        given = str(awaiting.return_annotation).replace("AsyncStream", "Stream")
        assert given == str(blocking.return_annotation), name
