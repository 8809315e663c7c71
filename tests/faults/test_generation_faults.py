"""Streams that mean harm: to memory, to the reader's time, to whoever reads the answer."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.api import Reason, Refused, VllmClient, chat, timing
from lib.api.streaming import Intake, Limits, stream_call
from lib.api.target import Target
from tests.faults.stalls import Stalls
from tests.support.faulty import MODES, RECORDINGS, FaultServer, stream
from tests.support.hostile import TEXTS

CHAT = "/v1/chat/completions"
REQUEST = chat("m", [{"role": "user", "content": "Hi"}])
RECORDED = (RECORDINGS / "chat_stream_token_ids_logprobs.txt").read_bytes()
SLOW = {"drip headers", "drip body", "hang"}
HOSTILE = st.sampled_from(
    [
        b"data: ",
        b"data: [DONE]",
        b'data: {"choices": []}',
        b'data: {"choices": [{"delta": {"content": "x"}, "index": 3}]}',
        b'data: {"choices": [{"delta": {"content": "\\ud83d"}}]}',
        b'data: {"error": {"message": "m", "code": 400}}',
        b'data: {"choices": [{"text": 1}]}',
        b'data: {"usage": {"completion_tokens": 1e999}}',
        b'data: {"choices": NaN}',
        b": alive",
        b"\xff\xfe",
        b"\r",
        b"\n\n",
        b"[" * 70,
    ]
)


def intake():
    started = Intake(Target("http://127.0.0.1:1"), stream_call(REQUEST, None), Limits())
    started.opened(200, {"content-type": "text/event-stream"})
    return started


def told(*chunks):
    """What a stream of these pieces comes to, moments apart."""
    taken = intake()
    for chunk in chunks:
        if not taken.is_ended:
            taken.take(chunk)
    reply, failure = taken.reply, taken.failure
    return (
        [event._replace(at=0.0) for event in reply.events],
        reply.content,
        reply.ids,
        reply.done,
        failure and (failure.reason, failure.detail, failure.sentence),
    )


@given(st.lists(HOSTILE, max_size=12), st.lists(st.integers(1, 300), max_size=8))
def test_however_it_is_split_a_stream_comes_to_the_same(lines, cuts):
    whole = b"\n\n".join(lines) + b"\n\n"
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    pieces = [
        whole[place:end] for place, end in zip(places, [*places[1:], len(whole)], strict=True)
    ]
    assert told(*(piece for piece in pieces if piece)) == told(whole)


@given(st.lists(st.integers(1, len(RECORDED) - 1), max_size=20))
def test_a_recorded_stream_comes_to_the_same_however_it_is_split(cuts):
    places = sorted({0, *cuts})
    pieces = [
        RECORDED[at:end] for at, end in zip(places, [*places[1:], len(RECORDED)], strict=True)
    ]
    assert told(*pieces) == told(RECORDED)


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=10))
def test_no_bytes_break_the_reader(chunks):
    _, content, _, done, failure = told(*chunks, b"")
    assert (content, done) == ("", False)
    assert failure is not None


@pytest.mark.parametrize("mode", sorted(MODES.keys() - SLOW))
def test_whatever_a_server_does_instead_is_refused_in_time(mode):
    with (
        Stalls() as stalls,
        FaultServer({CHAT: MODES[mode]()}) as server,
        VllmClient(server.url) as client,
    ):
        begun = stalls.begin()
        for ask in (lambda: client.generate(REQUEST, seconds=5), lambda: _streamed(client)):
            with pytest.raises(Refused) as caught:
                ask()
            assert caught.value.sentence.endswith(".")
            assert len(caught.value.detail) <= 200
        assert stalls.run_since(begun) < 12


def _streamed(client):
    with client.stream(REQUEST, seconds=5, quiet=2) as events:
        return list(events)


@pytest.mark.parametrize("mode", sorted(SLOW))
def test_what_comes_too_slowly_is_given_up(mode):
    with (
        Stalls() as stalls,
        FaultServer({CHAT: MODES[mode]()}) as server,
        VllmClient(server.url) as client,
    ):
        begun = stalls.begin()
        with (
            pytest.raises(Refused) as caught,
            client.stream(REQUEST, seconds=1.0, quiet=0.5) as events,
        ):
            list(events)
        assert stalls.run_since(begun) < 3
    assert caught.value.reason in (Reason.TIMEOUT, Reason.SILENT, Reason.OVERTIME)


def test_a_flood_of_text_ends_at_the_bound():
    line = b'data: {"choices": [{"delta": {"content": "' + b"x" * 900_000 + b'"}}]}\n\n'
    taken, count = intake(), 0
    while not taken.is_ended:
        taken.take(line)
        count += 1
    assert (count, taken.failure.reason) == (75, Reason.TOO_LARGE)


def test_a_flood_of_probabilities_takes_bounded_memory():
    row = {"token": "x", "logprob": -1.0, "bytes": [120]}
    content = [{**row, "top_logprobs": [row] * 20}]
    line = json.dumps({"choices": [{"delta": {"content": "x"}, "logprobs": {"content": content}}]})
    taken, chunk = intake(), f"data: {line}\n\n".encode()
    tracemalloc.start()
    for _ in range(12_000):
        taken.take(chunk)
        while taken.next():
            pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken.reply.choice().choices_left_out > 2_000
    assert peak < 200_000_000


@pytest.mark.parametrize("text", [*TEXTS, "half \ud83d of it"])
def test_what_a_model_writes_is_kept_as_it_is_and_what_names_it_is_cleaned(text):
    choice = {"delta": {"content": text}, "finish_reason": text}
    said = json.dumps({"choices": [choice], "model": text, "id": text})
    taken = intake()
    taken.take(f"data: {said}\n\ndata: [DONE]\n\n".encode())
    reply = taken.reply
    assert reply.content == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    named = (reply.model, reply.id, reply.finish)
    assert max(map(len, named)) <= 200
    assert "".join(named).replace("\ufffd", "").isprintable()


def test_a_server_gone_in_the_middle_says_after_how_many_tokens():
    said = {"choices": [{"delta": {"content": "x"}}], "usage": {"completion_tokens": 1}}
    with FaultServer() as server, VllmClient(server.url) as client:
        server[CHAT] = stream(f"data: {json.dumps(said)}\n\n", then=MODES["reset"]())
        with pytest.raises(Refused) as caught, client.stream(REQUEST) as events:
            list(events)
    assert caught.value.reason is Reason.CUT_SHORT
    assert "broke off its answer after 1 token;" in caught.value.sentence
    assert timing(events.reply).tokens == 1
