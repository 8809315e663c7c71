"""A server's `/metrics` body → `Sample`, fast enough for a thousand servers.

A page of metrics has the same lines in the same order scrape after scrape; only the numbers behind
the last space change. So the reader remembers what the text before that space means (its line) and,
for a whole page of them, where each value goes (its arrangement). Parsing labels happens once per
series, not once per scrape.

Decided here: two wire names for one figure are never both used; lines that differ only in labels
that we do not keep are summed; a value that cannot be is NaN (infinite or negative: the V0 engine
says -1 where it means nothing). What a line stands for is decided in `lib.metrics.meaning`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lib.metrics.exposition import number, parse_name_and_labels
from lib.metrics.limits import (
    GREATEST,
    LINE_LENGTH,
    LINES_REMEMBERED,
    NEW_LINES,
    TEXT_REMEMBERED,
    Novelty,
    kept_configs,
    kept_series,
)
from lib.metrics.meaning import (
    Adapters,
    CacheSize,
    Meaning,
    NotMetricsError,
    blocks_in_use,
    cache_sizes,
    meaning_of,
    what_it_is,
)
from lib.metrics.names import wire_names
from lib.metrics.sample import Layout, Sample
from lib.metrics.series import Member, Series

__all__ = ["Reader"]


@dataclass(frozen=True, slots=True)
class _Arrangement:
    """Where the values of one page of lines go."""

    layout: Layout
    lines: NDArray[np.intp]
    columns: NDArray[np.intp]
    blocks: "tuple[_Blocks, ...]"
    adapters: "_AdapterLines | None"


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Columns of one engine's block figures and the constants they are computed from."""

    usage: int | None
    used: int | None
    usable: tuple[int, float]
    tokens: tuple[int, float] | None


@dataclass(frozen=True, slots=True)
class _AdapterLines:
    """The lines about adapters, and what each would say of the columns computed from them."""

    lines: NDArray[np.intp]
    columns: NDArray[np.intp]
    figures: NDArray[np.float64]


class Reader:
    """Reads the scrapes of one server, one after the other. Not for several threads at once."""

    wanted: tuple[str, ...] = wire_names()
    """What to ask `/metrics/?name[]=…` for."""

    def __init__(self) -> None:
        self._novelty = Novelty()
        self._forget()

    def _forget(self) -> None:
        self._text = 0
        self._known: dict[str, int] = {}
        self._identities: dict[tuple[str | tuple[str, str], ...], int] = {}
        self._meanings: list[Meaning] = []
        self._page: list[int] = []
        self._arrangement: _Arrangement | None = None

    def read(self, body: bytes) -> Sample:
        """Read one body.

        Raises:
            NotMetricsError: no line of it is a sample; or more of it is new than can be followed.
        """
        page, numbers = self._lines(body.decode("utf-8", "replace"))
        if not page:
            raise NotMetricsError(what_it_is(body))
        plan = self._arrangement
        if page != self._page or plan is None:
            plan = self._arrange(page)
        if not self._novelty.admits(plan.layout.key):
            raise NotMetricsError("other series at every scrape")
        self._page, self._arrangement = page, plan
        return _fill(plan, numbers)

    def _lines(self, text: str) -> tuple[list[int], list[float]]:
        """The known lines of a body, in order, and their values."""
        lines = max(len(self._known), len(self._meanings))
        if lines > LINES_REMEMBERED or self._text > TEXT_REMEMBERED:
            self._forget()
        new = 0
        page: list[int] = []
        numbers: list[float] = []
        known = self._known
        for line in text.split("\n"):
            if not line or line[0] == "#":
                continue
            key, _, value = line.rpartition(" ")
            index = known.get(key)
            if index is None:
                new += 1
                if new > NEW_LINES:
                    raise NotMetricsError("more new lines than are read at once")
                learned = self._learn(line, key)
                if learned is None:
                    continue
                index, value = learned
            try:
                numbers.append(number(value))
            except ValueError:
                continue
            page.append(index)
        return page, numbers

    def _learn(self, line: str, key: str) -> tuple[int, str] | None:
        """Understand a line seen for the first time; None when it is not a sample."""
        if len(line) > LINE_LENGTH:
            return None
        try:
            name, labels, rest = parse_name_and_labels(line)
            value = rest.split()[0]
            number(value)
        except (ValueError, IndexError):
            return None
        self._text += len(line)
        index = self._identities.setdefault((name, *sorted(labels.items())), len(self._meanings))
        if index == len(self._meanings):
            self._meanings.append(meaning_of(name, labels))
        if line[len(key) :].strip() == value:  # what follows the last space is the value alone
            self._known[key] = index
        return index, value

    def _arrange(self, page: Sequence[int]) -> _Arrangement:
        meanings = [self._meanings[index] for index in page]
        best: dict[str, int] = {}
        for meaning in meanings:
            if meaning.series is not None:
                quantity = meaning.series.quantity
                best[quantity] = min(best.get(quantity, meaning.rank), meaning.rank)
        last = {index: position for position, index in enumerate(page)}
        wanted = {
            position: meaning.series
            for position, meaning in enumerate(meanings)
            if meaning.series is not None
            and meaning.rank == best[meaning.series.quantity]
            and last[page[position]] == position
        }
        series = kept_series(wanted.values())
        configs = kept_configs(one.config for one in meanings if one.config is not None)
        sizes = cache_sizes(configs, series)
        adapters = [(place, one.adapters) for place, one in enumerate(meanings) if one.adapters]
        series = sorted({*series, *_block_series(series, sizes), *_adapter_series(adapters)})
        layout = Layout(series, configs)
        kept = [
            (position, layout.column[one])
            for position, one in wanted.items()
            if one in layout.column
        ]
        return _Arrangement(
            layout,
            np.array([position for position, _ in kept], np.intp),
            np.array([column for _, column in kept], np.intp),
            tuple(_blocks(layout, member, size) for member, size in sizes.items()),
            _adapter_lines(layout, adapters),
        )


