import json

import pytest

from lib.api.excess import Excess, excess
from tests.support.faulty import RECORDINGS

LIMIT = "This model's maximum context length is 4096 tokens. However, "
SAID = {
    LIMIT + "you requested 5000 tokens (4500 in the messages, 500 in the completion). Please …": (
        Excess(4096, 4500, 500)
    ),
    LIMIT + "your request has 5000 input tokens. Please reduce the length of the input messages.": (
        Excess(4096, 5000, 7)
    ),
    LIMIT
    + "you requested 512 output tokens and your prompt contains at least 3585 input tokens, for a "
    "total of at least 4097 tokens. (parameter=input_tokens, value=3585)": (
        Excess(4096, 3585, 512, exact=False)
    ),
    "'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum context "
    "length is 4096 tokens and your request has 30 input tokens (5000 > 4096 - 30).": (
        Excess(4096, 30, 5000)
    ),
    "The decoder prompt (length 5000) is longer than the maximum model length of 4096. Make …": (
        Excess(4096, 5000, 7)
    ),
    "The input (5000 tokens) is longer than the model's context length (4096 tokens).": (
        Excess(4096, 5000, 7)
    ),
    "Requested token count exceeds the model's maximum context length of 4096 tokens. You "
    "requested a total of 5000 tokens: 4500 tokens from the input messages and 500 tokens for the "
    "completion.": (Excess(4096, 4500, 500)),
    "the request exceeds the available context size (4096 tokens), try increasing it": (
        Excess(4096, None, 7)
    ),
}


@pytest.mark.parametrize("message", SAID)
def test_the_words_of_many_releases_and_servers_are_understood(message):
    assert excess(message, 7) == SAID[message]


def recorded(name):
    return json.loads((RECORDINGS / name).read_bytes())["error"]["message"]


def test_what_the_release_of_today_says_is_understood():
    longer = excess(recorded("error_400_prompt_too_long.json"), 5)
    assert longer == Excess(4096, 4097, 5, exact=False)
    assert excess(recorded("error_400_max_tokens_too_long.json")) == Excess(4096, None, 999_999)


@pytest.mark.parametrize(
    "message", ["", "temperature must be non-negative", "input tokens: 5", LIMIT[:27]]
)
def test_another_message_says_nothing_of_it(message):
    assert excess(message, 5) is None


def test_what_must_go_and_what_would_fit():
    exact, least = Excess(4096, 4000, 500), Excess(4096, 4000, 500, exact=False)
    assert (exact.over, exact.room) == (404, 96)
    assert (least.over, least.room) == (404, None)
    assert (Excess(4096, 5000, 7).over, Excess(4096, 5000, 7).room) == (911, None)
    assert (Excess(4096, None, 5000).over, Excess(None, 5, 5).over) == (None, None)


def test_it_is_told_in_words():
    assert Excess(4096, 3585, 512, exact=False).words == (
        "the prompt has at least 3,585 tokens, the answer may have 512, the limit of both is 4,096"
    )
    assert Excess(4096, None, 5000).words == "the answer may have 5,000, the limit of both is 4,096"
