"""A log beside the live server that may have written it: do they agree?

Decided here: what is compared and what counts as the same. Rows that cannot be judged say why not:
a log tells only what its release prints, a server only what its routes and metrics tell.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from lib.logs.log import Log

__all__ = ["Live", "Row", "compare"]

_LABELS = (
    ("num_gpu_blocks_override", "number of KV blocks, as given"),
    ("gpu_memory_utilization", "share of the device's memory"),
    ("enable_prefix_caching", "prefix caching"),
    ("cache_dtype", "type of the KV cache"),
    ("swap_space", "swap space"),
    ("kv_cache_memory_bytes", "size of the KV cache, as given"),
)
_ARGUMENT = {"cache_dtype": "kv_cache_dtype"}
_UNTOLD, _UNKNOWN = "not in the log", "the server does not tell"
_PORTS = {"http": "80", "https": "443"}
_NEAR = 0.011
"""Concurrency is logged with two digits."""


@dataclass(frozen=True, slots=True)
class Live:
    """What is known of a live server; None or empty where it is not.

    `routes` tells of each path that was looked for whether the server has it. `capacity` are the
    labels of its cache configuration, whose blocks are those of all its `engines`. `lengths` are
    the models' greatest lengths by name.
    """

    version: str | None = None
    lengths: Mapping[str, int | None] = field(default_factory=dict)
    routes: Mapping[str, bool] = field(default_factory=dict)
    capacity: Mapping[str, str] = field(default_factory=dict)
    engines: int = 1
    seats: int | None = None
    address: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that both may tell; `agree` is None where it cannot be judged."""

    what: str
    in_log: str
    live: str
    agree: bool | None
    why: str = ""


def compare(log: Log, live: Live) -> tuple[Row, ...]:
    """All rows, those that differ first."""
    rows = [*_identity(log, live), *_capacity(log, live), *_given(log, live), *_routes(log, live)]
    order = {False: 0, True: 1, None: 2}
    return tuple(sorted(rows, key=lambda row: order[row.agree]))


def _row(what: str, in_log: object, live: object, near: float = 0.0) -> Row:
    """Two values as texts; not judged where one is missing. Figures may differ by `near`."""
    told, known = _text(in_log), _text(live)
    if not told or not known:
        missing = _UNTOLD if not told else _UNKNOWN
        return Row(what, told or "–", known or "–", None, missing)
    return Row(what, told, known, _same(told, known, near))


def _identity(log: Log, live: Live) -> Iterator[Row]:
    yield _row("release", log.version.removeprefix("v"), live.version)
    named = ", ".join(log.names) or log.model
    listed = ", ".join(live.lengths)
    if not named or not live.lengths:
        yield _row("model", named, listed)
    else:
        own = set(log.names or (log.model,))
        yield Row("model", named, listed, bool(own & live.lengths.keys()))
    longest = next((live.lengths[name] for name in log.names if live.lengths.get(name)), None)
    if longest is None:
        longest = next((length for length in live.lengths.values() if length), None)
    yield _row("tokens of a request at most", log.capacity.max_model_len, longest)
    port = _port(log.address)
    if port and live.address:
        why = "a proxy, a container or Kubernetes may publish another port"
        same = port == _port(live.address)
        yield Row("port", port, _port(live.address), True if same else None, "" if same else why)


def _capacity(log: Log, live: Live) -> Iterator[Row]:
    told, labels = log.capacity, live.capacity
    tokens = labels.get("kv_cache_size_tokens")
    if not _known(tokens):
        tokens = _product(live)
    if told.tokens is not None:
        yield _row("tokens that fit into the KV cache", told.tokens, tokens)
    if told.blocks is not None:
        yield _row("KV blocks", told.blocks, _blocks(live))
    if told.block_size is not None:
        yield _row("tokens in a KV block", told.block_size, _label(live, "block_size"))
    if told.concurrency is not None:
        most = _most_at_once(live, tokens)
        yield _row("longest requests at once", told.concurrency, most, _NEAR)


def _most_at_once(live: Live, tokens: object) -> object:
    told = live.capacity.get("kv_cache_max_concurrency")
    if _known(told):
        return told
    longest = next((length for length in live.lengths.values() if length), None)
    figure = _figure(_text(tokens))
    return f"{figure / longest:.2f}" if figure and longest else None


def _given(log: Log, live: Live) -> Iterator[Row]:
    """Arguments that the server tells too."""
    given = {one.name: one.value for one in log.arguments}
    seats = given.get("max_num_seqs")
    if seats or live.seats:
        yield _row("requests at once (max_num_seqs)", seats, live.seats)
    for label, what in _LABELS:
        value = given.get(_ARGUMENT.get(label, label))
        if value is not None and _known(value):
            yield _row(what, value, live.capacity.get(label))


def _routes(log: Log, live: Live) -> Iterator[Row]:
    listed = {one.path for one in log.routes if not one.endpoint}
    if not listed or not live.routes:
        told = f"{len(listed)} routes" if listed else ""
        yield _row("routes", told, f"{len(live.routes)} known" if live.routes else "")
        return
    looked = listed & live.routes.keys()
    same = sorted(path for path in looked if live.routes[path])
    gone = sorted(path for path in looked if not live.routes[path])
    new = sorted(path for path, there in live.routes.items() if there and path not in listed)
    if same:
        yield Row(f"{len(same)} routes", "listed", "there", True, ", ".join(same))
    for path in gone:
        yield Row(f"route {path}", "listed", "not there", False)
    for path in new:
        yield Row(f"route {path}", "not listed", "there", *_unlisted(len(listed)))


def _unlisted(count: int) -> tuple[bool | None, str]:
    if count <= 8:
        return None, "the log's list is incomplete, as some releases print it"
    return False, ""


def _same(one: str, other: str, near: float) -> bool:
    a, b = _figure(one), _figure(other)
    if a is not None and b is not None:
        return abs(a - b) <= near
    return one.casefold() == other.casefold()


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _known(value: str | None) -> bool:
    return value not in (None, "", "None")


def _figure(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _label(live: Live, name: str) -> str | None:
    """A label of the cache; releases that tell it before it is known write None."""
    told = live.capacity.get(name)
    return told if _known(told) else None


def _blocks(live: Live) -> str | None:
    """The KV blocks of one engine, as its log counts them."""
    blocks = _figure(_label(live, "num_gpu_blocks") or "")
    return f"{blocks / live.engines:.0f}" if blocks and live.engines else None


def _product(live: Live) -> str | None:
    blocks, size = _figure(_blocks(live) or ""), _figure(_label(live, "block_size") or "")
    return f"{blocks * size:.0f}" if blocks and size else None


def _port(address: str) -> str:
    """The port of an address, if it has one: a socket's file has none."""
    try:
        parts = urlsplit(address)
        return str(parts.port) if parts.port else _PORTS.get(parts.scheme, "")
    except ValueError:
        return ""
