"""Processes that end with the test that started them, children included, whatever happens."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.waiting import until

__all__ = ["ROOT", "Process", "running"]

ROOT = Path(__file__).resolve().parents[2]


class Process:
    """A started command, the leader of a process group of its own; its output goes to `log`."""

    def __init__(self, command: Sequence[str], *, log: Path, env: Mapping[str, str]) -> None:
        self.log = log
        with log.open("ab") as out:
            self.popen = subprocess.Popen(
                list(command),
                cwd=ROOT,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        return self.popen.poll() is None

    def output(self) -> str:
        """All that the process has printed so far."""
        return self.log.read_text(errors="replace")

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to the process and to all its children in the group."""
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, number)

    def stop(self, patience: float = 10.0) -> None:
        """End the whole group: politely first, and by force after `patience` seconds."""
        self.signal_all(signal.SIGCONT)
        if self.alive:
            self.popen.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.popen.wait(patience)
        self.signal_all(signal.SIGKILL)
        self.popen.wait(60)

    def ready_when(self, condition, timeout: float) -> None:
        """Wait for `condition`; a process that ends meanwhile fails at once with its last words."""

        def ready_or_gone() -> bool:
            return bool(condition()) or not self.alive

        try:
            until(ready_or_gone, timeout, every=0.1)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.output()[-4000:]}") from None
        if not self.alive:
            raise AssertionError(f"{self.popen.args!r} ended early:\n{self.output()[-4000:]}")


@contextmanager
def running(
    command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """Run a command for the length of a block; `python` as first word is this interpreter."""
    words = [sys.executable, *command[1:]] if command[0] == "python" else list(command)
    process = Process(words, log=log, env=os.environ if env is None else env)
    try:
        yield process
    finally:
        process.stop()
