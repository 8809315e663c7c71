"""A server's `/metrics` body → `Sample`, fast enough for a thousand servers.

A page of metrics has the same lines in the same order scrape after scrape; only the numbers behind
the last space change. So the reader remembers what the text before that space means (its line) and,
for a whole page of them, where each value goes (its arrangement). Parsing labels happens once per
series, not once per scrape.

Decided here: two wire names for one figure are never both used; lines that differ only in labels
that we do not keep are summed; a value that cannot be is NaN (infinite or negative: the V0 engine
says -1 where it means nothing); usage becomes KV cache blocks.

  used blocks = usage × usable      usable = num_gpu_blocks − 1 (V1 keeps one null block), =
  num_gpu_blocks on V0
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lib.metrics.exposition import number, parse_name_and_labels
from lib.metrics.limits import (
    GREATEST,
    LABEL_LENGTH,
    LINE_LENGTH,
    LINES_REMEMBERED,
    NEW_LINES,
    TEXT_REMEMBERED,
    Novelty,
    kept_configs,
    kept_series,
)
from lib.metrics.names import QUANTITIES, Kind, Quantity, wire_names
from lib.metrics.sample import Layout, Sample, Series

__all__ = ["NotMetricsError", "Reader"]

_CONFIG = "cache_config_info"


class NotMetricsError(ValueError):
    """The body is no page of metrics that can be read: empty, HTML, JSON, other lines each time.

    The text says which, in a few words of ours.
    """


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What one line stands for; `rank` is the place of its wire name among the quantity's names."""

    series: Series | None
    rank: int = 0
    config: dict[str, str] | None = None


_UNWANTED = _Meaning(None)


@dataclass(frozen=True, slots=True)
class _Arrangement:
    """Where the values of one page of lines go."""

    layout: Layout
    lines: NDArray[np.intp]
    columns: NDArray[np.intp]
    blocks: "tuple[_Blocks, ...]"


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Columns of one engine's block figures and the constants they are computed from."""

    usage: int | None
    used: int | None
    usable: tuple[int, float]
    tokens: tuple[int, float] | None


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
        self._meanings: list[_Meaning] = []
        self._page: list[int] = []
        self._arrangement: _Arrangement | None = None

    def read(self, body: bytes) -> Sample:
        """Read one body.

        Raises:
            NotMetricsError: no line of it is a sample; or more of it is new than can be followed.
        """
        page, numbers = self._lines(body.decode("utf-8", "replace"))
        if not page:
            raise NotMetricsError(_what_it_is(body))
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
            self._meanings.append(_meaning(name, labels))
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
        sizes = _cache_sizes(configs, _engines(series))
        series = sorted({*series, *_block_series(series, sizes)})
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
            values[blocks.used] = _blocks_in_use(values[blocks.usage], usable)
        if blocks.tokens is not None:
            values[blocks.tokens[0]] = blocks.tokens[1]
    return Sample(plan.layout, values)


def _blocks_in_use(usage: float, usable: float) -> float:
    """Usage is a quotient of whole blocks: take back what the division lost."""
    if not 0 <= usage <= 1:
        return math.nan
    used = usage * usable
    nearest = np.rint(used)
    return float(nearest) if abs(used - nearest) < 0.01 else float(used)


def _meaning(name: str, labels: dict[str, str]) -> _Meaning:
    name = _plain_name(name)
    if name == _CONFIG:
        return _Meaning(None, config={key: value[:LABEL_LENGTH] for key, value in labels.items()})
    if any(len(value) > LABEL_LENGTH for value in labels.values()):
        return _UNWANTED
    found = _BY_WIRE.get(name)
    if found is None:
        return _UNWANTED
    quantity, rank, suffix = found
    part = _part(quantity, suffix, labels)
    if part is None:
        return _UNWANTED
    if name.startswith(("process_", "http_")):
        return _Meaning(Series(quantity.name, "", "", part), rank)
    return _Meaning(
        Series(quantity.name, labels.get("model_name", ""), _engine(labels), part), rank
    )


