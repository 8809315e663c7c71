"""What stands under the answer: pairs and neighbours in words, one pair in detail, and the checks.

Decided here: how many rows are shown, and that a score is never shown without its place among
unrelated texts where the model's floor is known.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from lib.ui import live
from lib.ui.plain import ABSENT, count, plain, ratio
from lib.ui.vectors import maps
from lib.ui.vectors.answer import figure, place_words
from lib.ui.vectors.measured import Measured
from lib.ui.vectors.sets import Texts
from lib.vectors import Nearest, hubs_of, outliers_of

__all__ = ["checks", "nearest", "one_pair", "pairs"]

ROWS = 12
_LISTED = 2_000
"""Texts up to which one is picked from a list; of more, by its number."""
_TEXT, _QUERIES = 110, 40
_NAMED = 6
_FEWEST = 12
"""Texts below which neighbours' lists say nothing of hubs."""


# ── Pairs ──


def pairs(found: Measured) -> None:
    """The closest pairs of all."""
    near, texts = found.pairs, found.embedded.texts
    scale = _Scale(found)
    rows = [
        scale.row(
            float(near.score[n]),
            texts.short(int(near.first[n]), _TEXT),
            texts.short(int(near.second[n]), _TEXT),
        )
        for n in range(min(ROWS, len(near.first)))
    ]
    header = (found.metric.value, *(("Query", "Document") if found.is_search else ("Text", "Text")))
    live.ranks(header, rows, key="vectors-pairs", label="Closest pairs")


def nearest(found: Measured, depth: int) -> None:
    """The nearest of one text, or of every query."""
    if found.is_search and len(found.queries) <= _QUERIES:
        _per_query(found, depth)
        return
    label = "Query" if found.is_search else "Text"
    place = _picked(found, label, "vectors-nearest-of", 0, queries_only=found.is_search)
    if place is None:
        return
    near = found.nearest_of(place)
    rows = list(_rows(found, place, near, 0, depth))
    header = (found.metric.value, "Nearest to it", *_label_header(found))
    live.ranks(header, rows, key="vectors-nearest", label="Nearest texts")


def _per_query(found: Measured, depth: int) -> None:
    """A table for each query, in two columns."""
    texts = found.embedded.texts
    with st.container(key="vectors-sides-queries"):
        sides = st.columns(2, gap="large")
    for n, query in enumerate(found.queries):
        rows = list(_rows(found, int(query), found.nearest, n, depth))
        title = texts.short(int(query), _TEXT)
        own = [texts.label(int(query))] if texts.labels else []
        with sides[n % 2]:
            live.ranks(
                (found.metric.value, title, *own),
                rows,
                key=f"vectors-nearest-{n}",
                label=f"Query {n + 1}",
            )


def _label_header(found: Measured) -> tuple[str, ...]:
    return ("Label",) if found.embedded.texts.labels else ()


def _rows(
    found: Measured, place: int, near: Nearest, line: int, depth: int
) -> Iterator[dict[str, object]]:
    texts, scale = found.embedded.texts, _Scale(found)
    own = texts.label(place)
    for index, score in zip(near.index[line, :depth], near.score[line, :depth], strict=True):
        if index < 0:
            continue
        label = texts.label(int(index))
        row = scale.row(float(score), texts.short(int(index), _TEXT))
        yield row | ({"tag": label, "good": bool(own) and own == label} if texts.labels else {})


class _Scale:
    """How long a bar is: from the floor, or the worst, to the best."""

    def __init__(self, found: Measured) -> None:
        self._found = found
        self._worst, self._best = found.span

    def row(self, score: float, *cells: str) -> dict[str, object]:
        """A row of a table."""
        share = min(1.0, max(0.0, (score - self._worst) / (self._best - self._worst)))
        hint = place_words(self._found, score)
        return {"value": figure(score), "share": share, "hint": hint, "cells": list(cells)}


# ── One pair ──


def one_pair(found: Measured) -> None:
    """Two texts that are picked: the number, its place among unrelated pairs, and a verdict."""
    near = found.pairs
    first = int(near.first[0]) if len(near.first) else int(found.embedded.present[0])
    second = int(near.second[0]) if len(near.second) else first
    one = _picked(found, "One text", "vectors-one", first)
    other = _picked(found, "Another", "vectors-other", second)
    if one is None or other is None:
        return
    score = found.pair(one, other)
    if np.isnan(score):
        st.text("One of the two has no vector, or none with a direction.")
        return
    live.summary(_pair_words(found, score), key="vectors-pair-words")
    maps.pair_chart(found, score)


