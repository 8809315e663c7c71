"""Secrets of a server's own configuration do not reach a page."""

import pytest

from lib.api import VllmClient
from lib.api.hidden import HIDDEN, without_secret_texts, without_secrets
from tests.support.faulty import FaultServer, answer_json


@pytest.mark.parametrize(
    "name",
    [
        "hf_token",
        "HF_TOKEN",
        "VLLM_API_KEY",
        "api_key",
        "aws_secret_access_key",
        "password",
        "token",
        "aws_session_token",
        "clientSecret",
        "Authorization",
    ],
)
def test_a_text_under_a_secrets_name_is_hidden(name):
    assert without_secrets({"a": [{name: "s3cret"}]}) == {"a": [{name: HIDDEN}]}
    assert without_secrets({name: ["one", "two"]}) == {name: [HIDDEN, HIDDEN]}


def test_what_a_flag_of_secrets_takes_is_hidden():
    told = ["serve", "--api-key", "one", "two", "--model", "org/model", "--hf-token", "three"]
    hidden = ["serve", "--api-key", HIDDEN, HIDDEN, "--model", "org/model", "--hf-token", HIDDEN]
    assert without_secrets({"args": told}) == {"args": hidden}


def test_the_value_of_a_variable_that_names_a_secret_is_hidden():
    told = [{"name": "VLLM_API_KEY", "value": "one"}, {"name": "HOME", "value": "/root"}]
    hidden = [{"name": "VLLM_API_KEY", "value": HIDDEN}, {"name": "HOME", "value": "/root"}]
    assert without_secrets({"env": told}) == {"env": hidden}


@pytest.mark.parametrize(
    "document",
    [
        ["--tokenizer", "org/model", "--max-num-batched-tokens", "2048", "--key", 3],
        {"max_num_batched_tokens": 2048, "tokenizer": "org/model", "eos_token": "</s>"},
        {"hf_token": None, "api_key": "", "cache": {"key_dtype": "fp8", "tokens": 3}},
        ["token", {"monkey": "banana"}],
    ],
)
def test_everything_else_stays(document):
    assert without_secrets(document) == document


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("{'secret_key': 'abc123', 'password': 'hunter2'}", "abc123"),
        ("{'secret_key': 'abc123', 'password': 'hunter2'}", "hunter2"),
        ("Config(session_token='abcd', port=1)", "abcd"),
        ("Authorization: Bearer abcdefgh", "abcdefgh"),
        ("redis://u:pw@h/0", "pw"),
        ("clientSecret=abc12345", "abc12345"),
        ('"api_key": [\n  "one",\n  "two"\n', "two"),
    ],
)
def test_a_secret_inside_of_a_text_is_hidden(text, secret):
    assert secret not in without_secret_texts(text)
    assert secret not in str(without_secrets({"told": [text]}))


def test_the_client_hides_them_in_a_configuration_and_in_debug_documents():
    document = {"model_config": {"hf_token": "hf_abcdef", "model": "m"}}
    with (
        FaultServer(
            {"/server_info": answer_json(document), "/debug/config": answer_json(document)}
        ) as server,
        VllmClient(server.url) as client,
    ):
        for told in (client.server_info(), client.debug_config()):
            assert told == {"model_config": {"hf_token": HIDDEN, "model": "m"}}
