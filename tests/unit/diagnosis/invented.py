"""Windows of an invented server, from a function of the second for each figure."""

from collections.abc import Callable, Mapping

import numpy as np

from lib.metrics import Layout, Series, Window

__all__ = ["window_of"]

Figure = float | Callable[[float], float]


def window_of(
    figures: Mapping[str | tuple[str, str], Figure],
    *,
    seconds: int,
    silent: range | tuple[int, ...] = (),
    period: float = 1.0,
) -> Window:
    """One scrape a second. A figure is named by its quantity, or by (quantity, part).

    In `silent` seconds the server failed.
    """
    named = {
        Series(*((name, "m", "0") if isinstance(name, str) else (name[0], "m", "0", name[1]))): one
        for name, one in figures.items()
    }
    layout = Layout(sorted(named))
    moments = [n * period for n in range(int(seconds / period))]
    told = [named[column] for column in layout.series]
    columns = [[one(t) for t in moments] if callable(one) else [one] * len(moments) for one in told]
    values = np.array(columns, float).T.copy()
    values[[int(t) in silent for t in moments]] = np.nan
    end = moments[-1] if moments else 0.0
    return Window(layout, np.array(moments, float), values, start=0.0, end=end, period=period)
