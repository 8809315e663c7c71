"""What a vLLM server's `/metrics` page says, and what it means over time.

Pure: no network, no clock, no Streamlit.
"""

from lib.metrics.curves import (
    Grid,
    gauge_curve,
    percentile_curve,
    rate_curve,
    ratio_curve,
)
from lib.metrics.histogram import Percentiles, percentiles
from lib.metrics.names import BY_NAME, QUANTITIES, Kind, Quantity, wire_names
from lib.metrics.reader import NotMetricsError, Reader
from lib.metrics.sample import Layout, Reading, Sample, Series, edge_of
from lib.metrics.window import GAP_PERIODS, Spread, Window

__all__ = [
    "BY_NAME",
    "GAP_PERIODS",
    "QUANTITIES",
    "Grid",
    "Kind",
    "Layout",
    "NotMetricsError",
    "Percentiles",
    "Quantity",
    "Reader",
    "Reading",
    "Sample",
    "Series",
    "Spread",
    "Window",
    "edge_of",
    "gauge_curve",
    "percentile_curve",
    "percentiles",
    "rate_curve",
    "ratio_curve",
    "wire_names",
]
