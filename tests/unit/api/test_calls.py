import pytest

from lib.api import answers, calls
from lib.api.calls import Call
from lib.api.dialects import DIALECTS
from lib.api.errors import Reason, Unfit
from lib.api.routes import Route
from lib.api.surface import EVERY
from lib.api.ways import Cost, Kind

BY_KIND = {dialect.kind: dialect for dialect in DIALECTS}
CHAT = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("kind", "route", "body"),
    [
        (
            Kind.VLLM,
            Route.TOKENIZE,
            {"prompt": "a", "model": "m", "add_special_tokens": False, "return_token_strs": True},
        ),
        (
            Kind.TUTORIAL,
            Route.V1_TOKENIZE,
            {"text": "a", "model": "m", "add_special_tokens": False},
        ),
        (
            Kind.SGLANG,
            Route.V1_TOKENIZE,
            {"prompt": "a", "model": "m", "add_special_tokens": False},
        ),
        (
            Kind.LLAMACPP,
            Route.TOKENIZE,
            {"content": "a", "add_special": False, "with_pieces": True},
        ),
    ],
)
def test_each_server_is_asked_for_tokens_in_its_own_words(kind, route, body):
    call = calls.tokenize(BY_KIND[kind], "a", "m", add_special=False)
    assert (call.route, call.body, call.method) == (route, body, "POST")


def test_little_is_said_where_little_is_asked():
    assert calls.tokenize(BY_KIND[Kind.VLLM], "", strings=False).body == {"prompt": ""}


def test_a_chat_goes_through_the_template():
    call = calls.tokenize(
        BY_KIND[Kind.VLLM], None, "m", messages=CHAT, options={"add_generation_prompt": False}
    )
    assert call.body == {
        "messages": CHAT,
        "model": "m",
        "return_token_strs": True,
        "add_generation_prompt": False,
    }


@pytest.mark.parametrize(
    ("kind", "text", "messages"),
    [
        (Kind.VLLM, None, None),
        (Kind.VLLM, "a", CHAT),
        (Kind.TUTORIAL, None, CHAT),
        (Kind.LLAMACPP, None, CHAT),
    ],
)
def test_what_cannot_be_tokenized_is_our_mistake(kind, text, messages):
    with pytest.raises(Unfit) as caught:
        calls.tokenize(BY_KIND[kind], text, messages=messages)
    assert caught.value.reason is Reason.CALLER


def test_tokens_are_sent_back():
    assert calls.detokenize(BY_KIND[Kind.VLLM], (1, 2), "m").body == {
        "tokens": [1, 2],
        "model": "m",
    }
    assert calls.detokenize(BY_KIND[Kind.LLAMACPP], [], "m").body == {"tokens": []}


@pytest.mark.parametrize("ids", [[-1], [1.0], [True], ["1"], [2**31], [None]])
def test_what_is_no_token_is_not_sent(ids):
    with pytest.raises(Unfit) as caught:
        calls.detokenize(BY_KIND[Kind.VLLM], ids)
    assert caught.value.reason is Reason.CALLER


@pytest.mark.parametrize("route", [one for one in EVERY if one.method != "WS"], ids=repr)
def test_a_probe_never_does_what_its_route_does(route):
    probe = calls.probe(route)
    is_asked_by_get = isinstance(route, Route) and route.method == "POST" and not route.way.shadowed
    assert probe.method == ("GET" if is_asked_by_get else "HEAD")
    assert probe.body is None


@pytest.mark.parametrize("route", Route)
def test_what_costs_gpu_time_is_not_repeatable_and_its_probe_is(route):
    assert Call(route, answers.read_nothing).repeatable is (route.value.cost is not Cost.GPU)
    assert calls.probe(route).repeatable


def test_chosen_samples_are_asked_of_the_filtering_route():
    call = calls.metrics(("a", "b_total"))
    assert (call.route, call.query) == (
        Route.METRICS_FILTERED,
        (("name[]", "a"), ("name[]", "b_total")),
    )
    assert calls.metrics().route is Route.METRICS
