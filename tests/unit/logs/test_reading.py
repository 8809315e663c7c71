"""A log is read whatever release wrote it, whatever carried it, and however it comes in pieces."""

import json
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.logs import End, Gravity, Reader, read_log
from tests.unit.logs import samples
from tests.unit.logs.samples import CARRIED, FAILED, NOW, PLAIN, SMALL, TUTORIAL, V0_5, V0_7, V0_10


def test_the_log_of_the_recorded_server_tells_how_it_was_started():
    log = read_log(NOW)
    assert (log.version, log.model, log.names) == (
        "0.32.0",
        "/models/tiny-qwen",
        ("Qwen/Qwen2.5-7B-Instruct",),
    )
    assert (log.address, log.tasks, log.end) == ("http://127.0.0.1:8000", ("generate",), End.OPEN)
    assert log.capacity.tokens == 524_288
    assert log.capacity.concurrency == 128.0
    assert log.capacity.max_model_len == 4096
    assert log.starts[-1].seconds == 36.0
    assert [one.name for one in log.processes] == [
        "APIServer",
        "EngineCore",
        "VllmWorker-0",
        "Worker",
    ]
    assert len(log.routes) == 35
    assert next(one for one in log.routes if one.path == "/ping").methods == ("GET", "POST")
    assert log.configuration["enable_chunked_prefill"] == "True"
    assert {one.name: one.value for one in log.arguments}["max_model_len"] == "4096"
    assert all(one.what for one in log.arguments)


def test_a_log_that_goes_on_shows_its_statistics_and_its_requests():
    log = read_log(SMALL)
    (engine,) = log.statistics
    assert [one.values["waiting"] for one in engine.points] == [21, 14]
    assert engine.points[1].values["kv"] == pytest.approx(0.974)
    assert engine.points[1].at - engine.points[0].at == 10
    assert log.capacity.blocks == 40
    assert max(log.requests, key=lambda one: one.count).path == "/metrics"
    assert {one.name: one.value for one in log.arguments}["api_key"] == "***"


def test_the_tutorials_lines_are_all_explained():
    log = read_log(TUTORIAL)
    assert log.address == "http://0.0.0.0:8000"
    assert [one.name for one in log.marks] == ["address", "server process", "almost ready", "ready"]
    assert log.is_ready
    assert (log.processes[0].name, log.processes[0].pid) == ("APIServer", 2520)


def test_a_log_of_0_5_is_read():
    log = read_log(V0_5)
    assert log.version == "0.5.5"
    assert log.names == ("llama",)
    assert (log.capacity.blocks, log.capacity.cpu_blocks) == (27_886, 2_048)
    assert log.capacity.weights_gib == pytest.approx(14.9595)
    assert log.address == "http://0.0.0.0:8000"
    assert log.has_defaults
    point = log.statistics[0].points[0].values
    assert point == {
        "prompt": 12.5,
        "generation": 40.1,
        "running": 3,
        "swapped": 1,
        "waiting": 2,
        "kv": 0.125,
        "cpu_kv": 0.03,
        "hits": 0.25,
    }
    assert [one.title for one in log.remarks] == ["A request was preempted"]


def test_a_log_of_0_7_is_read():
    log = read_log(V0_7)
    assert (log.version, log.capacity.blocks, log.capacity.concurrency) == ("0.7.3", 18_000, 8.79)
    assert log.tasks == ("generate", "embed")
    took = {one.name: one.took for one in log.milestones}
    assert took["graphs compiled"] == 31.72
    assert took["weights loaded"] == pytest.approx(9.871235)
    assert took["CUDA graphs captured"] == 20
    assert log.facts["platform"] == "cuda"


