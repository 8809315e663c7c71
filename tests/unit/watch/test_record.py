import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.health import Check, Outcome, State, Status, Trouble
from lib.metrics import Layout, Sample, Series
from lib.servers import Server, SettingsError, Source, normal_url
from lib.servers.server import checked_name
from lib.watch import record as record_module
from lib.watch.record import (
    RecordError,
    Tick,
    checks_of,
    layout_key,
    pack,
    period_of,
    unpack,
)
from tests.support.ticks import LAYOUT, same, tick

finite = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(max_size=40)
samples = st.lists(st.floats(), max_size=40).map(
    lambda values: Sample(
        Layout(Series("running", f"m{i}", "0") for i in range(len(values))), np.array(values, float)
    )
)


@given(
    st.builds(
        Tick,
        server=words,
        at=finite,
        mono=finite,
        took=finite,
        status=st.builds(Status, st.sampled_from(State), finite, words),
        sample=st.none() | samples,
        refused=st.none() | st.builds(Trouble, words, words),
        outcomes=st.lists(
            st.builds(
                Outcome,
                check=st.sampled_from(Check),
                passed=st.none() | st.booleans(),
                seconds=st.none() | finite,
                words=words,
                kind=words,
                figure=st.none() | finite,
                at=finite,
            ),
            max_size=12,
        ).map(tuple),
    )
)
def test_every_tick_comes_back_bit_by_bit(one):
    layouts = {} if one.sample is None else {one.sample.layout.key: one.sample.layout}
    assert same(unpack(pack(one), layouts), one)


def test_a_record_names_the_layout_that_it_needs():
    assert layout_key(pack(tick(1))) == LAYOUT.key
    assert layout_key(pack(tick(1, failed=True))) is None


def test_an_unknown_layout_is_refused():
    with pytest.raises(RecordError, match=LAYOUT.key):
        unpack(pack(tick(1)), {})


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(noise):
    with pytest.raises(RecordError):
        unpack(noise, {})


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_read_but_never_breaks(place, value):
    record = bytearray(pack(tick(1)))
    record[place % len(record)] = value
    try:
        found = unpack(bytes(record), {LAYOUT.key: LAYOUT})
    except RecordError:
        return
    assert isinstance(found, Tick)


def test_values_that_do_not_fit_the_layout_are_refused():
    with pytest.raises(RecordError, match="values for"):
        unpack(pack(tick(1))[:-8], {LAYOUT.key: LAYOUT})


def rewritten(one, change):
    """A record whose words were changed."""
    record = pack(one)
    head = record[: record_module._HEAD.size]
    version, length, *clocks = record_module._HEAD.unpack(head)
    values = record[len(head) + length :]
    changed = change(json.loads(record[len(head) : len(head) + length]))
    words = json.dumps(changed, separators=(",", ":")).encode()
    return record_module._HEAD.pack(version, len(words), *clocks) + words + values


def test_a_record_of_an_older_release_is_read():
    record = rewritten(tick(1), lambda words: words[:6])
    assert same(unpack(record, {LAYOUT.key: LAYOUT}), tick(1))
    assert len(record) == len(pack(tick(1)))  # and an older release can read ours


def test_a_state_of_another_release_is_read_as_unknown():
    record = rewritten(tick(1), lambda words: [*words[:2], "STALLED", *words[3:]])
    assert unpack(record, {LAYOUT.key: LAYOUT}).status.state is State.UNKNOWN


def with_outcomes(*outcomes):
    plain = tick(1)
    return Tick(checks_of("a"), 1.0, 2.0, 0.1, plain.status, plain.sample, outcomes=outcomes)


def test_a_check_of_another_release_is_left_out():
    one = with_outcomes(Outcome(Check.HEALTH, True, 0.1, ""), Outcome(Check.PING, True, 0.1, ""))
    renamed = rewritten(one, lambda words: [*words[:6], [["smell", *words[6][0][1:]], words[6][1]]])
    assert unpack(renamed, {LAYOUT.key: LAYOUT}).outcomes == one.outcomes[1:]


@pytest.mark.parametrize(
    "row", ["x", 7, [], ["health"], ["health", True, "x", "", "", None, 0.0], [{}] * 7]
)
def test_outcomes_of_another_form_are_refused(row):
    record = rewritten(tick(1), lambda words: [*words, [row]])
    with pytest.raises(RecordError):
        unpack(record, {LAYOUT.key: LAYOUT})


def test_what_servers_say_is_cut_to_a_bounded_length():
    long = Outcome(Check.VERSION, False, 0.1, "x" * 10_000, "y" * 10_000)
    record = pack(with_outcomes(*[long] * 1000))
    assert len(record) < 32 * 800
    (first, *rest) = unpack(record, {LAYOUT.key: LAYOUT}).outcomes
    assert (len(first.words), len(rest)) == (300, 31)


@given(st.text(max_size=20), st.text(max_size=20), st.sampled_from(Source))
def test_no_server_can_be_named_like_the_track_of_anothers_checks(name, rest, source):
    for end in ("", checks_of("")):
        try:
            server = Server(
                checked_name(name + end), normal_url(f"http://h/{rest}{end}"), None, source
            )
        except SettingsError:
            continue
        assert not end
        assert "#" not in server.id


def test_a_track_of_checks_has_its_own_period():
    assert period_of("chat http://h", 1.0) == 1.0
    assert period_of(checks_of("chat http://h"), 1.0) == 5.0
