import numpy as np
import pytest

from lib.diagnosis import Severity, diagnose
from tests.unit.diagnosis.beside import beside, findings, silenced
from tests.unit.diagnosis.busy import after, busy

DECODES = {"kv_fetch__in_progress": 1, "transfer_failures": 0}
CACHE = {"external_prefix_queries": 2_000, "external_prefix_hits": 1_500}


def fetches(**otherwise):
    return beside(busy(), **DECODES | CACHE | otherwise)


def test_failed_transfers_are_found_with_what_is_no_more_found_elsewhere():
    finding = findings(
        fetches(
            transfer_failures=after(1_500, 0.2, 0), external_prefix_hits=after(1_560, 200, 1_500)
        )
    )["transfer_stalls"]
    assert finding.severity is Severity.WATCH
    assert finding.since == pytest.approx(1_500, abs=10)
    assert [one.label for one in finding.chain] == ["Failed transfers", "Found elsewhere"]


def test_a_single_transfer_that_failed_is_told_as_one():
    finding = findings(fetches(transfer_failures=lambda t: 1.0 * (t == 1_800)))["transfer_stalls"]
    assert finding.headline == (
        "Some transfers of KV blocks fail: 1 transfer in the last 2 minutes"
    )


def test_blocks_that_were_given_up_are_those_that_others_did_not_fetch():
    found = findings(fetches(transfer_expired=lambda t: 1.0 * (t == 1_800)))
    assert list(found) == ["blocks_expire"]
    finding = found["blocks_expire"]
    assert finding.headline == "Other servers fetch KV blocks too late; they are given up"
    assert finding.detail.startswith("Those of 1 request in the last 2 minutes")
    assert "blocks_expire" not in findings(fetches(transfer_expired=0))


def test_blocks_that_pile_up_on_their_way_are_found():
    finding = findings(fetches(kv_fetch__in_progress=lambda t: 1 + np.maximum(0, t - 1_500) / 20))
    assert finding["transfer_stalls"].headline.startswith(
        "KV blocks of other servers arrive slower"
    )
    assert finding["transfer_stalls"].rivals[0].name == "failed transfers"


def test_a_rate_is_of_the_seconds_that_were_seen():
    window = silenced(offloads(0.97, 1.0), 0, 1_680)
    (link,) = (
        one for one in findings(window)["offload_full"].chain if one.quantity == "offload_failures"
    )
    assert float(link.figure.removesuffix(" / s")) == pytest.approx(1.0, rel=0.1)


def test_both_at_once_are_bad():
    finding = findings(
        fetches(
            kv_fetch__in_progress=lambda t: 1 + np.maximum(0, t - 1_500) / 20,
            transfer_failures=after(1_500, 0.1, 0),
        )
    )
    assert finding["transfer_stalls"].severity is Severity.BAD


@pytest.mark.parametrize(
    "otherwise",
    [
        {},
        {"kv_fetch__in_progress": lambda t: 3 + 3 * np.sin(t / 40)},
        {"kv_fetch__in_progress": 6},
        {"kv_fetch__in_progress": after(1_750, 5, 0), "running": after(1_750, 40, 2)},
        {"transfer_failures": lambda t: 1.0 * (t == 900)},
    ],
)
def test_transfers_that_come_and_go_or_failed_once_are_none(otherwise):
    assert "transfer_stalls" not in findings(fetches(**otherwise))


def test_transfers_that_failed_while_the_server_was_not_watched_are_not_of_now():
    failed = fetches(transfer_failures=lambda t: 1.0 * (t // 100 == 14))
    assert "transfer_stalls" not in findings(silenced(failed, 1_350, 1_850))


def offloads(usage, failures=0.0):
    return beside(busy(), offload_kv_usage=usage, offload_failures=failures)


def test_an_offload_memory_without_room_is_a_hint():
    finding = findings(offloads(after(900, 0.97, 0.5), after(900, 0.4, 0)))["offload_full"]
    assert finding.severity is Severity.HINT
    assert {one.label for one in finding.chain} == {"Offload memory", "No room for a block"}


@pytest.mark.parametrize(
    ("usage", "failures"), [(0.97, 0.0), (0.8, 0.5), (lambda t: 0.97 - 0.2 * (t > 1_700), 0.5)]
)
def test_an_offload_memory_that_makes_room_is_as_it_should_be(usage, failures):
    assert "offload_full" not in findings(offloads(usage, failures))


def test_stores_that_only_pile_up_are_stuck():
    window = beside(busy(), offload_pending=lambda t: np.maximum(0, t - 900) / 10)
    finding = findings(window)["offload_full"]
    assert (finding.severity, finding.brief) == (Severity.WATCH, "Offloading stuck")


@pytest.mark.parametrize("pending", [40, lambda t: 20 + 20 * np.sin(t / 60)])
def test_stores_that_are_worked_off_are_not_stuck(pending):
    assert "offload_full" not in findings(beside(busy(), offload_pending=pending))


def test_a_server_without_connectors_is_told_so():
    unchecked = " ".join(diagnose(busy()).unchecked)
    assert "vllm:num_requests_kv_fetch_by_stage" in unchecked
    assert "vllm:kv_offload_cpu_cache_usage_perc" in unchecked
