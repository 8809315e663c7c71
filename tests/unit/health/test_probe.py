import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from unicodedata import east_asian_width

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from lib.health import Check, Outcome, State, Status
from lib.health.__main__ import main
from lib.health.judging import Figures, Held, Judgement, Look
from lib.health.report import as_json, as_line, as_text
from lib.health.textfile import as_metrics, write_metrics
from tests.support.authority import Authority
from tests.support.faulty import (
    MODES,
    FaultServer,
    answer,
    answer_json,
    black_hole,
    closed_port,
    empty,
    hang,
    html,
    in_turn,
)
from tests.support.processes import ROOT
from tests.support.waiting import until
from tests.unit.health.test_checks import SERVING

KEY = "sk-a-secret-of-somebody"
COMMAND = [sys.executable, "-m", "lib.health"]


def page(**figures):
    """Metrics of one engine."""
    names = {
        "running": "num_requests_running",
        "waiting": "num_requests_waiting",
        "usage": "kv_cache_usage_perc",
        "tokens": "generation_tokens_total",
    }
    values = {"running": 0, "waiting": 0, "usage": 0.1, "tokens": 5} | figures
    start = values.pop("start", None)
    lines = [
        f'vllm:{names[name]}{{engine="0",model_name="m"}} {value}' for name, value in values.items()
    ]
    lines += [] if start is None else [f"process_start_time_seconds {start}"]
    return answer("\n".join(lines) + "\n", kind="text/plain")


def well(**figures):
    return SERVING | {"/metrics/": page(**figures)}


def told(capsys, *arguments, code):
    """What the command prints, after its exit code was checked."""
    assert main([str(one) for one in arguments]) == code
    return capsys.readouterr().out


def told_json(capsys, *arguments, code):
    return json.loads(told(capsys, *arguments, "--json", code=code))


def one_check(found, name):
    return next(one for one in found["servers"][0]["checks"] if one["check"] == name)


# ── What is printed ──


def test_a_person_reads_a_verdict_and_one_line_a_check(capsys):
    with FaultServer(well()) as server:
        text = told(capsys, server.url, code=0)
        lines = text.splitlines()
        assert lines[0] == f"{server.url}  healthy  Healthy: No requests."
    shape = r"  (connect|health|ready|version|models|ping|load|metrics) +\d+ ms  ok( .*)?"
    assert [bool(re.fullmatch(shape, line)) for line in lines[1:8]] == [True] * 7
    assert lines[8].split("  ")[1:] == ["engine", *lines[8].split("  ")[2:]]
    assert "  free blocks" in lines[-1]
    assert lines[-1].endswith("90.0% of the KV blocks are free, at least 5.0% wanted.")
    assert len({line.index("ok") for line in lines[1:8]}) == 1


def test_a_program_reads_the_same(capsys):
    with FaultServer(well(running=3, waiting=1, start=time.time() - 100)) as server:
        found = told_json(capsys, server.url, code=0)
        assert (found["schema"], found["healthy"], len(found["servers"])) == (1, True, 1)
        one = found["servers"][0]
        assert (one["url"], one["state"], one["reason"]) == (
            server.url,
            "busy",
            "3 running, 1 waiting.",
        )
    assert set(one) == {
        *("url", "healthy", "state", "reason", "remedy", "since", "at", "seconds"),
        *("figures", "checks", "limits"),
    }
    assert one["figures"] == {
        "running": 3,
        "waiting": 1,
        "free_blocks": pytest.approx(0.9),
        "age": pytest.approx(100, abs=2),
    }
    assert {frozenset(check) for check in one["checks"]} == {
        frozenset({"check", "passed", "seconds", "kind", "figure", "words"})
    }
    assert one_check(found, "version")["words"] == "0.32.0"
    assert one_check(found, "engine")["passed"] is None


def test_quiet_says_nothing(capsys):
    with FaultServer(well()) as server:
        assert told(capsys, server.url, "--quiet", code=0) == ""
    with closed_port() as url:
        assert told(capsys, url, "--quiet", code=1) == ""


def test_text_of_a_server_cannot_forge_a_line_nor_colour_a_terminal(capsys):
    evil = "\x1b[31m\n  health 1 ms ok\u202e"
    hostile = {
        "/version": answer_json({"version": evil}),
        "/v1/models": answer_json({"data": [{"id": evil}]}),
        "/load": answer_json({"error": {"message": evil}}, 500),
    }
    with FaultServer(well() | hostile) as server:
        text = told(capsys, server.url, "--inference", code=1)
        honest = told(capsys, server.url, "--inference", code=1)
        assert len(text.splitlines()) == len(honest.splitlines()) == 12
    assert not {"\x1b", "\u202e"} & set(text)
    for field in told_json(capsys, server.url, code=1)["servers"]:
        assert "\x1b" not in json.dumps(field, ensure_ascii=False)


