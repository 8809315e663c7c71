"""Bodies and windows for these tests, made from a few figures."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lib.metrics import Layout, Sample, Series, Window

RECORDINGS = Path(__file__).parents[2] / "recordings"


def recorded(name: str) -> bytes:
    return (RECORDINGS / name).read_bytes()


def body(*lines: str) -> bytes:
    return "\n".join([*lines, ""]).encode()


def v1(name: str, value: float, engine: str = "0", **labels: str) -> str:
    """A line as V1 engines write it."""
    pairs = {"engine": engine, "model_name": "m", **labels}
    written = ",".join(f'{key}="{pairs[key]}"' for key in sorted(pairs))
    return f"vllm:{name}{{{written}}} {value}"


def adapters(at: float, running: str, waiting: str, max_lora: str = "1") -> str:
    """A line about adapters, written at a moment (seconds since 1970)."""
    lists = f'running_lora_adapters="{running}",waiting_lora_adapters="{waiting}"'
    return f'vllm:lora_requests_info{{max_lora="{max_lora}",{lists}}} {at!r}'


def window_of(
    columns: Mapping[Series, list[float | None]],
    *,
    times: list[float] | None = None,
    period: float = 1.0,
) -> Window:
    """A window with one row per entry of the columns; None in all of them is a failed scrape."""
    layout = Layout(sorted(columns))
    size = len(next(iter(columns.values())))
    rows: list[tuple[float, Sample | None]] = []
    for index in range(size):
        values = [columns[series][index] for series in layout.series]
        at = times[index] if times else float(index)
        if all(value is None for value in values):
            rows.append((at, None))
        else:
            filled = np.array([np.nan if value is None else value for value in values])
            rows.append((at, Sample(layout, filled)))
    end = rows[-1][0] if rows else 0.0
    return Window.of(rows, start=rows[0][0] if rows else 0.0, end=end, period=period)
