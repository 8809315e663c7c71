import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.api import kv_events
from lib.api.kv_events import KvSource, Stored, Tally, sources_in


def batch(*events, at: float = 1.0) -> bytes:
    return msgpack.packb([at, list(events), 0])


def stored(*hashes, **more) -> dict:
    told = {"block_hashes": list(hashes), "token_ids": [7] * 16, "block_size": 16, "medium": "GPU"}
    return {"type": "BlockStored", **told, **more}


def removed(*hashes, **more) -> dict:
    return {"type": "BlockRemoved", "block_hashes": list(hashes), "medium": "GPU", **more}


def tally(*batches: bytes) -> Tally:
    one = Tally()
    for number, payload in enumerate(batches):
        assert one.take(number, payload)
    return one


def source(**more) -> dict:
    return {"publisher": "zmq", "endpoint": "tcp://*:5557", "replay_endpoint": None, **more}


# ── Where to listen ──


def test_a_source_is_a_port_of_the_servers_own_host():
    told = {"0": source(replay_endpoint="tcp://*:5558", topic="kv"), "1": source()}
    assert sources_in(told, "gpu.local") == (
        KvSource("0", 5557, 5558, b"kv"),
        KvSource("1", 5557, None),
    )


@pytest.mark.parametrize(
    "endpoint",
    [
        *("tcp://10.0.0.9:5557", "ipc:///tmp/x", "inproc://x", "tcp://*", "tcp://*:0", "", None),
        *("tcp://*:99999", "http://*:5557", "tcp://gpu.local.evil.example:5557", 5557),
    ],
)
def test_a_source_elsewhere_is_not_connected_to(endpoint):
    assert sources_in({"0": source(endpoint=endpoint)}, "gpu.local") == ()


def test_a_source_that_names_its_host_is_that_host():
    assert sources_in({"0": source(endpoint="tcp://GPU.local:5557")}, "gpu.local")
    assert sources_in({"0": source(endpoint="tcp://[::1]:5557")}, "::1")


@pytest.mark.parametrize("told", [{}, [], None, {"0": None}, {"0": {"publisher": "null"}}, "x"])
def test_without_publishers_there_is_nowhere_to_listen(told):
    assert sources_in(told, "127.0.0.1") == ()


def test_a_thousand_engines_are_not_listened_to():
    told = {str(number): source() for number in range(1_000)}
    assert len(sources_in(told, "127.0.0.1")) == kv_events.ENGINES


# ── Counting ──


def test_blocks_are_counted_from_when_they_are_stored_until_they_are_removed():
    one = tally(batch(stored(1, 2, b"3" * 32)), batch(removed(2), stored(4)))
    assert one.stored == Stored(3, is_all=True)


def test_a_block_that_is_stored_twice_is_one_block_and_groups_have_their_own():
    one = tally(batch(stored(1), stored(1), stored(1, group_idx=1)))
    assert one.stored == Stored(2, is_all=True)


def test_blocks_beside_the_cache_are_not_counted():
    one = tally(batch(stored(1), stored(2, medium="CPU"), stored(3, medium="STORAGE")))
    assert one.stored == Stored(1, is_all=True)


def test_a_cleared_cache_is_empty_and_known_again():
    one = Tally()
    one.skip_to(5)
    one.take(5, batch(stored(1)))
    assert one.stored == Stored(1, is_all=False)
    one.take(6, batch({"type": "AllBlocksCleared"}))
    assert one.stored == Stored(0, is_all=True)


def test_nothing_is_known_before_anything_was_heard():
    one = Tally()
    assert one.stored is None
    one.begins()
    assert one.stored == Stored(0, is_all=True)


def test_a_gap_is_told_and_what_was_missed_is_counted_when_it_comes():
    one = tally(batch(stored(1)))
    assert not one.take(2, batch(stored(3), at=3))
    assert one.take(1, batch(stored(2), at=2))
    assert one.take(2, batch(stored(3), at=3))
    assert one.stored == Stored(3, is_all=True)


def test_what_was_missed_for_good_makes_the_count_a_least_one():
    one = tally(batch(stored(1)))
    one.skip_to(9)
    assert one.take(9, batch(stored(2), at=9))
    assert one.stored == Stored(2, is_all=False)


def test_a_message_that_comes_twice_counts_once():
    one = tally(batch(stored(1), at=1), batch(removed(1), at=2))
    assert one.take(0, batch(stored(1), at=1))
    assert one.stored == Stored(0, is_all=True)


def test_an_engine_that_starts_again_has_an_empty_cache():
    one = tally(batch(stored(1, 2), at=1), batch(stored(3), at=2))
    assert one.take(0, batch(stored(9), at=60))
    assert one.stored == Stored(1, is_all=True)


def test_a_restart_that_is_noticed_late_asks_for_its_beginning():
    one = tally(*[batch(stored(number), at=number) for number in range(9)])
    assert not one.take(4, batch(stored(99), at=60))
    assert one.following == 0
    assert one.stored is None


def test_no_token_id_is_kept():
    one = tally(batch(stored(1, token_ids=[123_456_789])))
    kept = [value for value in vars(one).values() if isinstance(value, set)]
    assert kept
    assert all(123_456_789 not in values for values in kept)


def test_the_number_of_blocks_that_are_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(kv_events, "MOST", 10)
    one = tally(batch(stored(*range(8))), batch(stored(*range(100, 108))))
    assert one.stored == Stored(8, is_all=False)


STRANGE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.binary(max_size=60) | STRANGE.map(msgpack.packb))
def test_whatever_comes_is_counted_or_makes_the_count_a_least_one(payload):
    one = tally(batch(stored(1)))
    assert one.take(1, payload)
    assert one.stored.blocks in (0, 1)
    assert one.following == 2


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=30))
def test_the_count_is_that_of_a_set(steps):
    wanted = set()
    payloads = []
    for number, (is_stored, name) in enumerate(steps):
        (wanted.add if is_stored else wanted.discard)(name)
        payloads.append(batch((stored if is_stored else removed)(name), at=number))
    one = tally(batch(at=-1.0), *payloads)
    assert one.stored == Stored(len(wanted), is_all=True)
