"""Listening to KV events: the sockets over which they come, while somebody wants to know.

This module alone speaks ZeroMQ. It connects to the server's own host, under the same address policy
as every request, and only listens: it subscribes, and asks an engine to repeat what it has
published, at first and where something was missed. What comes is bounded, counted by
`lib.api.kv_events`, and let go.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lib.api.kv_events import KvSource, Stored, Tally
from lib.api.network import permitted
from lib.api.resolver import Resolver
from lib.servers import AddressPolicy

if TYPE_CHECKING:
    import zmq

__all__ = ["KvListener", "own_address"]

MESSAGE_BYTES = 8 * 2**20
QUEUE = 20_000
"""Messages that may wait; an engine repeats its last 10,000."""
POLL_MS = 250
REPEAT_SECONDS = 10.0
"""After so long an engine is asked again, so that a lost message is noticed without a next one."""
RESOLVE_SECONDS = 2.0
WANTED_SECONDS = 20.0
"""Without a question for so long nobody wants to know any more: it ends by itself."""
_LAST = (-1).to_bytes(8, "big", signed=True)


def own_address(url: str, policy: AddressPolicy) -> str:
    """The address of a server's host that may be connected to.

    Raises:
        AddressRefused: there is none.
        OSError: its name is not known, or not in time.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    found = Resolver().addresses(host, parts.port or 80, RESOLVE_SECONDS)
    return permitted(policy, host, found)[0]


class KvListener(threading.Thread):
    """Counts the blocks of a server's engines while somebody asks. `address` is a numeric one."""

    def __init__(self, address: str, sources: Sequence[KvSource]) -> None:
        super().__init__(name=f"kv events {address}", daemon=True)
        self._address, self._sources = address, sources
        self._stopped = threading.Event()
        self._counts: dict[str, Stored] = {}
        self._wanted = time.monotonic()

    def counts(self) -> Mapping[str, Stored]:
        """By engine; one of which nothing is known yet is not among them."""
        self._wanted = time.monotonic()
        return self._counts

    def stop(self) -> None:
        """End soon; returns at once."""
        self._stopped.set()

    def run(self) -> None:
        """Listen."""
        import zmq  # noqa: PLC0415 - for those who listen only

        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            engines = [_Engine(context, self._address, source) for source in self._sources]
            poller = zmq.Poller()
            hear = {one: hear for engine in engines for one, hear in engine.sockets.items()}
            for socket in hear:
                poller.register(socket, zmq.POLLIN)
            while not self._stopped.is_set() and self._is_wanted():
                for socket, _ in poller.poll(POLL_MS):
                    hear[socket](socket.recv_multipart())
                self._counts = {
                    engine.name: stored for engine in engines if (stored := engine.checked())
                }
        finally:
            context.destroy(linger=0)

    def _is_wanted(self) -> bool:
        return time.monotonic() - self._wanted < WANTED_SECONDS


class _Engine:
    """One engine's two sockets: what it publishes, and what it repeats."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", host: str, it: KvSource) -> None:
        import zmq  # noqa: PLC0415 - for those who listen only

        self.name = it.engine
        self._tally = Tally()
        self._asked = float("-inf")
        self._is_first = self._has_gap = False
        where = f"tcp://[{host}]" if ":" in host else f"tcp://{host}"
        live = _connected(context, zmq.SUB, f"{where}:{it.port}")
        live.setsockopt(zmq.SUBSCRIBE, it.topic)
        self._past = it.replay and _connected(context, zmq.DEALER, f"{where}:{it.replay}")
        self.sockets = {live: self._published}
        if self._past:
            self.sockets[self._past] = self._repeated

    def checked(self) -> Stored | None:
        """What it holds as far as it is known; asks again what was published, now and then."""
        if time.monotonic() - self._asked > REPEAT_SECONDS:
            self._ask()
        return self._tally.stored

    def _ask(self) -> None:
        """Let it repeat what came after what is known."""
        import zmq  # noqa: PLC0415 - for those who listen only

        self._asked, self._is_first, self._has_gap = time.monotonic(), True, False
        if self._past:
            after = self._tally.following.to_bytes(8, "big")
            with suppress(zmq.Again):  # it is not there; the next time is soon
                self._past.send_multipart((b"", after), zmq.DONTWAIT)

    def _published(self, frames: list[bytes]) -> None:
        """A message of the moment; one that shows a gap is dropped, for it comes again."""
        if len(frames) != 3 or len(frames[1]) != 8:
            return
        number = int.from_bytes(frames[1], "big")
        if self._tally.take(number, frames[2]):
            return
        if self._past:
            self._asked = min(self._asked, time.monotonic() - REPEAT_SECONDS + 1.0)
        else:
            self._tally.skip_to(number)
            self._tally.take(number, frames[2])

    def _repeated(self, frames: list[bytes]) -> None:
        """A message of the past. Where the first begins later, what lies before is lost."""
        if len(frames) != 4 or len(frames[2]) != 8:
            return
        if frames[2] == _LAST:
            self._tally.begins()
            if self._has_gap:
                self._ask()
            return
        number = int.from_bytes(frames[2], "big")
        if not self._tally.take(number, frames[3]):
            if self._is_first:
                self._tally.skip_to(number)
                self._tally.take(number, frames[3])
            else:
                self._has_gap = True
        self._is_first = False


def _connected(
    context: "zmq.Context[zmq.Socket[bytes]]", kind: int, where: str
) -> "zmq.Socket[bytes]":
    import zmq  # noqa: PLC0415 - for those who listen only

    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVHWM, QUEUE)
    socket.setsockopt(zmq.MAXMSGSIZE, MESSAGE_BYTES)
    socket.setsockopt(zmq.IPV6, int("[" in where))
    socket.connect(where)
    return socket
