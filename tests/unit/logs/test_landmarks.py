"""The table of known lines: each row is found by its words, explained, and of use."""

import re

import pytest

from lib.logs.landmarks import PHASES, landmark_of, landmarks
from lib.logs.literals import pairs
from lib.logs.statistics import Point, Points, read

LINES = {
    "vLLM server version 0.17.0, serving model org/m": ("version", {"version": "0.17.0"}),
    "Started engine process with PID 77": ("engine process", {"engine_pid": "77"}),
    "Waiting for 1 local, 0 remote core engine proc(s) to start.": ("waiting for engines", {}),
    "Multiprocessing frontend to use ipc:///tmp/x for IPC Path.": ("front end", {}),
    "Automatic prefix caching is enabled.": ("prefix caching", {"prefix_caching": "enabled"}),
    "Prefix caching is disabled": ("prefix caching", {"prefix_caching": "disabled"}),
    "Asynchronous scheduling is enabled.": ("scheduling", {"async": "enabled"}),
    "Using FLASH_ATTN attention backend out of potential backends: x": ("attention", {}),
    "Using XFormers backend.": ("attention", {"attention": "XFormers"}),
    "Loading safetensors checkpoint shards:  50% Completed | 2/4": ("shards", {"shards": "50"}),
    "Time spent downloading weights for a/b: 12.5 seconds": ("download", {"took": "12.5"}),
    "torch.compile took 9.10 s in total": ("compilation", {"took": "9.10"}),
    "Dynamo bytecode transform time: 4.2 s": ("compilation", {}),
    "GPU + host KV cache size: 99 tokens, Maximum concurrency for 9 tokens per request: 11.00x":
        ("capacity", {"tokens": "99", "max_model_len": "9", "concurrency": "11.00"}),
    "# cuda blocks: 100, # CPU blocks: 50": ("capacity", {"blocks": "100", "cpu_blocks": "50"}),
    "Overriding num_gpu_blocks=9 with num_gpu_blocks_override=40": ("override", {"blocks": "40"}),
    "Memory profiling takes 3.2 seconds": ("memory", {"took": "3.2"}),
    "Route: /v1/realtime, Endpoint: realtime": ("route", {"endpoint": "realtime"}),
    "Starting vLLM server on unix:/tmp/vllm.sock": ("address", {"address": "unix:/tmp/vllm.sock"}),
    "Default sampling parameters have been overridden by the model's x": ("sampling", {}),
    '"auto" tool choice has been enabled please note that': ("tools", {}),
    "SpecDecoding metrics: Mean acceptance length: 2.1": ("speculation", {}),
    "Loaded new LoRA adapter: name 'sql', path '/a'": ("adapter", {"adapter": "sql"}),
    "It took 0.5 seconds to wake up.": ("sleep", {"took": "0.5"}),
    "Added request cmpl-1.": ("request", {}),
    "Request cmpl-1 details: prompt: 'hi', prompt_token_ids: [1]": ("request", {}),
    "Generated response cmpl-1 (streaming complete): output: 'hi'": ("request", {}),
    "Aborted request cmpl-1.": ("abort", {}),
    "Defaulting to use mp for distributed inference": ("workers", {"executor": "mp"}),
    "vLLM is using nccl==2.27.5": ("NCCL", {"nccl": "2.27.5"}),
}  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_known_and_its_facts_are_read(line):
    name, facts = LINES[line]
    landmark, found = landmark_of(line)
    assert landmark.name == name
    assert facts.items() <= found.groupdict().items()


def test_what_is_no_landmark_is_none():
    assert landmark_of("Using a hammer") is None
    assert landmark_of("") is None


def test_a_row_is_explained_and_its_phase_is_one_of_the_milestones():
    for one in landmarks():
        assert one.what.endswith("."), one.name
        assert one.words
        assert not one.phase or one.phase in PHASES
        assert not one.private or one.name in {"request", "abort"}


def test_every_milestone_is_reached_by_some_line():
    assert {one.phase for one in landmarks() if one.phase} == set(PHASES)


def test_a_dictionary_is_read_with_values_that_python_would_not():
    text = "{'a': 1, 'b': {'c': [1, 2], 'd': <Mode.NONE: 0>}, 'e': \"it's\", 'f': 'x, y', 'g': 'cu"
    assert pairs(text, ":") == {
        "a": "1",
        "b": "{'c': [1, 2], 'd': <Mode.NONE: 0>}",
        "e": "it's",
        "f": "x, y",
        "g": "'cu",
    }


def test_a_namespace_is_read():
    text = "host=None, allowed_origins=['*'], x=Config(a=1, b='2, 3'), s='a=b'"
    assert pairs(text, "=") == {
        "host": "None",
        "allowed_origins": "['*']",
        "x": "Config(a=1, b='2, 3')",
        "s": "a=b",
    }


@pytest.mark.parametrize(
    ("line", "engine", "values"),
    [
        (
            (
                "Engine 003: Avg prompt throughput: 1.5 tokens/s, Avg generation throughput: 2.0"
                " tokens/s, Running: 4 reqs, Waiting: 5 reqs, Deferred: 2 reqs, KV fetch: 1 waiting"
                " to start, 0 in progress, 0 completed, Preemptions: 6, GPU KV cache usage: 50.0%,"
                " Prefix cache hit rate: 10.0%, External prefix cache hit rate: 20.0%, MM cache hit"
                " rate: 30.0%"
            ),
            "003",
            {
                "prompt": 1.5,
                "generation": 2.0,
                "running": 4,
                "waiting": 5,
                "deferred": 2,
                "preemptions": 6,
                "kv": 0.5,
                "hits": 0.1,
                "external_hits": 0.2,
                "mm_hits": 0.3,
            },
        ),
        (
            "2 Engines Aggregated: Avg prompt throughput: 0.0 tokens/s, Running: 0 reqs",
            "2 Engines Aggregated",
            {"prompt": 0.0, "running": 0},
        ),
        (
            "Avg prompt throughput: 0.0 tokens/s, CPU KV cache usage: 8.0%",
            "",
            {"prompt": 0.0, "kv": 0.08},
        ),
    ],
)
def test_statistics_are_read_by_name(line, engine, values):
    found_engine, found = read(line)
    assert found_engine == engine
    assert found == pytest.approx(values)


def test_a_hit_rate_of_minus_one_is_none():
    assert read("Prefix cache hit rate: GPU: -1.00%, CPU: -1.00%") is None


def test_points_put_together_keep_means_peaks_and_sums():
    points = Points("0")
    for n in range(10_000):
        values = {"prompt": float(n % 2), "waiting": float(n == 17), "preemptions": 1.0}
        points.add(Point(n, float(n), values))
    points.finish()
    assert points.of == 4
    assert sum(one.values["preemptions"] for one in points.points) == 10_000
    assert max(one.values["waiting"] for one in points.points) == 1.0
    assert {one.values["prompt"] for one in points.points[:100]} == {0.5}
    assert [one.at for one in points.points[:3]] == [0.0, 4.0, 8.0]


def test_every_pattern_is_a_group_name_and_no_capturing_without_one():
    for one in landmarks():
        assert re.compile(one.pattern).groups == len(one.pattern.groupindex)
