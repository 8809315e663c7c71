"""A threshold from pairs that a person knows: those that belong together, and those that do not.

Decided here: how pairs are pasted (one on each line, parted by a tab or by " | "), and that the
line is drawn where fewest of both kinds fall on the wrong side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from lib.ui.charts import palette, show, styled
from lib.ui.house import house
from lib.ui.jobs import Job, button, start
from lib.ui.plain import ABSENT, count, listed, ratio
from lib.ui.vectors.sets import Embedded
from lib.ui.vectors.shared import answer, asked, figure, note, price, result, tile
from lib.vectors.agreeing import paired
from lib.vectors.calibration import Threshold, threshold

__all__ = ["Calibrated", "Pairs", "draw", "pairs_of", "verdict"]

_NAME = "calibrated"
_MOST = 1_000
_FEW = 20
_MARKS = ("\t", " | ")
_ALIKE = """How do I reset my password? | I forgot my password, how can I get back in?
The flight to Oslo was cancelled. | Our plane to Oslo did not leave.
Where is my parcel? | When will my order arrive?
The engine overheats on long climbs. | On steep roads the motor gets too hot.
Is breakfast part of the price? | Does the room rate include breakfast?"""
_UNLIKE = """How do I reset my password? | The lake freezes in January.
The flight to Oslo was cancelled. | This soup needs more salt.
Where is my parcel? | Where is the nearest pharmacy?
The engine overheats on long climbs. | She learned to play the cello.
Is breakfast part of the price? | The invoice is due in thirty days."""


@dataclass(frozen=True)
class Pairs:
    """Pairs of texts, and the lines (counted from 1) that are none."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    faulty: tuple[int, ...] = ()
    has_more: bool = False

    def __len__(self) -> int:
        return len(self.first)


@dataclass(frozen=True, eq=False)
class Calibrated:
    """The cosines of both kinds of pairs, and the line between them; None where one kind lacks."""

    about: Embedded
    alike: NDArray[np.float64]
    unlike: NDArray[np.float64]
    line: Threshold | None


def pairs_of(pasted: str) -> Pairs:
    """The pairs in pasted lines; empty lines are left out."""
    first, second, faulty = list[str](), list[str](), list[int]()
    for number, line in enumerate(pasted.splitlines(), 1):
        if not line.strip():
            continue
        mark = next((mark for mark in _MARKS if mark in line), None)
        one, other = (part.strip() for part in line.split(mark, 1)) if mark else (line, "")
        if not one or not other:
            faulty.append(number)
        elif len(first) == _MOST:
            return Pairs(tuple(first), tuple(second), tuple(faulty), has_more=True)
        else:
            first.append(one)
            second.append(other)
    return Pairs(tuple(first), tuple(second), tuple(faulty))


def draw(embedded: Embedded) -> None:
    """The tab."""
    st.text(
        "From which cosine on do two texts belong together? Paste pairs that you know: one on each"
        " line, parted by a tab or by “ | ”."
    )
    left, right = st.columns(2)
    with left:
        alike = _pasted("Pairs that belong together", _ALIKE, "calibrate-alike")
    with right:
        unlike = _pasted("Pairs that do not", _UNLIKE, "calibrate-unlike")
    if not len(alike) or not len(unlike):
        note("It takes pairs of both kinds.")
        return
    note(price(asked(embedded), [*alike.first, *alike.second, *unlike.first, *unlike.second]))
    begin = partial(_begin, embedded, alike, unlike)
    if made := result(button(_NAME, "Draw the line", begin), Calibrated, embedded):
        _show(made)


def _pasted(label: str, example: str, name: str) -> Pairs:
    st.session_state.setdefault(name, example)
    pairs = pairs_of(st.text_area(label, key=name, height=150) or "")
    if pairs.faulty:
        note(f"No pair on line {listed([str(one) for one in pairs.faulty], 5)}.")
    if pairs.has_more:
        note(f"The first {_MOST:,} pairs are taken.")
    return pairs


# ── The work ──


def _begin(embedded: Embedded, alike: Pairs, unlike: Pairs) -> None:
    total = 2 * (len(alike) + len(unlike))
    start(_NAME, total, lambda job: _work(job, embedded, alike, unlike))


