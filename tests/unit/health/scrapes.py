"""Scrapes of an invented server, and its tracker's verdicts over a row of them."""

import numpy as np

from lib.health import Check, Outcome, Tracker, Trouble
from lib.metrics import Layout, Sample, Series

TIMEOUT = Trouble("timeout", "It did not answer in time.")


def scrape(*, engines=1, prefills=None, **figures):
    """A sample: each figure is one number for every engine, or a tuple with one for each."""
    told = {"running": 0.0, "waiting": 0.0, "kv_usage": 0.5, "generation_tokens": 0.0, **figures}
    values = {}
    for name, figure in told.items():
        row = figure if isinstance(figure, tuple) else (figure,) * engines
        for number, value in enumerate(row):
            values[_series(name, str(number))] = value
    for edge, count in (prefills or {}).items():
        values[Series("prefill_time", "m", "0", f"le={float(edge)!r}")] = count
    values = {series: value for series, value in values.items() if value is not None}
    layout = Layout(sorted(values))
    return Sample(layout, np.array([values[series] for series in layout.series], float))


def _series(name, engine):
    if name == "awake":
        return Series("sleep_state", "m", engine, "awake")
    if name == "steps":
        return Series("step_tokens", "m", engine, "le=inf")
    if name == "deferred":
        return Series("waiting_by_reason", "m", engine, "deferred")
    return Series(name, "m", engine)


def verdicts(scrapes, *, heard=None, start=100.0, tracker=None):
    """The verdict after each scrape, one a second; a Trouble, or None for a time-out, is a failed
    one. `heard` maps the number of a scrape to the outcomes that were heard just before it.
    """
    tracker = tracker or Tracker()
    found = []
    for number, one in enumerate(scrapes):
        tracker.heard((heard or {}).get(number, ()))
        failed = one is None or isinstance(one, Trouble)
        trouble = (one or TIMEOUT) if failed else None
        found.append(tracker.step(start + number, None if failed else one, trouble))
    return found


def outcome(check, passed, at, *, kind="", words="It said so.", figure=None):
    return Outcome(Check[check], passed, 0.01, words, kind, figure, at)
