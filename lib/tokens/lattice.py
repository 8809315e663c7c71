"""The search among several readings: from a sure place to the next sure place.

Every reading of every token is followed at once, as a set of places in the text. Where all that
survive meet in one place, that place is sure and the search ends. What then differs between the
cheapest ways stays open: the tokens between two sure places become one group, unless the server's
own decoding of the first few of them tells the ways apart.
"""

from collections.abc import Generator
from dataclasses import dataclass, field

from lib.tokens.alphabets import Family
from lib.tokens.questions import Asker, Decode
from lib.tokens.readings import Option, Readings

__all__ = ["Way", "search"]

BEAM = 128
"""Places followed at once."""
_CHARACTER = 4
"""Bytes of the longest character, and so the most tokens of one."""
_LONGEST = 24
"""Tokens searched before the server is asked to pin one place."""
_MOST_ASKED = 16 * _LONGEST
"""Tokens decoded in one question."""

Layers = list[list[tuple[int, Option]]]
"""For each token its readings, and the place where each begins to be looked for."""


@dataclass(slots=True)
class Way:
    """The readings of the tokens from `first` on, up to a sure place."""

    first: int
    spans: list[tuple[int, int]] = field(default_factory=list)
    grouped: set[int] = field(default_factory=set)
    """Tokens, by index, whose span is that of their whole group."""
    reached: int = 0
    """The sure place at the end."""
    cost: int = 0


def search(
    readings: Readings, first: int, at: int, asker: Asker, ids: list[int]
) -> Generator[Decode, str, Way | None]:
    """The way from a sure place to the next; None where no reading fits, or too many do."""
    layers: Layers = []
    places, count = {at}, len(readings.exact)
    index = first
    while True:
        edges = [(place, one) for place in sorted(places) for one in readings.options(index, place)]
        index += 1
        layers.append([edge for edge in edges if index < count or readings.may_end(edge[1][1])])
        places = {edge[1][1] for edge in layers[-1]}
        if not places or len(places) > BEAM or readings.budget.steps < 0:
            return None
        if len(places) == 1 or index == count:
            break
        if (index - first) % _LONGEST == 0 and index - first <= _MOST_ASKED:
            yield from _pinned(layers, first, at, readings, asker, ids)
            places = {edge[1][1] for edge in layers[-1]}
            if len(places) == 1:
                break
    layers, cost = _cheapest(layers, at)
    yield from _told_apart(layers, first, at, readings, asker, ids)
    return _way(layers, first, at, cost)


def _cheapest(layers: Layers, at: int) -> tuple[Layers, int]:
    """Only the edges of the cheapest ways through all layers, and what those cost."""
    forward: list[dict[int, int]] = [{at: 0}]
    for layer in layers:
        costs: dict[int, int] = {}
        for place, (_, end, cost) in layer:
            if place in forward[-1]:
                total = forward[-1][place] + cost
                costs[end] = min(total, costs.get(end, total))
        forward.append(costs)
    least = min(forward[-1].values())
    wanted = {end: cost for end, cost in forward[-1].items() if cost == least}
    kept: Layers = []
    for layer, costs in zip(reversed(layers), reversed(forward[:-1]), strict=True):
        best = [
            (place, option)
            for place, option in layer
            if place in costs and wanted.get(option[1]) == costs[place] + option[2]
        ]
        wanted = {place: costs[place] for place, _ in best}
        kept.append(best)
    return kept[::-1], least


def _told_apart(
    layers: Layers,
    first: int,
    at: int,
    readings: Readings,
    asker: Asker,
    ids: list[int],
) -> Generator[Decode, str, None]:
    """Ask for the text of the first tokens wherever the cheapest ways part."""
    start, start_at = 0, at
    for depth in range(1, len(layers)):
        ends = {option[1] for _, option in layers[depth - 1]}
        if len(ends) == 1:
            start, start_at = depth, ends.pop()
            continue
        span = tuple(ids[first + start : first + min(depth, start + _MOST_ASKED + 1)])
        if len(span) > _MOST_ASKED or not _lossy(readings, first + start, first + depth):
            continue
        told = yield from asker.text(span)
        kept = {end for end in ends if told is not None and _same(readings, start_at, end, told)}
        if kept and kept != ends:
            layers[depth - 1] = [edge for edge in layers[depth - 1] if edge[1][1] in kept]
            layers[:] = _cheapest(layers, at)[0]
        if len(kept) == 1:
            start, start_at = depth, kept.pop()


def _pinned(
    layers: Layers, first: int, at: int, readings: Readings, asker: Asker, ids: list[int]
) -> Generator[Decode, str, None]:
    """Ask for the text of a long run, so that few places survive at its end.

    A run that ends inside a character may decode to nothing but U+FFFD: then a little less of it.
    """
    for depth in range(len(layers), len(layers) - _CHARACTER, -1):
        if not _lossy(readings, first, first + depth):
            return
        told = yield from asker.text(tuple(ids[first : first + depth]))
        ends = {option[1] for _, option in layers[depth - 1]}
        kept = {end for end in ends if told is not None and _same(readings, at, end, told)}
        if kept:
            _keep(layers, depth, kept)
            return


def _keep(layers: Layers, depth: int, ends: set[int]) -> None:
    """Only the ways that are in one of these places after `depth` tokens."""
    layers[depth - 1] = [edge for edge in layers[depth - 1] if edge[1][1] in ends]
    for later in range(depth, len(layers)):
        layers[later] = [edge for edge in layers[later] if edge[0] in ends]
        ends = {edge[1][1] for edge in layers[later]}


def _lossy(readings: Readings, first: int, last: int) -> bool:
    """Has one of the tokens lost bytes that decoding more of them would bring back?"""
    return any(
        isinstance(piece, str) and exact is None
        for piece, exact in zip(
            readings.pieces[first:last], readings.exact[first:last], strict=True
        )
    )


def _same(readings: Readings, start: int, end: int, told: str) -> bool:
    """Do these bytes of the text decode to what the server told?"""
    ours = readings.seen.data[start:end].decode("utf-8", "replace")
    if readings.family is Family.WORDPIECE:
        return ours == "".join(told.split())
    if readings.family is Family.SENTENCEPIECE:
        return told.replace("\u2581", " ") in {ours, " " + ours, ours.removeprefix(" ")}
    return ours == told


def _way(layers: Layers, first: int, at: int, cost: int) -> Way:
    """Spans of tokens between sure places, and one span for each group that stays open."""
    way = Way(first, reached=max(option[1] for _, option in layers[-1]), cost=cost)
    opened, opened_at = 0, at
    for depth, layer in enumerate(layers, start=1):
        ends = {option[1] for _, option in layer}
        if len(ends) > 1:
            continue
        end = ends.pop()
        spans = {(option[0], option[1]) for _, option in layer}
        if depth - opened == 1 and len(spans) == 1:
            way.spans.append(spans.pop())
        else:
            way.spans += [(opened_at, end)] * (depth - opened)
            way.grouped |= set(range(first + opened, first + depth))
        opened, opened_at = depth, end
    return way
