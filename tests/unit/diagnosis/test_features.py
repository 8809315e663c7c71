import pytest

from lib.diagnosis import Severity, diagnose
from tests.unit.diagnosis.beside import beside, findings
from tests.unit.diagnosis.busy import after, busy

# ── Adapters ──


FROM_1_200 = after(1_200, 4, 0)


def waits(wanted, slots=2, waiting=FROM_1_200):
    window = busy(
        waiting=waiting, waiting_by_reason__capacity=0, waiting_by_reason__deferred=waiting
    )
    return beside(window, lora_wanted=wanted, lora_slots=slots)


def test_more_adapters_than_slots_are_found_since_requests_wait():
    finding = findings(waits(after(900, 5, 2)))["adapters_wait"]
    assert finding.severity is Severity.WATCH
    assert finding.since == pytest.approx(1_200, abs=10)
    assert [one.label for one in finding.chain] == ["Adapters asked for", "Deferred", "Waiting"]
    assert finding.remedies[0].flag == "--max-loras 5"


def test_slots_are_advised_for_all_that_were_asked_for_a_moment_ago():
    finding = findings(waits(after(1_845, 1, 5)))["adapters_wait"]
    assert finding.remedies[0].flag == "--max-loras 5"
    assert finding.detail.startswith("5 adapters have requests, 2 may be active")


def test_requests_that_wait_for_their_adapter_are_not_another_finding():
    rules = findings(waits(after(900, 5, 2)))
    assert list(rules) == ["adapters_wait"]


@pytest.mark.parametrize(
    ("wanted", "waiting"),
    [(2, 4), (5, 0), (after(1_840, 5, 2), 4), (lambda t: 5 - 3 * (t > 1_700), 4)],
)
def test_adapters_that_fit_or_that_nobody_waits_for_are_none(wanted, waiting):
    assert "adapters_wait" not in findings(waits(wanted, waiting=waiting))


# ── Drafts ──


def speculates(accepted, drafts=20, drafted=80):
    return beside(busy(), drafts=drafts, draft_tokens=drafted, accepted_tokens=accepted)


def test_drafts_that_are_thrown_away_are_a_hint():
    finding = findings(speculates(after(900, 8, 60)))["drafts_wasted"]
    assert finding.severity is Severity.HINT
    assert [one.figure for one in finding.chain[:2]] == ["10%", "1.40"]
    assert 900 < finding.since < 1_260


@pytest.mark.parametrize(
    ("accepted", "drafts", "drafted"),
    [(40, 20, 80), (0.2, 0.5, 2), (40, 20, 160), (8, 20, 20)],
    ids=["help", "few", "long ones of which much remains", "short ones that are accepted"],
)
def test_drafts_that_help_or_are_few_are_none(accepted, drafts, drafted):
    assert "drafts_wasted" not in findings(speculates(accepted, drafts, drafted))


@pytest.mark.parametrize(("itl", "wasted"), [(0.012, False), (0.03, True), (0.08, True)])
def test_drafts_with_which_streams_became_faster_are_not_wasted(itl, wasted):
    drafts = {"drafts": 20, "draft_tokens": 80, "accepted_tokens": after(900, 8, 60)}
    found = findings(beside(busy(itl=after(900, itl, 0.03)), **drafts))
    assert ("drafts_wasted" in found) is wasted


# ── Blocks ──


def blocks(size, hits=0, **otherwise):
    config = {"block_size": str(size), "enable_prefix_caching": "True"} | otherwise
    return busy(prefix_hits=hits, prompt_tokens_by_source__local_cache_hit=0, configs=[config])


def test_large_blocks_in_which_nothing_is_found_are_a_hint():
    finding = findings(blocks(544))["blocks_too_large"]
    assert finding.severity is Severity.HINT
    assert finding.chain[0].threshold == "= 0, in blocks of 544 tokens"


@pytest.mark.parametrize(("size", "hits"), [(16, 0), (544, 5)])
def test_small_blocks_or_a_few_hits_are_none(size, hits):
    assert "blocks_too_large" not in findings(blocks(size, hits))


def test_a_cache_that_is_off_is_not_asked():
    diagnosis = diagnose(blocks(544, enable_prefix_caching="False"))
    assert "Prompts find what they share: the prefix cache is off" in diagnosis.unchecked
