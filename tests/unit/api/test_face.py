import subprocess
import sys

import lib.api
from tests.support.processes import ROOT


def test_the_face_of_the_room_is_whole():
    assert all(hasattr(lib.api, name) for name in lib.api.__all__)
    assert len(set(lib.api.__all__)) == len(lib.api.__all__)


def test_a_command_that_asks_for_no_answer_loads_nothing_for_it():
    script = "import lib.api, sys; print(*(name for name in sys.modules if name[:8] == 'lib.api.'))"
    command = [sys.executable, "-c", script]
    loaded = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    later = {
        "arrays",
        "chunks",
        "deltas",
        "embedding",
        "excess",
        "generation",
        "lengths",
        "lines",
        "ranking",
        "sse",
        "streaming",
        "streams",
        "tokenizer",
    }
    assert "lib.api.client" in loaded.split()
    assert not {f"lib.api.{name}" for name in later} & set(loaded.split())
