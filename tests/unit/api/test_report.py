import json

import pytest

from lib.api.__main__ import main
from tests.support.faulty import FaultServer, answer_json, closed_port, empty
from tests.unit.api.test_client import TUTORIAL, VLLM


def test_a_person_reads_what_was_found(capsys):
    with FaultServer(VLLM) as server:
        assert main([server.url]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"vLLM 0.32.0 at {server.url}\nIt calls itself well, in ")
    for part in (
        "Qwen/Qwen2.5-7B-Instruct  4,096 tokens  from /models/tiny-qwen",
        "78 kB a scrape, filtered and compressed through /metrics/",
        "POST  /v1/chat/completions ",
        "  a chat's next turn (costs GPU time)",
        "Absent: it is not switched on\n  GET  /is_sleeping  VLLM_SERVER_DEV_MODE=1",
        "Absent: no vLLM release has it",
    ):
        assert part in told
    assert max(map(len, told.splitlines())) <= 120


def test_a_program_reads_the_same(capsys):
    with FaultServer(VLLM) as server:
        assert main([server.url, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["version"], told["engine"], told["healthy"]) == ("0.32.0", "vllm", True)
    assert told["metrics"] == {"bytes": 78044, "filter": True, "gzip": True}
    assert "POST /tokenize" in told["routes"]
    assert {"route", "what", "why", "shown_by"} == set(told["absent"][0])


def test_a_tutorial_server_and_an_ailing_one_are_told(capsys):
    with FaultServer(TUTORIAL | {"/health": empty(503)}) as server:
        assert main([server.url]) == 0
    told = capsys.readouterr().out
    assert told.startswith("vLLM 0.6.6.post1")
    assert "says that its engine is dead" in told
    assert "metrics  not offered" in told


def test_an_unreachable_server_is_exit_code_one(capsys):
    with closed_port() as url:
        assert main([url]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"Nothing listens at {url}; ")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["h:8000"],
        ["http://u:p@h"],
        ["http://h", "--key-env", "ABSENT_KEY"],
        ["http://h", "--timeout", "0"],
        ["http://h", "--timeout", "x"],
        ["https://h", "--authority", "/absent.pem"],
        ["http://h", "--nonsense"],
    ],
)
def test_wrong_usage_is_exit_code_two(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_the_key_comes_from_the_named_variable_only(capsys, monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-canary")
    with FaultServer(VLLM) as server:
        assert main([server.url, "--key-env", "MY_KEY"]) == 0
        assert {seen.headers["authorization"] for seen in server.seen} == {"Bearer sk-canary"}
    assert "canary" not in "".join(capsys.readouterr())


def test_an_unfit_key_is_named_without_it(capsys, monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-canary two")
    with pytest.raises(SystemExit):
        main(["http://h", "--key-env", "MY_KEY"])
    assert "canary" not in "".join(capsys.readouterr())


def test_text_of_a_server_cannot_colour_or_break_the_report(capsys):
    models = {"data": [{"id": "evil\x1b[31m\nname\u202e", "root": "r\x07", "owned_by": "vllm"}]}
    odd = VLLM | {
        "/v1/models": answer_json(models),
        "/version": answer_json({"version": "1\x1b[2J"}),
    }
    with FaultServer(odd) as server:
        assert main([server.url]) == 0
    told = capsys.readouterr().out
    assert not any(char in told for char in "\x1b\x07\u202e")
    assert "evil[31m name" in told
