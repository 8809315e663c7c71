"""How many texts a second a server embeds, by the size of a batch, and what its queue does then.

Decided here: each size is asked for a while, one request at a time, and no text twice, so that no
cache answers: a number stands before each. What is measured is what one client gets that waits for
each answer; the server's other clients are in it too, and in its queue.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from secrets import randbelow

import numpy as np
import streamlit as st

from lib.ui import live
from lib.ui.charts import palette, show, styled
from lib.ui.house import house
from lib.ui.jobs import Job, button, start
from lib.ui.plain import ABSENT, count, duration, rate
from lib.ui.vectors.sets import Embedded
from lib.ui.vectors.shared import answer, key, note, result, tile

__all__ = ["Speed", "Throughput", "draw", "verdict"]

_NAME = "throughput"
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
_MOST_TEXTS = 4_000
"""Of one size: a fast server needs no more to be known."""
_LATE = 1.5
"""Seconds that a scrape may come after what it tells of."""
_ENOUGH = 0.9
_FEW = 5


@dataclass(frozen=True)
class Speed:
    """One size: what its requests took, and what the server's queue was meanwhile.

    `seconds` are the requests' own, one for each; `running` and `waiting` the largest that its
    metrics told, None where they tell none.
    """

    size: int
    seconds: tuple[float, ...]
    tokens: int | None
    running: float | None
    waiting: float | None

    @property
    def texts(self) -> int:
        """All texts of this size."""
        return self.size * len(self.seconds)

    @property
    def texts_a_second(self) -> float:
        """Over the time in which a request was under way."""
        return self.texts / sum(self.seconds)

    @property
    def tokens_a_second(self) -> float | None:
        """The same of tokens; None where the server does not count them."""
        return None if self.tokens is None else self.tokens / sum(self.seconds)

    @property
    def median(self) -> float:
        """Seconds that a request takes."""
        return float(np.median(self.seconds))


@dataclass(frozen=True, eq=False)
class Throughput:
    """The sizes so far."""

    about: Embedded
    speeds: tuple[Speed, ...]


def draw(embedded: Embedded) -> None:
    """The tab."""
    st.text("Texts a second by the size of a batch, with the server's queue beside it.")
    texts = [embedded.texts.texts[n] for n in embedded.present.tolist()]
    texts = [one for one in texts if one.strip()]
    if not texts:
        note("It takes a text that has a vector.")
        return
    left, right = st.columns(2)
    name = key(embedded, "speed")
    largest = left.select_slider("Batches up to", _SIZES, 64, key=f"{name}-size")
    seconds = right.select_slider("Seconds for each size", (1, 2, 5, 10), 2, key=f"{name}-seconds")
    sizes = [size for size in _SIZES if size <= largest]
    note(
        f"Keeps {embedded.server.name} busy for about {len(sizes) * seconds} s, with one request at"
        f" a time and at most {_MOST_TEXTS:,} texts of each size."
    )
    begin = partial(_begin, embedded, texts, sizes, float(seconds))
    if made := result(button(_NAME, "Measure", begin), Throughput, embedded):
        _show(made)


# ── The work ──


def _begin(embedded: Embedded, texts: Sequence[str], sizes: Sequence[int], seconds: float) -> None:
    start(_NAME, len(sizes), lambda job: _work(job, embedded, texts, sizes, seconds), "sizes")


def _work(
    job: Job, embedded: Embedded, texts: Sequence[str], sizes: Sequence[int], seconds: float
) -> None:
    """One size after another; those that are done are kept."""
    fresh = _fresh(texts)
    speeds: list[Speed] = []
    for number, size in enumerate(sizes):
        speed = _measured(job, embedded, fresh, size, seconds)
        if speed is None:
            job.words = job.words or f"Stopped; {number} of {len(sizes)} sizes are measured."
            return
        speeds.append(speed)
        job.result = Throughput(embedded, tuple(speeds))
        job.tell(number + 1, len(sizes))


def _fresh(texts: Sequence[str]) -> Iterator[str]:
    """The texts again and again, each time another: no cache knows them."""
    number = randbelow(1_000_000)
    while True:
        for text in texts:
            number += 1
            yield f"{number} {text}"


def _measured(
    job: Job, embedded: Embedded, fresh: Iterator[str], size: int, seconds: float
) -> Speed | None:
    client = house().embedder.client(embedded.server)
    begun, clock = time.time(), time.monotonic()
    took: list[float] = []
    tokens: list[int | None] = []
    while not took or (
        time.monotonic() - clock < seconds and (len(took) + 1) * size <= _MOST_TEXTS
    ):
        if job.is_unwanted():
            return None
        batch = [next(fresh) for _ in range(size)]
        made = client.embed(
            batch,
            model=embedded.model,
            batch_size=size,
            truncate=True,  # a number before a text may be one token too many
            dimensions=embedded.how.dimensions,
            raw=embedded.how.raw,
        )
        if made.ended is not None:
            raise made.ended
        took += [one.seconds for one in made.batches]
        tokens += [one.tokens for one in made.batches]
    counted = [one for one in tokens if one is not None]
    running, waiting = _queue(embedded, begun)
    whole = sum(counted) if len(counted) == len(tokens) else None
    return Speed(size, tuple(took), whole, running, waiting)


def _queue(embedded: Embedded, begun: float) -> tuple[float | None, float | None]:
    """The most requests that ran and waited since, as the server's metrics told."""
    feed = house().feed
    window = feed.recent(embedded.server.id, time.time() - begun + _LATE).since(begun)
    return _largest(window.gauge("running")), _largest(window.gauge("waiting"))


