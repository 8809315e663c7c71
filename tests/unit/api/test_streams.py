"""Streams over real sockets, blocking and in an event loop alike."""

import asyncio
import inspect
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from lib.api import (
    AsyncVllmClient,
    BadRequest,
    CallerMistake,
    Reason,
    Refused,
    Usage,
    VllmClient,
    chat,
    completion,
    timing,
)
from tests.support.faulty import (
    RECORDINGS,
    FaultServer,
    answer,
    answer_json,
    close_at_once,
    hang,
    in_turn,
    recorded,
    reset,
    stream,
)
from tests.support.waiting import until

HI = [{"role": "user", "content": "Hi"}]
REQUEST = chat("m", HI)
CHAT, TEXT = "/v1/chat/completions", "/v1/completions"
RECORDED = (RECORDINGS / "chat_stream_continuous_usage.txt").read_bytes()
DONE = "data: [DONE]\n\n"
either = pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "async"])


def says(content="", **fields):
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": None}
    return f"data: {json.dumps({'choices': [choice], **fields})}\n\n"


def counted(number):
    return says("x", usage={"prompt_tokens": 3, "completion_tokens": number})


def patience(expected):
    """Only what says nothing uses its time up, which is longer than any stall of the machine."""
    return 2.5 if expected in (Reason.TIMEOUT, Reason.SILENT) else 20.0


def collected(server, asynchronous, request=REQUEST, key=None, events=None, **limits):
    """The events of one stream, its reply, and what it was refused for."""
    events = [] if events is None else events

    async def awaited():
        async with AsyncVllmClient(server.url, key) as client:
            asked = client.stream(request, **limits)
            try:
                async with asked as told:
                    async for event in told:
                        events.append(event)
            except Refused as refused:
                return asked.reply, refused
            return asked.reply, None

    if asynchronous:
        reply, refused = asyncio.run(awaited())
        return events, reply, refused
    with VllmClient(server.url, key) as client:
        asked = client.stream(request, **limits)
        try:
            with asked as told:
                for event in told:
                    events.append(event)
        except Refused as refused:
            return events, asked.reply, refused
        return events, asked.reply, None


def reason(server, asynchronous, **limits):
    return collected(server, asynchronous, **limits)[2].reason


@either
def test_a_recorded_stream_arrives_as_it_was_said(asynchronous):
    with FaultServer({CHAT: stream(RECORDED[:300], RECORDED[300:301], RECORDED[301:])}) as server:
        events, reply, refused = collected(server, asynchronous)
    assert refused is None
    assert [event.kind for event in events] == ["data"] * 5 + ["done"]
    assert (reply.content, reply.usage, reply.done) == ("يتها\nيتها", Usage(30, 3), True)
    assert timing(reply).tokens == 3
    sent = server.seen[0].json
    assert sent["stream"] is True
    assert sent["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}
    assert server.seen[0].headers["accept-encoding"] == "identity"


@either
def test_every_event_has_the_moment_at_which_it_came(asynchronous):
    events, heard = [], []

    async def rest(exchange):
        await asyncio.to_thread(until, lambda: events)
        heard.append(time.perf_counter())
        await asyncio.sleep(0.2)
        said = "".join(f"{len(part):x}\r\n{part}\r\n" for part in (says("b"), DONE, ""))
        await exchange.send(said.encode())

    with FaultServer({CHAT: stream(says("a"), then=rest)}) as server:
        begun = time.perf_counter()
        _, reply, _ = collected(server, asynchronous, events=events)
        ended = time.perf_counter()
    first, second, _ = (event.at for event in events)
    assert 0 < first < heard[0] - begun
    assert first + 0.15 < second < ended - begun
    assert timing(reply).ttft == first


@either
def test_comments_and_empty_choices_and_reasoning_pass(asynchronous):
    thought = says(choices=[{"delta": {"reasoning_content": "Hm"}}])
    parts = (": keep-alive\n\n", says(choices=[]), thought, says("Yes"), DONE)
    with FaultServer({CHAT: stream(*parts)}) as server:
        events, reply, refused = collected(server, asynchronous)
    assert refused is None
    assert (events[0].kind, events[0].raw) == ("comment", "keep-alive")
    assert (reply.reasoning, reply.content) == ("Hm", "Yes")


@either
@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (stream(counted(1), counted(12)), Reason.CUT_SHORT),
        (stream(counted(12), then=close_at_once()), Reason.CUT_SHORT),
        (stream(counted(12), 0.05, then=reset()), Reason.CUT_SHORT),
        (stream(counted(12), then=hang()), Reason.SILENT),
        (stream(counted(12), 'data: {"error": {"message": "x", "code": 500}}\n\n', DONE), None),
        (stream(counted(12), 'data: {"object": "error", "message": "x"}\n\n', DONE), None),
        (stream(counted(12), 'data: {"error": "x"}\n\n', DONE), None),
    ],
)
def test_a_stream_that_breaks_keeps_what_came_and_says_how_much(asynchronous, ending, expected):
    with FaultServer({CHAT: ending}) as server:
        _, reply, refused = collected(server, asynchronous, quiet=patience(expected))
    assert refused.reason is (expected or Reason.FAILED_MIDWAY)
    assert "after 12 tokens; " in refused.sentence
    assert reply.content.startswith("x")
    assert reply.usage == Usage(3, 12)
    assert not reply.done


