"""A battery of pairs that differ in one thing: what does the model hear, and what is it deaf to?

Decided here: the pairs are always the same (`lib.vectors.calibration`), so that models can be held
against each other; and that a pair of different meaning is missed where it scores no lower than
paraphrases do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from lib.ui import live
from lib.ui.charts import palette, said, show, styled
from lib.ui.house import house
from lib.ui.jobs import Job, button, start
from lib.ui.plain import ABSENT, count, ratio
from lib.ui.vectors.sets import Embedded
from lib.ui.vectors.shared import answer, asked, figure, note, price, result, tile
from lib.vectors.agreeing import paired
from lib.vectors.calibration import CONTRASTS

__all__ = ["Contrasted", "draw", "missed", "verdict"]

_NAME = "contrasts"
_MEASURE = "paraphrase"
_KINDS = tuple(dict.fromkeys(one.kind for one in CONTRASTS))


@dataclass(frozen=True, eq=False)
class Contrasted:
    """The cosine of every pair of the battery."""

    about: Embedded
    scores: NDArray[np.float64]

    def of(self, kind: str) -> NDArray[np.float64]:
        """Those of one kind that are known."""
        chosen = np.array([one.kind == kind for one in CONTRASTS])
        found: NDArray[np.float64] = self.scores[chosen & np.isfinite(self.scores)]
        return found


def draw(embedded: Embedded) -> None:
    """The tab."""
    st.text("Pairs that differ in one thing: a “not”, a number, who does what, a typo, a language.")
    texts = [text for one in CONTRASTS for text in (one.one, one.other)]
    note(price(asked(embedded), texts))

    def begin() -> None:
        start(_NAME, len(texts), lambda job: _work(job, embedded))

    if made := result(button(_NAME, "Try all pairs", begin), Contrasted, embedded):
        _show(made)


def _work(job: Job, embedded: Embedded) -> None:
    texts = [one.one for one in CONTRASTS] + [one.other for one in CONTRASTS]
    made = house().embedder.embed(
        asked(embedded), texts, progress=job.tell, cancelled=job.is_unwanted
    )
    if made.failed:
        why = next(iter(made.failed.values()))
        job.words = f"{count(len(made.failed))} texts have no vector. One of them: {why}"
    half = len(CONTRASTS)
    job.result = Contrasted(embedded, paired(made.rows[:half], made.rows[half:]))


# ── What came of it ──


def missed(made: Contrasted) -> tuple[int, int]:
    """Of the pairs that differ in meaning, those as high as the middle paraphrase, and all."""
    measure = made.of(_MEASURE)
    unlike = made.scores[[not one.same for one in CONTRASTS]]
    unlike = unlike[np.isfinite(unlike)]
    if not len(measure):
        return 0, 0
    return int((unlike >= np.median(measure)).sum()), len(unlike)


def verdict(made: Contrasted) -> str:
    """The answer in one sentence."""
    deaf, of = missed(made)
    if not of:
        return "There is nothing to tell: no paraphrase has both vectors."
    pairs = (
        f"{count(deaf)} of {count(of)} pairs that differ in meaning score as high as paraphrases"
    )
    if not deaf:
        return "It tells every pair that differs in meaning from paraphrases."
    kinds = [kind for kind in _KINDS if _is_deaf(made, kind)]
    return f"{pairs}: it is nearly deaf to {_listed(kinds)}." if kinds else f"{pairs}."


def _is_deaf(made: Contrasted, kind: str) -> bool:
    scores = made.of(kind)
    is_unlike = not next(one.same for one in CONTRASTS if one.kind == kind)
    return is_unlike and len(scores) > 0 and np.median(scores) >= np.median(made.of(_MEASURE))


def _listed(kinds: Sequence[str]) -> str:
    return kinds[0] if len(kinds) == 1 else f"{', '.join(kinds[:-1])} and {kinds[-1]}"


def _show(made: Contrasted) -> None:
    floor = made.about.floor
    tiles = [tile(_median(made, kind), kind, _hint(kind)) for kind in _KINDS]
    if floor is not None:
        tiles.append(tile(figure(floor.mean, 2), "unrelated", "The mean of this model's floor."))
    answer("contrast-answer", verdict(made), tiles)
    _strips(made)
    rows = [
        (
            one.kind,
            "the same" if one.same else "different",
            figure(float(score)),
            _percentile(made, float(score)),
            one.one,
            one.other,
        )
        for one, score in zip(CONTRASTS, made.scores, strict=True)
    ]
    header = ("Differs in", "Meaning", "Cosine", "Unrelated below", "One", "Other")
    live.table(header, rows, key="contrast-rows")


def _median(made: Contrasted, kind: str) -> str:
    scores = made.of(kind)
    return figure(float(np.median(scores)), 2) if len(scores) else ABSENT


def _hint(kind: str) -> str:
    is_same = next(one.same for one in CONTRASTS if one.kind == kind)
    return f"Median of pairs that mean {'the same: high is good' if is_same else 'something else'}."


def _percentile(made: Contrasted, score: float) -> str:
    floor = made.about.floor
    return ABSENT if floor is None or np.isnan(score) else ratio(floor.percentile(score) / 100)


def _strips(made: Contrasted) -> None:
    """One mark for each pair, a row for each kind."""
    import plotly.graph_objects as go  # noqa: PLC0415 - only this tab needs it

    colours = palette()
    figure_ = go.Figure()
    for is_same, name, number, symbol in (
        (False, "another meaning", 1, "diamond"),
        (True, "the same meaning", 0, "circle"),
    ):
        pairs = [
            (one, float(score))
            for one, score in zip(CONTRASTS, made.scores, strict=True)
            if one.same is is_same and np.isfinite(score)
        ]
        figure_.add_scatter(
            x=[score for _, score in pairs],
            y=[one.kind for one, _ in pairs],
            name=name,
            mode="markers",
            marker={"color": colours.series[number], "size": 10, "opacity": 0.8, "symbol": symbol},
            customdata=[[said(one.one), said(one.other)] for one, _ in pairs],
            hovertemplate="%{customdata[0]}<br>%{customdata[1]}<br>%{x:.3f}<extra></extra>",
        )
    legend = {"orientation": "h", "y": 1.12, "x": 0, "font": {"size": 13, "color": colours.quiet}}
    styled(figure_, colours, height=320, legend=legend)
    figure_.update_xaxes(title_text="cosine")
    figure_.update_yaxes(autorange="reversed")
    if made.about.floor is not None:
        line = {"color": colours.quiet, "width": 1.5, "dash": "dash"}
        figure_.add_vline(
            x=made.about.floor.mean,
            line=line,
            annotation_text="unrelated",
            annotation_position="bottom right",
            annotation_font={"color": colours.quiet, "size": 12},
        )
    show(figure_, key="contrast-strips", alt="Cosines of pairs that differ in one thing, by kind.")
