import math

from lib.ui.rca.percentiled import HEADER, absent, phase_sentence, rows
from tests.unit.diagnosis.invented import window_of

BUCKETS = {0.1: 0.5, 0.25: 0.9, 0.5: 0.96, math.inf: 1.0}
"""The share of the requests up to each edge."""


def histogram(name, mean=0.2, per_second=2.0):
    figures = {
        (name, f"le={edge!r}"): (lambda t, share=share: per_second * share * t)
        for edge, share in BUCKETS.items()
    }
    return {**figures, (name, "sum"): lambda t: per_second * mean * t}


def test_every_percentile_stands_on_its_bounds():
    window = window_of(histogram("ttft"), seconds=101)
    ((first, average, *percentiles, n),) = rows(window)
    assert first[:2] == ("TTFT", "time to first token")
    assert average[0] == "200\N{NARROW NO-BREAK SPACE}ms"
    bounds = [one[1].partition("\N{NARROW NO-BREAK SPACE}")[0] for one in percentiles]
    assert bounds == ["0–100", "100–250", "250–500", "above 500"]
    assert percentiles[-1][0].startswith("> 500")
    assert n == "200"
    assert len(HEADER) == 7


def test_without_a_request_there_is_a_dash_and_without_the_family_no_row():
    ((_, average, *percentiles, n),) = rows(window_of(histogram("e2e", per_second=0), seconds=60))
    assert average[0] == "–"
    assert percentiles == ["–"] * 4
    assert n == "0"
    assert rows(window_of({"running": 1.0}, seconds=60)) == []


def test_what_is_missing_is_named_with_what_would_show_it():
    known = {}
    for name in ("ttft", "itl", "e2e", "queue_time", "prefill_time", "decode_time"):
        known |= histogram(name)
    window = window_of(known, seconds=60)
    assert absent(window) == (
        "Not reported by this server: time per output token (vLLM 0.11 or newer)."
    )
    assert absent(window_of(known | histogram("tpot"), seconds=60)) == ""


def test_the_phases_are_told_with_their_sum():
    known = histogram("queue_time", 1.0) | histogram("prefill_time", 0.5)
    known |= histogram("decode_time", 3.0) | histogram("ttft", 1.6)
    sentence = phase_sentence(window_of(known, seconds=101))
    for words in ("Of 200 requests", "queue 1.00", "= 4.50", "prefill are 1.50", "is 1.60"):
        assert words in sentence
    assert phase_sentence(window_of(histogram("ttft"), seconds=60)) == ""
    assert phase_sentence(window_of(histogram("queue_time", per_second=0), seconds=60)) == ""
    only = phase_sentence(window_of(histogram("decode_time", 3.0), seconds=60))
    assert only.endswith("= 3.00\N{NARROW NO-BREAK SPACE}s.")