@either
def test_an_error_before_the_first_token_is_judged_like_any_error(asynchronous):
    said = {"message": "The model `m` does not exist.", "code": 404}
    error = f"data: {json.dumps({'error': said})}\n\n"
    with FaultServer({CHAT: stream(says(), error, DONE)}) as server:
        _, _, refused = collected(server, asynchronous)
    assert (refused.reason, refused.status) == (Reason.UNKNOWN_MODEL, 404)


@either
def test_an_end_before_the_beginning_is_no_answer(asynchronous):
    with FaultServer({CHAT: stream(DONE)}) as server:
        assert reason(server, asynchronous) is Reason.EMPTY


@either
@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (answer_json({"error": "Unauthorized"}, 401), Reason.KEY_NEEDED),
        (recorded("error_404_model.json", 404), Reason.UNKNOWN_MODEL),
        (recorded("error_400_prompt_too_long.json", 400), Reason.CONTEXT),
        (recorded("error_400_temperature.json", 400), Reason.BAD_REQUEST),
        (answer("{}", 429, headers={"retry-after": "7"}), Reason.BUSY),
        (answer("", 503), Reason.BUSY),
        (answer("<html>Sign in</html>", kind="text/html"), Reason.HTML),
        (answer_json({"detail": "Not Found"}, 404), Reason.NO_ROUTE_THERE),
        (close_at_once(), Reason.CLOSED),
        (hang(), Reason.TIMEOUT),
        (stream(says("a"), headers={"content-encoding": "gzip"}), Reason.ENCODING),
        (stream('data: {"choices": 5}\n\n'), Reason.WRONG_SHAPE),
        (stream("data: nothing\n\n"), Reason.NOT_JSON),
        (stream(b"data: " + b"x" * (1 << 20), b"x\n\n"), Reason.TOO_LARGE),
    ],
)
def test_an_answer_that_is_none_is_refused_with_its_reason(asynchronous, behaviour, expected):
    with FaultServer({CHAT: behaviour}) as server:
        assert reason(server, asynchronous, quiet=patience(expected)) is expected
        assert len(server.seen) == 1


@either
def test_a_prompt_that_is_too_long_is_refused_with_its_numbers(asynchronous):
    with FaultServer({CHAT: recorded("error_400_prompt_too_long.json", 400)}) as server:
        _, _, refused = collected(server, asynchronous)
    assert isinstance(refused, BadRequest)
    assert (refused.excess.limit, refused.excess.prompt, refused.excess.answer) == (4096, 4097, 512)
    assert "at least 4,097 tokens" in refused.sentence


@either
def test_no_answer_lasts_longer_than_is_waited_for(asynchronous):
    endless = stream(*[part for _ in range(1500) for part in (counted(5), 0.02)])
    with FaultServer({CHAT: endless}) as server:
        begun = time.monotonic()
        _, reply, refused = collected(server, asynchronous, seconds=2.5)
        assert time.monotonic() - begun < 2 * 2.5
    assert refused.reason is Reason.OVERTIME
    assert reply.content.startswith("xx")


@either
def test_a_stream_that_never_rests_ends_in_time_too(asynchronous):
    flood = stream(*[counted(5) * 400] * 4000)
    with FaultServer({CHAT: flood}) as server:
        begun = time.monotonic()
        assert reason(server, asynchronous, seconds=0.5) is Reason.OVERTIME
        assert time.monotonic() - begun < 5


@either
def test_comments_are_a_sign_of_life_and_drops_of_a_line_are_not(asynchronous):
    alive = [part for _ in range(30) for part in (": keep-alive\n\n", 0.1)]
    dripping = [part for _ in range(60) for part in ("d", 0.1)]
    with (
        FaultServer({CHAT: stream(*alive, says("a"), DONE)}) as living,
        FaultServer({CHAT: stream(says("a"), *dripping)}) as dying,
        ThreadPoolExecutor(2) as pool,
    ):
        both = [pool.submit(collected, one, asynchronous, quiet=2.5) for one in (living, dying)]
        assert both[0].result()[2] is None
        assert both[1].result()[2].reason is Reason.SILENT


