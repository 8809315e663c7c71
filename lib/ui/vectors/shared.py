"""What the tools share: how scores and costs are told, whom else one may ask, what a result is of.

Decided here: a result is shown only beside the vectors that it was made of; and a server is offered
for something where its routes say that it does it.
"""

from collections.abc import Iterable, Mapping, Sequence
from secrets import token_hex
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import streamlit as st

from lib.api import Route
from lib.servers import Server
from lib.ui import live
from lib.ui.embedder import Asked
from lib.ui.house import house
from lib.ui.jobs import Job
from lib.ui.plain import ABSENT, count, escaped, plain
from lib.ui.vectors.sets import Embedded

__all__ = [
    "Other",
    "Tile",
    "answer",
    "asked",
    "choose",
    "cost",
    "figure",
    "key",
    "labelled",
    "note",
    "offering",
    "price",
    "result",
    "some",
    "text_choice",
    "tile",
]

Tile = dict[str, str]
_LISTED = 300
"""Texts in a list to choose from; of more, the number is typed."""
_WAIT = 0.4
_CHARACTERS_PER_TOKEN = 4


class Made(Protocol):
    """A result that knows what it was made of."""

    @property
    def about(self) -> Embedded: ...


MadeOf = TypeVar("MadeOf", bound=Made)


class Other(NamedTuple):
    """A model on a server."""

    server: Server
    model: str

    @property
    def title(self) -> str:
        """For people."""
        return plain(f"{self.server.name} · {self.model}", 90)


# ── Words and figures ──


def key(embedded: Embedded, name: str) -> str:
    """A widget's name that is of these vectors only."""
    return f"{name}-{embedded.kept.setdefault('key', token_hex(4))}"


def figure(value: float | None, digits: int = 3) -> str:
    """A score; a dash where there is none."""
    if value is None or np.isnan(value):
        return ABSENT
    written = f"{value:.{digits}f}"
    return f"{0:.{digits}f}" if float(written) == 0 else written.replace("-", "−")


def some(number: int, what: str) -> str:
    """So many of something."""
    return f"{count(number)} {what}{'' if number == 1 else 's'}"


def tile(value: str, label: str, hint: str = "", tone: str = "") -> Tile:
    """One figure of an answer."""
    return {"value": value, "label": label, "hint": hint, "tone": tone}


def answer(
    name: str,
    sentence: str,
    tiles: Sequence[Tile],
    *,
    more: Sequence[str] = (),
    remarks: Sequence[str] = (),
    tone: str = "hint",
) -> None:
    """What a tool found: a sentence, the figures behind it, and what is to be known of them."""
    live.summary(
        {
            "tone": tone,
            "sentence": sentence,
            "more": list(more),
            "tiles": list(tiles),
            "remarks": [{"tone": "note", "text": one} for one in remarks],
        },
        key=name,
    )


def note(text: str) -> None:
    """A quiet sentence, whatever it holds."""
    st.caption(escaped(text))


def labelled(embedded: Embedded) -> bool:
    """Whether there are labels to judge a search by."""
    return any(embedded.texts.labels)


# ── What it costs, and of whom it is asked ──


def asked(embedded: Embedded, other: Other | None = None) -> Asked:
    """How the embedder is asked for the same kind of vectors, of the same model or another."""
    server, model = other or Other(embedded.server, embedded.model)
    return Asked(server, model, embedded.how.kind, embedded.how.batch_size)


def price(asking: Asked, *groups: Iterable[str]) -> str:
    """What vectors of these texts cost, in a sentence; each group is asked for by itself."""
    missing: dict[str, None] = {}
    requests = 0
    for group in groups:
        before = len(missing)
        missing |= dict.fromkeys(house().embedder.missing(asking, list(group)))
        requests += -(-(len(missing) - before) // asking.batch_size)
    if not missing:
        return "Costs nothing: all of these vectors are remembered."
    return cost(asking.server, requests, len(missing), sum(map(len, missing)))


def cost(server: Server, requests: int, texts: int, characters: int) -> str:
    """What so many requests with so many texts cost, in a sentence."""
    tokens = max(1, characters // _CHARACTERS_PER_TOKEN)
    asks = f"{some(requests, 'request')} with {some(texts, 'text')}"
    return f"Costs {server.name} {asks} in all, about {count(tokens)} tokens."


def offering(*routes: Route) -> list[Other]:
    """The models of all servers that have one of these routes."""
    found = []
    for server in house().watched():
        known = house().asked.told(server, wait=_WAIT).capabilities
        if known is not None and known.routes & set(routes):
            found += [Other(server, model) for model in house().models(server)]
    return found


# ── Choosing ──


def choose(label: str, options: Sequence[Other], name: str) -> Other | None:
    """One of several models."""
    if not options:
        return None
    titles = [one.title for one in options]
    picked = st.selectbox(label, range(len(titles)), format_func=titles.__getitem__, key=name)
    return options[picked or 0]


def text_choice(label: str, embedded: Embedded, places: Sequence[int], name: str) -> int:
    """One of the texts at these places."""
    if name not in st.session_state:
        st.session_state[name] = places[0]
    if len(places) <= _LISTED:
        chosen = st.selectbox(label, places, format_func=embedded.texts.titled, key=name)
        return places[0] if chosen is None else chosen
    # a number of its own: the list above keeps places, counted from 0
    number = int(st.number_input(f"{label}, its number", 1, len(embedded.texts), key=f"{name}-n"))
    allowed: Mapping[int, None] = dict.fromkeys(places)
    if number - 1 not in allowed:
        note("This text has no vector, or is none of these; the first one is taken.")
        return places[0]
    return number - 1


def result(job: Job | None, kind: type[MadeOf], embedded: Embedded) -> MadeOf | None:
    """What a tool made of these vectors last, if anything."""
    made = job.result if job else None
    return made if isinstance(made, kind) and made.about is embedded else None
