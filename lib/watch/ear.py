"""The dashboard's thread that listens to the watcher, and starts one where there is none.

It understands frames and nothing else: what it hears goes to one callback, how the watcher is stays
here to be read. A watcher of ours that lives but says nothing any more is killed and started again.
Nothing ends the thread but `stop`: what can't be foreseen is told and written to the log.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from lib.metrics import Layout
from lib.watch.places import PlaceError, socket_path
from lib.watch.record import RecordError, Tick, unpack
from lib.watch.supervisor import ALREADY_WATCHED, BAD_SETTINGS, Supervisor
from lib.watch.wire import Beat, Decoder, Hello, Kind, WireError

__all__ = ["Ear", "Heard"]

WEDGED_SECONDS = 10.0
"""A watcher of ours that has said nothing for so long is killed and started again."""
POLL_SECONDS = 0.1
UNFORESEEN_SECONDS = 5.0
"""After what nobody foresaw: it may come again each time, and fill the log."""
LAYOUTS_KEPT = 2000

log = logging.getLogger(__name__)

Heard = Callable[[Sequence[Tick], Sequence[Tick]], None]
"""Takes the newest tick of each server, as told first, and the ticks that follow one another."""


class Ear:
    """Listens from `start` to `stop`. `joined` is called at the begin of each conversation."""

    def __init__(
        self, data: Path, heard: Heard, joined: Callable[[], None], supervisor: Supervisor | None
    ) -> None:
        self.hello: Hello | None = None
        self.beat: Beat | None = None
        self.refusal = ""
        self._data = data
        self._heard = heard
        self._joined = joined
        self._supervisor = supervisor
        self._layouts: dict[str, Layout] = {}
        self._last_word = 0.0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, and stop the watcher that was started."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._supervisor is not None:
            self._supervisor.stop()

    @property
    def is_ours(self) -> bool:
        """Whether the watcher that speaks is the one that was started here."""
        pid = None if self._supervisor is None else self._supervisor.pid
        return pid is not None and self.hello is not None and self.hello.pid == pid

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self._turn()
            except Exception:  # a thread that died would leave the page as it is for ever
                log.exception("Listening to the watcher failed in an unforeseen way.")
                self.refusal = "The watcher can't be heard; the dashboard's log says why."
                self._ending.wait(UNFORESEEN_SECONDS)
            self._ending.wait(POLL_SECONDS)

    def _turn(self) -> None:
        """Listen as long as a watcher speaks, then have one that does."""
        refusal = ""
        try:
            self._converse()
        except (WireError, PlaceError) as error:
            refusal = str(error)
        except OSError as error:
            log.debug("No watcher answers: %s", error)
        if self._supervisor is not None and not self._ending.is_set():
            self._supervisor.tend()
            refusal = _why_none(self._supervisor) or refusal
        self.refusal = refusal

    def _converse(self) -> None:
        """Listen to the watcher until it leaves."""
        decoder = Decoder()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as ear:
            ear.settimeout(POLL_SECONDS)
            ear.connect(str(socket_path(self._data)))
            self._joined()
            self._last_word = time.monotonic()
            while not self._ending.is_set():
                try:
                    data = ear.recv(1 << 20)
                except TimeoutError:
                    self._check_wedged()
                    continue
                if not data:
                    return
                self._last_word = time.monotonic()
                self._take(decoder.feed(data))

    def _check_wedged(self) -> None:
        """Kill a watcher that was started here and no longer speaks."""
        supervisor = self._supervisor
        if supervisor is None or supervisor.pid is None or not (self.is_ours or not self.hello):
            return
        if time.monotonic() - self._last_word > WEDGED_SECONDS:
            log.warning("The watcher stands still; it is started again.")
            supervisor.kill()

    def _take(self, frames: Iterable[tuple[Kind, bytes]]) -> None:
        newest: list[Tick] = []
        ticks: list[Tick] = []
        for kind, payload in frames:
            if kind is Kind.HELLO:
                self.hello, self.refusal = Hello.read(payload), ""
            elif kind is Kind.BEAT:
                self.beat = Beat.read(payload)
            elif kind is Kind.LAYOUT:
                self._learn(payload)
            else:
                (newest if kind is Kind.NEWEST else ticks).append(self._tick(payload))
        if newest or ticks:
            self._heard(newest, ticks)

    def _tick(self, payload: bytes) -> Tick:
        try:
            return unpack(payload, self._layouts)
        except RecordError as error:
            raise WireError(str(error)) from error

    def _learn(self, payload: bytes) -> None:
        try:
            layout = Layout.from_json(payload.decode())
        except ValueError as error:
            raise WireError("not a layout") from error
        self._layouts.pop(layout.key, None)
        self._layouts[layout.key] = layout
        while len(self._layouts) > LAYOUTS_KEPT:
            del self._layouts[next(iter(self._layouts))]


def _why_none(supervisor: Supervisor) -> str:
    """What keeps a watcher from being started here, for people; "" where nothing does."""
    if supervisor.refused:
        return f"The watcher can't be started: {supervisor.refused}."
    if supervisor.ended_with == ALREADY_WATCHED:
        return "Another watcher, out of reach, holds the data folder."
    if supervisor.ended_with == BAD_SETTINGS:
        return "The watcher can't use its settings; the log says which."
    return ""
