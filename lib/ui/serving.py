"""What Models shows: the models of all servers, and where a request could go, tick by tick.

This module alone decides the shape of those events and how much of a fleet they hold;
`assets/models.js` reads them. The order of servers does not depend on the model: an event carries
one order, and the page shows of it the servers of the chosen model. Lists of models are asked for
only while somebody looks, because only then is this view built.
"""

import math
import time
from collections.abc import Iterable, Mapping
from typing import Protocol

from lib.health.catalogue import Served, catalogue
from lib.health.routing import Candidate, Place, Standing, route
from lib.metrics import BY_NAME, Sample
from lib.servers import Server
from lib.ui import plain
from lib.ui.asked import Told
from lib.ui.board import Board, Source, Words, status_of, text_of
from lib.ui.cards import Known, card_of, facts_of
from lib.ui.listing import Listing
from lib.ui.lists import trouble_of
from lib.ui.stream import event
from lib.watch.record import Tick

__all__ = ["ModelsView", "Telling"]

PER_SERVER, CARDS, TROUBLES = 60, 200, 8
"""Models of one server, cards of all, and servers in trouble that are shown."""
STALE_PERIODS, STALE_SECONDS = 3.0, 5.0
"""A reading is old after so many periods, and not before so many seconds."""
REASON_LENGTH = 300
TONES = {
    Standing.FREE: "good",
    Standing.NOT_KNOWN: "unknown",
    Standing.WAITS: "watch",
    Standing.DOUBTFUL: "watch",
}
"""What is out has the tone of its state."""
COLUMNS = {
    "standing": "From the server's state and its newest reading",
    "free": f"1 − {BY_NAME['kv_usage'].sources}, mean of engines, newest reading; cached blocks "
    "that no request uses count as free. Compared in steps of 5 %, so that places do not dance",
    "why": f"{BY_NAME['running'].sources}, {BY_NAME['waiting'].sources}, newest reading; seats are "
    "max_num_seqs where a route tells it",
}
"""Where the figures of the order come from."""


class Telling(Protocol):
    """What servers told when they were asked; `lib.ui.asked.Asked`."""

    def told(self, server: Server) -> Told:
        """Release and routes; returns at once."""

    def listing(self, server: Server) -> Listing:
        """The list of models; returns at once."""


class ModelsView:
    """All servers. One thread at a time."""

    servers: frozenset[str] | None = None

    def __init__(self, source: Source, board: Board, asked: Telling) -> None:
        self._source = source
        self._board = board
        self._asked = asked
        self._samples: dict[str, Sample] = {}
        self._made: tuple[object, ...] = ()
        self._cards: list[Words] = []
        self._said: Words = {}

    def opening(self) -> bytes:
        """Everything as of now."""
        self._said = {}
        return event("window", text_of(self._news() | {"columns": COLUMNS}))

    def tick(self) -> bytes:
        """What has changed."""
        self._board.walk()
        return event("tick", text_of(self._news()))

    def _news(self) -> Words:
        servers = tuple(self._board.watched())
        ticks = {server.name: self._source.latest(server.id) for server in servers}
        fleet = {server.name: self._known(server, ticks[server.name]) for server in servers}
        cards = self._drawn(fleet)
        words = self._lists(fleet, ticks) | self._places(fleet, ticks)
        words |= {
            "cards": {str(card["key"]): card for card in cards[:CARDS]},
            "order": [str(card["key"]) for card in cards[:CARDS]],
            "hidden": _hidden(fleet, len(cards) - CARDS),
            "line": _line(cards, fleet),
            "servers": self._board.listed(),
        }
        changed = {key: part for key, value in words.items() if (part := self._fresh(key, value))}
        self._said = words
        return {"now": time.time(), "banner": self._board.banner()} | {
            key: value[0] for key, value in changed.items()
        }

    def _fresh(self, key: str, value: object) -> tuple[object] | None:
        """What of a part is new: of a table its changed rows, of anything else the whole."""
        before = self._said.get(key)
        if key in ("cards", "live", "lists") and isinstance(before, dict):
            rows = value.items() if isinstance(value, dict) else ()
            new = {name: row for name, row in rows if before.get(name) != row}
            return (new,) if new else None
        return None if key in self._said and before == value else (value,)

    # ── Cards ──

    def _known(self, server: Server, newest: Tick | None) -> Known:
        if newest and newest.sample:
            self._samples[server.id] = newest.sample  # one that is down is still the same server
        sample = self._samples.get(server.id)
        return Known(server, self._asked.listing(server), self._asked.told(server), sample)

    def _drawn(self, fleet: Mapping[str, Known]) -> list[Words]:
        """The cards; drawn anew where something behind them has changed."""
        made = tuple(_behind(known) for known in fleet.values())
        if made != self._made:
            models = catalogue(facts_of(known, PER_SERVER) for known in fleet.values())
            self._cards = [card_of(model, fleet) for model in sorted(models, key=_most_served)]
            self._made = made
        return self._cards

    # ── Lists ──

    @staticmethod
    def _lists(fleet: Mapping[str, Known], ticks: Mapping[str, Tick | None]) -> Words:
        found = [
            trouble_of(name, known.listing, tick.status if (tick := ticks[name]) else None)
            for name, known in fleet.items()
        ]
        troubles = [one for one in found if one is not None]
        return {
            "troubles": troubles[:TROUBLES],
            "more_troubles": max(0, len(troubles) - TROUBLES),
            "lists": {name: _list(known.listing) for name, known in fleet.items()},
        }

    # ── Where a request could go ──

    def _places(self, fleet: Mapping[str, Known], ticks: Mapping[str, Tick | None]) -> Words:
        stale = max(STALE_SECONDS, STALE_PERIODS * self._source.period)
        candidates = {
            name: _candidate(name, ticks[name], known.listing.seats)
            for name, known in fleet.items()
        }
        places = route(candidates.values(), stale_after=stale)
        old = 2 * self._source.period + 1
        live = {
            place.server: _live(place, candidates[place.server], ticks[place.server], old)
            for place in places
        }
        return {"rank": [place.server for place in places], "live": live}


