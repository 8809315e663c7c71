"""Against a real ZeroMQ publisher that speaks as vLLM's does."""

import threading
from contextlib import contextmanager

import msgpack
import pytest
import zmq

from lib.api import kv_listener
from lib.api.kv_events import KvSource, Stored
from lib.api.kv_listener import KvListener, own_address
from lib.servers import AddressPolicy, AddressRefused
from tests.support.waiting import until

HOST = "127.0.0.1"


class Publisher:
    """Publishes batches, and repeats the last ones when it is asked."""

    def __init__(self, context, *, keeps: int = 100) -> None:
        self.live, self.past = context.socket(zmq.PUB), context.socket(zmq.ROUTER)
        self.ports = [one.bind_to_random_port(f"tcp://{HOST}") for one in (self.live, self.past)]
        self.sent: list[tuple[int, bytes]] = []
        self.keeps = keeps
        self.asked: list[int] = []

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
            self.past.send_multipart((whose, b"", b"", kv_listener._LAST, b""))


@pytest.fixture
def publisher():
    with zmq.Context() as context:
        one = Publisher(context)
        yield one
        one.live.close(0)
        one.past.close(0)


@contextmanager
def listening(*sources):
    listener = KvListener(HOST, sources)
    listener.start()
    yield listener
    listener.stop()
    listener.join(10)
    assert not listener.is_alive()


def hears(listener, publisher, wanted: Stored, *, publishes: bool = False) -> None:
    def heard():
        publisher.repeats()
        if publishes:
            publisher.publish(1)
        return listener.counts.get("0") == wanted

    until(heard, 20, every=0.05)


def test_what_was_published_before_somebody_looked_is_counted(publisher):
    publisher.publish(1, 2, 3)
    publisher.publish(2, kind="BlockRemoved")
    with listening(publisher.source()) as listener:
        hears(listener, publisher, Stored(2, is_all=True))
        publisher.publish(4)
        hears(listener, publisher, Stored(3, is_all=True))


def test_an_engine_that_has_published_nothing_holds_nothing(publisher):
    with listening(publisher.source()) as listener:
        hears(listener, publisher, Stored(0, is_all=True))


def test_what_an_engine_no_longer_repeats_makes_the_count_a_least_one(publisher):
    publisher.keeps = 2
    for number in range(5):
        publisher.publish(number)
    with listening(publisher.source()) as listener:
        hears(listener, publisher, Stored(2, is_all=False))


def test_a_message_that_was_lost_is_asked_for(publisher, monkeypatch):
    monkeypatch.setattr(kv_listener, "REPEAT_SECONDS", 1.0)
    with listening(publisher.source()) as listener:
        hears(listener, publisher, Stored(0, is_all=True))
        publisher.publish(1, lost=True)
        publisher.publish(2)
        hears(listener, publisher, Stored(2, is_all=True))


def test_without_a_past_the_count_is_a_least_one(publisher):
    publisher.publish(9)
    with listening(publisher.source(has_past=False)) as listener:
        hears(listener, publisher, Stored(1, is_all=False), publishes=True)
    assert publisher.asked == []


def test_a_publisher_that_is_not_there_is_waited_for_without_harm():
    with listening(KvSource("0", 1, 2)) as listener:
        assert listener.counts == {}
    assert not [one for one in threading.enumerate() if one.name.startswith("kv events")]


def test_nonsense_is_passed_over(publisher):
    with listening(publisher.source()) as listener:
        hears(listener, publisher, Stored(0, is_all=True))
        for frames in ((b"",), (b"", b"1", b""), (b"", b"\0" * 8, b"no"), (b"",) * 9):
            publisher.live.send_multipart(frames)
        publisher.publish(1)
        publisher.publish(2)
        hears(listener, publisher, Stored(2, is_all=True))


def test_only_an_address_that_the_policy_permits_is_listened_to():
    assert own_address("http://127.0.0.1:8000", AddressPolicy()) == HOST
    with pytest.raises(AddressRefused):
        own_address("http://169.254.169.254", AddressPolicy())
    with pytest.raises(AddressRefused):
        own_address("http://10.1.2.3:8000", AddressPolicy.allowing(""))