def test_a_log_of_0_10_is_read_to_its_end():
    log = read_log(V0_10)
    assert (log.version, log.capacity.tokens, log.capacity.concurrency) == (
        "0.10.2",
        372_816,
        45.51,
    )
    assert log.capacity.cache_gib == 51.2
    given = {one.name: one.value for one in log.arguments}
    assert given["hf_overrides"] == "{'a': 1, 'b': [2, 3]}"
    assert given["api_key"] == "[hidden]"
    assert log.end is End.ENGINE_DIED
    assert log.cause.title == "Out of device memory"
    assert log.cause.process == "EngineCore_DP0"
    assert "Tried to allocate 2.00 GiB" in log.cause.excerpt


@pytest.mark.parametrize("carrier", CARRIED)
def test_what_carried_a_log_makes_no_difference(carrier):
    lines = [CARRIED[carrier](line, number) for number, line in enumerate(PLAIN)]
    log = read_log("\n".join(lines).encode())
    assert (log.version, log.address) == ("0.11.0", "http://0.0.0.0:8005")
    assert {one.name: one.value for one in log.arguments} == {"port": "8005"}
    assert log.is_ready
    assert (log.processes[0].name, log.processes[0].pid) == ("APIServer", 7)
    assert 2.0 <= log.starts[0].seconds < 3.5


PLAINLY = read_log("\n".join(PLAIN).encode())
COLOURS = {
    "a terminal": "\x1b",
    "syslog": "#033",
    "cat -v": "^[",
    "a web page": "",
    "JSON": "\\u001b",
}


def coloured(begin):
    return [
        line.replace(
            "(APIServer pid=7) INFO",
            f"{begin}[0;36m(APIServer pid=7){begin}[0;0m {begin}[32mINFO{begin}[0m",
        )
        for line in PLAIN
    ]


@pytest.mark.parametrize("where", COLOURS)
def test_colours_make_no_difference_whatever_became_of_them(where):
    assert read_log("\n".join(coloured(COLOURS[where])).encode()).starts == PLAINLY.starts


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda line: {"log": f"{line}\r\n", "stream": "stdout"},
        lambda line: {"MESSAGE": [*line.encode()]},
    ],
    ids=["docker", "journal"],
)
def test_colours_inside_of_what_carries_a_log_make_no_difference(wrapped):
    log = read_log("\n".join(json.dumps(wrapped(line)) for line in coloured("\x1b")).encode())
    assert (log.version, log.starts, log.processes) == (
        PLAINLY.version,
        PLAINLY.starts,
        PLAINLY.processes,
    )


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_a_log_that_powershell_wrote_is_read(encoding, end, size):
    text = end.join(["\ufeff█▄█ █  version 0.32.0 Ċ", *PLAIN[1:]])
    content, reader = text.encode(encoding), Reader()
    for start in range(0, len(content), size):
        reader.feed(content[start : start + size])
    log = reader.finish()
    assert (log.version, log.lines, log.address) == ("0.32.0", len(PLAIN), PLAINLY.address)


@pytest.mark.parametrize(
    ("head", "seconds"),
    [
        ("Sun 2026-11-22 11:59:26 UTC gpu01 vllm[12]: ", 0.0),
        ("1764000000.123456 gpu01 python3.12[12]: ", 0.0),
        ("[   12.345678] gpu01 vllm[12]: ", 2.0),
        ("stern-pod vllm ", 2.0),
        ("> ", 2.0),
        ("    ", 2.0),
    ],
)
def test_readiness_is_seen_behind_any_carrier(head, seconds):
    log = read_log("\n".join(head + line for line in PLAIN).encode())
    assert log.end is End.OPEN
    assert log.version == "0.11.0"
    assert log.starts[0].seconds >= seconds


@pytest.mark.parametrize("month", ["Nov", "Dez", "Mär", "nov.", "ноя", "11月"])
def test_a_journal_is_read_in_any_language(month):
    trace = ("Traceback (most recent call last):", '  File "a.py", line 1', "ValueError: odd")
    lines = [f"{month} 22 11:59:27 gpu-1 vllm[7]: {line}" for line in (*PLAIN, *trace)]
    log = read_log("\n".join(lines).encode())
    assert log.carriers == ("journal",)
    assert log.is_ready
    assert [one.excerpt for one in log.remarks] == ["ValueError: odd"]


