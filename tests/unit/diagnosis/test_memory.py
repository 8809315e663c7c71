import numpy as np
import pytest

from lib.diagnosis import Context, Rival, Severity, diagnose
from lib.metrics import Layout, Series, Spread, Window
from tests.unit.diagnosis.beside import beside, findings, restarted, silenced
from tests.unit.diagnosis.busy import after, busy
from tests.unit.diagnosis.gauged import found


def full_from(second, level=1.0):
    return lambda t: level if t >= second else 0.6


def test_a_full_cache_with_preemptions_is_bad_since_its_onset():
    finding = found(
        usage=full_from(1_200), waiting=5.0, preemptions=lambda t: 0.5 * max(0, t - 1_200)
    )["cache_full"]
    assert finding.severity is Severity.BAD
    assert finding.since == pytest.approx(1_200, abs=5)
    assert [(link.label, link.figure) for link in finding.chain] == [
        ("Waiting", "5"),
        ("KV cache", "100% used"),
        ("Preemptions", "0.5 / s"),
    ]
    assert finding.chain[0].since < 10
    assert finding.chain[2].since == pytest.approx(1_205, abs=5)
    assert [link.curve.limit for link in finding.chain] == [None, 0.95, 0.05]
    assert finding.detail.endswith(" 0 blocks are free.")


def test_a_full_cache_that_never_preempts_is_to_watch():
    finding = found(usage=full_from(1_200))["cache_full"]
    assert finding.severity is Severity.WATCH
    assert Rival("preemption", "0 / s since then") in finding.rivals
    assert "--max-num-seqs" not in {remedy.flag for remedy in finding.remedies}


@pytest.mark.parametrize("usage", [0.94, lambda t: 1.0 if 1_000 <= t < 1_020 else 0.6])
def test_nearly_full_or_full_for_a_moment_is_no_finding(usage):
    assert "cache_full" not in found(usage=usage)


def test_a_dip_into_the_band_between_keeps_the_finding_and_its_onset():
    finding = found(usage=lambda t: 0.6 if t < 600 else (0.92 if 1_500 <= t < 1_560 else 0.97))[
        "cache_full"
    ]
    assert finding.since == pytest.approx(600, abs=5)


@pytest.mark.parametrize(("dip", "waiting", "since"), [(0.87, 5, 600), (0.87, 0, 0), (0.7, 5, 0)])
def test_blocks_too_few_for_the_next_do_not_make_a_cache_less_full(dip, waiting, since):
    usage = full_from(600)
    found_ = found(usage=lambda t: dip if t >= 600 and t % 25 < 8 else usage(t), waiting=waiting)
    if since:
        assert found_["cache_full"].since == pytest.approx(since, abs=10)
    else:
        assert "cache_full" not in found_


def test_a_cache_that_emptied_is_no_finding_any_more():
    assert "cache_full" not in found(usage=lambda t: 1.0 if t < 2_000 else 0.5)


def test_a_full_cache_is_over_only_after_half_a_minute():
    usage = full_from(600)
    short = found(usage=lambda t: 0.5 if 1_500 <= t < 1_520 else usage(t))["cache_full"]
    assert short.since == pytest.approx(600, abs=5)
    dips = found(usage=lambda t: 0.5 if t >= 2_385 else usage(t))["cache_full"]
    assert (dips.chain[0].figure, dips.chain[0].window) == ("100% used at most", "last 30 s")
    assert "cache_full" not in found(usage=lambda t: 0.5 if t >= 2_360 else usage(t))
    assert found(usage=lambda t: 0.5 if 1_500 <= t < 1_560 else usage(t))[
        "cache_full"
    ].since == pytest.approx(1_560, abs=5)


@pytest.mark.parametrize(("per_second", "severity"), [(0.04, Severity.WATCH), (0.06, Severity.BAD)])
def test_a_few_preemptions_are_not_felt(per_second, severity):
    finding = found(usage=1.0, preemptions=lambda t: per_second * t)["cache_full"]
    assert finding.severity is severity
    (link,) = (link for link in finding.chain if link.quantity == "preemptions")
    assert link.holds is (severity is Severity.BAD)


@pytest.mark.parametrize(
    ("finished", "severity"), [(0.6, Severity.WATCH), (0.3, Severity.BAD), (0, Severity.BAD)]
)
def test_on_a_slow_server_few_preemptions_are_many(finished, severity):
    finding = findings(busy(kv_usage=1.0, preemptions=0.04, finished__stop=finished))["cache_full"]
    assert finding.severity is severity
    assert ("preempted" in finding.headline) is (severity is Severity.BAD)


def test_what_is_not_reported_is_no_evidence_and_not_ruled_out():
    finding = found(usage=1.0, without=("preemptions", "waiting", "blocks_used"))["cache_full"]
    assert [one.quantity for one in finding.chain] == ["kv_usage"]
    assert [rival.name for rival in finding.rivals] == ["seat limit"]
    assert finding.severity is Severity.WATCH
    assert "blocks" not in finding.detail


