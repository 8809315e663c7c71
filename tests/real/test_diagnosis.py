"""What a diagnosis says of real servers: the cause, first, with its onset, and nothing at rest."""

import time

import pytest

from lib.diagnosis import Severity, diagnose
from lib.health import State
from tests.real.load import loaded
from tests.real.vllm import serving
from tests.real.watched import watched
from tests.support.waiting import until

FEW_SEATS = ("--max-num-seqs", "2")
HUNG_WITHIN = 30.0


@pytest.fixture(scope="module")
def watch(chat, tmp_path_factory):
    with watched({"chat": chat.url}, tmp_path_factory.mktemp("watch")) as watch:
        yield watch


def first(watch, rule, *, since, timeout, severity=None):
    """Wait until a rule's finding is the first of all; the finding, and when that was."""

    def found():
        now = time.time()
        findings = diagnose(watch.feed.window(watch.server, since, now)).findings
        is_first = bool(findings) and findings[0].rule == rule
        return (findings[0], now) if is_first and severity in (None, findings[0].severity) else None

    return until(found, timeout)


def told(finding):
    links = "; ".join(
        f"{link.label} {link.figure} ({link.threshold}, "
        f"{'' if link.since is None else f'{link.since - finding.since:+.0f} s'})"
        for link in finding.chain
    )
    rivals = "; ".join(f"{rival.name}: {rival.why}" for rival in finding.rivals)
    return f"{finding.headline} | {links} | not {rivals} | also {finding.merged}"


def at_rest(watch):
    return watch.first(State.HEALTHY, since=time.time(), timeout=60).at


def test_a_server_at_rest_has_no_finding(watch):
    begun = at_rest(watch)
    until(lambda: time.time() - begun > 65, 80)
    found = diagnose(watch.feed.window(watch.server, begun, time.time()))
    print(f"at rest: {len(found.fine)} checks fine, {len(found.unchecked)} not possible")
    assert found.findings == ()
    assert len(found.fine) >= 8


def test_forty_requests_on_forty_blocks_are_kv_pressure_with_preemptions_and_an_onset(chat, watch):
    rested = at_rest(watch)
    with loaded(chat.url, clients=40):
        begun = time.time()
        finding, now = first(watch, "cache_full", since=rested - 30, timeout=120)
        until(lambda: time.time() - now > 20, 30)
        finding, _ = first(watch, "cache_full", since=rested - 30, timeout=30)
    print(f"found after {now - begun:.0f} s: {told(finding)}")
    assert (finding.severity, finding.pattern) == (Severity.BAD, 1)
    assert "preempted" in finding.headline
    assert begun - 5 <= finding.since <= begun + 20
    chain = {link.quantity: link for link in finding.chain}
    assert chain["kv_usage"].since == finding.since
    assert chain["preemptions"].since >= finding.since - 15
    assert finding.remedies[0].flag.startswith("--max-num-seqs")


def test_a_stopped_engine_is_a_hang_and_nothing_else_within_half_a_minute(chat, watch):
    rested = at_rest(watch)
    with loaded(chat.url, clients=4):
        watch.first(State.BUSY, since=time.time(), timeout=20)
        with chat.engine_stopped():
            stopped = time.time()
            finding, now = first(
                watch, "hung", since=rested, timeout=HUNG_WITHIN + 5, severity=Severity.BAD
            )
            assert finding.headline.startswith("The engine hangs: ")
            assert now - stopped <= HUNG_WITHIN
            assert abs(finding.since - stopped) < 3
            until(lambda: time.time() - stopped > HUNG_WITHIN + 5, 30)
            finding, *others = diagnose(
                watch.feed.window(watch.server, rested, time.time())
            ).findings
            assert {one.severity for one in others} <= {Severity.HINT}
            print(f"hung after {now - stopped:.1f} s: {told(finding)}")
            assert (finding.rule, finding.severity) == ("hung", Severity.BAD)
    watch.first(State.BUSY, State.HEALTHY, since=time.time(), timeout=20)


def test_two_seats_and_a_large_cache_are_a_seat_limit(tmp_path):
    with (
        serving("chat", *FEW_SEATS, log=tmp_path / "seats.log") as server,
        watched({"seats": server.url}, tmp_path) as watch,
    ):
        begun = time.time()
        with loaded(server.url, clients=12):
            finding, now = first(watch, "seat_limit", since=begun, timeout=150)
        print(f"found after {now - begun:.0f} s: {told(finding)}")
        assert finding.since <= begun + 20
        assert any(rival.name == "full KV cache" for rival in finding.rivals)
        assert "2 are taken" in finding.headline
