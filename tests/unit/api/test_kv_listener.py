"""Against a real ZeroMQ publisher that speaks as vLLM's does."""

import threading
from contextlib import contextmanager

import pytest

from lib.api import kv_listener
from lib.api.kv_events import KvSource, Stored
from lib.api.kv_listener import KvListener, own_address
from lib.servers import AddressPolicy, AddressRefused
from tests.support.kv_publisher import HOST, publishing
from tests.support.waiting import until


@pytest.fixture
def publisher():
    with publishing() as one:
        yield one


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
        return listener.counts().get("0") == wanted

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
        assert listener.counts() == {}
    assert not [one for one in threading.enumerate() if one.name.startswith("kv events")]


def test_it_ends_when_nobody_asks_any_more(publisher, monkeypatch):
    monkeypatch.setattr(kv_listener, "WANTED_SECONDS", 0.5)
    with listening(publisher.source()) as listener:
        until(lambda: not listener.is_alive(), 10)


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
