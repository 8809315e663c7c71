"""Windows of an invented server, from a function of the second for each figure."""

from collections.abc import Callable, Mapping

import numpy as np

from lib.metrics import Layout, Sample, Series, Window

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

    def sample(t: float) -> Sample:
        values = [one(t) if callable(one := named[column]) else one for column in layout.series]
        return Sample(layout, np.array(values, float))

    moments = [n * period for n in range(int(seconds / period))]
    rows = [(t, None if int(t) in silent else sample(t)) for t in moments]
    return Window.of(rows, start=0.0, end=moments[-1] if moments else 0.0, period=period)
