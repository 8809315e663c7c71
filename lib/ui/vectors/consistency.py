"""Does a server give the same vector for the same text, whatever it is sent with?

Decided here: what is compared. The first texts in one large batch are the measure; the same again,
one at a time, shuffled, and on other servers with the same model must come to the same. Nothing is
taken from memory. Differences in the last digits are rounding (other batch, other kernel); they
matter where they change who is nearest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from lib.api import Refused, Route
from lib.ui import live
from lib.ui.house import house
from lib.ui.jobs import Job, button, start
from lib.ui.plain import ABSENT, count, duration, plain
from lib.ui.vectors.sets import Embedded
from lib.ui.vectors.shared import (
    Other,
    answer,
    cost,
    figure,
    key,
    note,
    offering,
    result,
    tile,
)
from lib.vectors.comparing import Changes, Difference, largest_difference, top_k_changes
from lib.vectors.ranking import depth

__all__ = ["Consistency", "Ran", "draw", "verdict"]

_NAME = "consistency"
_K = 10
_LARGE = 64
_SEED = 6
_ROUNDING = 5e-3
"""Of a number of a unit vector: float16 and other kernels stay below."""


@dataclass(frozen=True)
class Way:
    """One way to ask for the same texts."""

    name: str
    other: Other
    batch_size: int
    is_shuffled: bool = False


@dataclass(frozen=True)
class Ran:
    """One way that was tried, against the first: `trouble` says why there is nothing to compare."""

    name: str
    seconds: float | None = None
    difference: Difference | None = None
    changes: Changes | None = None
    trouble: str = ""


@dataclass(frozen=True, eq=False)
class Consistency:
    """All ways so far; the first is the measure."""

    about: Embedded
    texts: int
    k: int
    ran: tuple[Ran, ...]


def draw(embedded: Embedded) -> None:
    """The tab."""
    st.text("The same texts in one large batch, one at a time, shuffled, and on replicas.")
    present = embedded.present.tolist()
    if len(present) < 3:
        note("It takes at least three texts.")
        return
    left, right = st.columns([1, 3], vertical_alignment="bottom")
    most = min(256, len(present))
    size = int(left.number_input("Texts", 3, most, min(_LARGE, most), key=key(embedded, "same-n")))
    with right:
        replicas = _replicas(embedded)
    texts = [embedded.texts.texts[n] for n in present[:size]]
    ways = _ways(embedded, replicas)
    requests = sum(-(-size // way.batch_size) for way in ways)
    words = sum(map(len, texts)) * len(ways)
    note(cost(embedded.server, requests, size * len(ways), words) + " Nothing comes from memory.")
    begin = partial(_begin, embedded, texts, ways)
    if made := result(button(_NAME, "Run the tests", begin), Consistency, embedded):
        _show(made)


def _replicas(embedded: Embedded) -> list[Other]:
    """Other servers, those with a model of the same name chosen to begin with."""
    own = (embedded.server, embedded.model)
    others = [one for one in offering(Route.EMBEDDINGS) if one != own]
    if not others:
        note("No other watched server embeds: replicas are not compared.")
        return []
    titles = {one.title: one for one in others}
    same = [one.title for one in others if one.model == embedded.model]
    picked = st.multiselect("Replicas", list(titles), default=same, key=key(embedded, "same-on"))
    return [titles[one] for one in picked]


def _ways(embedded: Embedded, replicas: Sequence[Other]) -> list[Way]:
    own = Other(embedded.server, embedded.model)
    return [
        Way(f"Batches of {_LARGE}", own, _LARGE),
        Way("The same again", own, _LARGE),
        Way("One at a time", own, 1),
        Way("Shuffled", own, _LARGE, is_shuffled=True),
        *(Way(f"On {one.title}", one, _LARGE) for one in replicas),
    ]


# ── The work ──


def _begin(embedded: Embedded, texts: Sequence[str], ways: Sequence[Way]) -> None:
    start(_NAME, len(texts) * len(ways), lambda job: _work(job, embedded, texts, ways))


def _work(job: Job, embedded: Embedded, texts: Sequence[str], ways: Sequence[Way]) -> None:
    """One way after another; those that are done are kept."""
    ran: list[Ran] = []
    k = depth(len(texts), _K)
    for one in _all_ran(job, embedded, texts, ways, k):
        ran.append(one)
        job.result = Consistency(embedded, len(texts), k, tuple(ran))
    if len(ran) < len(ways):
        job.words = job.words or f"Stopped; {len(ran)} of {len(ways)} ways were tried."


def _all_ran(
    job: Job, embedded: Embedded, texts: Sequence[str], ways: Sequence[Way], k: int
) -> Iterator[Ran]:
    measure: NDArray[np.float32] | None = None
    for number, way in enumerate(ways):
        try:
            rows, seconds = _asked(job, embedded, texts, way, number * len(texts), len(ways))
        except Refused as refused:
            if measure is None:
                raise
            yield Ran(way.name, trouble=refused.sentence)
            continue
        if rows is None:
            return
        if measure is None:
            measure = rows
            yield Ran(way.name, seconds)
        elif rows.shape != measure.shape:
            words = f"Its vectors have {rows.shape[1]} dimensions: it is another model."
            yield Ran(way.name, seconds, trouble=words)
        else:
            changes = top_k_changes(measure, rows, k)
            yield Ran(way.name, seconds, largest_difference(measure, rows), changes)


def _asked(
    job: Job, embedded: Embedded, texts: Sequence[str], way: Way, begun: int, ways: int
) -> tuple[NDArray[np.float32] | None, float]:
    """Vectors in the order of `texts`, whatever order they are sent in; None when stopped."""
    count_ = len(texts)
    order = np.arange(count_)
    if way.is_shuffled:
        np.random.default_rng(_SEED).shuffle(order)
    made = (
        house()
        .embedder.client(way.other.server)
        .embed(
            [texts[n] for n in order.tolist()],
            model=way.other.model,
            batch_size=way.batch_size,
            dimensions=embedded.how.dimensions,
            truncate=embedded.how.truncate,
            raw=embedded.how.raw,
            progress=lambda done, _all: job.tell(begun + done, count_ * ways),
            cancelled=job.is_unwanted,
        )
    )
    if made.ended is not None:
        raise made.ended
    if made.unanswered:
        return None, made.seconds
    rows = np.empty_like(made.rows)
    rows[order] = made.rows
    return rows, made.seconds


# ── What came of it ──


def verdict(made: Consistency) -> tuple[str, str]:
    """Tone and answer in one sentence."""
    others = [(one.name, one.difference, one.changes) for one in made.ran[1:]]
    known = [(name, d, c) for name, d, c in others if d is not None and c is not None]
    if not known:
        return "hint", "There is nothing to compare yet."
    name, _, changes = max(known, key=lambda one: len(one[2].changed))
    if len(changes.changed):
        return "watch", f"Not the same ({name}): {changes.words}"
    largest = max(difference.value for _, difference, _ in known)
    if largest == 0:
        return "good", "The same to the last bit, every way."
    told = f"the largest difference is {largest:.1e}, and no text gets other neighbours"
    if largest <= _ROUNDING:
        return "good", f"The same but for rounding: {told}."
    return "watch", f"Not quite the same: {told}."


def _show(made: Consistency) -> None:
    tone, sentence = verdict(made)
    found = [one.difference for one in made.ran if one.difference is not None]
    largest = max((one.value for one in found), default=np.nan)
    least = min((one.cosine for one in found), default=np.nan)
    tiles = [
        tile(count(made.texts), "texts"),
        tile(_tiny(largest), "largest difference", "Of any number of any vector."),
        tile(figure(least, 6), "least cosine", "Of a text's vector with its own, another way."),
    ]
    answer("same-answer", sentence, tiles, tone=tone)
    header = ("Way", "Took", "Largest difference", "Least cosine", "Neighbours")
    live.table(header, [_row(one) for one in made.ran], key="same-rows")


def _row(one: Ran) -> tuple[str, ...]:
    name, took = plain(one.name, 80), duration(one.seconds)
    if one.difference is None or one.changes is None:
        return name, took, ABSENT, ABSENT, plain(one.trouble, 200) or "the measure"
    return (
        name,
        took,
        _tiny(one.difference.value),
        figure(one.difference.cosine, 6),
        one.changes.words,
    )


def _tiny(value: float) -> str:
    """A difference, however small."""
    if np.isnan(value):
        return ABSENT
    return "0" if value == 0 else f"{value:.1e}"
