"""The same texts on another model or server: do both find the same neighbours?

Decided here: cosines of two models are never compared, for each has its own scale and floor; their
order is.
"""

from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from lib.api import Route
from lib.ui import live
from lib.ui.charts import palette, said, show, styled
from lib.ui.house import house
from lib.ui.jobs import Job, button, start
from lib.ui.plain import count, plain, ratio
from lib.ui.vectors.sets import Embedded
from lib.ui.vectors.shared import (
    Other,
    answer,
    asked,
    choose,
    figure,
    key,
    labelled,
    note,
    offering,
    price,
    result,
    tile,
)
from lib.vectors.agreeing import Agreement, agreement, label_share

__all__ = ["Compared", "compared", "draw", "verdict"]

_NAME = "models"
_K = 10
_MOST_POINTS = 1_500
_LEAST = 8
_TEXT = 60
_ALIKE, _MIXED = 0.8, 0.5


@dataclass(frozen=True, eq=False)
class Compared:
    """Two models over the same texts: those at `places`, which have a vector of both."""

    about: Embedded
    other: Other
    dimensions: int
    places: NDArray[np.int64]
    found: Agreement


def draw(embedded: Embedded) -> None:
    """The tab."""
    st.text("The same texts on another model or server: the order of neighbours, side by side.")
    own = (embedded.server, embedded.model)
    other = choose(
        "Compare with",
        [one for one in offering(Route.EMBEDDINGS) if one != own],
        key(embedded, "models-other"),
    )
    if other is None:
        note("No other watched server embeds. Add one to compare with (VLLM_SERVERS).")
        return
    if len(embedded.present) < 3:
        note("It takes at least three texts.")
        return
    texts = embedded.texts.texts
    note(price(asked(embedded, other), texts))

    def begin() -> None:
        start(_NAME, len(set(texts)), lambda job: _work(job, embedded, other))

    made = result(button(_NAME, "Embed and compare", begin), Compared, embedded)
    if made:
        _show(made)


def _work(job: Job, embedded: Embedded, other: Other) -> None:
    made = house().embedder.embed(
        asked(embedded, other),
        embedded.texts.texts,
        progress=job.tell,
        cancelled=job.is_unwanted,
    )
    if made.failed:
        first, why = next(iter(made.failed.items()))
        job.words = f"{count(len(made.failed))} texts have no vector there. Text {first + 1}: {why}"
    job.result = compared(embedded, other, made.rows)


def compared(embedded: Embedded, other: Other, rows: NDArray[np.float32]) -> Compared | None:
    """The comparison; None where too few texts have a vector of both."""
    own = rows[embedded.present]
    both = np.isfinite(own).all(axis=1) & bool(rows.shape[1])
    places = embedded.present[np.flatnonzero(both)]
    if len(places) < 3:
        return None
    found = agreement(embedded.rows[places], rows[places], _K)
    return Compared(embedded, other, rows.shape[1], places, found)


# ── What came of it ──


def verdict(found: Agreement) -> str:
    """The answer in one sentence."""
    share = f"{ratio(found.mean)} of the {found.k} nearest texts are the same"
    if found.mean >= 1 and found.same_nearest == 1:
        return f"Both find the same neighbours: {share}."
    if found.mean >= _ALIKE:
        return f"Both see much the same: {share}."
    if found.mean >= _MIXED:
        return f"They agree in the main: {share}."
    return f"They see different things: only {share}."


def _show(made: Compared) -> None:
    found = made.found
    tiles = [
        tile(ratio(found.mean), f"of the {found.k} nearest in common", "The mean over all texts."),
        tile(ratio(found.same_nearest), "have the same nearest text"),
        tile(figure(found.correlation), "rank correlation", "Spearman's, over pairs of texts."),
        tile(f"{made.about.rows.shape[1]} / {made.dimensions}", "dimensions"),
    ]
    if labelled(made.about):
        labels = [made.about.texts.label(n) for n in made.places.tolist()]
        shares = [ratio(label_share(labels, nearest)) for nearest in (found.one, found.other)]
        hint = "Texts whose nearest one has their own label: this model, the other."
        tiles.append(tile(" / ".join(shares), "nearest has the same label", hint))
    answer("models-answer", verdict(found), tiles)
    _scatter(made)
    _apart(made)


def _scatter(made: Compared) -> None:
    import plotly.graph_objects as go  # noqa: PLC0415 - only this tab needs it

    colours = palette()
    one, two = made.found.pairs
    step = -(-len(one) // _MOST_POINTS)
    figure_ = go.Figure(
        go.Scatter(
            x=one[::step],
            y=two[::step],
            mode="markers",
            marker={"color": colours.accent, "size": 5, "opacity": 0.45},
            hovertemplate="%{x:.3f} here, %{y:.3f} there<extra></extra>",
        )
    )
    styled(figure_, colours, height=300)
    is_elsewhere = made.other.server != made.about.server
    there = made.other.server.name if is_elsewhere else made.other.model
    figure_.update_xaxes(title_text=f"cosine, {said(made.about.title, 50)}")
    figure_.update_yaxes(title_text=f"cosine, {said(there, 28)}")
    alt = f"Cosines of {len(one[::step])} pairs of texts on both models."
    show(figure_, key="models-scatter", alt=alt)
    note("One point for each pair. The scales differ; a narrow rising band is agreement.")


def _apart(made: Compared) -> None:
    """The texts about which they agree least."""
    found = made.found
    order = np.argsort(found.overlap, kind="stable")[:_LEAST]
    rows = []
    for n in order[found.overlap[order] < 1].tolist():
        titles = [
            made.about.texts.titled(int(made.places[at]), _TEXT)
            for at in (n, found.one[n], found.other[n])
        ]
        rows.append((ratio(float(found.overlap[n])), *titles))
    if rows:
        header = ("In common", "Text", "Nearest here", f"Nearest on {plain(made.other.title, 40)}")
        live.table(header, rows, key="models-apart")
