import os
import subprocess
import sys
import tempfile

import pytest

from lib.watch.places import AlreadyWatchedError, Lock, PlaceError, socket_path
from tests.support.processes import ROOT


@pytest.fixture(autouse=True)
def own_tempdir(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_the_socket_lies_where_only_this_user_may_enter(tmp_path):
    path = socket_path(tmp_path / "data")
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.parent.name == f"vllm-inspector-{os.getuid()}"
    assert len(str(path.name)) < 30


def test_every_spelling_of_a_folder_has_the_same_socket(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    paths = {socket_path(tmp_path / name) for name in ("data", "link", "data/../data")}
    assert len(paths) == 1
    assert socket_path(tmp_path / "other") not in paths


def test_a_folder_that_others_may_enter_is_refused(tmp_path):
    socket_path(tmp_path).parent.chmod(0o755)
    with pytest.raises(PlaceError, match="open to other users"):
        socket_path(tmp_path)


def test_a_link_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / f"vllm-inspector-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PlaceError):
        socket_path(tmp_path)


def test_one_process_holds_a_data_folder(tmp_path):
    data = tmp_path / "data"
    ask = f"from pathlib import Path; from lib.watch.places import Lock; Lock(Path({str(data)!r}))"
    command = [sys.executable, "-c", ask]
    with Lock(data):
        other = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert AlreadyWatchedError.__name__ in other.stderr
        with pytest.raises(AlreadyWatchedError):
            Lock(data)
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def test_where_the_data_folder_cannot_be_the_lock_is_beside_the_socket(tmp_path):
    (tmp_path / "file").touch()
    data = tmp_path / "file" / "data"
    with Lock(data):
        assert socket_path(data).with_suffix(".lock").exists()
        with pytest.raises(AlreadyWatchedError):
            Lock(data)
