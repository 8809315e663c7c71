"""Runs the tests in parts, several at a time, because most of them wait: what `make test` does.

A part is a room of `testpaths`, or one file of a room that is split; each is a pytest of its own,
so that Playwright's event loop reaches nobody else's tests. Tests marked `alone` run first, with
nothing beside them. A part is printed when it has ended. One that fails makes the run fail, and
Ctrl-C ends all of them with what they have started.
"""

import os
import signal
import sys
import time
import tomllib
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from tests.support.processes import ROOT, Process

__all__ = ["main", "stages"]

AT_ONCE = os.cpu_count() or 1
"""A part waits for half of its time; the rest keeps clocks honest where a machine is slow."""
SPLIT = ("tests/faults", "tests/browser")
MARK = "pytest.mark.alone"
WHOLE = f"pytestmark = {MARK}"
"""In a file all of whose tests run alone."""
LOOK_SECONDS = 0.1
INTERRUPTS, STOP_SECONDS = 4, 15.0
"""A test may swallow an interrupt; one that comes again too soon would cut the tidying short."""


def stages() -> list[list[tuple[str, ...]]]:
    """Everything that a plain `pytest` runs: the arguments of the parts of each stage."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    rooms = settings["tool"]["pytest"]["ini_options"]["testpaths"]
    files = {room: sorted((ROOT / room).rglob("test_*.py")) for room in rooms}
    marked = [path for room in rooms for path in files[room] if MARK in path.read_text()]
    split = [path for room in SPLIT for path in files[room] if WHOLE not in path.read_text()]
    # Large files take long; none of those may be left for the end.
    split.sort(key=lambda path: path.stat().st_size, reverse=True)
    whole = [room for room in rooms if room not in SPLIT]
    return [
        [("-m", "alone", *map(_named, marked))],
        [("-m", "not alone", path) for path in (*whole, *map(_named, split))],
    ]


def _named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


class Part:
    """One pytest, whose output is kept until it has ended."""

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        self._arguments, self._begun, self._seconds = arguments, time.monotonic(), 0.0
        colour = "yes" if sys.stdout.isatty() else "no"
        # Parts that shared a cache would overwrite one another's list of failures.
        options = ["-p", "no:cacheprovider", f"--color={colour}"]
        command = [sys.executable, "-m", "pytest", *options, *arguments]
        self._process = Process(command, log=log, env=os.environ)

    @property
    def alive(self) -> bool:
        return self._process.alive

    @property
    def failed(self) -> bool:
        return self._process.popen.returncode != 0

    @property
    def title(self) -> str:
        code = self._process.popen.returncode
        outcome = f"FAILED ({code})" if code else "passed"
        return f"{' '.join(self._arguments)}: {outcome} in {self._seconds:.0f} s"

    def tell(self) -> None:
        """Print what it has said; it has ended."""
        self._seconds = time.monotonic() - self._begun
        print(f"\n── {self.title} ──\n{self._process.output()}", flush=True)

    def interrupt(self) -> None:
        """As Ctrl-C would, so that its fixtures put things away."""
        if self.alive:
            self._process.popen.send_signal(signal.SIGINT)

    def kill(self) -> None:
        if self.alive:
            self._process.signal_all(signal.SIGKILL)
            self._process.popen.wait()


def main(stages: Sequence[Sequence[Sequence[str]]]) -> int:
    """Run one stage after another; the exit code is 1 if any part failed, 130 after Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    print(f"At most {AT_ONCE} parts at a time; each is shown when it has ended.", flush=True)
    ended: list[Part] = []
    try:
        for stage in stages:
            ended += _run(stage)
    except KeyboardInterrupt:
        return 130
    print("", *(part.title for part in ended), sep="\n")
    return int(any(part.failed for part in ended))


def _run(stage: Sequence[Sequence[str]]) -> list[Part]:
    waiting = deque(enumerate(stage))
    running: list[Part] = []
    ended: list[Part] = []
    with TemporaryDirectory() as folder:
        try:
            while waiting or running:
                while waiting and len(running) < AT_ONCE:
                    number, arguments = waiting.popleft()
                    running.append(Part(arguments, Path(folder, f"{number}.log")))
                time.sleep(LOOK_SECONDS)
                for part in [one for one in running if not one.alive]:
                    part.tell()
                    running.remove(part)
                    ended.append(part)
        except KeyboardInterrupt:
            _stop(running)
            raise
    return ended


def _stop(running: Sequence[Part]) -> None:
    for _ in range(INTERRUPTS):
        for part in running:
            part.interrupt()
        latest = time.monotonic() + STOP_SECONDS
        while any(part.alive for part in running) and time.monotonic() < latest:
            time.sleep(LOOK_SECONDS)
    for part in running:
        part.kill()
        part.tell()


def _interrupted(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main([[(path,) for path in sys.argv[1:]]] if sys.argv[1:] else stages()))
