"""What real servers printed is read whole, and agrees with the server that printed it."""

import subprocess

import httpx
import pytest

from lib.logs import End, Gravity, Live, compare, read_log
from lib.metrics import Reader
from lib.ui.logs import rows
from lib.ui.logs.words import summary
from tests.real.load import loaded
from tests.real.vllm import CHAT, SERVE
from tests.support.ports import free_port
from tests.support.waiting import until


def printed(server):
    return read_log(server.process.log.read_bytes())


def asked(server, path):
    return httpx.get(f"{server.url}{path}", timeout=30, trust_env=False)


@pytest.fixture
def live(chat):
    """What the server tells of itself."""
    (config,) = Reader().read(asked(chat, "/metrics").content).layout.configs
    listed = asked(chat, "/openapi.json").json()["paths"]
    return Live(
        version=asked(chat, "/version").json()["version"],
        lengths={
            one["id"]: one["max_model_len"] for one in asked(chat, "/v1/models").json()["data"]
        },
        routes=dict.fromkeys(listed, True) | {"/v1/embeddings": False},
        capacity=config,
        address=chat.url,
    )


def test_a_real_log_agrees_with_the_server_that_wrote_it(chat, live):
    log = printed(chat)
    assert log.end is End.OPEN
    assert log.names == (CHAT,)
    assert {one.name: one.value for one in log.arguments}["max_num_seqs"] == "16"
    found = {row.what: row for row in compare(log, live)}
    assert {what: row for what, row in found.items() if row.agree is False} == {}
    for what in ("release", "model", "KV blocks", "tokens of a request at most", "port"):
        assert found[what].agree, found[what]


def test_nothing_in_a_real_log_is_bad_or_unexplained(chat):
    log = printed(chat)
    assert [one.title for one in log.remarks if not one.is_known] == []
    assert [one.title for one in log.remarks if one.gravity is Gravity.BAD] == []
    assert [one.name for one in log.arguments if not one.what] == []
    assert [row["code"] for row in rows.routes(log, "") if not row["text"]] == []


def test_the_statistics_of_a_real_server_are_read(chat):
    with loaded(chat.url, clients=8):
        until(lambda: len(printed(chat).statistics) == 1, 60)
    (engine,) = printed(chat).statistics
    assert max(one.values["running"] for one in engine.points) > 0
    assert all(0 <= one.values["kv"] <= 1 for one in engine.points)


def test_a_start_that_a_tutorials_flag_ends_is_explained(tmp_path):
    with (tmp_path / "vllm.log").open("wb") as out:
        subprocess.run(
            [SERVE, "chat", str(free_port()), "--enable-rca"],
            stdout=out,
            stderr=subprocess.STDOUT,
            timeout=300,
            check=False,
        )
    told = summary(read_log((tmp_path / "vllm.log").read_bytes()))
    assert told["tone"] == "bad"
    assert "an argument that this release does not know" in told["sentence"]