def _work(job: Job, embedded: Embedded, alike: Pairs, unlike: Pairs) -> None:
    texts = [*alike.first, *unlike.first, *alike.second, *unlike.second]
    made = house().embedder.embed(
        asked(embedded), texts, progress=job.tell, cancelled=job.is_unwanted
    )
    if made.failed:
        why = next(iter(made.failed.values()))
        job.words = f"{count(len(made.failed))} texts have no vector. One of them: {why}"
    half = len(alike) + len(unlike)
    scores = paired(made.rows[:half], made.rows[half:])
    one, other = scores[: len(alike)], scores[len(alike) :]
    job.result = Calibrated(embedded, one, other, threshold(one, other))


# ── What came of it ──


def verdict(made: Calibrated) -> str:
    """The answer in one sentence."""
    line = made.line
    if line is None:
        return "No pair of one kind has vectors: no line can be drawn."
    if not line.false_accepts and not line.false_rejects:
        return f"From a cosine of {figure(line.at)} on they belong together: no pair is wrong."
    return (
        f"From a cosine of {figure(line.at)} on they belong together: that takes in"
        f" {ratio(line.false_accepts)} of the pairs that do not, and misses"
        f" {ratio(line.false_rejects)} of those that do."
    )


def _show(made: Calibrated) -> None:
    line = made.line
    floor = made.about.floor
    tiles = [
        tile(figure(line.at if line else None), "threshold", "In the middle of the widest gap."),
        tile(_spread(made.alike), "pairs that belong together", "Median, least and largest."),
        tile(_spread(made.unlike), "pairs that do not", "Median, least and largest."),
    ]
    if line and floor is not None:
        hint = "Of pairs of built-in texts that have nothing to do with each other."
        tiles.append(tile(ratio(floor.percentile(line.at) / 100), "unrelated pairs below", hint))
    remarks = []
    if line and min(line.positive, line.negative) < _FEW:
        known = f"{count(line.positive)} and {count(line.negative)} pairs"
        remarks.append(f"With {known} the shares are rough: {_FEW} of each kind tell more.")
    answer("calibrate-answer", verdict(made), tiles, remarks=remarks)
    _strips(made)


def _spread(scores: NDArray[np.float64]) -> str:
    known = scores[np.isfinite(scores)]
    if not len(known):
        return ABSENT
    least, most = figure(float(known.min()), 2), figure(float(known.max()), 2)
    return f"{figure(float(np.median(known)), 2)} ({least} to {most})"


def _strips(made: Calibrated) -> None:
    """One mark for each pair, a row for each kind."""
    import plotly.graph_objects as go  # noqa: PLC0415 - only this tab needs it

    colours = palette()
    kinds: list[tuple[str, Sequence[float], str, str]] = [
        ("belong together", made.alike.tolist(), colours.series[0], "circle"),
        ("do not", made.unlike.tolist(), colours.series[1], "diamond"),
    ]
    if made.about.floor is not None:
        floor = made.about.floor.scores.tolist()
        kinds.append(("unrelated", floor, colours.quiet, "line-ns-open"))
    figure_ = go.Figure()
    for name, scores, colour, symbol in kinds:
        figure_.add_scatter(
            x=scores,
            y=[name] * len(scores),
            mode="markers",
            marker={"color": colour, "size": 9, "opacity": 0.7, "symbol": symbol},
            hovertemplate="%{x:.3f}<extra>" + name + "</extra>",
            showlegend=False,
        )
    margin = {"l": 8, "r": 8, "t": 24, "b": 8}
    styled(figure_, colours, height=76 + 46 * len(kinds), margin=margin)
    figure_.update_xaxes(title_text="cosine")
    figure_.update_yaxes(autorange="reversed")
    if made.line:
        figure_.add_vline(
            x=made.line.at,
            line={"color": colours.bad, "width": 1.5, "dash": "dash"},
            annotation_text=figure(made.line.at),
            annotation_position="top",
            annotation_font={"color": colours.bad, "size": 12},
        )
    show(figure_, key="calibrate-strips", alt="Cosines of both kinds of pairs, and the line.")
