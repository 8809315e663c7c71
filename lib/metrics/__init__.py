"""What a vLLM server's `/metrics` page says, and what it means over time.

Pure: no network, no clock, no Streamlit. What needs numpy is imported when it is first used: a
command that only glances at one page answers in half the time.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from lib.metrics.glance import Glance
from lib.metrics.meaning import NotMetricsError
from lib.metrics.names import BY_NAME, QUANTITIES, Kind, Quantity, wire_names
from lib.metrics.series import Member, Series, edge_of

if TYPE_CHECKING:
    from lib.metrics.curves import (
        Grid,
        bucket_curve,
        gauge_curve,
        mean_curve,
        percentile_curve,
        rate_curve,
        ratio_curve,
    )
    from lib.metrics.histogram import Percentiles, percentiles
    from lib.metrics.reader import Reader
    from lib.metrics.sample import Layout, Reading, Sample
    from lib.metrics.window import GAP_PERIODS, Spread, Window

_LATER = {
    "curves": (
        "Grid",
        "bucket_curve",
        "gauge_curve",
        "mean_curve",
        "percentile_curve",
        "rate_curve",
        "ratio_curve",
    ),
    "histogram": ("Percentiles", "percentiles"),
    "reader": ("Reader",),
    "sample": ("Layout", "Reading", "Sample"),
    "window": ("GAP_PERIODS", "Spread", "Window"),
}

__all__ = [
    "BY_NAME",
    "GAP_PERIODS",
    "QUANTITIES",
    "Glance",
    "Grid",
    "Kind",
    "Layout",
    "Member",
    "NotMetricsError",
    "Percentiles",
    "Quantity",
    "Reader",
    "Reading",
    "Sample",
    "Series",
    "Spread",
    "Window",
    "bucket_curve",
    "edge_of",
    "gauge_curve",
    "mean_curve",
    "percentile_curve",
    "percentiles",
    "rate_curve",
    "ratio_curve",
    "wire_names",
]


def __getattr__(name: str) -> object:
    """A name of `_LATER`, from its module; remembered."""
    for module, names in _LATER.items():
        if name in names:
            found: object = getattr(import_module(f"lib.metrics.{module}"), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
