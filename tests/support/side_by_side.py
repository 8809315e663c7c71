"""Runs the tests in parts, several at a time, because most of them wait: what `make test` does.

A part is a room of `testpaths`, or one file of a room that is split; each is a pytest of its own,
so that Playwright's event loop reaches nobody else's tests. What needs the whole machine runs first
and alone. A part is printed when it has ended. One that fails makes the run fail, and Ctrl-C ends
all of them with what they have started.
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

__all__ = ["main", "parts"]

AT_ONCE = (os.cpu_count() or 1) + 1
"""A part keeps a core busy for about half of its time."""
SPLIT = ("tests/faults", "tests/browser")
ALONE = ("tests/faults/test_hostile_scrapes.py",)
"""Its watcher works through pages that keep a core busy, against deadlines."""
LOOK_SECONDS = 0.1
INTERRUPTS, STOP_SECONDS = 4, 15.0
"""A test may swallow an interrupt; one that comes again too soon would cut the tidying short."""


def parts() -> list[str]:
    """Everything that a plain `pytest` runs, in the order in which it is begun."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    rooms = settings["tool"]["pytest"]["ini_options"]["testpaths"]
    files = [path for room in SPLIT for path in (ROOT / room).rglob("test_*.py")]
    # Large files take long; none of those may be left for the end.
    files.sort(key=lambda path: path.stat().st_size, reverse=True)
    named = [path.relative_to(ROOT).as_posix() for path in files]
    whole = [room for room in rooms if room not in SPLIT]
    return sorted([*whole, *named], key=lambda part: part not in ALONE)


class Part:
    """One pytest, whose output is kept until it has ended."""

    def __init__(self, path: str, log: Path) -> None:
        self.path, self._begun, self._seconds = path, time.monotonic(), 0.0
        colour = "yes" if sys.stdout.isatty() else "no"
        # Parts that shared a cache would overwrite one another's list of failures.
        options = ["-p", "no:cacheprovider", f"--color={colour}"]
        command = [sys.executable, "-m", "pytest", *options, path]
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
        return f"{self.path} {f'FAILED ({code})' if code else 'passed'} in {self._seconds:.0f} s"

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


def main(paths: Sequence[str]) -> int:
    """Run these parts; the exit code is 1 if any has failed, 130 after Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    print(f"{len(paths)} parts, {AT_ONCE} at a time; each is shown when it has ended.", flush=True)
    running: list[Part] = []
    ended: list[Part] = []
    with TemporaryDirectory() as folder:
        waiting = deque((path, Path(folder, f"{n}.log")) for n, path in enumerate(paths))
        try:
            while waiting or running:
                while waiting and _has_room(waiting[0][0], running):
                    running.append(Part(*waiting.popleft()))
                time.sleep(LOOK_SECONDS)
                for part in [one for one in running if not one.alive]:
                    part.tell()
                    running.remove(part)
                    ended.append(part)
        except KeyboardInterrupt:
            _stop(running)
            return 130
    print("", *(part.title for part in ended), sep="\n")
    return int(any(part.failed for part in ended))


def _has_room(path: str, running: Sequence[Part]) -> bool:
    if path in ALONE or any(part.path in ALONE for part in running):
        return not running
    return len(running) < AT_ONCE


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
    sys.exit(main(sys.argv[1:] or parts()))
