"""Ticks of an invented server, for tests of what keeps and carries them."""

import math
from collections.abc import Iterable

import numpy as np

from lib.health import State, Status, Trouble
from lib.metrics import Layout, Sample, Series
from lib.watch.record import Tick

__all__ = ["LAYOUT", "OTHER_LAYOUT", "START", "layout", "same", "tick", "ticks"]

START = 1_800_000_000.0
"""A whole minute of the wall clock."""


def layout(*models: str) -> Layout:
    """Gauges, a counter and a histogram of each model, and when the process started."""
    names = ("running", "kv_usage", "generation_tokens")
    columns = [Series(name, model, "0") for name in names for model in models]
    parts = ("le=0.5", "le=inf", "sum")
    columns += [Series("ttft", model, "0", part) for part in parts for model in models]
    return Layout(sorted([*columns, Series("process_start", "", "")]), [{"block_size": "16"}])


LAYOUT = layout("m")
OTHER_LAYOUT = layout("m", "n")


def tick(
    number: float,
    *,
    server: str = "chat http://127.0.0.1:1",
    at: float | None = None,
    values: Iterable[float] | None = None,
    failed: bool = False,
    of: Layout = LAYOUT,
) -> Tick:
    """The tick of second `number`: counters rise by 10 a second, gauges swing."""
    if values is None:
        values = [_value(series, number) for series in of.series]
    return Tick(
        server,
        START + number if at is None else at,
        1000.0 + number,
        0.01,
        Status(
            State.NOT_LISTENING if failed else State.BUSY,
            START,
            "Nothing listens." if failed else "",
        ),
        None if failed else Sample(of, np.array(list(values), float)),
        Trouble("not listening", "Nothing listens.") if failed else None,
    )


def ticks(count: int, *, first: int = 0, server: str = "chat http://127.0.0.1:1") -> list[Tick]:
    """One tick a second."""
    return [tick(first + number, server=server) for number in range(count)]


def same(one: Tick, other: Tick) -> bool:
    """Whether two ticks say the same, bit by bit."""
    words = [
        (t.server, t.at, t.mono, t.took, t.status, t.refused, t.outcomes, t.sample is None)
        for t in (one, other)
    ]
    if words[0] != words[1] or one.sample is None or other.sample is None:
        return words[0] == words[1]
    equal = one.sample.values.tobytes() == other.sample.values.tobytes()
    return equal and one.sample.layout.key == other.sample.layout.key


def _value(series: Series, number: float) -> float:
    match series.quantity:
        case "running":
            return float(round(5 + 5 * math.sin(number / 7)))
        case "kv_usage":
            return 0.5 + 0.4 * math.sin(number / 30)
        case "process_start":
            return START - 100.5
        case _:
            return 10.0 * number + (0.25 if series.part == "sum" else 0.0)