# ── Every way to be unhealthy ──


@pytest.mark.parametrize(
    ("routes", "state", "check", "kind"),
    [
        ({"/*": html()}, "wrong_protocol", "health", "html"),
        ({"/health": empty(503)}, "engine_dead", "health", "engine dead"),
        ({"/health": MODES["503 scaling"]()}, "loading", "health", "scaling"),
        ({"/v1/models": MODES["401"]()}, "denied", "models", "key needed"),
        ({"/v1/models": answer_json({"data": []})}, "loading", "ready", "not ready"),
        ({"/health": MODES["garbage"]()}, "wrong_protocol", "health", "wrong scheme"),
        ({"/metrics/": html(), "/metrics": html()}, "no_metrics", "metrics", "html"),
        ({"/load": MODES["500"]()}, "faulty", "load", "server error"),
    ],
)
def test_a_failed_check_is_exit_code_one(capsys, routes, state, check, kind):
    with FaultServer(routes if "/*" in routes else well() | routes) as server:
        found = told_json(capsys, server.url, code=1)
    assert not found["healthy"]
    assert found["servers"][0]["state"] == state
    assert (one_check(found, check)["passed"], one_check(found, check)["kind"]) == (False, kind)


def test_a_closed_port_an_unknown_name_and_a_wrong_certificate_are_told_apart(capsys, tmp_path):
    authority = Authority(tmp_path)
    with FaultServer(well(), tls=authority.context()) as server, closed_port() as closed:
        found = told_json(
            capsys, closed, server.url, "http://no-such-host.invalid", "--timeout", 5, code=1
        )
        states = [one["state"] for one in found["servers"]]
        assert states[:2] == ["not_listening", "tls_failed"]
        assert states[2] in ("unknown_host", "timed_out", "unreachable")
        assert told(capsys, server.url, "--authority", authority.file, "--quiet", code=0) == ""
        assert told(capsys, server.url, "--insecure", "--quiet", code=0) == ""


def test_the_time_limit_holds_for_all_servers_together(capsys):
    with ExitStack() as stack:
        hanging = stack.enter_context(FaultServer({"/*": hang()}))
        slow = stack.enter_context(FaultServer(well() | {"/ping": hang()}))
        good = stack.enter_context(FaultServer(well()))
        hole = stack.enter_context(black_hole())
        begun = time.monotonic()
        found = told_json(capsys, hanging.url, slow.url, good.url, hole, "--timeout", 2, code=1)
        assert time.monotonic() - begun < 3.0  # one after another they would take six and more
    assert [one["state"] for one in found["servers"]] == [
        "timed_out",
        "timed_out",
        "healthy",
        "timed_out",
    ]
    ping = next(one for one in found["servers"][1]["checks"] if one["check"] == "ping")
    assert re.match(r"No answer within [12]\.\d s", ping["words"])
    assert sum(one["passed"] is False for one in found["servers"][1]["checks"]) == 1


def test_a_server_named_twice_is_asked_once(capsys):
    with FaultServer(well()) as server:
        found = told_json(capsys, server.url, server.url + "/", code=0)
        assert len([seen for seen in server.seen if seen.path == "/health"]) == 1
    assert len(found["servers"]) == 1


# ── Limits and options ──


@pytest.mark.parametrize(
    ("figures", "options", "code"),
    [
        ({"usage": 0.96}, [], 1),
        ({"usage": 0.96}, ["--free-blocks", 0], 0),
        ({"usage": 0.96}, ["--free-blocks", 4], 0),
        ({"usage": 0.5}, ["--free-blocks", 60], 1),
        ({"waiting": 4}, [], 0),
        ({"waiting": 4}, ["--waiting", 3], 1),
        ({"waiting": 4}, ["--waiting", 4], 0),
        ({"start": 100}, ["--age", 3600], 0),
        ({"start": 4e9}, ["--age", 3600], 1),
        ({}, ["--age", 3600], 0),
        ({}, ["--latency", 5], 0),
        ({}, ["--latency", 0.000001], 1),
    ],
)
def test_a_limit_decides_the_exit_code(capsys, figures, options, code):
    with FaultServer(well(**figures)) as server:
        found = told_json(capsys, server.url, *options, code=code)
    passed = [held["passed"] for held in found["servers"][0]["limits"]]
    assert (False in passed) is bool(code)