def test_lines_of_several_containers_are_said_to_be_mixed():
    lines = [f"vllm-{number % 2}  | {line}" for number, line in enumerate(PLAIN)]
    assert read_log("\n".join(lines).encode()).containers == ("vllm-0", "vllm-1")


STATISTICS = (
    "(A pid=1) INFO 11-22 12:00:00 [loggers.py:1] Engine 000: Avg prompt throughput: 1.0 tokens/s\n"
)


def test_a_server_that_prints_no_readiness_is_ready_when_it_prints_statistics():
    begun = "\n".join(PLAIN[:2]) + "\n"
    assert read_log(begun.encode()).end is End.UNFINISHED
    assert read_log((begun + STATISTICS).encode()).end is End.OPEN


def test_an_engine_that_dies_in_the_middle_of_a_log_did_start():
    died = "(E pid=1) ERROR 11-22 12:00:01 [core.py:1] EngineCore encountered a fatal error.\n"
    assert read_log((STATISTICS + died).encode()).end is End.ENGINE_DIED


INFO = "(A pid=1) INFO 11-22 11:59:26 [a.py:1] "


@pytest.mark.parametrize(
    "line",
    [
        '{"asctime": "2026-99-99 00:00:00", "levelname": "INFO", "message": "x"}',
        '{"asctime": "٢٠٢٦-٠١-٠١ ٠٠:٠٠:٠٠", "levelname": "INFO", "message": "x"}',
        f'{{"__REALTIME_TIMESTAMP": "999999999999999999", "MESSAGE": "{INFO}x"}}',
        f'{{"log": "{INFO}x\\n", "time": "9999-12-31T23:59:59-23:59"}}',
        f'{{"log": "{INFO}x\\n", "time": "0001-01-01T00:00:00+23:59"}}',
        f"{INFO}init engine (profile, create kv cache, warmup model) took . s",
        f"{INFO}Engine 000: Avg prompt throughput: {'9' * 400}.0 tokens/s, Running: 1 reqs",
    ],
)
def test_figures_that_are_none_are_left_out(line):
    log = read_log(f"{line}\n{STATISTICS}".encode())
    assert log.lines == 2
    assert all(moment is None or moment < 1e11 for moment in (log.first_at, log.last_at))
    told = [value for point in log.statistics[0].points for value in point.values.values()]
    assert max(told) < 1e15


