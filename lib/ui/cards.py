"""Models in words: a card per model, a row per server, and the pages that they lead to.

This module alone decides what a card says and what its tooltips explain. Ids are a server's own
words: what is shown of them goes through `plain`, and only an id that is shown as it is may be
copied or linked.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypedDict
from urllib.parse import urlencode

from lib.api import Kind, Model, Route
from lib.health.catalogue import Agreement, Cache, Facts, Served, Serving
from lib.metrics import Sample
from lib.servers import Server
from lib.ui import plain
from lib.ui.asked import Told
from lib.ui.board import Words
from lib.ui.listing import Listing, Seen

__all__ = [
    "ADAPTERS",
    "SERVERS",
    "TARGETS",
    "Known",
    "Target",
    "card_of",
    "facts_of",
    "key_of",
]

ID_LENGTH, TEXT_LENGTH, SENTENCE_LENGTH, ENGINES = 160, 120, 400, 8
ADAPTERS, SERVERS = 30, 40
"""Adapters and servers that one card shows; it says how many more there are."""

FROM_LABEL = "kv_cache_size_tokens of cache_config_info"
FROM_PRODUCT = (
    "num_gpu_blocks × block_size of cache_config_info; too high for models with several kinds of "
    "layers, whose servers tell kv_cache_size_tokens from 0.25.1 on"
)
NOT_KNOWN, NOT_USED = "not known", "not used"
NOT_TOLD = "its routes do not tell"
MODALITIES = {
    "generate": "text → text",
    "embed": "text → vector",
    "classify": "text → class",
    "score": "two texts → score",
}

WORKING = frozenset(
    {Route.CHAT, Route.COMPLETIONS, Route.EMBEDDINGS, Route.CLASSIFY, Route.SCORE, Route.POOLING}
)
"""The routes that make a model work."""


class Target(NamedTuple):
    """A page that a model on a server leads to; `task` is what it must do, "" for any."""

    label: str
    path: str
    task: str = ""


TARGETS = (
    Target("Health", "health"),
    Target("RCA / Cache", "rca-cache"),
    Target("Tokenizer", "tokenizer"),
    Target("Chat", "chat", task="generate"),
    Target("Embeddings", "embeddings", task="embed"),
    Target("API Explorer", "explorer"),
)
"""A page is linked by its row here; it gets `server` and `model` in its address."""


class Since(TypedDict):
    """Since when a model is listed (wall-clock seconds), or `least` since then; who says so."""

    at: float
    least: bool
    how: str


class Known(NamedTuple):
    """All that is known of one server's models: what it told, and its last sample's figures."""

    server: Server
    listing: Listing
    told: Told
    sample: Sample | None

    @property
    def kind(self) -> Kind | None:
        """Whose server it is."""
        return self.told.capabilities.engine_kind if self.told.capabilities else None


def facts_of(known: Known, most: int) -> Facts:
    """What the catalogue needs of a server, with the first models of its list."""
    sample, capabilities = known.sample, known.told.capabilities
    configs = sample.layout.configs if sample else ()
    source = FROM_LABEL if any("kv_cache_size_tokens" in one for one in configs) else FROM_PRODUCT
    caches = (
        Cache(model, engine, sample.of("kv_tokens", member=(model, engine)), source)
        for model, engine in (sample.members if sample else ())
        if sample is not None
    )
    return Facts(
        known.server.name,
        (known.listing.models or ())[:most],
        known.told.version,
        capabilities.tasks if capabilities else frozenset(),
        tuple(caches),
        configs,
    )


# ── A card ──


def key_of(id_: str) -> str:
    """What names a model in an event and in a URL: its id where that can be shown as it is."""
    if _is_exact(id_):
        return id_
    return "#" + hashlib.sha256(id_.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _is_exact(id_: str) -> bool:
    return 0 < len(id_) <= ID_LENGTH and plain.plain(id_, ID_LENGTH) == id_


def card_of(model: Served, fleet: Mapping[str, Known]) -> Words:
    """A model as the page draws it."""
    return _named(model.id) | {
        "facts": _facts(model, fleet),
        "rows": [_row(one, fleet[one.server]) for one in model.servings[:SERVERS]],
        "more": _more(len(model.servings) - SERVERS, "server"),
        "servers": [one.server for one in model.servings],
        "agreement": _agreement(model.agreement, len(model.servings)),
        "adapters": [_adapter(one, fleet) for one in model.adapters[:ADAPTERS]],
        "more_adapters": _more(len(model.adapters) - ADAPTERS, "adapter"),
    }


def _named(id_: str) -> Words:
    text = plain.plain(id_, ID_LENGTH)
    return {"key": key_of(id_), "id": text or "(no name)", "exact": _is_exact(id_)}


def _facts(model: Served, fleet: Mapping[str, Known]) -> list[tuple[str, str, str]]:
    """What all servers of a model say of it: name, value, and where it came from."""
    cards = _cards(model, fleet)
    listed = "GET /v1/models"
    kinds = {"adapter" if card.parent else "base model" for card in cards}
    found = [
        ("Type", " or ".join(sorted(kinds)), f"{listed}: parent is set for an adapter only"),
        ("Object", _texts(card.object for card in cards), listed),
        ("Owned by", _texts(card.owned_by for card in cards), listed),
        ("Root", _texts(card.root for card in cards), f"{listed}: what was loaded"),
        ("Parent", _texts(card.parent for card in cards), f"{listed}: the base of an adapter"),
        *_abilities(model, fleet),
    ]
    return [(name, value, how) for name, value, how in found if value]


def _cards(model: Served, fleet: Mapping[str, Known]) -> list[Model]:
    wanted = {one.server for one in model.servings}
    lists = (fleet[name].listing.models or () for name in sorted(wanted))
    return [card for models in lists for card in models if card.id == model.id][:SERVERS]


def _abilities(model: Served, fleet: Mapping[str, Known]) -> list[tuple[str, str, str]]:
    tasks = sorted({task for one in model.servings for task in one.facts.tasks})
    if not tasks:
        why = {_why_untold(fleet[one.server]) for one in model.servings}
        how = "; ".join(sorted(why - {""})) or "not asked yet"
        return [("Task", NOT_TOLD, how), ("Modality", NOT_TOLD, how)]
    modalities = ", ".join(MODALITIES[task] for task in tasks if task in MODALITIES)
    how = "the routes that the server has registered: only those that its model can do"
    also = f"{how}; whether it takes pictures or sound as well they do not tell"
    return [("Task", ", ".join(tasks), how), ("Modality", modalities, also)]


def _why_untold(known: Known) -> str:
    if known.told.capabilities is None:
        return ""
    if not known.told.capabilities.routes & WORKING:
        return "it has no route that generates, embeds, classifies or scores"
    if known.kind in (Kind.VLLM, Kind.TUTORIAL):
        return "releases before 0.16 register every route, whatever the model can do"
    return "this kind of server registers every route"


def _texts(values: Iterable[str | None]) -> str:
    told = list(dict.fromkeys(value for value in values if value))
    return plain.listed(told, 3, TEXT_LENGTH)


def _adapter(model: Served, fleet: Mapping[str, Known]) -> Words:
    names = [one.server for one in model.servings]
    since = [_since(model.id, fleet[name], is_base=False) for name in names]
    return _named(model.id) | {
        "root": _texts(card.root for card in _cards(model, fleet)),
        "servers": names,
        "on": plain.listed(names, 3),
        "since": min(filter(None, since), key=lambda one: one["at"], default=None),
    }


def _more(count: int, what: str) -> str:
    return f"… {count} more {what}{'s' if count > 1 else ''}" if count > 0 else ""


# ── A server's row ──


def _row(serving: Serving, known: Known) -> Words:
    release = plain.plain(known.told.version, 40) or NOT_KNOWN
    tokens = sorted({fit.source for fit in serving.fits}) or [serving.unfit]
    return {
        "server": serving.server,
        "simulated": known.server.simulated,
        "cells": {
            "release": (release, "GET /version"),
            "length": (_count(serving.length), "max_model_len of GET /v1/models, in tokens"),
            "tokens": (_count(serving.tokens, serving), "; ".join(tokens)),
            "fits": (_count(serving.whole, serving), _how_many(serving)),
        },
        "since": _since(serving.card.id, known, is_base=serving.card.parent is None),
        "links": _links(serving, known),
    }


def _count(value: float | None, serving: Serving | None = None) -> str:
    if serving is not None and serving.unused:
        return NOT_USED
    return NOT_KNOWN if value is None else plain.count(value)


def _how_many(serving: Serving) -> str:
    """How the number of requests of full length was found, engine by engine."""
    if not serving.fits:
        return serving.unfit
    several = len(serving.fits) > 1
    found = [
        (f"engine {plain.plain(fit.engine, 20)}: " if several else "")
        + f"{fit.tokens:,.0f} tokens / {fit.length:,} = {fit.exact:.1f}".replace(",", "\u202f")
        for fit in serving.fits[:ENGINES]
    ]
    found += [rest] if (rest := _more(len(serving.fits) - ENGINES, "engine")) else []
    return f"{'; '.join(found)}. A request lives in one engine: whole ones are counted."


def _since(id_: str, known: Known, *, is_base: bool) -> Since | None:
    """Since when a server lists a model (wall-clock seconds), as far as that can be known."""
    seen: Seen | None = known.listing.seen.get(id_)
    ours = known.kind in (Kind.VLLM, Kind.TUTORIAL)
    start = known.sample.of("process_start") if known.sample else None
    if is_base and ours and start:
        how = "its process started then (process_start_time_seconds), and lists it since"
        return {"at": start, "least": False, "how": how}
    if seen is None:
        return None
    if not ours and seen.created:
        return {"at": seen.created, "least": False, "how": "as the server says (created)"}
    if seen.first:
        how = "it was on the first list that this dashboard got; the server tells no age"
        return {"at": seen.since, "least": True, "how": how}
    return {"at": seen.since, "least": False, "how": "the first list that this dashboard saw it on"}


def _links(serving: Serving, known: Known) -> list[tuple[str, str]]:
    """The pages that show this model on this server."""
    tasks = serving.facts.tasks
    query = {"server": known.server.name}
    if _is_exact(serving.card.id):
        query["model"] = serving.card.id
    return [
        (target.label, f"{target.path}?{urlencode(query)}")
        for target in TARGETS
        if not target.task or not tasks or target.task in tasks
    ]


def _agreement(told: Agreement, servers: int) -> Words | None:
    """Where the servers of a model agree; None where there is only one."""
    if servers < 2:
        return None
    sentences = [plain.plain(one.sentence, SENTENCE_LENGTH) for one in told.differences]
    return {
        "tone": "watch" if sentences else "good" if told.same else "unknown",
        "differences": sentences,
        "same": ", ".join(told.same),
        "unknown": ", ".join(told.unknown),
    }