def test_progress_is_read_twice_only_where_requests_run_or_wait(capsys):
    idle, still = page(), page(running=2)
    moves = in_turn(page(running=2, tokens=5), page(running=2, tokens=6))
    for metrics, code, scrapes in ((idle, 0, 1), (still, 1, 2), (moves, 0, 2)):
        with FaultServer(SERVING | {"/metrics/": metrics}) as server:
            found = told_json(capsys, server.url, "--progress", 0.3, "--timeout", 2, code=code)
            assert len([one for one in server.seen if one.path == "/metrics/"]) == scrapes
        progress = one_check(found, "progress")
        assert progress["passed"] is not bool(code)
    with FaultServer(well(running=2)) as server:
        assert "progress" not in told(capsys, server.url, code=0)


def test_a_second_reading_that_fails_is_no_progress(capsys):
    metrics = {"/metrics/": in_turn(page(running=2), MODES["500"]()), "/metrics": MODES["500"]()}
    with FaultServer(SERVING | metrics) as server:
        found = told_json(capsys, server.url, "--progress", 0.1, code=1)
    assert one_check(found, "progress")["kind"] == "server error"


def test_a_token_is_asked_for_only_if_that_is_wanted(capsys):
    with FaultServer(well()) as server:
        told(capsys, server.url, code=0)
        assert not [seen for seen in server.seen if seen.method == "POST"]
        found = told_json(capsys, server.url, "--inference", code=0)
        assert one_check(found, "inference")["words"].startswith("one token from Qwen")
        assert one_check(found, "inference")["seconds"] > 0
        found = told_json(capsys, server.url, "--inference", "--model", "other", code=1)
        assert one_check(found, "inference")["kind"] == "unknown model"
    with FaultServer(well() | {"/v1/completions": hang()}) as server:
        found = told_json(capsys, server.url, "--inference", "--timeout", 0.5, code=1)
    assert found["servers"][0]["state"] == "suspect"


