"""A publisher of KV events, over real sockets, that speaks as vLLM's does.

It has no thread: `repeats` answers those who ask for the past, and is called while a test waits.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import msgpack
import zmq

from lib.api.kv_events import KvSource

__all__ = ["HOST", "Publisher", "publishing"]

HOST = "127.0.0.1"
_LAST = b"\xff" * 8


class Publisher:
    """Publishes batches, and repeats the last ones when it is asked."""

    def __init__(self, context, *, keeps: int = 100) -> None:
        self.live, self.past = context.socket(zmq.PUB), context.socket(zmq.ROUTER)
        self.ports = [one.bind_to_random_port(f"tcp://{HOST}") for one in (self.live, self.past)]
        self.sent: list[tuple[int, bytes]] = []
        self.keeps = keeps
        self.asked: list[int] = []

    @property
    def document(self) -> dict:
        """What `/kv_event_sources` says of it."""
        live, past = (f"tcp://*:{port}" for port in self.ports)
        return {"0": {"publisher": "zmq", "endpoint": live, "replay_endpoint": past, "topic": ""}}

    def source(self, *, has_past: bool = True) -> KvSource:
        return KvSource("0", self.ports[0], self.ports[1] if has_past else None)

    def publish(self, *hashes: int, kind: str = "BlockStored", lost: bool = False) -> None:
        number = len(self.sent)
        event = {"type": kind, "block_hashes": list(hashes), "medium": "GPU", "token_ids": [1]}
        payload = msgpack.packb([float(number), [event], 0])
        self.sent.append((number, payload))
        if not lost:
            self.live.send_multipart((b"", number.to_bytes(8, "big"), payload))

    def repeats(self) -> None:
        """Answer who asks; to be called now and then."""
        while self.past.poll(0):
            whose, _, after = self.past.recv_multipart()
            self.asked.append(int.from_bytes(after, "big"))
            for number, payload in self.sent[-self.keeps :]:
                if number >= self.asked[-1]:
                    said = (whose, b"", b"", number.to_bytes(8, "big"), payload)
                    self.past.send_multipart(said)
            self.past.send_multipart((whose, b"", b"", _LAST, b""))


@contextmanager
def publishing() -> Iterator[Publisher]:
    """One for a block."""
    with zmq.Context() as context:
        one = Publisher(context)
        try:
            yield one
        finally:
            one.live.close(0)
            one.past.close(0)