@pytest.mark.parametrize(
    ("piece", "end"),
    [
        ("1", "Avg prompt throughput: 1.0 tokens/s"),
        ("█ ", ""),
        ("█" + " " * 1_000, "version"),
        ("Using token", ""),
        ("[", ""),
        ("\x1b[", ""),
        ("Error ", ""),
    ],
)
def test_a_hostile_line_takes_no_time(piece, end):
    begun = time.thread_time()
    for head in (INFO, f"{INFO}Using ", f"{INFO}█ ", f"{INFO}non-default args: {{", ""):
        read_log((head + piece * (65_000 // len(piece)) + end).encode())
    assert time.thread_time() - begun < 3.0, "a fifth of a second"


def test_a_carriers_clock_in_another_zone_is_set_right():
    lines = [CARRIED["journalctl, short-iso"](line, number) for number, line in enumerate(PLAIN)]
    log = read_log("\n".join(lines).encode())
    assert log.has_year
    assert log.starts[0].seconds == 3


def arguments(*lines):
    log = read_log("\n".join(lines).encode())
    return {one.name: one.value for one in log.arguments}


def docker(text, stream="stdout"):
    return json.dumps({"log": text, "stream": stream})


def node(text, part="F", stream="stdout"):
    return f"2026-11-22T11:59:26.1Z {stream} {part} {text}"


FAULT = "ERROR: torch.OutOfMemoryError: CUDA out of memory."


@pytest.mark.parametrize("between", [[], [docker(FAULT + "\n", "stderr")]], ids=["", "mixed"])
def test_a_line_that_docker_cut_is_put_together(between):
    long = PLAIN[1].replace("{", "{'served_model_name': '" + "ä" * 9_000 + "', ")
    begin = long.encode()[:16_384].decode("utf-8", "replace")
    end = long[len(begin) - begin.endswith("\ufffd") :] + "\n"
    assert arguments(docker(begin), *between, docker(end))["port"] == "8005"


def test_a_line_that_a_node_cut_is_put_together():
    assert arguments(node(PLAIN[1][:40], "P"), node(PLAIN[1][40:])) == {"port": "8005"}


def test_a_line_of_json_that_a_node_cut_is_read_as_one():
    record = CARRIED["JSON of 0.32"](PLAIN[1], 1)
    assert arguments(node(record[:70], "P"), node(record[70:])) == {"port": "8005"}


def test_pieces_of_lines_are_of_the_stream_and_the_container_that_wrote_them():
    begun = [f"vllm-{n} | {node(line[:-3], 'P')}" for n, line in enumerate(PLAIN[:2])]
    ended = [f"vllm-{n} | {node(line[-3:])}" for n, line in enumerate(PLAIN[:2])]
    log = read_log("\n".join([*begun, node(FAULT, stream="stderr"), *ended]).encode())
    assert (log.version, [one.value for one in log.arguments]) == ("0.11.0", ["8005"])
    assert [one.title for one in log.remarks] == ["Out of device memory"]


@pytest.mark.parametrize("last", [node(FAULT, "P"), docker(FAULT), docker(FAULT.ljust(16_384))])
def test_a_line_whose_end_never_came_is_read(last):
    log = read_log(f"{PLAIN[0]}\n{last}".encode())
    assert [(one.line, one.title) for one in log.remarks] == [(2, "Out of device memory")]


@settings(max_examples=40)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=30))
def test_pieces_of_any_size_say_the_same(sizes):
    content = V0_10
    reader, start = Reader(), 0
    for size in sizes:
        reader.feed(content[start : start + size])
        start += size
    reader.feed(content[start:])
    assert reader.finish() == read_log(content)


@given(st.binary(max_size=3_000))
def test_bytes_of_any_kind_are_read_without_an_error(content):
    log = read_log(content)
    assert log.size == len(content)
    assert log.known == 0 or b"INFO" in content or log.levels


@settings(max_examples=40)
@given(st.data())
def test_a_log_cut_anywhere_and_stained_is_still_read(data):
    at = data.draw(st.integers(0, len(V0_10)))
    stain = data.draw(st.binary(max_size=40))
    assert read_log(V0_10[:at] + stain + V0_10[at:]).lines >= V0_10.count(b"\n")


def test_an_endless_line_takes_no_memory():
    reader = Reader()
    tracemalloc.start()
    for _ in range(400):
        reader.feed(b"x" * 50_000)
    reader.feed(b"\n" + PLAIN[0].encode() + b"\n")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    log = reader.finish()
    assert most < 2_000_000
    assert (log.cut, log.version) == (1, "0.11.0")


def test_a_long_log_takes_no_more_memory_than_a_short_one():
    line = (
        "(APIServer pid=1) INFO 11-{:02} {:02}:{:02}:{:02} [loggers.py:1] Engine 000: Avg prompt"
        " throughput: {}.0 tokens/s, Avg generation throughput: 1.0 tokens/s, Running: 1 reqs,"
        " Waiting: {} reqs, GPU KV cache usage: 1.0%\n"
    )
    strange = "(APIServer pid=1) WARNING 11-01 00:00:00 [x.py:1] strange thing {} in {}\n"
    reader = Reader()
    tracemalloc.start()
    for n in range(6_000):
        when = (1 + n // 8640, n // 360 % 24, n // 6 % 60, n % 6 * 10)
        reader.feed(line.format(*when, n, 99 if n == 5_500 else 0).encode())
        if n % 4 == 0:
            word = "".join(chr(97 + int(digit)) for digit in str(n // 4))
            reader.feed(strange.format(n, word).encode())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    log = reader.finish()
    (engine,) = log.statistics
    assert most < 16_000_000
    assert 2_500 <= len(engine.points) <= 5_000
    assert sum(one.lines for one in engine.points) == 6_000
    assert max(one.values["waiting"] for one in engine.points) == 99, "no peak is lost"
    assert len(log.remarks) == 400
    assert log.uncounted >= 600, "what is not kept is counted"


def test_two_starts_in_one_log_are_told_apart():
    log = read_log(V0_10 + V0_7)
    assert [one.version for one in log.starts] == ["0.10.2", "0.7.3"]
    assert (log.version, log.end) == ("0.7.3", End.OPEN)
    assert log.cause is None
    assert log.capacity.tokens is None, "the newest start is described"
    assert any(one.gravity is Gravity.BAD for one in log.remarks), "the first one's end is kept"


def test_a_start_that_fails_says_why():
    log = read_log(FAILED)
    assert log.end is End.NOT_STARTED
    assert log.cause.title == "The longest request does not fit into the KV cache"
    assert "--max-model-len" in log.cause.remedy


@pytest.mark.parametrize(
    ("last", "end"),
    [
        (b"Killed\n", End.KILLED),
        (b"Last state: terminated, reason: OOMKilled\n", End.KILLED),
        (
            (
                b"ERROR:    [Errno 98] error while attempting to bind on address ('::', 80)\n"
                b"INFO:     Application shutdown complete.\n"
            ),
            End.NOT_STARTED,
        ),
        (b"INFO:     Shutting down\nINFO:     Finished server process [7]\n", End.SHUT_DOWN),
        (b"", End.OPEN),
    ],
)
def test_the_end_of_a_log_is_told(last, end):
    assert read_log("\n".join(PLAIN).encode() + b"\n" + last).end is end


def test_a_start_that_is_not_over_is_told_from_one_that_failed():
    assert read_log("\n".join(PLAIN[:2]).encode()).end is End.UNFINISHED


def test_new_year_in_a_log_is_a_day_and_no_year_back():
    old, new = PLAIN[0].replace("11-22", "12-31"), PLAIN[2].replace("11-22", "01-01")
    log = read_log(f"{old}\n{new}\n".encode())
    assert log.last_at - log.first_at == 86_400 + 2


def test_what_people_asked_is_never_kept():
    assert "private question" not in repr(read_log(V0_5))


@pytest.mark.parametrize(
    ("level", "head"),
    [
        ("DEBUG", "Request cmpl-1 details: prompt: "),
        ("INFO", "Received request cmpl-1: prompt: "),
        ("INFO", "Generated response cmpl-1: output: "),
    ],
)
@pytest.mark.parametrize(
    "private",
    [
        "why ImportError: torch was not found?",
        "Avg prompt throughput: 5.0 tokens/s, Running: 3 reqs",
        "CUDA out of memory, it died",
    ],
)
def test_what_people_asked_and_were_answered_is_no_remark_and_no_figure(level, head, private):
    line = f"(APIServer pid=7) {level} 11-22 11:59:29 [request_logger.py:1] {head}{private!r}\n"
    log = read_log("\n".join((*PLAIN, line)).encode())
    assert private not in repr(log)
    assert (log.remarks, log.statistics, log.end) == ((), (), End.OPEN)


def test_no_sample_shows_a_key():
    for name in samples.__all__:
        content = getattr(samples, name)
        if isinstance(content, bytes):
            told = repr(read_log(content))
            assert "sesame" not in told, name


def test_a_text_that_is_no_log_is_known_as_none():
    log = read_log(b"Dear diary,\ntoday nothing happened.\n")
    assert (log.known, log.end, log.starts) == (0, End.UNKNOWN, ())
