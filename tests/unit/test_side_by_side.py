import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from tests.support import side_by_side
from tests.support.processes import ROOT
from tests.support.waiting import until

PASSES = "def test_passes():\n    pass\n"
FAILS = "def test_fails():\n    assert 'this' == 'that'\n"
WAITS = """
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def started():
    (HERE / "started-{name}").touch()
    yield
    (HERE / "ended-{name}").touch()


def test_waits(started):
    time.sleep(60)
"""


def written(folder, name, text):
    path = folder / f"test_{name}.py"
    path.write_text(text)
    return str(path)


@contextmanager
def begun(*paths):
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.side_by_side", *paths],
        cwd=ROOT,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},  # they start in half the time
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        yield process


def run(*paths):
    with begun(*paths) as process:
        said, _ = process.communicate(timeout=60)
        return process.returncode, said


def test_every_test_that_pytest_would_run_is_in_one_part_and_the_marked_ones_alone(pytestconfig):
    rooms = [ROOT / room for room in pytestconfig.getini("testpaths")]
    patterns = pytestconfig.getini("python_files")
    tests = [
        path
        for room in rooms
        for path in room.rglob("*.py")
        if any(fnmatch(path.name, pattern) for pattern in patterns)
    ]
    ((alone,), beside) = side_by_side.stages()
    parts = [ROOT / path for *_, path in beside]
    assert len(tests) > 100
    for test in tests:
        is_alone = test.parent.name == "browser" and side_by_side.WHOLE in test.read_text()
        expected = 0 if is_alone else 1
        assert sum(part in (test, *test.parents) for part in parts) == expected, test
    assert {part[:2] for part in beside} == {("-m", "not alone")}
    assert alone[:2] == ("-m", "alone")
    marked = {path for path in tests if side_by_side.MARK in path.read_text()}
    assert {ROOT / path for path in alone[2:]} == marked != set()


def test_one_failing_part_fails_the_run_and_keeps_no_other_from_running(tmp_path):
    first = written(tmp_path, "first", FAILS)
    others = [written(tmp_path, f"other{number}", PASSES) for number in range(4)]
    code, said = run(first, *others)
    assert code == 1
    assert "assert 'this' == 'that'" in said
    assert said.count("1 passed") == 4
    assert f"{first}: FAILED (1)" in said


def test_a_run_whose_parts_pass_passes(tmp_path):
    code, said = run(written(tmp_path, "one", PASSES), written(tmp_path, "two", PASSES))
    assert code == 0
    assert "FAILED" not in said


def test_a_part_without_a_test_fails_the_run(tmp_path):
    assert run(written(tmp_path, "nothing", ""))[0] == 1


def test_an_interrupt_ends_every_part_with_what_it_has_started(tmp_path):
    for number in (signal.SIGINT, signal.SIGTERM):
        names = [f"{name}{number.value}" for name in "ab"]
        paths = [written(tmp_path, name, WAITS.replace("{name}", name)) for name in names]
        with begun(*paths) as process:
            until(lambda names=names: all_there(tmp_path, "started", names), 30)
            process.send_signal(number)
            said, _ = process.communicate(timeout=30)
            assert process.returncode == 130
        assert all_there(tmp_path, "ended", names)
        assert said.count("KeyboardInterrupt") >= 2


def all_there(folder: Path, what, names):
    return all((folder / f"{what}-{name}").exists() for name in names)
