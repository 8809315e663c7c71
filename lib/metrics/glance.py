"""Glance: one body read once, without numpy, for a command that must answer at once.

The same figures as the reader's, found the slow way: `lib.metrics.reader` repays its start from the
second scrape on, a probe makes one or two. A property test holds the two to the same answers.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from lib.metrics.exposition import parse_line
from lib.metrics.limits import LINE_LENGTH, NEW_LINES, kept_configs, kept_series
from lib.metrics.meaning import (
    Meaning,
    NotMetricsError,
    blocks_in_use,
    cache_sizes,
    is_figure,
    meaning_of,
    what_it_is,
)
from lib.metrics.series import Member, Series, members_of

__all__ = ["Glance"]


@dataclass(frozen=True, slots=True)
class _Found:
    meaning: Meaning
    value: float


@dataclass(frozen=True)
class Glance:
    """The figures of one body; NaN is a value that cannot be."""

    values: Mapping[Series, float]

    @classmethod
    def at(cls, body: bytes) -> "Glance":
        """Read one body. Raises NotMetricsError when no line of it is a sample."""
        found = _samples(body)
        if not found:
            raise NotMetricsError(what_it_is(body))
        wanted = _wanted(found)
        values = dict.fromkeys(kept_series(series for series, _ in wanted), 0.0)
        for series, value in wanted:
            if series in values:
                values[series] += value
        figures = {one: value if is_figure(value) else math.nan for one, value in values.items()}
        configs = kept_configs(
            one.meaning.config for one in found if one.meaning.config is not None
        )
        return cls({**_with_blocks(figures, configs), **_adapters(found)})

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """The engines, as (model, engine)."""
        return members_of(self.values)

    def of(
        self, quantity: str, part: str | None = None, member: Member | None = None
    ) -> float | None:
        """A quantity's sum over its engines, and over its parts if none is named; or None."""
        known = [
            value
            for one, value in self.values.items()
            if one.quantity == quantity
            and part in (None, one.part)
            and member in (None, one.member)
            and not math.isnan(value)
        ]
        return math.fsum(known) if known else None

    def parts(self, quantity: str) -> Mapping[str, float]:
        """The parts of a quantity that have a value, each summed over the engines."""
        names = {one.part for one in self.values if one.quantity == quantity}
        sums = {part: self.of(quantity, part) for part in sorted(names)}
        return {part: value for part, value in sums.items() if value is not None}


def _adapters(found: Iterable[_Found]) -> dict[Series, float]:
    """What the newest line about adapters says."""
    told = [(_moment(one.value), one.meaning.adapters) for one in found if one.meaning.adapters]
    newest = max(told, key=lambda one: one[0], default=None)
    return newest[1].figures if newest else {}


def _moment(value: float) -> float:
    return value if math.isfinite(value) else -math.inf


def _samples(body: bytes) -> list[_Found]:
    """Every sample line that can be read; of two equal ones the last."""
    found: dict[tuple[object, ...], _Found] = {}
    for text in body.decode("utf-8", "replace").split("\n"):
        if len(text) > LINE_LENGTH:
            continue
        try:
            line = parse_line(text)
        except ValueError:
            continue
        if line is not None:
            found[line.name, *sorted(line.labels.items())] = _Found(
                meaning_of(line.name, line.labels), line.value
            )
            if len(found) > NEW_LINES:
                raise NotMetricsError("more new lines than are read at once")
    return list(found.values())


def _wanted(found: Iterable[_Found]) -> list[tuple[Series, float]]:
    """The values of each quantity's best wire name."""
    best: dict[str, int] = {}
    named = [(one.meaning.series, one) for one in found if one.meaning.series is not None]
    for series, one in named:
        rank = one.meaning.rank
        best[series.quantity] = min(best.get(series.quantity, rank), rank)
    return [
        (series, one.value) for series, one in named if one.meaning.rank == best[series.quantity]
    ]


def _with_blocks(
    values: dict[Series, float], configs: list[dict[str, str]]
) -> Mapping[Series, float]:
    """With the figures that are computed from use and configuration."""
    for member, size in cache_sizes(configs, values).items():
        usage = values.get(Series("kv_usage", *member))
        values[Series("blocks_usable", *member)] = size.usable
        if usage is not None:
            values[Series("blocks_used", *member)] = blocks_in_use(usage, size.usable)
        if size.tokens is not None:
            values[Series("kv_tokens", *member)] = size.tokens
    return values
