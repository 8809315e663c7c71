"""Why two texts are equal to a model, or far apart: both as the tokens that it reads.

Decided here: which of these facts is said first. Where the tokens are the same nothing else
explains anything; what was cut off, unknown or changed before the model saw it comes next.
"""

from typing import NamedTuple

import numpy as np
import streamlit as st

from lib.api import Refused
from lib.tokens import Alignment, Kind, Unreadable
from lib.tokens.alike import Alike, Part, alike, part
from lib.ui import live
from lib.ui.house import house
from lib.ui.lab.packing import packed
from lib.ui.plain import ABSENT, count, escaped, listed, plain, ratio
from lib.ui.vectors.sets import Embedded
from lib.ui.vectors.shared import Tile, answer, figure, key, some, text_choice, tile
from lib.vectors import closest_pairs, cosine, lengths

__all__ = ["Reading", "draw", "findings", "verdict"]

_PAIRS_OF = 2_000
"""Texts among which the nearest pair is looked for, to begin with."""
_SAME = 0.9999
_SHORT = 300
_WORD, _MOST_TOLD = 20, 4
Remark = dict[str, str]


class Reading(NamedTuple):
    """A text as the model reads it."""

    alignment: Alignment
    part: Part


def draw(embedded: Embedded) -> None:
    """The tab."""
    st.text("Two texts as the tokens that the model reads, and what that says of their similarity.")
    places = embedded.present.tolist()
    if len(places) < 2:
        st.text("It takes two texts that have a vector.")
        return
    first, second = _pair(embedded, places)
    rows = embedded.rows[[first, second]]
    score = float(cosine(rows)[0, 1])
    try:
        readings = [_reading(embedded, place) for place in (first, second)]
    except (Refused, Unreadable) as trouble:
        said = trouble.sentence if isinstance(trouble, Refused) else str(trouble)
        answer(key(embedded, "why-answer"), verdict(embedded, score, None), _tiles(embedded, score))
        st.warning(escaped(f"No tokens to show. {plain(said, _SHORT)}"), icon=":material/error:")
        return
    found = _alike(readings, embedded, (first, second))
    answer(
        key(embedded, "why-answer"),
        verdict(embedded, score, found),
        [*_tiles(embedded, score), *_token_tiles(found, lengths(rows).tolist())],
    )
    sides = zip((first, second), readings, strict=True)
    live.alike(
        {
            "remarks": findings(score, found, *readings),
            "shared": list(found.shared),
            "sides": [_side(embedded, place, one) for place, one in sides],
        },
        key=key(embedded, "why"),
    )


# ── Which two ──


def _pair(embedded: Embedded, places: list[int]) -> tuple[int, int]:
    names = [key(embedded, "why-first"), key(embedded, "why-second")]
    if names[0] not in st.session_state:
        nearest = _nearest(embedded, places)
        st.session_state.update(dict(zip(names, nearest, strict=True)))
        numbers = {f"{name}-n": place + 1 for name, place in zip(names, nearest, strict=True)}
        st.session_state.update(numbers)
    left, right = st.columns(2)
    with left:
        first = text_choice("First text", embedded, places, names[0])
    with right:
        second = text_choice("Second text", embedded, places, names[1])
    return first, second


def _nearest(embedded: Embedded, places: list[int]) -> tuple[int, int]:
    """The nearest two of them that are not the same text, to begin with."""
    among = places[:_PAIRS_OF]
    texts = embedded.texts.texts
    pairs = closest_pairs(embedded.rows[among], len(among))
    for one, other in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True):
        if texts[among[one]] != texts[among[other]]:
            return among[one], among[other]
    return places[0], places[1]


def _reading(embedded: Embedded, place: int) -> Reading:
    served = house().tokenizers.of(embedded.server, embedded.model)
    alignment = served.align(embedded.texts.texts[place])
    cut = place in embedded.vectors.truncated
    return Reading(alignment, part(alignment, served.limit() if cut else None))


def _alike(readings: list[Reading], embedded: Embedded, places: tuple[int, int]) -> Alike:
    limits = [
        one.part.read if place in embedded.vectors.truncated else None
        for one, place in zip(readings, places, strict=True)
    ]
    told = [one for one in limits if one is not None]
    return alike(readings[0].alignment, readings[1].alignment, max(told) if told else None)


# ── What it says ──


def verdict(embedded: Embedded, score: float, found: Alike | None) -> str:
    """The answer in one sentence."""
    if np.isnan(score):
        return "One of these vectors has no direction: nothing can be said of how alike they are."
    if found is not None and found.is_same:
        return "Equal, because the model reads the same tokens: it cannot tell these texts apart."
    if score >= _SAME:
        return "Equal to four digits, though the tokens differ."
    if embedded.floor is None:
        return f"The cosine is {figure(score)}."
    return f"The cosine is {figure(score)}: {embedded.floor.verdict(score)}."


