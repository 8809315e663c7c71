from datetime import UTC, datetime
from pathlib import Path

import pytest

from lib.api.answers import (
    Model,
    Raw,
    read_exists,
    read_flag,
    read_load,
    read_metrics,
    read_models,
    read_text,
    read_tokens,
    read_version,
)
from lib.api.errors import Reason, Unfit

RECORDINGS = Path(__file__).parents[2] / "recordings"


def raw(body, status=200, headers=None):
    return Raw(status, headers or {}, body if isinstance(body, bytes) else body.encode())


def recorded(name):
    return raw((RECORDINGS / name).read_bytes())


def test_recorded_answers_of_vllm_are_read():
    assert read_version(recorded("version.json")) == "0.32.0"
    assert read_load(recorded("load.json")) == 0
    assert read_models(recorded("models.json")) == (
        Model(
            "Qwen/Qwen2.5-7B-Instruct",
            "/models/tiny-qwen",
            None,
            4096,
            "vllm",
            1795349114,
            "model",
        ),
    )
    tokens = read_tokens(recorded("tokenize_prompt_strs.json"))
    assert tokens.ids[:3] == (9707, 11, 220)
    assert tokens.strings[2:4] == ("Ġ", "ä¸ĸçķĮ")
    assert (tokens.count, tokens.max_model_len) == (13, 4096)
    assert read_tokens(recorded("tokenize_prompt.json")).strings is None
    assert read_text("prompt", recorded("detokenize.json")) == "Hello, 世界!"
    assert read_metrics(recorded("metrics.txt")).startswith(b"# HELP")


def test_tokens_of_llamacpp_are_read():
    tokens = read_tokens(raw('{"tokens": [{"id": 1, "piece": "a"}, {"id": 2, "piece": [195]}]}'))
    assert (tokens.ids, tokens.strings, tokens.max_model_len) == ((1, 2), ("a", b"\xc3"), None)
    assert read_tokens(raw('{"tokens": [7, 8]}')).ids == (7, 8)


@pytest.mark.parametrize("length", [0, -3, 2**40])
def test_a_length_that_none_can_be_is_not_known(length):
    (model,) = read_models(raw(f'{{"data": [{{"id": "m", "max_model_len": {length}}}]}}'))
    assert model.max_model_len is None
    assert read_tokens(raw(f'{{"tokens": [7], "max_model_len": {length}}}')).max_model_len is None


def test_a_list_of_models_without_end_is_refused():
    rows = ['{"id": "m"}'] * 20_000
    assert len(read_models(raw(f'{{"data": [{",".join(rows)}]}}'))) == len(rows)
    with pytest.raises(Unfit) as caught:
        read_models(raw(f'{{"data": [{",".join([*rows, rows[0]])}]}}'))
    assert caught.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize("load", ["-1", "1e308", "1.0", "true", '"3"', "null", "9" * 400])
def test_a_load_that_is_no_number_of_requests_is_refused(load):
    with pytest.raises(Unfit) as caught:
        read_load(raw(f'{{"server_load": {load}}}'))
    assert caught.value.reason is Reason.WRONG_SHAPE


@pytest.mark.parametrize(
    "strings", ['["a"]', '["a", 3.5]', '["a", [300]]', '"ab"', "null", '[["x"], "b"]']
)
def test_pieces_that_do_not_fit_the_tokens_are_none(strings):
    assert read_tokens(raw(f'{{"tokens": [1, 2], "token_strs": {strings}}}')).strings is None


@pytest.mark.parametrize(
    "tokens",
    [
        "[-1]",
        "[2147483648]",
        "[1.5]",
        "[true]",
        '["1"]',
        '"x"',
        "null",
        "{}",
        '[{"piece": "a"}]',
        '[{"id": 1}, 2]',
    ],
)
def test_what_is_no_token_is_refused(tokens):
    with pytest.raises(Unfit) as caught:
        read_tokens(raw(f'{{"tokens": {tokens}}}'))
    assert caught.value.reason is Reason.WRONG_SHAPE


def test_the_context_of_a_llamacpp_model_is_found_in_its_place():
    (model,) = read_models(raw('{"data": [{"id": "m", "meta": {"n_ctx_train": 8192}}]}'))
    assert model == Model("m", None, None, 8192, None)


@pytest.mark.parametrize(
    "body",
    [
        '{"data": [[1]]}',
        '{"data": [{"id": 3}]}',
        '{"data": null}',
        "[]",
        '{"data": [{"id": "m", "root": 3}]}',
    ],
)
def test_a_list_of_models_of_another_shape_is_refused(body):
    with pytest.raises(Unfit) as caught:
        read_models(raw(body))
    assert caught.value.reason is Reason.WRONG_SHAPE


@pytest.mark.parametrize(
    "created", ["-1", "1e9", "true", '"2024"', "null", "[]", "253402300800", str(2**70)]
)
def test_a_strange_date_costs_a_model_its_date_only(created):
    (model,) = read_models(raw(f'{{"data": [{{"id": "m", "created": {created}}}]}}'))
    assert (model.id, model.created) == ("m", None)


@pytest.mark.parametrize("created", [0, 253402300799])
def test_a_date_that_a_calendar_can_show_is_kept(created):
    (model,) = read_models(raw(f'{{"data": [{{"id": "m", "created": {created}}}]}}'))
    assert datetime.fromtimestamp(model.created, UTC).year <= 9999
    assert model.created == created


def test_a_flag_is_true_or_false():
    assert read_flag("is_paused", raw('{"is_paused": true}')) is True
    assert read_flag("is_sleeping", raw('{"is_sleeping": false}')) is False


@pytest.mark.parametrize("value", ["0", "1", "null", '"false"', "[]"])
def test_a_flag_of_another_kind_is_refused(value):
    with pytest.raises(Unfit) as caught:
        read_flag("is_paused", raw(f'{{"is_paused": {value}}}'))
    assert caught.value.reason is Reason.WRONG_SHAPE


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", Reason.EMPTY),
        (" \n", Reason.EMPTY),
        ('{"a": 1}', Reason.NOT_METRICS),
        ("[1]", Reason.NOT_METRICS),
    ],
)
def test_what_is_no_prometheus_text_is_refused(body, reason):
    with pytest.raises(Unfit) as caught:
        read_metrics(raw(body))
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("status", "exists"),
    [
        (200, True),
        (405, True),
        (400, True),
        (422, True),
        (404, False),
        (501, False),
        (307, False),
        (401, None),
        (403, None),
    ],
)
def test_the_status_tells_whether_a_route_exists(status, exists):
    assert read_exists(raw("", status)) is exists


def test_a_page_for_everything_is_no_route():
    assert read_exists(raw("", 200, {"content-type": "text/html; charset=utf-8"})) is False
