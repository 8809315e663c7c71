"""What the canaries say of real vLLM with random weights: the server can, the model cannot."""

import pytest

from lib.api import Refused, VllmClient
from lib.api.deltas import timing
from lib.api.generation import chat as turn
from lib.chat.canaries import CANARIES, Facts
from lib.chat.figures import figures
from lib.chat.probabilities import layer, unnamed
from lib.chat.waterfall import waterfall
from tests.real.vllm import CHAT

EXPECTED = {
    "schema": "yes",
    "tools": "not offered",  # it is started without --tool-call-parser
    "reasoning": "no",
    "emoji": "yes",
    "stop": "yes",
    "long": "yes",
    "unicode": "yes",
    "refusal": "yes",
}
LIMIT = 512
"""The server's 40 blocks of 16 tokens hold no prompt of its model's whole context."""


def answered(client, request):
    try:
        with client.stream(request, seconds=300) as stream:
            for _ in stream:
                pass
            return stream.reply
    except Refused as refused:
        return refused


@pytest.fixture(scope="module")
def client(chat):
    with VllmClient(chat.url) as client:
        yield client


@pytest.mark.parametrize("canary", CANARIES, ids=lambda one: one.key)
def test_a_canary_judges_the_server_and_not_the_model(client, canary):
    answers = [answered(client, one) for one in canary.make(CHAT, Facts(LIMIT))]
    verdict = canary.judge(answers)
    assert verdict.state == EXPECTED[canary.key], verdict


def test_an_answer_has_its_figures_its_phases_and_its_tokens_in_place(client):
    request = turn(
        CHAT,
        [{"role": "user", "content": "你好 🎉"}],
        max_tokens=16,
        seed=7,
        logprobs=True,
        top_logprobs=3,
        return_token_ids=True,
        return_tokens_as_token_ids=True,
    )
    reply = answered(client, request)
    told = {one.key: one for one in figures(reply, timing(reply), limit=4_096, block_tokens=16)}
    assert told["tokens"].number == 16
    assert told["cached"].value == "not reported"
    assert told["blocks"].number == -(-(told["prompt"].number + 16) // 16)
    fall = waterfall(reply, timing(reply))
    assert [one.kind for one in fall.segments][:2] == ["wait", "answer"]
    found = layer(reply)
    assert "random or broken" in found.flat
    assert found.placed
    assert "".join(row.text for row in found.rows if row.group is not None) == reply.content
    assert unnamed(reply)
