"""The line of statistics that an engine prints every few seconds, in all its forms.

Decided here: how its parts are named, and how a long log keeps at most 5,000 points: neighbours are
put together, their rates as means, queues and cache as the greater of both, so that no peak is
lost. Parts are read by their names, never by their place: releases add some in the middle.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["MOST_POINTS", "Point", "Points", "read"]

MOST_POINTS = 5_000
_NAMES = (
    ("Avg prompt throughput", "prompt"),
    ("Avg generation throughput", "generation"),
    ("Running", "running"),
    ("Waiting", "waiting"),
    ("Pending", "waiting"),
    ("Swapped", "swapped"),
    ("Deferred", "deferred"),
    ("Preemptions", "preemptions"),
    ("Corrupted", "corrupted"),
    ("External prefix cache hit rate", "external_hits"),
    ("MM cache hit rate", "mm_hits"),
    ("Prefix cache hit rate", "hits"),
)
_BY_NAME = dict(_NAMES)
_PARTS = re.compile(r"(?:^|, )([A-Z][A-Za-z+ ]{2,40}): (-?\d{1,15}(?:\.\d{1,18})?)(%?)")
_ENGINE = re.compile(r"Engine (\d{1,6}): |\b(\d{1,6} Engines? Aggregated): ")
_HEAD = re.compile(r"[^'\"]{0,80}")
"""What may stand before it: a prompt that quotes such a line stands in quotes itself."""
_HITS = re.compile(r"Prefix cache hit rate: GPU: (-?\d{1,3}(?:\.\d{1,18})?)%")
_LARGEST = frozenset({"running", "waiting", "deferred", "swapped", "kv", "cpu_kv"})
_SUMS = frozenset({"preemptions", "corrupted"})


@dataclass(slots=True)
class Point:
    """One line, or several put together; shares from 0 to 1, rates in tokens per second."""

    line: int
    at: float
    values: Mapping[str, float]
    lines: int = 1


@dataclass
class Points:
    """The lines of one engine, thinned out when they are many."""

    engine: str
    points: list[Point] = field(default_factory=list)
    of: int = 1
    """How many lines a point stands for."""
    _begun: Point | None = None

    def add(self, point: Point) -> None:
        begun = self._begun
        self._begun = point if begun is None else _joined(begun, point)
        if self._begun.lines < self.of:
            return
        self.points.append(self._begun)
        self._begun = None
        if len(self.points) >= MOST_POINTS:
            pairs = zip(self.points[::2], self.points[1::2], strict=True)
            self.points = [_joined(one, other) for one, other in pairs]
            self.of *= 2

    def finish(self) -> None:
        """Nothing comes any more."""
        if self._begun is not None:
            self.points.append(self._begun)
            self._begun = None

    def also(self, values: Mapping[str, float]) -> None:
        """What a second line says of the newest moment."""
        newest = self._begun or (self.points[-1] if self.points else None)
        if newest is not None:
            newest.values = {**newest.values, **values}


def read(message: str) -> tuple[str, dict[str, float]] | None:
    """The engine and the figures of a line; None if it is no such line."""
    if message.startswith("Prefix cache hit rate: GPU"):
        return _hit_rates(message)
    start = message.find("Avg prompt throughput")
    if start < 0 or not _HEAD.fullmatch(message, 0, start):
        return None
    engine = _ENGINE.search(message[:start])
    values: dict[str, float] = {}
    for name, figure, sign in _PARTS.findall(message[start:]):
        key = _BY_NAME.get(name) or _cache(name)
        if key:
            values[key] = float(figure) / 100 if sign else float(figure)
    if "cpu_kv" in values and "kv" not in values:
        values["kv"] = values.pop("cpu_kv")  # a server on a CPU has no other cache
    return (engine[1] or engine[2]) if engine else "", values


def _cache(name: str) -> str:
    """The KV cache of a device by any name, and what old releases swapped to main memory."""
    if not name.endswith("KV cache usage"):
        return ""
    return "cpu_kv" if name.startswith("CPU") else "kv"


def _hit_rates(message: str) -> tuple[str, dict[str, float]] | None:
    found = _HITS.match(message)
    if not found or float(found[1]) < 0:  # −1 where it is switched off
        return None
    return "", {"hits": float(found[1]) / 100}


def _joined(one: Point, other: Point) -> Point:
    lines = one.lines + other.lines
    values = {**one.values, **other.values}
    for name in one.values.keys() & other.values.keys():
        a, b = one.values[name], other.values[name]
        if name in _LARGEST:
            values[name] = max(a, b)
        elif name in _SUMS:
            values[name] = a + b
        else:
            values[name] = (a * one.lines + b * other.lines) / lines
    return Point(one.line, one.at, values, lines)