@pytest.mark.parametrize(
    ("waiting", "words"), [(0.0, "will have to wait"), (5.0, "new requests wait")]
)
def test_a_full_cache_in_which_nothing_waits_is_not_said_to_make_requests_wait(waiting, words):
    assert words in found(usage=1.0, waiting=waiting)["cache_full"].headline


def test_the_fullest_of_several_engines_counts_and_is_said_to():
    finding = found(usage=0.2, beside=0.97)["cache_full"]
    label, figure = finding.chain[0].label, finding.chain[0].figure
    assert (label, figure) == ("KV cache of the fullest engine", "97% used")
    assert finding.detail.endswith("80 blocks of all engines together are free.")
    assert finding.engines == (("m", "1"),)


def test_in_minutes_the_same_is_found():
    values = np.ones((60, 1))
    values[30] = np.nan
    minutes = Window(
        Layout([Series("kv_usage", "m", "0")]),
        60.0 * np.arange(60) + 59.0,
        values,
        start=0.0,
        end=3_600.0,
        period=60.0,
        spread=Spread(values, values, np.full(60, 60.0)),
    )
    (finding,) = diagnose(minutes).findings
    assert (finding.rule, finding.since) == ("cache_full", 60.0)


PRESSED = {
    "kv_usage": after(1_200, 1.0, 0.6),
    "running": after(1_200, lambda t: 12 + t // 10 % 4, 8),
    "preemptions": after(1_220, 0.8, 0),
    "itl": after(1_240, 0.12, 0.03),
    "waiting": after(1_260, lambda t: (t - 1_260) / 10, 0),
    "ttft": after(1_300, 2.0, 0.25),
    "prompt_tokens_by_source__local_compute": after(1_225, 4_000, 1_000),
}


def test_the_chain_of_pressure_is_in_order_of_onset():
    (finding,) = diagnose(busy(**PRESSED)).findings
    assert (finding.rule, finding.pattern, finding.severity) == ("cache_full", 1, Severity.BAD)
    told = [link.quantity for link in finding.chain]
    assert told[:2] == ["kv_usage", "preemptions"]
    assert sorted(told[2:4]) == ["itl", "prompt_tokens_by_source"]
    assert told[4:] == ["waiting", "ttft"]
    onsets = [link.since for link in finding.chain]
    assert onsets == sorted(onsets)
    assert onsets[0] == finding.since == pytest.approx(1_200, abs=5)
    assert onsets[1] == pytest.approx(1_220, abs=10)
    assert onsets[3] == pytest.approx(1_245, abs=15)


def test_pressure_explains_what_users_feel_of_it():
    (finding,) = diagnose(busy(**PRESSED)).findings
    assert {"Queue growing", "Late first tokens", "Slow streams"} <= set(finding.merged)
    assert {rival.name for rival in finding.rivals} == {"seat limit", "prefill limit"}
    assert finding.remedies[0].flag == "--max-num-seqs 11"


def test_each_link_can_be_drawn_as_it_was_judged():
    (finding,) = diagnose(busy(**PRESSED)).findings
    limits = {link.quantity: link.curve.limit for link in finding.chain if link.curve}
    assert limits["kv_usage"] == 0.95
    assert limits["itl"] == pytest.approx(2 * 0.095, rel=0.2)
    assert all(link.metric for link in finding.chain)


def test_all_seats_taken_is_not_ruled_out_where_they_are_known_to_be():
    full = busy(**PRESSED)
    rivals = diagnose(full, Context(max_num_seqs=15)).findings[0].rivals
    assert "seat limit" not in {rival.name for rival in rivals}
    rivals = diagnose(full, Context(max_num_seqs=64)).findings[0].rivals
    assert Rival("seat limit", "at most 15 of 64 seats taken") in rivals


def test_a_cache_with_little_left_counts_as_full_while_requests_wait_for_room():
    tight = {"kv_usage": after(1_200, 0.92, 0.6)}
    assert diagnose(busy(**tight)).findings == ()
    (finding,) = diagnose(busy(waiting=after(1_210, 3, 0), **tight)).findings
    assert (finding.rule, finding.pattern) == ("cache_full", 2)
    assert finding.chain[0].threshold == "≥ 90% for 30 s while requests wait"


DEFERRED = {"waiting_by_reason__capacity": 0, "waiting_by_reason__deferred": after(1_200, 3, 0)}


@pytest.mark.parametrize(
    "queued",
    [{"waiting": after(1_200, 3, 0), **DEFERRED}, {"waiting": lambda t: 1.0 * (t == 1_840)}],
)
def test_what_waits_for_something_else_or_for_a_moment_does_not_wait_for_blocks(queued):
    finding = findings(busy(kv_usage=after(1_200, 0.96, 0.6), **queued))["cache_full"]
    assert finding.headline == "The KV cache is full; more requests than these will have to wait"
    assert finding.merged == ()
    assert "waiting" not in {link.quantity for link in finding.chain}


def test_the_queue_of_one_engine_does_not_make_the_cache_of_another_full():
    queue = {"waiting": after(1_200, 6, 0)}
    other = {"waiting_by_reason__capacity": 0, "waiting": 0, "kv_usage": 0.93, "running": 8}
    apart = beside(busy(kv_usage=0.4, **queue), engine="1", **other)
    assert "cache_full" not in findings(apart)
    finding = findings(beside(busy(kv_usage=0.93, **queue), engine="1", **other))["cache_full"]
    assert finding.headline.endswith("new requests wait for blocks")


def test_each_line_is_drawn_where_its_link_was_judged():
    tight = busy(kv_usage=after(1_200, 0.92, 0.6), waiting=after(1_210, 3, 0))
    assert findings(tight)["cache_full"].chain[0].curve.limit == 0.90
    slow = busy(kv_usage=1.0, preemptions=0.04, finished__stop=0.3)
    (link,) = (one for one in findings(slow)["cache_full"].chain if one.quantity == "preemptions")
    assert link.curve.limit == pytest.approx(0.03, rel=0.05)
    assert link.threshold == "≥ 0.03 / s, 10% of what finishes"


@pytest.mark.parametrize(("most", "flag"), [(2, "--max-num-seqs 1"), (1, "--gpu-memory")])
def test_fewer_at_once_are_fewer_than_ran(most, flag):
    finding = findings(busy(kv_usage=1.0, preemptions=0.5, running=most))["cache_full"]
    assert finding.remedies[0].flag.startswith(flag)


GIVEN = {
    "num_gpu_blocks_override": "40",
    "kv_cache_memory_bytes": "1073741824",
    "gpu_memory_utilization": "0.97",
}


@pytest.mark.parametrize(
    ("config", "flags"),
    [
        ({}, ["--gpu-memory-utilization", "--kv-cache-dtype fp8"]),
        ({"cache_dtype": "auto"}, ["--gpu-memory-utilization", "--kv-cache-dtype fp8"]),
        ({"cache_dtype": "fp8_e4m3"}, ["--gpu-memory-utilization"]),
        ({"gpu_memory_utilization": "0.97"}, ["--kv-cache-dtype fp8"]),
        (GIVEN, ["--num-gpu-blocks-override"]),
        (
            GIVEN | {"num_gpu_blocks_override": "None"},
            ["--kv-cache-memory-bytes", "--kv-cache-dtype fp8"],
        ),
    ],
)
def test_no_flag_is_advised_that_would_change_nothing_here(config, flags):
    finding = findings(busy(kv_usage=1.0, configs=[config]))["cache_full"]
    sizes = ("--gpu", "--kv-cache", "--num-gpu")
    assert [one.flag for one in finding.remedies if one.flag.startswith(sizes)] == flags


def test_a_hit_rate_that_rises_with_preemptions_is_said_to_mislead():
    preempted = {"prefix_hits": after(1_200, 1_300, 1_000), "preemptions": after(1_200, 0.1, 0)}
    (finding,) = diagnose(busy(**preempted)).findings
    assert (finding.rule, finding.pattern, finding.severity) == (
        *("recomputed_hits", 10),
        Severity.HINT,
    )
    assert {link.quantity for link in finding.chain} == {"prefix_hits", "preemptions"}


@pytest.mark.parametrize(
    "figures",
    [
        {"prefix_hits": after(1_200, 1_300, 1_000)},
        {"prefix_hits": after(1_200, 1_060, 1_000), "preemptions": after(1_200, 0.1, 0)},
        {"preemptions": after(1_200, 0.1, 0)},
    ],
)
def test_more_hits_alone_and_preemptions_alone_do_not_mislead(figures):
    assert diagnose(busy(**figures)).findings == ()


def test_a_restart_empties_the_cache_at_once():
    empty = {"kv_usage": after(1_800, 0.02, 0.99), "waiting": after(1_800, 0, 5)}
    window = restarted(busy(**empty, running=after(1_800, 1, 30)), 1_840)
    assert set(findings(silenced(window, 1_800, 1_840))) == {"restarts"}


def test_what_a_cache_was_used_at_most_is_of_the_time_before_a_silence():
    comes_and_goes = {"kv_usage": lambda t: np.where(t // 20 == 90, 0.5, 0.99), "running": 8}
    window = busy(**comes_and_goes, waiting=lambda t: 3.0 * (t < 1_815))
    finding = findings(silenced(window, 1_820, 1_860))["cache_full"]
    used, waiting = (
        next(one for one in finding.chain if one.quantity == name)
        for name in ("kv_usage", "waiting")
    )
    assert (used.figure, waiting.figure) == ("99% used at most", "up to 3")


def test_one_free_block_is_told_as_one():
    assert found(usage=0.99)["cache_full"].detail.endswith(" 1 block is free.")