def _largest(values: np.typing.NDArray[np.float64]) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.max()) if len(known) else None


# ── What came of it ──


def verdict(made: Throughput) -> str:
    """The answer in one sentence."""
    best = max(made.speeds, key=lambda one: one.texts_a_second)
    enough = next(one for one in made.speeds if one.texts_a_second >= _ENOUGH * best.texts_a_second)
    first = made.speeds[0]
    words = f"{rate(enough.texts_a_second)} texts a second in batches of {enough.size}"
    if len(made.speeds) == 1:
        return f"{words}."
    if enough is first:
        return f"{words}: larger batches bring no more."
    gain = enough.texts_a_second / first.texts_a_second
    words = f"{words}, {gain:.1f} times those of {first.size}"
    if enough is made.speeds[-1]:
        return f"{words}; larger ones were not tried."
    return f"{words}; larger ones bring little more."


def _show(made: Throughput) -> None:
    best = max(made.speeds, key=lambda one: one.texts_a_second)
    waiting = [one.waiting for one in made.speeds if one.waiting is not None]
    tiles = [
        tile(rate(best.texts_a_second), "texts/s at best", f"In batches of {best.size}."),
        tile(rate(best.tokens_a_second), "tokens/s then"),
        tile(duration(made.speeds[0].median), "a request with one text", "Median."),
        tile(
            count(max(waiting)) if waiting else ABSENT, "waited at most", "Requests in its queue."
        ),
    ]
    remarks = []
    if any(len(one.seconds) < _FEW for one in made.speeds):
        remarks.append(
            f"Some sizes had fewer than {_FEW} requests, too few to trust. Take more seconds."
        )
    answer("speed-answer", verdict(made), tiles, remarks=remarks)
    left, right = st.columns(2)
    with left:
        _curve(made, "texts/s", [one.texts_a_second for one in made.speeds])
    with right:
        _curve(made, "ms a request", [1000 * one.median for one in made.speeds])
    rows = [
        (
            f"{one.size}",
            rate(one.texts_a_second),
            rate(one.tokens_a_second),
            duration(one.median),
            duration(max(one.seconds)),
            count(len(one.seconds)),
            count(one.running),
            count(one.waiting),
        )
        for one in made.speeds
    ]
    header = (
        "Batch", "Texts/s", "Tokens/s", "Median", "Slowest", "Requests", "Running", "Waiting",
    )  # fmt: skip
    live.table(header, rows, key="speed-rows")
    note("Running and waiting are the most that the server's metrics told meanwhile, all clients.")


def _curve(made: Throughput, title: str, values: Sequence[float]) -> None:
    import plotly.graph_objects as go  # noqa: PLC0415 - only this tab needs it

    colours = palette()
    sizes = [f"{one.size}" for one in made.speeds]
    figure = go.Figure(
        go.Scatter(
            x=sizes,
            y=values,
            mode="lines+markers",
            line={"color": colours.accent, "width": 2},
            hovertemplate="batches of %{x}: %{y:.4~g} " + title + "<extra></extra>",
        )
    )
    styled(figure, colours, height=240)
    figure.update_xaxes(title_text="texts in a batch", type="category")
    figure.update_yaxes(title_text=title, rangemode="tozero")
    show(figure, key=f"speed-{title}", alt=f"{title} by the size of a batch.")