def _fill(plan: _Arrangement, numbers: list[float]) -> Sample:
    taken = np.array(numbers, np.float64)[plan.lines]
    width = len(plan.layout.series)
    values = np.bincount(plan.columns, taken, minlength=width).astype(np.float64)
    values[~((values >= 0) & (values < GREATEST))] = math.nan
    for blocks in plan.blocks:
        column, usable = blocks.usable
        values[column] = usable
        if blocks.usage is not None and blocks.used is not None:
            values[blocks.used] = blocks_in_use(values[blocks.usage], usable)
        if blocks.tokens is not None:
            values[blocks.tokens[0]] = blocks.tokens[1]
    if plan.adapters is not None:
        moments = np.array(numbers, np.float64)[plan.adapters.lines]
        newest = np.where(np.isfinite(moments), moments, -np.inf).argmax()
        values[plan.adapters.columns] = plan.adapters.figures[newest]
    return Sample(plan.layout, values)


def _block_series(series: Sequence[Series], sizes: Mapping[Member, CacheSize]) -> list[Series]:
    reports_usage = {one.member for one in series if one.quantity == "kv_usage"}
    derived = []
    for member, size in sizes.items():
        derived.append(Series("blocks_usable", *member))
        if member in reports_usage:
            derived.append(Series("blocks_used", *member))
        if size.tokens is not None:
            derived.append(Series("kv_tokens", *member))
    return derived


def _blocks(layout: Layout, member: tuple[str, str], size: "CacheSize") -> _Blocks:
    def column(quantity: str) -> int | None:
        return layout.column.get(Series(quantity, *member))

    tokens = column("kv_tokens")
    usable = layout.column[Series("blocks_usable", *member)]
    return _Blocks(
        usage=column("kv_usage"),
        used=column("blocks_used"),
        usable=(usable, size.usable),
        tokens=None if tokens is None or size.tokens is None else (tokens, size.tokens),
    )


def _adapter_series(adapters: Sequence[tuple[int, Adapters]]) -> set[Series]:
    return {series for _, one in adapters for series in one.figures}


def _adapter_lines(
    layout: Layout, adapters: Sequence[tuple[int, Adapters]]
) -> _AdapterLines | None:
    series = sorted(_adapter_series(adapters))
    if not series:
        return None
    figures = [[one.figures.get(name, math.nan) for name in series] for _, one in adapters]
    return _AdapterLines(
        np.array([place for place, _ in adapters], np.intp),
        np.array([layout.column[name] for name in series], np.intp),
        np.array(figures),
    )
