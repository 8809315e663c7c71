"""Catalogue: which models a fleet serves, where, and whether the servers of one model agree.

Pure: what each server told goes in, models come out. Decided here:

- A model is one exact id. An adapter stands under its base where some server lists both.
- How many requests of full length fit into a KV cache: whole ones per engine, since a request lives
  in one engine. Where a part is not told, nothing is; no guess stands in for it. A model that
  does not generate and whose cache holds less than one request does not use it (an encoder).
- What two servers of one model are compared in. What one of them does not tell is not compared.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

__all__ = [
    "COMPARED",
    "Agreement",
    "Cache",
    "Card",
    "Difference",
    "Facts",
    "Fit",
    "Served",
    "Serving",
    "catalogue",
]

UNUSED = (
    "It does not generate, and the KV cache holds less than one request: an encoder has no use for "
    "it."
)
_THIN = "\N{NARROW NO-BREAK SPACE}"


class Card(Protocol):
    """One entry of a list of models; `lib.api.Model`."""

    @property
    def id(self) -> str:
        """The name that requests use."""

    @property
    def parent(self) -> str | None:
        """Of an adapter: the id of its base."""

    @property
    def root(self) -> str | None:
        """What was loaded: the same for all names of one model."""

    @property
    def max_model_len(self) -> int | None:
        """Tokens of prompt and answer together; vLLM tells none for an adapter."""


class Cache(NamedTuple):
    """One engine's KV cache. `tokens` is None where not told; `source` says where it came from."""

    model: str
    engine: str
    tokens: float | None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What one server told: its list of models, and what it is. `configs` are cache settings."""

    server: str
    cards: tuple[Card, ...] = ()
    version: str = ""
    tasks: frozenset[str] = frozenset()
    caches: tuple[Cache, ...] = ()
    configs: tuple[Mapping[str, str], ...] = ()


class Fit(NamedTuple):
    """How many requests of `length` tokens fit into one engine's cache of `tokens` tokens."""

    engine: str
    tokens: float
    length: int
    source: str

    @property
    def exact(self) -> float:
        """With the part of one more."""
        return self.tokens / self.length

    @property
    def whole(self) -> int:
        """Whole requests."""
        return int(self.tokens // self.length)


@dataclass(frozen=True, slots=True)
class Serving:
    """A model on one server. `fits` is empty where that can't be told, and `unfit` says why.

    `unused` is whether the model has no use for a KV cache.
    """

    server: str
    card: Card
    length: int | None
    tokens: float | None
    fits: tuple[Fit, ...]
    unfit: str
    unused: bool
    facts: Facts = field(repr=False)

    @property
    def whole(self) -> int | None:
        """Requests of full length that fit at once, over all engines; None where not known."""
        return sum(fit.whole for fit in self.fits) if self.fits else None


class Difference(NamedTuple):
    """What servers of one model differ in, each value with its servers, and a sentence."""

    what: str
    values: tuple[tuple[str, tuple[str, ...]], ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """Where the servers of one model agree, differ, or can't be compared for want of a value."""

    same: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Served:
    """A model, the servers that list it by name, and its adapters by id."""

    id: str
    servings: tuple[Serving, ...]
    adapters: "tuple[Served, ...]" = ()
    agreement: Agreement = Agreement()


def catalogue(fleet: Iterable[Facts]) -> tuple[Served, ...]:
    """All models by id, adapters under their bases; every listed id is there exactly once."""
    servers = sorted(fleet, key=lambda facts: facts.server)
    listed: dict[str, list[tuple[Facts, Card]]] = {}
    for facts in servers:
        for card in {card.id: card for card in reversed(facts.cards)}.values():
            listed.setdefault(card.id, []).append((facts, card))
    parents = {id_: _parent(id_, found, listed) for id_, found in listed.items()}
    bases = {id_: parent for id_, parent in parents.items() if parent and not parents[parent]}
    models = {id_: _served(id_, found, listed) for id_, found in sorted(listed.items(), key=_name)}
    adapters: dict[str, list[Served]] = {}
    for id_ in (one for one in models if one in bases):
        adapters.setdefault(bases[id_], []).append(models[id_])
    return tuple(
        replace(model, adapters=tuple(adapters.get(id_, ())))
        for id_, model in models.items()
        if id_ not in bases
    )


_Listed = Mapping[str, Sequence[tuple[Facts, Card]]]


def _name(item: tuple[str, object]) -> tuple[str, str]:
    return item[0].casefold(), item[0]


def _parent(id_: str, found: Sequence[tuple[Facts, Card]], listed: _Listed) -> str:
    """The base that all servers name for an adapter, where one of them lists it; else ""."""
    parents = {card.parent for _, card in found}
    parent = parents.pop() if len(parents) == 1 else None
    if not parent or parent == id_:
        return ""
    beside = {facts.server for facts, _ in listed.get(parent, ())}
    return parent if any(facts.server in beside for facts, _ in found) else ""


def _served(id_: str, found: Sequence[tuple[Facts, Card]], listed: _Listed) -> Served:
    servings = tuple(_serving(facts, card, listed) for facts, card in found)
    return Served(id_, servings, agreement=_agreement(servings))


# ── How much fits ──


def _serving(facts: Facts, card: Card, listed: _Listed) -> Serving:
    length = card.max_model_len or _length_of_base(facts, card, listed)
    caches = _caches(facts, card)
    known = [cache.tokens for cache in caches if cache.tokens]
    tokens = sum(known) if known and len(known) == len(caches) else None
    unused = bool(
        tokens and length and tokens < length and facts.tasks and "generate" not in facts.tasks
    )
    unfit = UNUSED if unused else _unfit(facts, length, tokens)
    fits = tuple(
        Fit(cache.engine, cache.tokens, length, cache.source)
        for cache in caches
        if not unfit and cache.tokens and length
    )
    return Serving(facts.server, card, length, tokens, fits, unfit, unused, facts)


def _length_of_base(facts: Facts, card: Card, listed: _Listed) -> int | None:
    """An adapter's length is that of its base on the same server."""
    beside = (base for other, base in listed.get(card.parent or "", ()) if other is facts)
    return next((base.max_model_len for base in beside), None)


def _caches(facts: Facts, card: Card) -> tuple[Cache, ...]:
    """The engines that run a model: those of its name, else those of the only name there is.

    An engine reports the first of its model's names, and an adapter's base. The only name is not
    that of a model beside it that was loaded from elsewhere.
    """
    names = {cache.model for cache in facts.caches}
    for name in (card.id, card.parent):
        if name in names:
            return tuple(cache for cache in facts.caches if cache.model == name)
    is_another = any(one.id in names and one.root != card.root for one in facts.cards)
    return facts.caches if len(names) == 1 and not is_another else ()


def _unfit(facts: Facts, length: int | None, tokens: float | None) -> str:
    if not length:
        return "The list of models tells no maximum length."
    if tokens is None:
        what = "one of its engines" if any(cache.tokens for cache in facts.caches) else "its engine"
        return f"The /metrics page does not tell the size of the KV cache of {what}."
    return ""


# ── Do the servers agree ──


class _Compared(NamedTuple):
    """What is compared: its name, the label of `cache_config_info` behind it, what follows."""

    what: str
    label: str
    follows: str


COMPARED = (
    _Compared("release", "", "the same request may be answered in another way"),
    _Compared("task", "", "one of them refuses what the other does"),
    _Compared("context length", "", "a long prompt that one takes is refused by the other"),
    _Compared("number of KV blocks", "num_gpu_blocks", "they fill up at different loads"),
    _Compared("block size", "block_size", "prefixes are cached in different steps"),
    _Compared("KV data type", "cache_dtype", "answers may differ in their last digits"),
    _Compared("prefix caching", "enable_prefix_caching", "repeated prompts are faster on one"),
    _Compared("GPU memory share", "gpu_memory_utilization", "their KV caches differ in size"),
)
"""In the order in which people ask."""
_SWITCH = {"true": "on", "false": "off"}


def _agreement(servings: Sequence[Serving]) -> Agreement:
    if len(servings) < 2:
        return Agreement()
    same, differences, unknown = [], [], []
    for compared in COMPARED:
        told = [(_value(one, compared), one.server) for one in servings]
        groups: dict[str, list[str]] = {}
        for value, server in told:
            if value:
                groups.setdefault(value, []).append(server)
        if len(groups) > 1:
            differences.append(_difference(compared, groups))
        elif all(value for value, _ in told):
            same.append(compared.what)
        else:
            unknown.append(compared.what)
    return Agreement(tuple(same), tuple(differences), tuple(unknown))


def _difference(compared: _Compared, groups: Mapping[str, list[str]]) -> Difference:
    values = tuple((value, tuple(servers)) for value, servers in groups.items())
    told = "; ".join(f"{value} on {_and(servers)}" for value, servers in values)
    what = compared.what[0].upper() + compared.what[1:]
    return Difference(compared.what, values, f"{what} differs: {told}. So {compared.follows}.")


def _value(serving: Serving, compared: _Compared) -> str:
    """A server's value as text, "" where it tells none; several where its engines differ."""
    if compared.label:
        values = {_written(one.get(compared.label, "")) for one in serving.facts.configs}
        return ", ".join(sorted(values - {""}))
    if compared.what == "context length":
        return f"{_count(serving.length)} tokens" if serving.length else ""
    return serving.facts.version if compared.what == "release" else _tasks(serving.facts)


def _tasks(facts: Facts) -> str:
    return ", ".join(sorted(facts.tasks))


def _written(label: str) -> str:
    """A label's value: equal numbers look equal, switches are on or off, "None" is none told."""
    if label in ("", "None"):
        return ""
    try:
        number = float(label)
    except ValueError:
        return _SWITCH.get(label.lower(), label)
    return _count(number) if number.is_integer() and abs(number) < 2**53 else f"{number:g}"


def _count(value: float) -> str:
    return f"{value:,.0f}".replace(",", _THIN)


def _and(names: Sequence[str]) -> str:
    """Names in a sentence; of many the first."""
    if len(names) > 4:
        return f"{', '.join(names[:3])} and {len(names) - 3} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
