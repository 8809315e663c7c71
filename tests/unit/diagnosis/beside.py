"""More figures beside those of a busy server, and what befalls all of them: silence, a restart."""

from collections.abc import Iterable

import numpy as np

from lib.diagnosis import Context, Finding, diagnose
from lib.metrics import BY_NAME, Kind, Layout, Series, Window

__all__ = ["beside", "buckets", "findings", "restarted", "silenced", "until"]


def beside(window: Window, *, engine: str = "0", **figures) -> Window:
    """The window with more figures, parts named as `quantity__part`.

    Gauges are values, counters growth per second; each is a number or a function of the seconds.
    """
    t = window.times
    columns = {}
    for name, figure in figures.items():
        quantity, _, part = name.partition("__")
        values = np.broadcast_to(
            np.asarray(figure(t) if callable(figure) else figure, float), t.shape
        )
        if BY_NAME[quantity].kind is not Kind.GAUGE:
            values = 100 + np.cumsum(values)
        is_process = quantity.startswith(("process_", "http_", "open_fds", "max_fds", "lora_"))
        member = ("", "") if is_process else ("m", engine)
        columns[Series(quantity, *member, part.replace("_", "=", 1) if "le_" in part else part)] = (
            values
        )
    return _with(window, columns)


def buckets(
    window: Window, quantity: str, often, value, edges: Iterable[float], *, engine: str = "0"
) -> Window:
    """The window with a histogram that counts `value` so often a second."""
    t = window.times
    counted, seen = (
        np.broadcast_to(np.asarray(one(t) if callable(one) else one, float), t.shape)
        for one in (often, value)
    )
    columns = {
        Series(quantity, "m", engine, f"le={float(edge)!r}"): np.cumsum(counted * (seen <= edge))
        for edge in (*edges, np.inf)
    }
    columns[Series(quantity, "m", engine, "sum")] = np.cumsum(counted * seen)
    return _with(window, columns)


def restarted(window: Window, *moments: float) -> Window:
    """The window of a server whose counters began at 0 again at these moments."""
    values = window.values.copy()
    counts = [BY_NAME[one.quantity].kind is not Kind.GAUGE for one in window.layout.series]
    for moment in moments:
        row = int(np.searchsorted(window.times, moment))
        values[row:, counts] -= values[row - 1, counts]
    return _of(window, window.layout, values)


def silenced(window: Window, start: int, end: int, *quantities: str) -> Window:
    """The window without its answers from one row up to another, or without these figures."""
    values = window.values.copy()
    series = enumerate(window.layout.series)
    told = [index for index, one in series if not quantities or one.quantity in quantities]
    values[start:end, told] = np.nan
    return _of(window, window.layout, values)


def until(window: Window, moment: float) -> Window:
    """The window as it was at a moment."""
    return window.since(window.start, moment)


def findings(window: Window, context: Context | None = None) -> dict[str, Finding]:
    """What is found, by rule, worst first; what another finding explains is not in it."""
    return {one.rule: one for one in diagnose(window, context or Context()).findings}


def _with(window: Window, columns: dict[Series, np.ndarray]) -> Window:
    old = {one: window.values[:, index] for index, one in enumerate(window.layout.series)}
    gone = np.isnan(window.values).all(axis=1)
    both = old | {one: np.where(gone, np.nan, values) for one, values in columns.items()}
    layout = Layout(sorted(both), window.layout.configs)
    return _of(window, layout, np.stack([both[one] for one in layout.series], axis=1))


def _of(window: Window, layout: Layout, values: np.ndarray) -> Window:
    return Window(
        layout, window.times, values, start=window.start, end=window.end, period=window.period
    )
