"""Starts the watcher when nobody else runs it, again when it dies, and stops what it started.

The child reads a pipe whose other end only this process holds: when the dashboard ends, by
whatever means, the pipe closes and the child ends too. A watcher that lived for a while is started
again at once; one that dies young, or that the system refuses to start, is given a growing pause.
"""

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

__all__ = ["ALREADY_WATCHED", "BAD_SETTINGS", "Supervisor", "watcher_command"]

BAD_SETTINGS = 2
"""Exit code of a watcher whose configuration or folders can't be used."""
ALREADY_WATCHED = 3
"""Exit code of a watcher that found another one on its data folder."""

PAUSES_SECONDS = (0.0, 0.3, 1.0, 2.0, 5.0, 10.0)
"""Before the next start after 0, 1, 2 … short lives in a row."""
LONG_LIFE_SECONDS = 3.0
STOP_SECONDS = 5.0

ROOT = Path(__file__).resolve().parents[2]
log = logging.getLogger(__name__)


def watcher_command() -> list[str]:
    """The command of a watcher that ends with its parent."""
    return [sys.executable, "-m", "lib.watch", "--child"]


class Supervisor:
    """Keeps one child alive. `tend` is called again and again by one thread.

    `ended_with` is the exit code of the child that died last; `refused` is why the system did not
    start the newest one, "" where it did.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        command: Sequence[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._environ = dict(environ)
        self._command = list(command or watcher_command())
        self._clock = clock
        self._child: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._short_lives = 0
        self._next_start = 0.0
        self.ended_with: int | None = None
        self.refused = ""

    @property
    def pid(self) -> int | None:
        """The child's process, None when there is none alive."""
        child = self._child
        return None if child is None or child.poll() is not None else child.pid

    def tend(self) -> None:
        """Start the child if it is not alive and its pause is over. Returns at once."""
        now = self._clock()
        if self._child is not None and self._child.poll() is not None:
            self._bury(now)
        if self._child is None and now >= self._next_start:
            self._start(now)

    def kill(self) -> None:
        """End a child that lives but no longer works; `tend` starts another."""
        if self._child is not None:
            self._child.kill()

    def stop(self) -> None:
        """End the child: politely by closing its pipe, then by force."""
        child, self._child = self._child, None
        if child is None:
            return
        if child.stdin is not None:
            with suppress(OSError):
                child.stdin.close()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def _start(self, now: float) -> None:
        self._started = now
        # `ROOT` is where `lib` lies; relative paths in the settings mean the dashboard's folder.
        environ = {**self._environ, "PYTHONPATH": _with_root(self._environ.get("PYTHONPATH", ""))}
        try:
            self._child = subprocess.Popen(  # noqa: S603 — our own command
                self._command,
                stdin=subprocess.PIPE,
                env=environ,
                start_new_session=True,  # its own scheduling group: busy pages cannot starve it
            )
        except OSError as error:
            self.refused = (error.strerror or "the system refuses it").lower()
            pause = self._put_off(now)
            log.warning("The watcher can't be started: %s; again in %g s.", self.refused, pause)
        else:
            self.refused = ""

    def _bury(self, now: float) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.stdin is not None:
            with suppress(OSError):
                child.stdin.close()
        self.ended_with = child.returncode
        pause = self._put_off(now)
        if child.returncode != ALREADY_WATCHED:
            log.warning(
                "The watcher ended with %s; it is started again in %g s.", child.returncode, pause
            )

    def _put_off(self, now: float) -> float:
        """Set when the next one is started, by how long this one lived; in how many seconds."""
        lived = now - self._started
        self._short_lives = 0 if lived >= LONG_LIFE_SECONDS else self._short_lives + 1
        pause = PAUSES_SECONDS[min(self._short_lives, len(PAUSES_SECONDS) - 1)]
        self._next_start = now + pause
        return pause


def _with_root(path: str) -> str:
    return f"{ROOT}:{path}" if path else str(ROOT)
