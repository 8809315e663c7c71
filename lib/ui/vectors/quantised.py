"""Shorter vectors and fewer bits: what a search loses by them, and what they cost to keep.

Decided here: that the cut is made here, which costs the server nothing; whether the model was
trained for it (Matryoshka) is told by the server itself, when it is asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st

from lib.api import NotOffered, Refused
from lib.ui import live
from lib.ui.charts import palette, show, styled
from lib.ui.house import house
from lib.ui.jobs import Job, button, start
from lib.ui.plain import count, ratio
from lib.ui.vectors.sets import Embedded
from lib.ui.vectors.shared import answer, figure, key, note, result, tile
from lib.vectors.ranking import depth
from lib.vectors.truncation import Loss, curve, quantised

__all__ = ["Trained", "draw", "size", "verdict"]

_NAME = "shortened"
_K = 10
_MOST = 5_000
"""Texts that the figures are made of; more would keep the page waiting."""
_GOOD = 0.9
_MILLION = 1_000_000
_ASKED = 64
_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


@dataclass(frozen=True, eq=False)
class Trained:
    """What the server said when it was asked for shorter vectors."""

    about: Embedded
    words: str


def draw(embedded: Embedded) -> None:
    """The tab."""
    st.text("Shorter vectors and fewer bits for each number: what would a search lose?")
    places = embedded.present[:_MOST]
    if len(places) < 3:
        note("It takes at least three texts.")
        return
    sizes, forms = _losses(embedded)
    note(f"Whether the model was trained for it costs {embedded.server.name} one short text.")
    job = button(_NAME, "Ask the server", partial(_begin, embedded))
    told = result(job, Trained, embedded)
    _show(embedded, sizes, forms, told.words if told else "")


def _losses(embedded: Embedded) -> tuple[tuple[Loss, ...], tuple[Loss, ...]]:
    """The figures of all sizes and of all forms, made once."""
    known = embedded.kept.get("losses")
    if isinstance(known, tuple):
        return known
    rows = embedded.rows[embedded.present[:_MOST]]
    made = curve(rows, k=_K), quantised(rows, _K)
    embedded.kept["losses"] = made
    return made


def _begin(embedded: Embedded) -> None:
    start(_NAME, 1, lambda job: _ask(job, embedded), "questions")


def _ask(job: Job, embedded: Embedded) -> None:
    client = house().embedder.client(embedded.server)
    size_ = min(_ASKED, embedded.rows.shape[1])
    try:
        made = client.embed(["Is this vector shorter?"], model=embedded.model, dimensions=size_)
    except NotOffered:
        words = "The server refuses “dimensions”: the model was not trained to be cut, so this is"
        job.result = Trained(embedded, f"{words} an untrained truncation.")
    except Refused as refused:
        job.result = Trained(embedded, f"The server did not say. {refused.sentence}")
    else:
        words = "The server gives shorter vectors on request"
        given = made.rows.shape[1]
        trained = f"{words} ({given} dimensions were asked for and came): Matryoshka."
        other = f"It was asked for {size_} dimensions and gave {given}."
        job.result = Trained(embedded, trained if given == size_ else other)
    job.tell(1, 1)


# ── What came of it ──


def verdict(sizes: Sequence[Loss], forms: Sequence[Loss]) -> str:
    """The answer in one sentence."""
    enough = next((one for one in sizes if one.overlap >= _GOOD), sizes[-1])
    smallest = [one for one in forms if one.overlap >= _GOOD]
    if enough.dimensions == sizes[-1].dimensions:
        words = "Every dimension is needed to keep nine of ten neighbours"
    else:
        words = f"{enough.dimensions} of {sizes[-1].dimensions} dimensions keep nine of ten"
        words = f"{words} neighbours"
    if smallest:
        return f"{words}; with all of them, {smallest[-1].name} keeps them too."
    return f"{words}."


def size(value: float) -> str:
    """Bytes in the largest unit that fits."""
    for unit, factor in _UNITS:
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value:.0f} bytes"


def _show(embedded: Embedded, sizes: Sequence[Loss], forms: Sequence[Loss], trained: str) -> None:
    remarks = [trained] if trained else []
    rest = len(embedded.present) - _MOST
    if rest > 0:
        remarks.append(f"Measured with the first {_MOST:,} texts.")
    full = sizes[-1]
    int8 = next(one for one in forms if one.name == "int8")
    tiles = [
        tile(count(full.dimensions), "dimensions"),
        tile(size(full.bytes * _MILLION), "for a million texts", "As float32, vectors only."),
        tile(ratio(int8.overlap), "of neighbours kept by int8", "A quarter of the bytes."),
        tile(ratio(forms[-1].overlap), "kept by one bit", "The sign of each number."),
    ]
    answer(key(embedded, "short-answer"), verdict(sizes, forms), tiles, remarks=remarks)
    _curve(embedded, sizes)
    rows = [
        (
            one.name,
            size(one.bytes),
            size(one.bytes * _MILLION),
            ratio(one.overlap),
            figure(one.spearman),
        )
        for one in (*sizes[:-1], *forms)
    ]
    k = depth(len(embedded.present), _K)
    header = ("Form", "Each", "A million", f"Of the {k} nearest kept", "Rank correlation")
    live.table(header, rows, key="short-rows")
    note(
        "Held against the full vectors of these texts. Few texts have few near equals: among many,"
        " more is lost."
    )


def _curve(embedded: Embedded, sizes: Sequence[Loss]) -> None:
    import plotly.graph_objects as go  # noqa: PLC0415 - only this tab needs it

    colours = palette()
    k = depth(len(embedded.present), _K)
    figure_ = go.Figure()
    named = (
        (f"of the {k} nearest kept", "overlap", "solid"),
        ("rank correlation", "spearman", "dot"),
    )
    for number, (name, field, dash) in enumerate(named):
        figure_.add_scatter(
            x=[f"{one.dimensions}" for one in sizes],
            y=[getattr(one, field) for one in sizes],
            name=name,
            mode="lines+markers",
            line={"color": colours.series[number], "width": 2, "dash": dash},
            hovertemplate="%{x} dimensions: %{y:.3f}<extra>" + name + "</extra>",
        )
    legend = {"orientation": "h", "y": 1.15, "x": 0, "font": {"size": 13, "color": colours.quiet}}
    styled(figure_, colours, height=280, legend=legend)
    figure_.update_xaxes(title_text="dimensions kept", type="category")
    figure_.update_yaxes(range=[min(0, *(one.spearman for one in sizes)), 1.03])
    show(figure_, key="short-curve", alt="What shorter vectors keep, by their dimensions.")
