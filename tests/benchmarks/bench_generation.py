"""What taking in a streamed answer costs, against the least that it takes, in the same run.

The least: split the bytes at empty lines and parse the JSON. It gives no types, no moments, no
bounds and no reply. Then what 200 tokens a second, each with 20 probabilities, take of a core.
"""

import json
import time

from lib.api import Reply, chat
from lib.api.streaming import Intake, Limits, stream_call
from lib.api.target import Target

TOKENS = 5_000
AT_MOST = 8.0
"""Times the least; parsing with strict numbers and depths is most of it."""
SHARE = 0.1
"""Of a core, at 200 tokens a second with 20 probabilities each."""
REQUEST = chat("m", [{"role": "user", "content": "Hi"}])


def chunk(number, top):
    row = {"token": " word", "logprob": -1.25, "bytes": [32, 119, 111, 114, 100]}
    told = {"content": [row | {"top_logprobs": [row] * top}]} if top else None
    choice = {"index": 0, "delta": {"content": " word"}, "logprobs": told, "token_ids": [number]}
    usage = {"prompt_tokens": 30, "total_tokens": 30 + number, "completion_tokens": number}
    names = {"id": "chatcmpl-9e7de99daea132d5", "object": "chat.completion.chunk", "model": "m"}
    return f"data: {json.dumps({**names, 'choices': [choice], 'usage': usage})}\n\n".encode()


def taken(chunks) -> Reply:
    intake = Intake(Target("http://127.0.0.1:1"), stream_call(REQUEST, None), Limits())
    intake.opened(200, {"content-type": "text/event-stream"})
    for part in chunks:
        intake.take(part)
        while intake.next() is not None:
            pass
    return intake.reply


def least(chunks):
    return [json.loads(line[6:]) for part in chunks for line in part.split(b"\n\n") if line]


def best_of(rounds, *calls):
    """The least seconds of each call, taken in turns so that a busy moment hits all alike."""
    took = [float("inf")] * len(calls)
    for _ in range(rounds):
        for which, call in enumerate(calls):
            began = time.process_time()
            call()
            took[which] = min(took[which], time.process_time() - began)
    return took


def test_taking_in_an_answer_costs_little_more_than_to_parse_it():
    chunks = [chunk(number, 0) for number in range(TOKENS)]
    reply = taken(chunks)
    assert (len(reply.content), reply.tokens) == (5 * TOKENS, TOKENS - 1)
    ours, theirs = best_of(5, lambda: taken(chunks), lambda: least(chunks))
    print(
        f"\n{TOKENS:,} chunks: {ours * 1e6 / TOKENS:.0f} µs each, "
        f"{theirs * 1e6 / TOKENS:.0f} µs to parse; "
        f"ratio {ours / theirs:.1f}; 200 a second take {ours / TOKENS * 20_000:.1f} % of a core"
    )
    assert ours <= AT_MOST * theirs


def test_two_hundred_tokens_a_second_with_twenty_probabilities_leave_the_core_free():
    chunks = [chunk(number, 20) for number in range(1_000)]
    (ours,) = best_of(3, lambda: taken(chunks))
    print(f"\nwith 20 probabilities each, 200 a second take {ours / 1000 * 20_000:.1f} % of a core")
    assert ours / 1000 * 200 <= SHARE


def test_a_long_answer_does_not_get_slower():
    whole = [chunk(number, 0) for number in range(16_000)]
    begin = whole[:2_000]
    short, long = best_of(3, lambda: taken(begin), lambda: taken(whole))
    print(f"\n8 times the chunks take {long / short:.1f} times as long")
    assert long <= 12 * short