def _behind(known: Known) -> tuple[object, ...]:
    """What a card is made of; equal while nothing of it changes."""
    sample = known.sample
    layout = sample.layout.key if sample else ""
    start = sample.of("process_start") if sample else None
    return known.server, known.listing.models, known.listing.seen, known.told, layout, start


def _most_served(model: Served) -> tuple[int, str, str]:
    """Models of many servers first: there is something to choose; then by name."""
    return -len(model.servings), model.id.casefold(), model.id


def _hidden(fleet: Mapping[str, Known], cards: int) -> list[str]:
    """What the page leaves out, in sentences."""
    counts = {name: len(known.listing.models or ()) for name, known in fleet.items()}
    found = [
        f"{name} lists {plain.count(count)} models: … {plain.count(count - PER_SERVER)} more"
        for name, count in counts.items()
        if count > PER_SERVER
    ]
    return found + ([f"… {plain.count(cards)} more models"] if cards > 0 else [])


def _line(cards: Iterable[Words], fleet: Mapping[str, Known]) -> str:
    """The page in a sentence: 3 models and 1 adapter on 4 servers, 1 without a list."""
    if not fleet:
        return "No servers yet"
    if all(not known.listing.at and not known.listing.refused for known in fleet.values()):
        return "Asking for the lists of models …"
    drawn = list(cards)
    adapters = sum(len(found) for card in drawn if isinstance(found := card["adapters"], list))
    told = _several(len(drawn), "model")
    told += f" and {_several(adapters, 'adapter')}" if adapters else ""
    return f"{told} on {_several(len(fleet), 'server')}"


def _several(count: int, what: str) -> str:
    return f"{plain.count(count)} {what}{'' if count == 1 else 's'}"


def _list(listing: Listing) -> Words:
    """A server's list in a line, for the part of the page that shows it whole."""
    if not listing.at:
        words = "no answer yet" if listing.refused else "being asked"
        return {"at": None, "words": words, "refused": bool(listing.refused)}
    took = f"{plain.duration(listing.seconds)}, {plain.count(listing.size)} bytes"
    words = f"{_several(len(listing.models or ()), 'model')} · {took}"
    return {"at": listing.at, "words": words, "refused": bool(listing.refused)}


def _candidate(name: str, tick: Tick | None, seats: int | None) -> Candidate:
    if tick is None:
        return Candidate(name)
    age = max(0.0, time.monotonic() - tick.mono)
    if tick.sample is None:
        return Candidate(name, tick.status, age, seats=seats)
    total = tick.sample.total
    free = None if total.kv_usage is None else 1 - total.kv_usage
    return Candidate(name, tick.status, age, free, total.running, total.waiting, seats)


def _live(place: Place, one: Candidate, tick: Tick | None, old: float) -> Words:
    """A server's row in the order: its state, its figures, and why it stands where it does."""
    state = status_of(tick.status) if tick else UNSEEN
    return {
        "state": state,
        "tone": TONES.get(place.standing, state["tone"]),
        "takes": place.standing.takes,
        "standing": place.standing.value,
        "reason": plain.plain(place.reason, REASON_LENGTH),
        "free": None if one.free is None else round(one.free, 2),
        "percent": plain.ratio(
            None if one.free is None else math.floor(one.free * 100 + 1e-9) / 100
        ),
        "at": tick.at if tick and one.age is not None and one.age > old else None,
    }


UNSEEN: Words = {"tone": "unknown", "words": "Not seen yet", "since": 0.0, "text": "", "remedy": ""}