def _engine(labels: Mapping[str, str]) -> str:
    """V0 has one engine and no label for it; Ray names workers, each with engines of its own."""
    names = labels.get("WorkerId", ""), labels.get("engine", "")
    return "/".join(name for name in names if name) or "0"


def _worker(engine: str) -> str:
    """Ray's name of the process that an engine belongs to, "" without Ray."""
    return engine.rpartition("/")[0]


def _engines(series: Sequence[Series]) -> list[tuple[str, str]]:
    """Those that tell what they do; some counters lack their engine's name."""
    return sorted({one.member for one in series if one.quantity in ("running", "kv_usage")})


def _plain_name(name: str) -> str:
    """Without `vllm:`, and without what Ray makes of it (`ray_vllm_…`)."""
    for prefix in ("vllm:", "ray_vllm:", "ray_vllm_"):
        if name.startswith(prefix):
            return name[len(prefix) :]
    return name if name.startswith(("process_", "http_")) else ""


def _part(quantity: Quantity, suffix: str, labels: dict[str, str]) -> str | None:
    if suffix == "_bucket":
        try:
            edge = number(labels.get("le", ""))
        except ValueError:
            return None
        return None if math.isnan(edge) else f"le={edge!r}"
    if suffix == "_sum":
        return "sum"
    return labels.get(quantity.part, "") if quantity.part else ""


def _block_series(
    series: Sequence[Series], sizes: "dict[tuple[str, str], _CacheSize]"
) -> list[Series]:
    reports_usage = {one.member for one in series if one.quantity == "kv_usage"}
    derived = []
    for member, size in sizes.items():
        derived.append(Series("blocks_usable", *member))
        if member in reports_usage:
            derived.append(Series("blocks_used", *member))
        if size.tokens is not None:
            derived.append(Series("kv_tokens", *member))
    return derived


def _blocks(layout: Layout, member: tuple[str, str], size: "_CacheSize") -> _Blocks:
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


@dataclass(frozen=True, slots=True)
class _CacheSize:
    usable: float
    tokens: float | None


def _cache_sizes(
    configs: Sequence[dict[str, str]], members: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], _CacheSize]:
    """The sizes that the configuration labels tell."""
    by_engine = {_engine(config): config for config in reversed(configs)}
    beside = Counter(_worker(engine) for _, engine in members)
    found = {
        member: _cache_size(by_engine.get(member[1]), beside[_worker(member[1])])
        for member in members
    }
    return {member: size for member, size in found.items() if size is not None}


def _cache_size(config: Mapping[str, str] | None, engines: int) -> _CacheSize | None:
    """The size of one engine's cache, from the configuration labels; None when they do not say.

    V1 writes the blocks of all `engines` together into every engine's labels, and the tokens of
    one.
    """
    if config is None:
        return None
    is_v1 = "engine" in config
    total, engines = _count(config.get("num_gpu_blocks")), engines if is_v1 else 1
    if total is None or total % engines:
        return None
    blocks = total / engines
    size = _count(config.get("block_size"))
    tokens = _count(config.get("kv_cache_size_tokens")) or (blocks * size if size else None)
    return _CacheSize(blocks - 1 if is_v1 else blocks, tokens)


def _count(text: str | None) -> float | None:
    """A positive whole number in a label; labels also hold "None"."""
    return (
        float(text)
        if text is not None and text.isascii() and text.isdigit() and 0 < int(text) < 2**53
        else None
    )


def _what_it_is(body: bytes) -> str:
    start = body[:512].lstrip()
    if not start:
        return "an empty body"
    if start[:1] == b"<":
        return "an HTML page"
    if start[:1] in (b"{", b"["):
        return "JSON"
    return "text without a single sample"


def _index_by_wire() -> dict[str, tuple[Quantity, int, str]]:
    found = {}
    for quantity in QUANTITIES:
        suffixes = ("_bucket", "_sum") if quantity.kind is Kind.HISTOGRAM else ("",)
        for rank, wire in enumerate(quantity.wire):
            found.update({f"{wire}{suffix}": (quantity, rank, suffix) for suffix in suffixes})
    return found


_BY_WIRE = _index_by_wire()