@either
@pytest.mark.parametrize(
    ("named", "then"),
    [("continuous_usage_stats", {"include_usage": True}), ("stream_options", None)],
)
def test_what_an_older_release_refuses_by_name_is_left_out_once(asynchronous, named, then):
    message = f"[{{'type': 'extra_forbidden', 'loc': ('body', '{named}')}}]"
    refusing = answer_json({"object": "error", "message": message, "code": 400}, 400)
    with FaultServer({CHAT: in_turn(refusing, stream(says("a"), DONE))}) as server:
        _, reply, refused = collected(server, asynchronous)
        assert (refused, reply.content) == (None, "a")
        assert [seen.json.get("stream_options") for seen in server.seen][1:] == [then]
    with FaultServer({CHAT: refusing}) as server:
        assert reason(server, asynchronous) is Reason.BAD_REQUEST
        assert len(server.seen) == 2


@either
def test_a_server_that_does_not_stream_answers_in_one_piece(asynchronous):
    with FaultServer({CHAT: recorded("chat_logprobs.json")}) as server:
        (event,), reply, refused = collected(server, asynchronous)
    assert (event.kind, refused, reply.content, reply.done) == ("whole", None, "يتها\n", True)
    assert timing(reply).total == event.at > 0


@either
def test_leaving_in_the_middle_closes_the_connection_at_once(asynchronous):
    endless = stream(says("a"), then=hang())

    def is_left():
        return server.connections == 0

    async def awaited(url):
        async with AsyncVllmClient(url) as client:
            async with client.stream(REQUEST) as events:
                async for _ in events:
                    break
                assert not is_left()
            await asyncio.to_thread(until, is_left)

    def blocked(url):
        with VllmClient(url) as client:
            with client.stream(REQUEST) as events:
                next(events)
                assert not is_left()
            until(is_left)

    with FaultServer({CHAT: endless}) as server:
        asyncio.run(awaited(server.url)) if asynchronous else blocked(server.url)


def test_forty_streams_at_once_leave_room_for_other_calls():
    async def main(url):
        async with AsyncVllmClient(url) as client:
            arrived = asyncio.Semaphore(0)

            async def one():
                async with client.stream(REQUEST) as events:
                    async for _ in events:
                        arrived.release()

            tasks = [asyncio.create_task(one()) for _ in range(40)]
            for _ in tasks:
                await arrived.acquire()
            version = await client.version()
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            return version, [type(end) for end in ended]

    whole = {CHAT: stream(says("a"), then=hang()), "/version": answer_json({"version": "1"})}
    with FaultServer(whole) as server:
        version, ended = asyncio.run(main(server.url))
        assert (version, ended) == ("1", [asyncio.CancelledError] * 40)
        until(lambda: server.connections == 0)


@pytest.mark.parametrize("behaviour", [hang(), stream(says("a"), then=hang())])
def test_a_client_survives_many_cancelled_streams(behaviour):
    async def main(server):
        async with AsyncVllmClient(server.url) as client:

            async def one():
                async with client.stream(REQUEST) as events:
                    async for _ in events:
                        pass

            for round_ in range(60):
                task = asyncio.create_task(one())
                await asyncio.to_thread(until, lambda n=round_: len(server.seen) > n, every=0.001)
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            return await client.version()

    with FaultServer({CHAT: behaviour, "/version": answer_json({"version": "1"})}) as server:
        assert asyncio.run(main(server)) == "1"
        until(lambda: server.connections == 0)


@either
def test_an_answer_in_one_piece_is_asked_for_so(asynchronous):
    async def awaited(url):
        async with AsyncVllmClient(url) as client:
            return await client.generate(REQUEST)

    with FaultServer({CHAT: recorded("chat_logprobs.json")}) as server:
        if asynchronous:
            found = asyncio.run(awaited(server.url))
        else:
            with VllmClient(server.url) as client:
                found = client.generate(REQUEST)
        assert server.seen[0].json["stream"] is False
        assert "stream_options" not in server.seen[0].json
    assert (found.value.content, found.status) == ("يتها\n", 200)
    assert timing(found.value).total == found.seconds > 0


