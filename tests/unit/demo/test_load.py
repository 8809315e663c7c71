from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lib.demo.load import Load, Traffic
from lib.demo.roles import ROLES

TRAFFIC = Traffic(
    calm=0.2,
    busy=4.0,
    burst=9.0,
    cycle=100.0,
    prompt=120,
    output=90,
    spread=0.8,
    limit=256,
    longest=2000,
)


def asks(seed: int, until: float, traffic: Traffic = TRAFFIC):
    return list(Load(traffic, seed=seed, start=0.0).until(until))


@given(st.integers(0, 1000))
def test_clients_come_in_order_and_stay_within_the_limits(seed):
    came = asks(seed, 120.0)
    assert [ask.at for ask in came] == sorted(ask.at for ask in came)
    assert [ask.number for ask in came] == list(range(len(came)))
    for ask in came:
        assert 0 < ask.at <= 120.0
        assert TRAFFIC.head_tokens < ask.prompt <= TRAFFIC.longest
        assert 1 <= ask.output <= ask.limit == TRAFFIC.limit


def test_the_same_seed_brings_the_same_clients_however_one_asks():
    load, piecewise = Load(TRAFFIC, seed=5, start=0.0), []
    for second in range(1, 61):
        piecewise += load.until(float(second))
    assert piecewise == asks(5, 60.0)
    assert asks(6, 60.0) != piecewise


def test_the_load_breathes():
    came = asks(3, 1000.0)

    def per_second(start: float, end: float) -> float:
        inside = [ask for ask in came if start <= ask.at / TRAFFIC.cycle % 1.0 < end]
        return len(inside) / (10 * TRAFFIC.cycle * (end - start))

    calm, busy, burst = per_second(0, 0.1), per_second(0.4, 0.6), per_second(0.62, 0.7)
    assert calm < 0.8
    assert 3.0 < busy < 5.0
    assert 7.0 < burst < 11.0


def test_a_talk_goes_on_with_all_that_was_said():
    talks: dict[int, list] = {}
    for ask in asks(1, 200.0):
        talks.setdefault(ask.talk, []).append(ask)
    longer = [turns for turns in talks.values() if len(turns) > 1]
    assert longer
    for turns in longer:
        for before, after in pairwise(turns):
            assert after.prompt > before.prompt + before.output
            assert after.head == before.head


def test_texts_share_their_head_and_nothing_else():
    first, second, *_ = [ask for ask in asks(1, 200.0) if ask.head == 0]
    assert first.key(0, 16) == second.key(0, 16)
    beyond = TRAFFIC.head_tokens // 16
    assert first.key(beyond, 16) != second.key(beyond, 16)


def test_skipped_clients_never_come():
    load = Load(TRAFFIC, seed=1, start=0.0)
    load.skip(500.0)
    assert list(load.until(500.0)) == []
    assert next(iter(load.until(600.0))).at > 500.0


def test_every_role_fits_its_engine():
    for role in ROLES:
        room = min(role.limits.max_model_len, role.limits.usable_blocks * 16)
        assert role.traffic.longest + role.traffic.limit <= room
        assert "demo" in role.name
        assert "demo" in role.model
        assert "demo" in role.version
