"""A log and a live server are compared in what both tell, and in nothing else."""

import pytest

from lib.logs import Live, compare, read_log
from tests.unit.logs.samples import NOW, SMALL, TUTORIAL, V0_5

PATHS = ("/health", "/version", "/tokenize", "/v1/models", "/v1/completions", "/v1/embeddings")
LIVE = Live(
    version="0.32.0",
    lengths={"Qwen/Qwen2.5-7B-Instruct": 4096},
    routes={path: path != "/v1/embeddings" for path in PATHS},
    capacity={
        "num_gpu_blocks": "4096",
        "block_size": "128",
        "kv_cache_size_tokens": "524288",
        "kv_cache_max_concurrency": "128.0",
    },
    seats=128,
    address="http://127.0.0.1:8000",
)
INFO = b"(A pid=1) INFO 01-01 00:00:00 [a.py:1] "


def rows(log, live):
    return {row.what: row for row in compare(read_log(log), live)}


def test_a_server_agrees_with_its_own_log():
    found = rows(NOW, LIVE)
    assert {row.what for row in found.values() if row.agree is False} == set()
    assert found["release"].agree
    assert found["model"].agree
    assert found["tokens that fit into the KV cache"].agree
    assert found["longest requests at once"].agree
    assert found["5 routes"].agree
    assert found["requests at once (max_num_seqs)"].agree is None
    assert found["requests at once (max_num_seqs)"].why == "not in the log"


def test_another_server_is_told_from_it_and_differences_come_first():
    found = compare(read_log(SMALL), LIVE)
    assert [row.agree for row in found] == sorted(
        (row.agree for row in found), key=[False, True, None].index
    )
    differs = {row.what: (row.in_log, row.live) for row in found if row.agree is False}
    assert differs["KV blocks"] == ("40", "4096")
    assert differs["requests at once (max_num_seqs)"] == ("16", "128")
    assert "release" not in differs


def test_routes_that_one_of_both_has_are_named():
    gone = Live(routes={"/tokenize": False, "/health": True, "/debug/config": True})
    found = rows(NOW, gone)
    assert found["route /tokenize"].agree is False
    assert found["route /debug/config"].live == "there"
    assert found["1 routes"].agree


def test_a_list_of_routes_that_some_releases_cut_short_is_not_held_against_it():
    short = b"(A pid=1) INFO 01-01 00:00:00 [a.py:1] Route: /metrics, Methods: GET\n"
    row = rows(short, Live(routes={"/metrics": True, "/tokenize": True}))["route /tokenize"]
    assert row.agree is None
    assert "incomplete" in row.why


def test_another_port_is_not_held_against_it():
    row = rows(NOW, Live(address="http://10.0.0.1:443"))["port"]
    assert row.agree is None
    assert "proxy" in row.why


@pytest.mark.parametrize(
    ("address", "port", "agree"),
    [("https://models.example", "443", None), ("http://[::1]:8000/base", "8000", True)],
)
def test_an_address_without_a_port_has_that_of_its_scheme(address, port, agree):
    row = rows(NOW, Live(address=address))["port"]
    assert (row.live, row.agree) == (port, agree)


def test_shares_that_differ_by_a_hundredth_differ():
    given = INFO + b"non-default args: {'gpu_memory_utilization': 0.9}\n"
    what = "share of the device's memory"
    for label, agree in (("0.91", False), ("0.90", True)):
        assert rows(given, Live(capacity={"gpu_memory_utilization": label}))[what].agree is agree


def test_blocks_of_all_engines_are_compared_as_those_of_one():
    log = (
        INFO
        + b"# GPU blocks: 1000, # CPU blocks: 2\n"
        + INFO
        + b"GPU KV cache size: 16,000 tokens\n"
    )
    live = Live(capacity={"num_gpu_blocks": "4000", "block_size": "16"}, engines=4)
    found = rows(log, live)
    assert found["KV blocks"].agree
    assert found["tokens that fit into the KV cache"].agree


def test_blocks_that_a_release_tells_before_it_counts_them_are_not_judged():
    log = INFO + b"# GPU blocks: 1000, # CPU blocks: 2\n"
    row = rows(log, Live(capacity={"num_gpu_blocks": "None", "block_size": "None"}))["KV blocks"]
    assert row.agree is None


@pytest.mark.parametrize("log", [NOW, TUTORIAL, V0_5, b""])
def test_what_is_not_known_is_not_judged(log):
    assert all(row.agree is None for row in compare(read_log(log), Live()))
