"""Answers of real vLLM as they come: what they hold, how soon they begin, and how they are left."""

import asyncio
import json
import re
import subprocess
import time
from statistics import median

import pytest

from lib.api import (
    AsyncVllmClient,
    Reason,
    Refused,
    VllmClient,
    completion,
    timing,
)
from lib.api import chat as turn
from tests.real.vllm import CHAT
from tests.support.waiting import until

HI = [{"role": "user", "content": "Say something about paged KV blocks."}]
LONG = {"max_tokens": 2000, "ignore_eos": True}
PAIRS = 31
_BLOCK = re.compile(r"^(\d\d):(\d\d):(\d\d\.\d{6}) (.*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def client(chat):
    with VllmClient(chat.url) as client:
        yield client


def running(client) -> float:
    """The server's gauge of running requests."""
    text = client.metrics(("vllm:num_requests_running",)).decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line[:1] == "v")


def streamed(client, request):
    with client.stream(request) as events:
        for _ in events:
            pass
    return events.reply


@pytest.mark.parametrize(
    "make", [lambda **f: turn(CHAT, HI, **f), lambda **f: completion(CHAT, "Paged", **f)]
)
def test_a_stream_and_an_answer_in_one_piece_say_the_same(client, make):
    request = make(max_tokens=12, temperature=0, seed=1, return_token_ids=True)
    whole, reply = client.generate(request), streamed(client, request)
    assert reply.content == whole.value.content != ""
    assert reply.ids == whole.value.ids
    assert len(reply.ids) == 12
    assert reply.prompt_ids == whole.value.prompt_ids
    assert reply.usage == whole.value.usage
    assert reply.usage.completion == 12
    assert (reply.finish, whole.value.finish, reply.done) == ("length", "length", True)
    time_ = timing(reply)
    assert 0 < time_.ttft <= time_.last <= time_.total
    assert time_.tokens == 12


def test_every_chunk_counts_the_tokens_so_far(client):
    reply = streamed(client, turn(CHAT, HI, max_tokens=8, ignore_eos=True))
    counts = [event.usage.completion for event in reply.events if event.usage]
    assert counts == sorted(counts)
    assert counts[-1] == 8


def test_probabilities_have_their_ids_and_bytes(client):
    fields = {"max_tokens": 4, "top_logprobs": 3, "return_token_ids": True, "ignore_eos": True}
    named = turn(CHAT, HI, logprobs=True, return_tokens_as_token_ids=True, **fields)
    reply = streamed(client, named)
    assert [one.chosen.id for one in reply.choices] == reply.ids
    assert b"".join(one.chosen.bytes_ for one in reply.choices).decode("utf-8", "replace")
    assert all(other.id is not None for one in reply.choices for other in one.top)
    spelt = streamed(client, turn(CHAT, HI, logprobs=True, **fields))
    assert [one.chosen.id for one in spelt.choices] == spelt.ids
    assert all(other.bytes_ is not None for one in spelt.choices for other in one.top)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "async"])
def test_leaving_a_stream_frees_the_engine_within_a_second(chat, client, asynchronous):
    request = completion(CHAT, "Paged", **LONG)
    until(lambda: running(client) == 0, 60)

    async def awaited():
        async with AsyncVllmClient(chat.url) as own:
            async with own.stream(request) as events:
                async for event in events:
                    if event.has_output:
                        break
                await asyncio.to_thread(until, lambda: running(client) == 1)
            return time.perf_counter()

    def blocked():
        with client.stream(request) as events:
            next(event for event in events if event.has_output)
            until(lambda: running(client) == 1)
        return time.perf_counter()

    left = asyncio.run(awaited()) if asynchronous else blocked()
    until(lambda: running(client) == 0)
    took = time.perf_counter() - left
    print(f"\nthe engine was free {took * 1000:.0f} ms after the stream was left")
    assert took < 1.0


