"""Meaning: what one line of a server's page of metrics stands for, in our names.

This module alone decides it, for the reader that is fast (`lib.metrics.reader`) and for the glance
that needs no numpy (`lib.metrics.glance`): which figure a wire name is, whose it is, what the
labels of `cache_config_info` say of the size of the KV cache, and how use becomes blocks.

`lora_requests_info` tells by its labels which adapters have requests, and by its value when that
was so. Each combination leaves a line behind: the newest counts. Since its two lists name every
adapter with any request (V1 fills both alike), they are counted together.

  used blocks = usage × usable      usable = num_gpu_blocks − 1 (V1 keeps one null block), =
  num_gpu_blocks on V0
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lib.metrics.exposition import number
from lib.metrics.limits import GREATEST, LABEL_LENGTH
from lib.metrics.names import QUANTITIES, Kind, Quantity
from lib.metrics.series import Member, Series

__all__ = [
    "UNWANTED",
    "Adapters",
    "CacheSize",
    "Meaning",
    "NotMetricsError",
    "blocks_in_use",
    "cache_sizes",
    "is_figure",
    "meaning_of",
    "what_it_is",
]

_CONFIG = "cache_config_info"
_ADAPTERS = "lora_requests_info"


class NotMetricsError(ValueError):
    """The body is no page of metrics that can be read: empty, HTML, JSON, other lines each time.

    The text says which, in a few words of ours.
    """


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one line stands for; `rank` is the place of its wire name among the quantity's names."""

    series: Series | None
    rank: int = 0
    config: dict[str, str] | None = None
    adapters: "Adapters | None" = None


@dataclass(frozen=True, slots=True)
class Adapters:
    """Adapters that had a request under way, and how many fit in at once, where told."""

    wanted: float
    slots: float | None

    @property
    def figures(self) -> dict[Series, float]:
        """The series that are computed from it."""
        figures = {Series("lora_wanted", "", ""): self.wanted}
        return figures | ({} if self.slots is None else {Series("lora_slots", "", ""): self.slots})


UNWANTED = Meaning(None)


def meaning_of(name: str, labels: dict[str, str]) -> Meaning:
    """What a sample line of that name and those labels stands for."""
    name = _plain_name(name)
    if name == _CONFIG:
        return Meaning(None, config={key: value[:LABEL_LENGTH] for key, value in labels.items()})
    if name == _ADAPTERS:
        return Meaning(None, adapters=_adapters(labels))
    found = _BY_WIRE.get(name)
    if found is None or any(len(value) > LABEL_LENGTH for value in labels.values()):
        return UNWANTED
    quantity, rank, suffix = found
    part = _part(quantity, suffix, labels)
    if part is None:
        return UNWANTED
    if name.startswith(("process_", "http_")):
        return Meaning(Series(quantity.name, "", "", part), rank)
    return Meaning(Series(quantity.name, labels.get("model_name", ""), _engine(labels), part), rank)


@dataclass(frozen=True, slots=True)
class CacheSize:
    """One engine's KV cache: blocks that can hold tokens, and how many tokens, where told."""

    usable: float
    tokens: float | None


def cache_sizes(
    configs: Sequence[Mapping[str, str]], series: Iterable[Series]
) -> dict[Member, CacheSize]:
    """The sizes of the engines' caches, as far as the configuration labels tell them."""
    members = _engines(series)
    by_engine = {_engine(config): config for config in reversed(configs)}
    beside = Counter(_worker(engine) for _, engine in members)
    found = {
        member: _cache_size(by_engine.get(member[1]), beside[_worker(member[1])])
        for member in members
    }
    return {member: size for member, size in found.items() if size is not None}


def _cache_size(config: Mapping[str, str] | None, engines: int) -> CacheSize | None:
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
    return CacheSize(blocks - 1 if is_v1 else blocks, tokens)


def _adapters(labels: Mapping[str, str]) -> Adapters:
    lists = (labels.get(f"{state}_lora_adapters", "") for state in ("running", "waiting"))
    names = {name for one in lists for name in one.split(",")} - {""}
    return Adapters(float(len(names)), _count(labels.get("max_lora")))


def _count(text: str | None) -> float | None:
    """A positive whole number in a label; labels also hold "None"."""
    return (
        float(text)
        if text is not None and text.isascii() and text.isdigit() and 0 < int(text) < 2**53
        else None
    )


def blocks_in_use(usage: float, usable: float) -> float:
    """Usage is a quotient of whole blocks: take back what the division lost."""
    if not 0 <= usage <= 1:
        return math.nan
    used = usage * usable
    nearest = float(round(used))
    return nearest if abs(used - nearest) < 0.01 else used


def is_figure(value: float) -> bool:
    """Whether a value can be: not infinite, not negative (the V0 engine says -1 for nothing)."""
    return 0 <= value < GREATEST


def what_it_is(body: bytes) -> str:
    """What a body without a sample line looks like, in a few words."""
    start = body[:512].lstrip()
    if not start:
        return "an empty body"
    if start[:1] == b"<":
        return "an HTML page"
    if start[:1] in (b"{", b"["):
        return "JSON"
    return "text without a single sample"


def _engine(labels: Mapping[str, str]) -> str:
    """V0 has one engine and no label for it; Ray names workers, each with engines of its own."""
    names = labels.get("WorkerId", ""), labels.get("engine", "")
    return "/".join(name for name in names if name) or "0"


def _worker(engine: str) -> str:
    """Ray's name of the process that an engine belongs to, "" without Ray."""
    return engine.rpartition("/")[0]


def _engines(series: Iterable[Series]) -> list[Member]:
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


def _index_by_wire() -> dict[str, tuple[Quantity, int, str]]:
    found = {}
    for quantity in QUANTITIES:
        suffixes = ("_bucket", "_sum") if quantity.kind is Kind.HISTOGRAM else ("",)
        for rank, wire in enumerate(quantity.wire):
            found.update({f"{wire}{suffix}": (quantity, rank, suffix) for suffix in suffixes})
    return found


_BY_WIRE = _index_by_wire()
