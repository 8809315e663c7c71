"""One scrape, normalised: which series a server reports, and their values at one moment.

A `Layout` says what the columns are, a `Sample` holds one row of values. Servers rarely change
their layout, so that thousands of samples share one and a stretch of time is a plain matrix. Absent
is not zero: a series that a server does not report is not in the layout, and a value that is not a
number is NaN; both read as None.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lib.metrics.series import Member, Series, members_of

__all__ = ["Layout", "Reading", "Sample"]

Values = NDArray[np.float64]


class Layout:
    """The columns of a sample, sorted, and the labels of `cache_config_info` per engine."""

    def __init__(self, series: Iterable[Series], configs: Iterable[Mapping[str, str]] = ()) -> None:
        self.series: tuple[Series, ...] = tuple(series)
        self.configs: tuple[dict[str, str], ...] = tuple(
            dict(sorted(config.items())) for config in configs
        )
        self._looked_up: dict[tuple[str, str | None, Member | None], NDArray[np.intp]] = {}

    @cached_property
    def key(self) -> str:
        """A digest that is equal for equal layouts, in every process."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]

    @cached_property
    def column(self) -> dict[Series, int]:
        """Where each series stands."""
        return {series: index for index, series in enumerate(self.series)}

    @cached_property
    def quantities(self) -> frozenset[str]:
        """The quantities that are reported."""
        return frozenset(series.quantity for series in self.series)

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """The engines, as (model, engine)."""
        return members_of(self.series)

    @cached_property
    def _columns(self) -> dict[str, NDArray[np.intp]]:
        found: dict[str, list[int]] = {}
        for index, series in enumerate(self.series):
            found.setdefault(series.quantity, []).append(index)
        return {quantity: np.array(indices, np.intp) for quantity, indices in found.items()}

    @cached_property
    def _engines_columns(self) -> dict[tuple[str, Member], list[int]]:
        found: dict[tuple[str, Member], list[int]] = {}
        for index, series in enumerate(self.series):
            found.setdefault((series.quantity, series.member), []).append(index)
        return found

    def columns(
        self, quantity: str, part: str | None = None, member: Member | None = None
    ) -> NDArray[np.intp]:
        """The columns of a quantity: all of them, or those of one part or one engine."""
        key = quantity, part, member
        if key not in self._looked_up:
            self._looked_up[key] = self._look_up(quantity, part, member)
        return self._looked_up[key]

    def _look_up(self, quantity: str, part: str | None, member: Member | None) -> NDArray[np.intp]:
        if member is None:
            columns = self._columns.get(quantity, np.empty(0, np.intp))
        else:
            columns = np.array(self._engines_columns.get((quantity, member), []), np.intp)
        if part is None:
            return columns
        return np.array([index for index in columns if self.series[index].part == part], np.intp)

    def parts(self, quantity: str) -> tuple[str, ...]:
        """The parts that a quantity is split into, sorted."""
        return tuple(sorted({self.series[index].part for index in self.columns(quantity)}))

    def to_json(self) -> str:
        """The layout as text; `from_json` reads it back."""
        rows = [
            [series.quantity, series.model, series.engine, series.part] for series in self.series
        ]
        return json.dumps({"series": rows, "configs": self.configs}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Layout":
        """Read what `to_json` wrote. Raises ValueError on anything else."""
        try:
            data = json.loads(text)
            return cls((Series(*row) for row in data["series"]), data["configs"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("not a layout") from error


@dataclass(frozen=True, slots=True)
class Reading:
    """The gauges of one engine, or of a server in all; None is "not reported".

    Requests and blocks are counts, `kv_usage` and `kv_usage_max` fractions from 0 to 1: in all they
    are the mean and the maximum over the engines, never a sum. `blocks_usable` leaves out V1's null
    block. `awake` is False while asleep.
    """

    model: str
    engine: str
    running: float | None
    waiting: float | None
    waiting_by_reason: dict[str, float]
    swapped: float | None
    kv_usage: float | None
    kv_usage_max: float | None
    blocks_used: float | None
    blocks_usable: float | None
    kv_tokens: float | None
    awake: bool | None

    @property
    def blocks_free(self) -> float | None:
        """Usable blocks that hold no live token; cached but unreferenced ones are among them."""
        if self.blocks_used is None or self.blocks_usable is None:
            return None
        return self.blocks_usable - self.blocks_used


@dataclass(frozen=True, eq=False)
class Sample:
    """The values of one scrape, one per series of the layout."""

    layout: Layout
    values: Values

    def of(
        self, quantity: str, part: str | None = None, member: Member | None = None
    ) -> float | None:
        """A quantity's sum over its engines, and over its parts if none is named; or None."""
        return _known(_sum(self.values[self.layout.columns(quantity, part, member)]))

    def parts(self, quantity: str) -> dict[str, float]:
        """The parts of a quantity that have a value, each summed over the engines."""
        sums = {part: self.of(quantity, part) for part in self.layout.parts(quantity)}
        return {part: value for part, value in sums.items() if value is not None}

    @property
    def members(self) -> tuple[Member, ...]:
        """The engines, as (model, engine)."""
        return self.layout.members

    @property
    def models(self) -> tuple[str, ...]:
        """The model names that the engines report."""
        return tuple(dict.fromkeys(model for model, _ in self.layout.members))

    @property
    def engines(self) -> tuple[Reading, ...]:
        """One reading per engine."""
        return tuple(self._reading(member) for member in self.layout.members)

    @property
    def total(self) -> Reading:
        """All engines together."""
        return self._reading(None)

    def _reading(self, member: Member | None) -> Reading:
        usage = self.values[self.layout.columns("kv_usage", member=member)]
        usage = usage[np.isfinite(usage)]
        reasons = {
            part: self.of("waiting_by_reason", part, member)
            for part in self.layout.parts("waiting_by_reason")
        }
        awake = self.values[self.layout.columns("sleep_state", "awake", member)]
        model, engine = member or ("", "")
        return Reading(
            model=model,
            engine=engine,
            running=self.of("running", member=member),
            waiting=self.of("waiting", member=member),
            waiting_by_reason={part: value for part, value in reasons.items() if value is not None},
            swapped=self.of("swapped", member=member),
            kv_usage=float(usage.mean()) if usage.size else None,
            kv_usage_max=float(usage.max()) if usage.size else None,
            blocks_used=self.of("blocks_used", member=member),
            blocks_usable=self.of("blocks_usable", member=member),
            kv_tokens=self.of("kv_tokens", member=member),
            awake=bool(awake.max() > 0) if awake.size else None,
        )


def _sum(values: Values) -> float:
    return float(np.nansum(values)) if np.isfinite(values).any() else math.nan


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