def test_the_key_is_sent_and_never_printed(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("SOME_KEY", KEY)
    echo = answer_json({"error": f"Unauthorized: {KEY}"}, 401)
    for path in ("/v1/models", "/version"):
        with FaultServer(well() | {path: echo}) as server:
            arguments = (server.url, "--key-env", "SOME_KEY", "--prometheus", tmp_path / "x.prom")
            texts = [told(capsys, *arguments, code=1), told(capsys, *arguments, "--json", code=1)]
            assert server.seen[0].headers["authorization"] == f"Bearer {KEY}"
        assert KEY not in "".join(texts) + (tmp_path / "x.prom").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["no-scheme:8000"],
        ["http://user:password@h"],
        ["http://h", "--key-env", "ABSENT_KEY"],
        ["http://h", "--timeout", "0"],
        ["http://h", "--timeout", "nan"],
        ["http://h", "--free-blocks", "101"],
        ["http://h", "--waiting", "-1"],
        ["http://h", "--progress", "10"],
        ["http://h", "--watch", "0"],
        ["http://h", "--json", "--quiet"],
        ["http://h", "--authority", "/absent.pem"],
        ["http://h", "--prometheus", "/absent/folder/x.prom"],
        ["http://h", "--nonsense"],
    ],
)
def test_wrong_usage_is_exit_code_two(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    output = capsys.readouterr()
    assert "usage:" in output.err
    assert output.out == ""


# ── For Prometheus ──


def test_the_file_for_prometheus_is_read_by_its_parser(capsys, tmp_path):
    path = tmp_path / "vllm.prom"
    with FaultServer(well(running=3)) as server, closed_port() as closed:
        told(capsys, server.url, closed, "--quiet", "--prometheus", path, code=1)
        urls = server.url, closed
    assert [one.name for one in tmp_path.iterdir()] == ["vllm.prom"]
    samples = {
        (one.name.removeprefix("vllm_inspector_probe_"), *one.labels.values()): one.value
        for family in text_string_to_metric_families(path.read_text())
        for one in family.samples
    }
    assert samples["success", urls[0]] == 1
    assert samples["success", urls[1]] == 0
    assert samples["verdict_info", urls[0], "busy"] == 1
    assert samples["verdict_info", urls[1], "not_listening"] == 1
    assert samples["check_success", urls[1], "connect"] == 0
    assert ("check_success", urls[1], "health") not in samples
    assert samples["check_seconds", urls[0], "metrics"] > 0
    assert samples["free_blocks_ratio", urls[0]] == pytest.approx(0.9)
    assert samples["requests_running", urls[0]] == 3
    assert ("age_seconds", urls[0]) not in samples
    assert path.stat().st_mode & 0o044 == 0o044, "node_exporter is somebody else"


def judgement(url="http://h", reason="words", state=State.BUSY, words="words"):
    outcomes = (
        Outcome(Check.HEALTH, True, 0.5, words, at=5.0),
        Outcome(Check.LOAD, None, None, words),
    )
    held = Held("age", False, 1.0, 2.0, words)
    look = Look(url, 5.0, 0.1, outcomes)
    return Judgement(look, Status(state, 1.0, reason), outcomes, Figures(running=1.0), (held,))


@given(st.text(), st.text(), st.sampled_from(State))
@example("http://h/\\n", "", State.HUNG)
@example('"\\', "\n", State.HUNG)
def test_any_text_survives_as_label_line_and_json(url, words, state):
    one = judgement(url, words, state, words)
    families = text_string_to_metric_families(as_metrics([one]))
    labels = [sample.labels["server"] for family in families for sample in family.samples]
    assert set(labels) == {url}
    assert json.loads(json.dumps(as_json([one])))["servers"][0]["state"] == state.name.lower()
    assert len(as_text([one]).replace(url, "").splitlines()) == 4 or not url.isprintable()
    assert len(as_line(one, 60)) <= 60
    assert as_line(one, 60).isprintable()


@given(st.text("a漢ｗ한é😀", max_size=200), st.integers(20, 120))
def test_a_line_of_wide_characters_is_no_wider_than_the_terminal(text, width):
    line = as_line(judgement(reason=text), width)
    assert sum(1 + (east_asian_width(char) in "WF") for char in line) <= width
    assert line.endswith("…") or text in line


@pytest.mark.skipif(not __import__("shutil").which("promtool"), reason="no promtool here")
def test_promtool_finds_nothing_to_say():
    text = as_metrics([judgement(), judgement("http://g")])
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_a_reader_never_sees_half_a_file(tmp_path):
    path = tmp_path / "x.prom"
    judgements = [judgement(f"http://h{number}") for number in range(200)]
    whole, stop = as_metrics(judgements), threading.Event()
    write_metrics(path, judgements)

    def write():
        while not stop.is_set():
            write_metrics(path, judgements)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert {path.read_text() == whole for _ in range(200)} == {True}
    finally:
        stop.set()
        thread.join()


# ── As a process of its own ──


@contextmanager
def started(*arguments, **options):
    process = subprocess.Popen([*COMMAND, *arguments], cwd=ROOT, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.alone
def test_the_process_ends_in_time_with_its_exit_code():
    starts = [_start_seconds()]
    with FaultServer({"/*": hang()}) as server:
        begun = time.monotonic()
        done = subprocess.run(
            [*COMMAND, server.url, "--timeout", "1.2"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - begun
    assert (done.returncode, done.stderr) == (1, "")
    assert "No answer within" in done.stdout
    starts.append(_start_seconds())
    assert 1.2 < seconds < 1.2 + 0.2 + max(starts)


def _start_seconds():
    """What an interpreter takes to start on this machine now, with our package's own face."""
    begun = time.monotonic()
    subprocess.run([sys.executable, "-c", "import lib.health"], cwd=ROOT, check=True)
    return time.monotonic() - begun


def test_no_heavy_library_is_loaded():
    code = (
        "import sys; from lib.health.__main__ import main; main(sys.argv[1:]); "
        "print(*sys.modules, file=sys.stderr)"
    )
    with FaultServer(well()) as server:
        done = subprocess.run(
            [sys.executable, "-c", code, server.url, "--inference", "--json"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "lib" in loaded
    assert not {"numpy", "pandas", "streamlit", "plotly"} & loaded


def test_watching_appends_a_line_a_look_and_ends_with_the_last_exit_code(tmp_path):
    with FaultServer(well()) as server:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with started(server.url, "--watch", "0.1", "--timeout", "2", **options) as process:
            lines = [process.stdout.readline() for _ in range(3)]
            server["/health"] = empty(503)
            until(lambda: "UNHEALTHY" in process.stdout.readline())
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=10)
    assert all(f"  healthy    {server.url}  Healthy since " in line for line in lines)
    assert len({line.split("since ")[1] for line in lines}) == 1
    assert (process.returncode, errors) == (1, "")


def test_watching_in_a_terminal_rewrites_its_lines(tmp_path):
    outer, inner = pty.openpty()
    with FaultServer(well()) as one, FaultServer(well()) as other:
        path = tmp_path / "x.prom"
        arguments = (one.url, other.url, "--watch", "0.1", "--prometheus", str(path))
        with started(*arguments, stdout=inner, stderr=inner) as process:
            os.close(inner)
            text = b""
            while text.count(b"\x1b[2F") < 3:
                text += os.read(outer, 65536)
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
    os.close(outer)
    assert b"Traceback" not in text
    assert one.url.encode() in text
    assert path.read_text().count("vllm_inspector_probe_success{") == 2


def test_a_reader_that_leaves_ends_the_command_without_a_word():
    with FaultServer(well()) as server:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with started(server.url, "--watch", "0.05", **options) as process:
            process.stdout.readline()
            process.stdout.close()
            assert process.wait(10) == 1
            assert process.stderr.read() == b""
            process.stderr.close()
