"""A server of which only a few gauges and the preemptions are told, second by second.

Its prefix cache is off: no block is kept that no request holds.
"""

import numpy as np

from lib.diagnosis import diagnose
from lib.metrics import Layout, Series, Window

__all__ = ["MINUTES", "found", "window"]

MINUTES = 60


def window(
    *,
    usage,
    waiting=0.0,
    running=lambda t: 4.0 + t // 20 % 4,
    preemptions=0.0,
    seconds=40 * MINUTES,
    without=(),
    silent=(),
    beside=None,
):
    """A window at 1 Hz; each figure is a constant or a function of the second.

    `beside` is the use of a second engine's cache; in `silent` seconds the server failed.
    """
    figures = {
        "kv_usage": usage,
        "waiting": waiting,
        "running": running,
        "preemptions": preemptions,
        "blocks_usable": 100.0,
        "blocks_used": lambda t: 100.0 * at(usage, t),
    }
    figures = {Series(name, "m", "0"): figures[name] for name in figures if name not in without}
    if beside is not None:
        figures[Series("kv_usage", "m", "1")] = beside
    layout = Layout(sorted(figures), [{"enable_prefix_caching": "False"}])
    moments = range(seconds)
    columns = [[at(figures[series], t) for t in moments] for series in layout.series]
    values = np.array(columns).T.copy()
    values[[t for t in silent if t < seconds]] = np.nan
    times = np.arange(float(seconds))
    return Window(layout, times, values, start=0.0, end=float(seconds - 1), period=1.0)


def at(figure, t):
    return float(figure(t) if callable(figure) else figure)


def found(**figures):
    """The findings by rule."""
    return {finding.rule: finding for finding in diagnose(window(**figures)).findings}
