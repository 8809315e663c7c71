"""Writing Prometheus' text format, letter by letter as `prometheus_client` writes it.

This module alone decides spelling: how a number, a label and a family look on the page, which
extra `_created` family follows a counter or histogram, and what a `name[]` filter leaves of a
page. What is reported is decided elsewhere.
"""

import functools
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from lib.demo.ledger import Histogram

__all__ = ["Family", "Series", "counter", "gauge", "histogram", "number", "render", "summary"]

Labels = Mapping[str, str]
Series = tuple[Labels, float]
"""One value under its labels."""


@dataclass(frozen=True, slots=True)
class Family:
    """One family: its name on the HELP and TYPE lines, and (sample name, whole line) pairs."""

    name: str
    kind: str
    about: str
    lines: tuple[tuple[str, str], ...]


def number(value: float) -> str:
    """A value as Go prints it: `17.0`, `1.795e+09`, `+Inf`, `NaN`."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    text = repr(float(value))
    if value < 1e6 or "e" in text:
        return text
    # From a million on Go writes an exponent; Python's repr would not before 1e16.
    whole, _, rest = text.partition(".")
    digits = (whole[1:] + rest).rstrip("0")
    mantissa = f"{whole[0]}.{digits}" if digits else whole[0]
    return f"{mantissa}e+{len(whole) - 1:02d}"


def _line(name: str, labels: Labels, value: float) -> tuple[str, str]:
    return name, f"{name}{_braces(tuple(labels.items()))} {number(value)}"


@functools.lru_cache(maxsize=8192)  # the same few hundred on every page
def _braces(labels: tuple[tuple[str, str], ...]) -> str:
    if not labels:
        return ""
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(labels))
    return f"{{{inside}}}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def gauge(name: str, about: str, series: Iterable[Series]) -> list[Family]:
    """A gauge with its values."""
    return [Family(name, "gauge", about, tuple(_line(name, *one) for one in series))]


def counter(
    name: str, about: str, series: Iterable[Series], created: float | None = None
) -> list[Family]:
    """A counter under its wire name (`…_total`), and since when it counts (Unix time), if told."""
    series = tuple(series)
    total = Family(name, "counter", about, tuple(_line(name, *one) for one in series))
    return [total, *_since(name.removesuffix("_total"), about, [one for one, _ in series], created)]


def histogram(
    name: str,
    about: str,
    series: Iterable[tuple[Labels, Histogram]],
    created: float | None = None,
    last_edge: float = math.inf,
) -> list[Family]:
    """A histogram; edges above `last_edge` are left out, as older releases end earlier."""
    series = tuple(series)
    lines = [line for labels, one in series for line in _buckets(name, labels, one, last_edge)]
    family = Family(name, "histogram", about, tuple(lines))
    return [family, *_since(name, about, [labels for labels, _ in series], created)]


def _buckets(
    name: str, labels: Labels, one: Histogram, last_edge: float
) -> Iterable[tuple[str, str]]:
    below = 0
    for edge, count in zip(one.edges, one.counts, strict=False):
        below += count
        if edge <= last_edge:
            yield _line(f"{name}_bucket", {**labels, "le": number(edge)}, below)
    yield _line(f"{name}_bucket", {**labels, "le": "+Inf"}, one.count)
    yield _line(f"{name}_count", labels, one.count)
    yield _line(f"{name}_sum", labels, one.sum)


def summary(
    name: str, about: str, series: Iterable[tuple[Labels, int, float]], created: float
) -> list[Family]:
    """A summary without quantiles: count and sum only."""
    series = tuple(series)
    lines = [
        line
        for labels, count, total in series
        for line in (_line(f"{name}_count", labels, count), _line(f"{name}_sum", labels, total))
    ]
    family = Family(name, "summary", about, tuple(lines))
    return [family, *_since(name, about, [labels for labels, _, _ in series], created)]


def _since(name: str, about: str, labels: Iterable[Labels], created: float | None) -> list[Family]:
    if created is None:
        return []
    return gauge(f"{name}_created", about, [(one, created) for one in labels])


def render(families: Iterable[Family], only: Collection[str] | None = None) -> bytes:
    """The page. With `only`, just the samples of these names, and no family left without any."""
    out: list[str] = []
    for family in families:
        lines = [text for name, text in family.lines if only is None or name in only]
        if lines or only is None:
            out += (f"# HELP {family.name} {family.about}", f"# TYPE {family.name} {family.kind}")
            out += lines
    return "".join(f"{line}\n" for line in out).encode()