def _pair_words(found: Measured, score: float) -> dict[str, object]:
    floor = found.floor
    tiles = [_tile(figure(score), found.metric.value)]
    if floor is not None:
        tiles.append(_tile(f"{floor.percentile(score):.0f}", "percentile of unrelated pairs"))
        z = floor.z(score)
        told = ABSENT if np.isnan(z) else f"{z:+.1f}".replace("-", "\N{MINUS SIGN}")
        tiles.append(_tile(told, "standard deviations from the floor"))
    words = place_words(found, score)
    sentence = f"{words[:1].upper()}{words[1:]}." if words else ""
    return {"tone": "hint", "sentence": sentence, "more": [], "tiles": tiles, "remarks": []}


def _tile(value: str, label: str) -> dict[str, str]:
    return {"value": value, "label": label, "hint": "", "tone": ""}


def _picked(
    found: Measured, label: str, key: str, default: int, *, queries_only: bool = False
) -> int | None:
    """A text that the viewer picks, by its place."""
    texts = found.embedded.texts
    places = [int(n) for n in (found.queries if queries_only else found.embedded.present)]
    if not places:
        return None
    key = f"{key}-{id(found.embedded)}"
    if len(places) > _LISTED:
        number = st.number_input(f"{label}, number", 1, len(texts), default + 1, key=key)
        place = int(number) - 1
        st.text(texts.short(place, _TEXT))
        return place if place in set(places) else None
    index = places.index(default) if default in places else 0
    return st.selectbox(label, places, index=index, key=key, format_func=partial(_titled, texts))


def _titled(texts: Texts, place: int) -> str:
    return texts.titled(place, _TEXT)


# ── Checks ──


def checks(found: Measured) -> None:
    """Duplicates, outliers and hubs, each in a line; what is not wrong is said, too."""
    rows = [_duplicates(found)]
    if not found.is_search:
        rows += [_outliers(found), *_hubs(found)]
    rows.append(_without(found))
    live.table(("Check", "Found", "Which"), rows, key="vectors-checks")


def _duplicates(found: Measured) -> tuple[str, str, str]:
    texts, groups, present = found.embedded.texts, found.common.same, found.embedded.present
    if not groups:
        looked = len(found.common.plane.places)
        those = (
            f"Of {count(looked)} evenly spaced texts no two"
            if looked < len(present)
            else "No two texts"
        )
        return "Same vector", "none", f"{those} have a cosine of 0.9999 or more."
    extra = sum(len(one) - 1 for one in groups)
    first = [" = ".join(f"“{texts.short(n, 40)}”" for n in group[:2]) for group in groups[:3]]
    return "Same vector", f"{count(extra)} repeated", "; ".join(first)


def _outliers(found: Measured) -> tuple[str, str, str]:
    lonely = outliers_of(found.nearest, found.metric)
    title = "Near to nothing"
    if not len(lonely.alone):
        return title, "none", "Every text is about as near to its nearest as the others."
    return title, count(len(lonely.alone)), _names(found, lonely.alone)


def _hubs(found: Measured) -> Iterator[tuple[str, str, str]]:
    depth = min(10, len(found.searched) // 4)
    if len(found.searched) < _FEWEST or depth < 1:
        return
    near = found.nearest
    told = hubs_of(Nearest(_local(found, near.index[:, :depth]), near.score[:, :depth]))
    skew = "" if np.isnan(told.skewness) else f" Skewness {told.skewness:.1f}."
    hubs = "No text is everyone's neighbour."
    if len(told.hubs):
        hubs = f"{_names(found, told.hubs)}: in many more lists than others."
    yield "Hubs", count(len(told.hubs)) if len(told.hubs) else "none", f"{hubs}{skew}"
    share = ratio(len(told.antihubs) / len(found.searched))
    words = f"{share} of the texts are in nobody's list of the {depth} nearest."
    yield "In nobody's list", count(len(told.antihubs)) if len(told.antihubs) else "none", words


def _local(found: Measured, index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places among the searched texts."""
    return np.where(index >= 0, np.searchsorted(found.searched, index), -1)


def _without(found: Measured) -> tuple[str, str, str]:
    failed = found.embedded.vectors.failed
    if not failed:
        return "Without a vector", "none", "Every text has a vector, all of it numbers."
    first, why = next(iter(failed.items()))
    return "Without a vector", count(len(failed)), f"Text {first + 1:,}: {plain(why, 160)}"


def _names(found: Measured, lines: NDArray[np.int64]) -> str:
    texts = found.embedded.texts
    named = [f"“{texts.short(int(found.searched[n]), 40)}”" for n in lines[:_NAMED]]
    more = f" and {len(lines) - _NAMED:,} more" if len(lines) > _NAMED else ""
    return ", ".join(named) + more