@either
def test_an_answer_in_one_piece_is_given_up_in_time_and_never_asked_for_twice(asynchronous):
    async def awaited(url):
        async with AsyncVllmClient(url) as client:
            await client.generate(REQUEST, seconds=2.5)

    def blocked(url):
        with VllmClient(url) as client:
            yield client.generate(REQUEST, seconds=2.5)

    with FaultServer({CHAT: hang()}) as server:
        give_up = asyncio.run if asynchronous else next
        with pytest.raises(Refused) as caught:
            give_up(awaited(server.url) if asynchronous else blocked(server.url))
        assert caught.value.reason is Reason.TIMEOUT
        until(lambda: server.connections == 0)
        assert len(server.seen) == 1


@either
def test_the_names_of_the_course_send_what_they_say(asynchronous):
    async def awaited(url):
        async with AsyncVllmClient(url) as client:
            await client.chat("m", HI, max_tokens=1)
            await client.complete("m", "a", temperature=0)
            async with client.chat_stream("m", HI) as events:
                assert [event.kind async for event in events][-1] == "done"
            async with client.complete_stream("m", [1, 2]) as events:
                assert [event.kind async for event in events][-1] == "done"

    def blocked(url):
        with VllmClient(url) as client:
            client.chat("m", HI, max_tokens=1)
            client.complete("m", "a", temperature=0)
            for asked in (client.chat_stream("m", HI), client.complete_stream("m", [1, 2])):
                with asked as events:
                    assert [event.kind for event in events][-1] == "done"

    turns = in_turn(recorded("chat_logprobs.json"), stream(says("a"), DONE))
    texts = in_turn(recorded("completion_logprobs_echo.json"), stream(says("a"), DONE))
    with FaultServer({CHAT: turns, TEXT: texts}) as server:
        asyncio.run(awaited(server.url)) if asynchronous else blocked(server.url)
        sent = [(seen.path, seen.json["stream"], seen.json["max_tokens"]) for seen in server.seen]
        assert server.seen[3].json["prompt"] == [1, 2]
    assert sent == [(CHAT, False, 1), (TEXT, False, 512), (CHAT, True, 512), (TEXT, True, 512)]


def test_what_must_not_be_sent_is_refused_before():
    with FaultServer() as server, VllmClient(server.url) as client:
        for fields in ({"temperature": float("nan")}, {"stream": True}, {"n": 9}):
            with pytest.raises(CallerMistake) as caught:
                client.chat("m", HI, **fields)
            assert caught.value.reason is Reason.CALLER
        with pytest.raises(CallerMistake) as caught:
            client.complete("m", "a\ud800")
        assert caught.value.reason is Reason.HALF_CHARACTER
        with pytest.raises(CallerMistake) as caught:
            client.complete_stream("m", "a", suffix="x" * 8_000_000).__enter__()
        assert caught.value.reason is Reason.TOO_LONG
        assert not server.seen


@either
def test_the_key_is_sent_and_stands_in_nothing_that_came_back(asynchronous):
    key = "sk-1234567890abcdef"
    error = f"data: {json.dumps({'error': {'message': f'bad {key}', 'code': 500}})}\n\n"
    with FaultServer({CHAT: stream(says(f"is {key}"), f": {key}\n\n", error)}) as server:
        events, reply, refused = collected(server, asynchronous, key=key)
        assert server.seen[0].headers["authorization"] == f"Bearer {key}"
    assert key not in repr((events, reply.content, refused.sentence, refused.detail))
    assert "[key]" in reply.content


def test_a_stream_is_read_in_one_thread_while_another_looks_at_it():
    parts = [counted(number) for number in range(1, 300)]
    with FaultServer({CHAT: stream(*parts, DONE)}) as server, VllmClient(server.url) as client:
        seen, asked = [], client.stream(REQUEST)

        def read():
            with asked as events:
                for _ in events:
                    pass

        thread = threading.Thread(target=read)
        thread.start()
        while thread.is_alive():
            seen.append(asked.reply.content)
        thread.join()
        assert seen == sorted(seen, key=len)
        assert asked.reply.content == "x" * 299


def test_both_clients_offer_the_same():
    for name in ("generate", "stream", "chat", "chat_stream", "complete", "complete_stream"):
        blocking, awaiting = getattr(VllmClient, name), getattr(AsyncVllmClient, name)
        assert inspect.signature(blocking).parameters == inspect.signature(awaiting).parameters


def test_a_completion_is_streamed_too():
    recorded_text = (RECORDINGS / "completion_stream.txt").read_bytes()
    with FaultServer({TEXT: stream(recorded_text)}) as server:
        _, reply, refused = collected(server, False, completion("m", "a"))
    assert (refused, reply.content, reply.finish) == (None, " rend bagi rend", "length")