def test_cancelling_an_answer_in_one_piece_frees_the_engine(chat, client):
    async def main():
        async with AsyncVllmClient(chat.url) as own:
            task = asyncio.create_task(own.generate(completion(CHAT, "Paged", **LONG)))
            await asyncio.to_thread(until, lambda: running(client) == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    until(lambda: running(client) == 0, 2)


def test_an_engine_that_stops_in_the_middle_is_told(chat, client):
    with client.stream(completion(CHAT, "Paged", **LONG), quiet=1.5) as events:
        assert next(event for event in events if event.has_output)
        with chat.engine_stopped(), pytest.raises(Refused) as caught:
            list(events)
    assert caught.value.reason is Reason.SILENT
    assert re.search(r"after [\d,]+ tokens?;", caught.value.sentence)
    until(lambda: running(client) == 0, 20)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (completion(CHAT, [9707] * 5000, max_tokens=5), Reason.CONTEXT),
        (turn(CHAT, HI, max_tokens=9999), Reason.CONTEXT),
        (turn("nope", HI), Reason.UNKNOWN_MODEL),
        (turn(CHAT, HI, temperature=-1), Reason.BAD_REQUEST),
    ],
)
def test_what_the_server_refuses_is_refused_in_words(client, request_, reason):
    for ask in (client.generate, lambda request: streamed(client, request)):
        with pytest.raises(Refused) as caught:
            ask(request_)
        assert caught.value.reason is reason
        if reason is Reason.CONTEXT:
            assert caught.value.excess.limit == 4096


def test_the_first_token_comes_as_soon_as_with_curl(chat, client):
    body = {"model": CHAT, "messages": HI, "max_tokens": 2, "temperature": 0, "ignore_eos": True}
    request = judged_turn(body)
    asked = f"{chat.url}/v1/chat/completions", {**body, "stream": True}
    ways = [lambda: timing(streamed(client, request)).ttft, lambda: _with_curl(*asked)]
    both = [[], []]
    for turn_ in range(2 * PAIRS):  # each goes first as often as the other
        for which in (0, 1) if turn_ % 2 else (1, 0):
            both[which].append(ways[which]())
    ours, theirs = map(sorted, both)
    pairs = median(mine - other for mine, other in zip(*both, strict=True))
    late = ours[PAIRS // 2] - theirs[PAIRS // 2]  # the quicker half's: a busy machine only adds
    print(
        f"\nfirst token: ours {median(ours) * 1000:.1f} ms, curl {median(theirs) * 1000:.1f} ms; "
        f"of {2 * PAIRS} pairs the median difference is {pairs * 1000:+.1f} ms, "
        f"that of the lower quartiles {late * 1000:+.1f} ms"
    )
    assert min(late, pairs) <= 0.005


def judged_turn(body):
    """The same body, judged."""
    fields = {name: value for name, value in body.items() if name not in ("model", "messages")}
    return turn(body["model"], body["messages"], **fields)


def _with_curl(url, body) -> float:
    """Seconds from curl's first step to the first chunk that has text."""
    command = [
        "curl",
        "-sN",
        "--noproxy",
        "*",
        "--trace-ascii",
        "-",
        "--trace-time",
        "-o",
        "/dev/null",
    ]
    headers = ["-H", "content-type: application/json"]
    asked = [*command, *headers, "-d", json.dumps(body), url]
    trace = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    found = list(_BLOCK.finditer(trace))
    ends = [match.start() for match in found[1:]] + [len(trace)]
    for match, end in zip(found, ends, strict=True):
        dumped = re.sub(r"^[0-9a-f]{4,}: ", "", trace[match.end() + 1 : end], flags=re.MULTILINE)
        if match[4].startswith("<= Recv data") and '"content":"' in dumped.replace(
            "\n", ""
        ).replace('"content":""', ""):
            return _seconds(match) - _seconds(found[0])
    raise AssertionError(trace)


def _seconds(match) -> float:
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
