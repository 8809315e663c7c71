"""A busy, healthy server as a window; a test says what is otherwise.

Vectorised over the seconds, so that half an hour costs a few milliseconds. Gauges are values,
counters growth per second, histograms the values that are counted: each a number or a function of
the seconds `t` (an array).
"""

import numpy as np

from lib.metrics import BY_NAME, Kind, Layout, Series, Window

__all__ = ["LATENCIES", "LENGTHS", "after", "busy"]

LATENCIES = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 20.0, 40.0)
LENGTHS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 1e4)
STEPS = tuple(2.0**n for n in range(15))
SPREAD = np.exp(0.4 * np.array([-1.6, -1.0, -0.6, -0.3, -0.1, 0.1, 0.3, 0.6, 1.0, 1.6]))
"""Shares of a histogram's middle that are counted, in equal parts."""

GAUGES = {
    "running": lambda t: 8 + t // 20 % 4,
    "waiting": 0,
    ("waiting_by_reason", "capacity"): None,
    ("waiting_by_reason", "deferred"): 0,
    "kv_usage": lambda t: 0.55 + 0.1 * np.sin(t / 90),
    "kv_tokens": 64_000,
    ("sleep_state", "awake"): 1,
}
COUNTERS = {
    "prompt_tokens": 2_000,
    "generation_tokens": 500,
    ("prompt_tokens_by_source", "local_compute"): 1_000,
    ("prompt_tokens_by_source", "local_cache_hit"): 1_000,
    "prefix_queries": 2_000,
    "prefix_hits": 1_000,
    "preemptions": 0,
    ("finished", "stop"): 2,
}
UNUSED = ("external_prefix_queries", "external_prefix_hits")
"""Counters that every server has; without a KV connector they stay at 0."""
HISTOGRAMS = {
    "ttft": (2, 0.25, LATENCIES),
    "itl": (500, 0.03, LATENCIES),
    "tpot": (2, 0.03, LATENCIES),
    "prefill_time": (2, 0.2, LATENCIES),
    "decode_time": (2, 8.0, LATENCIES),
    "prompt_length": (2, 800, LENGTHS),
    "generation_length": (2, 250, LENGTHS),
    "step_tokens": (25, 90, STEPS),
}


def after(moment, then, before):
    """`before` up to a moment, `then` from it on."""

    def figure(t):
        return np.where(t >= moment, _at(then, t), _at(before, t))

    return figure


def busy(seconds=1_860, *, without=(), silent=(), configs=(), seed=1, **otherwise):
    """One scrape a second. `otherwise` names figures as above, parts as `quantity__part`.

    A histogram is given as what is counted, or as (how many a second, what).
    """
    given = {
        tuple(name.split("__")) if "__" in name else name: one for name, one in otherwise.items()
    }
    t = np.arange(float(seconds))
    columns = dict(_columns(given, t, np.random.default_rng(seed)))
    columns = {
        series: values for series, values in columns.items() if series.quantity not in without
    }
    layout = Layout(sorted(columns), configs)
    values = np.stack([columns[series] for series in layout.series], axis=1)
    values[list(silent)] = np.nan
    return Window(layout, t, values, start=-1.0, end=seconds - 1.0, period=1.0)


def _columns(given, t, chance):
    gauges, counters = GAUGES | given, COUNTERS | given
    others = given.keys() - GAUGES.keys() - COUNTERS.keys() - HISTOGRAMS.keys()
    for name in (*COUNTERS, *sorted(others, key=str), *GAUGES):
        if BY_NAME[_series(name).quantity].kind is Kind.COUNTER:
            yield _series(name), _counted(_at(counters[name], t), chance)
        else:
            figure = gauges[name] if gauges[name] is not None else gauges["waiting"]
            yield _series(name), _at(figure, t)
    for name, (often, middle, edges) in HISTOGRAMS.items():
        told = given.get(name, middle)
        many, what = told if isinstance(told, tuple) else (often, told)
        yield from _histogram(name, _at(many, t), _at(what, t), edges, chance)
    for name in UNUSED:
        if name not in given:
            yield _series(name), np.zeros(len(t))


def _histogram(name, often, middle, edges, chance):
    often = often * (1 + 0.05 * chance.standard_normal(len(often)))
    seen = middle[:, None] * SPREAD
    for edge in edges:
        share = (seen <= edge).mean(axis=1)
        yield Series(name, "m", "0", f"le={edge}"), np.cumsum(often * share)
    yield Series(name, "m", "0", "le=inf"), np.cumsum(often)
    yield Series(name, "m", "0", "sum"), np.cumsum(often * seen.mean(axis=1))


def _counted(rate, chance):
    return 1_000 + np.cumsum(rate * (1 + 0.05 * chance.standard_normal(len(rate))))


def _series(name):
    return Series(*((name, "m", "0") if isinstance(name, str) else (name[0], "m", "0", name[1])))


def _at(figure, t):
    return np.broadcast_to(np.asarray(figure(t) if callable(figure) else figure, float), t.shape)
