"""How the dashboard starts and ends, as a process."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.dashboard import dashboard
from tests.support.ports import free_port
from tests.support.processes import ROOT
from tests.support.waiting import until


def _living() -> dict[int, int]:
    """Every living process and its parent."""
    listed = subprocess.run(
        ["ps", "-eo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True
    ).stdout
    rows = (line.split() for line in listed.splitlines())
    return {int(pid): int(parent) for pid, parent, state in rows if state[0] != "Z"}


def _descendants(ancestor: int) -> set[int]:
    parents = _living()
    found = {ancestor}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {ancestor}


def _refused(data: Path, **settings: str) -> str:
    """What a start prints that must end by itself with exit code 1."""
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    ended = subprocess.run(
        [*command, "--server.port", str(free_port()), "--server.address", settings.pop("host")],
        cwd=ROOT,
        env=os.environ | {"INSPECTOR_DATA": str(data)} | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stdout + ended.stderr


def test_it_leaves_no_process_behind(tmp_path):
    with dashboard(tmp_path) as started:
        leader = started.process.popen
        until(lambda: len(_descendants(leader.pid)) >= 2, 30)  # demo servers and watcher
        children = _descendants(leader.pid)
        leader.terminate()
        leader.wait(20)
        until(lambda: not children & _living().keys(), 10)


def test_it_says_once_where_it_is_found(tmp_path):
    with dashboard(tmp_path) as started:
        lines = started.process.output().splitlines()
        assert lines.count(f"vLLM Inspector: {started.url}") == 1


def test_make_run_passes_the_address_on_that_it_was_told():
    command = ["make", "--dry-run", "run", "HOST=127.0.0.2", "PORT=9123"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "http://" not in said
    assert '--server.address "127.0.0.2" --server.port "9123"' in said


def test_it_refuses_to_serve_others_without_a_login_and_says_what_to_set(tmp_path):
    said = _refused(tmp_path, host="0.0.0.0")
    assert "login" in said
    assert "[auth]" in said
    assert "HOST=127.0.0.1" in said


def test_a_setting_that_cannot_be_used_is_told_in_a_sentence(tmp_path):
    said = _refused(tmp_path, host="127.0.0.1", VLLM_SERVERS="chat=ftp://nowhere")
    assert "vLLM Inspector cannot start" in said
    assert "VLLM_SERVERS" in said
    assert "ftp://nowhere" in said