def findings(score: float, found: Alike, first: Reading, second: Reading) -> list[Remark]:
    """What explains it, the strongest first."""
    said: list[Remark] = []
    for name, one in (("first", first), ("second", second)):
        said += _cut(name, one.part)
    for name, one in (("first", first), ("second", second)):
        said += _unknown(name, one)
    changed = [one for one in (first, second) if one.part.changed]
    if changed:
        said.append(_remark("note", _changed(changed, found)))
    if found.is_reordered:
        words = "Both have the same tokens, in another order: models hear little of the order."
        said.append(_remark("note", words))
    elif not found.is_same:
        said.append(_remark("note", _common(found, score)))
    return said


def _cut(name: str, one: Part) -> list[Remark]:
    if one.is_whole:
        return []
    share = ratio(one.share) if one.share is not None else "a part"
    words = (
        f"Of the {name} text the model read {count(one.read)} of {count(one.tokens)} tokens"
        f" ({share} of its characters): the rest has no part in its vector."
    )
    return [_remark("watch", words)]


def _unknown(name: str, one: Reading) -> list[Remark]:
    if not one.part.unknown:
        return []
    typed = one.part.read - one.part.added
    words = (
        f"Of the {name} text the vocabulary does not know {count(one.part.unknown)} of"
        f" {some(typed, 'token')}: whatever stood there is the same to the model."
    )
    return [_remark("watch", words)]


def _changed(readings: list[Reading], found: Alike) -> str:
    pairs = dict.fromkeys(pair for one in readings for pair in _read_as(one.alignment))
    told = [f"“{plain(typed, _WORD)}” as “{plain(seen, _WORD)}”" for typed, seen in pairs]
    words = "The tokenizer changes what was typed"
    words += f": it reads {listed(told, _MOST_TOLD, 3 * _WORD)}." if told else "."
    return f"{words} Whatever differs in that is lost before the model." if found.is_same else words


def _read_as(alignment: Alignment) -> list[tuple[str, str]]:
    """What was typed and what is read instead, of tokens where both are known and differ."""
    found = []
    for n in np.flatnonzero(alignment.kinds == Kind.NORMALISED).tolist():
        typed = alignment.text[int(alignment.char_starts[n]) : int(alignment.char_ends[n])]
        seen = alignment.token_bytes(n)
        if seen and typed and seen != typed.encode():
            found.append((typed, seen.decode("utf-8", "replace")))
    return found


def _common(found: Alike, score: float) -> str:
    words = f"{some(found.common, 'token')} in common, of {count(found.first)} and"
    words = f"{words} {count(found.second)}."
    if found.share is None:
        return words
    if found.share >= 0.5 and score < 0.5:
        return f"{words} The words are mostly the same; what differs weighs more."
    if found.share < 0.2 and score >= 0.7:
        return f"{words} Hardly a word is the same: the model knows that they mean the same."
    if found.share >= 0.7:
        return f"{words} What differs may be what matters: a number, a name, a “not”."
    return words


def _tiles(embedded: Embedded, score: float) -> list[Tile]:
    found = [tile(figure(score, 4), "cosine", "1 is the same direction, 0 none in common.")]
    floor = embedded.floor
    if floor is not None and not np.isnan(score):
        hint = "Of pairs of texts that have nothing to do with each other, those below."
        below = ratio(floor.percentile(score) / 100)
        found.append(tile(below, "of unrelated pairs are below", hint))
    return found


def _token_tiles(found: Alike, long: list[float]) -> list[Tile]:
    share = ratio(found.share) if found.share is not None else ABSENT
    hint = "Twice the tokens in common, over those of both; those that the server adds left out."
    length = " and ".join(figure(one) for one in long)
    return [
        tile(share, "of the tokens in common", hint),
        tile(length, "lengths of the vectors", "1 where the model normalises; cosine ignores it."),
    ]


def _side(embedded: Embedded, place: int, one: Reading) -> dict[str, object]:
    found = one.part
    words = [some(found.tokens, "token")]
    if found.added:
        words.append(f"{count(found.added)} of them added by the server")
    if not found.is_whole:
        words.append(f"{count(found.read)} read")
    return {
        "title": embedded.texts.titled(place),
        "words": ", ".join(words),
        "unread": [found.until, found.again],
        "tokens": packed(one.alignment),
    }


def _remark(tone: str, text: str) -> Remark:
    return {"tone": tone, "text": text}
