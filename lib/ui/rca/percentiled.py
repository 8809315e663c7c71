"""The latencies of a stretch as a table: percentiles with their bounds, means, numbers of values.

Pure: a window in, words out. Decided here: which latencies there are, in which order, and that a
percentile never stands without the two edges that it surely lies between.
"""

from typing import NamedTuple

import numpy as np

from lib.diagnosis.phases import PHASES, mean
from lib.metrics import BY_NAME, Window
from lib.ui.plain import ABSENT, between, count, duration

__all__ = ["HEADER", "LATENCIES", "Latency", "absent", "phase_sentence", "rows"]

Cell = str | tuple[str, ...]
"""A text, or [text, what stands quietly under it, what a pointer is told]."""


class Latency(NamedTuple):
    """A histogram of seconds, by its name in `lib.metrics`."""

    quantity: str
    short: str
    words: str


LATENCIES = (
    Latency("ttft", "TTFT", "time to first token"),
    Latency("itl", "ITL", "inter-token latency"),
    Latency("tpot", "TPOT", "time per output token"),
    Latency("e2e", "E2E", "end-to-end latency"),
    Latency("queue_time", "Queue", "time in the queue"),
    Latency("prefill_time", "Prefill", "time in the prefill"),
    Latency("decode_time", "Decode", "time in the decode"),
)
_QUANTILES = (0.5, 0.9, 0.95, 0.99)
HEADER = ("", "Mean", *(f"p{100 * q:.0f}" for q in _QUANTILES), "n")


def rows(window: Window) -> list[list[Cell]]:
    """One for each latency that is reported; bounds stand under the percentiles."""
    return [_row(window, one) for one in LATENCIES if one.quantity in window.layout.quantities]


def _row(window: Window, latency: Latency) -> list[Cell]:
    source = BY_NAME[latency.quantity].sources
    found = mean(window, latency.quantity)
    value, n = (found.value, found.n) if found else (None, None)
    cells = [_percentile(window, latency.quantity, q) for q in _QUANTILES]
    average = duration(value), "", f"{source}: sum / count"
    return [(latency.short, latency.words, source), average, *cells, count(n)]


def _percentile(window: Window, quantity: str, q: float) -> Cell:
    found = window.percentile(quantity, q)
    if found is None or np.isnan(found.low):
        return ABSENT
    low, high = float(found.low), float(found.high)
    value = f"> {duration(low)}" if np.isinf(high) else duration(float(found.value))
    told = f"{BY_NAME[quantity].sources}, p{100 * q:.0f} from bucket differences"
    return value, between(low, high), told


def absent(window: Window) -> str:
    """What is not reported and what would show it, in a sentence; "" if all is."""
    missing = [one for one in LATENCIES if one.quantity not in window.layout.quantities]
    if not missing:
        return ""
    named = [
        f"{one.words} ({shown})" if (shown := BY_NAME[one.quantity].shown_by) else one.words
        for one in missing
    ]
    return f"Not reported by this server: {', '.join(named)}."


def phase_sentence(window: Window) -> str:
    """The mean of each phase, and of all of the first token's, in a sentence; "" without any."""
    means = {
        name: found
        for name, quantity in PHASES
        if (found := mean(window, quantity)) and not np.isnan(found.value)
    }
    if not means:
        return ""
    parts = " + ".join(f"{name} {duration(one.value)}" for name, one in means.items())
    total = sum(one.value for one in means.values())
    requests = count(max(one.n for one in means.values()))
    sentence = f"Of {requests} requests that ended, on average {parts} = {duration(total)}."
    first = mean(window, "ttft")
    if not first or np.isnan(first.value) or not {"queue", "prefill"} <= set(means):
        return sentence
    begun = means["queue"].value + means["prefill"].value
    return (
        f"{sentence} Queue and prefill are {duration(begun)} of it; the mean TTFT of those that"
        f" began meanwhile is {duration(first.value)}."
    )
