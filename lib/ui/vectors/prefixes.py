"""The same search with several prefixes, side by side: which does the served model want?

Decided here: what is compared with what. In a set without queries each text is the query once, and
all others are the documents. Without labels nobody can say which result is right: then only what
changes is told.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from lib.ui import live
from lib.ui.house import house
from lib.ui.jobs import Job, button, start
from lib.ui.plain import ABSENT, count, plain
from lib.ui.vectors.presets import NONE, PRESETS, Preset, likely
from lib.ui.vectors.sets import Embedded
from lib.ui.vectors.shared import answer, asked, figure, key, note, price, result, text_choice, tile
from lib.vectors import cosine
from lib.vectors.searching import Found, found, moved, order, relevance

__all__ = ["Prefixed", "draw", "verdict"]

_NAME = "prefixes"
_MOST_QUERIES, _MOST_DOCUMENTS = 200, 2_000
_SHOWN = 5
_TEXT = 70
_OWN = "Own"
_NOTICEABLE = 0.005
"""Of nDCG; less is chance."""


@dataclass(frozen=True)
class Tried:
    """One prefix: the cosine of each query with each document, and how the search went."""

    preset: Preset
    scores: NDArray[np.float32]
    found: Found


@dataclass(frozen=True, eq=False)
class Prefixed:
    """What was tried; the first is without a prefix. `queries` and `documents` are places."""

    about: Embedded
    queries: tuple[int, ...]
    documents: tuple[int, ...]
    tried: tuple[Tried, ...]


def draw(embedded: Embedded) -> None:
    """The tab."""
    st.text(
        "Many models were trained with words in front of a query or a document. The server adds"
        " none: which does this model want?"
    )
    chosen = _chosen(embedded)
    queries, documents = _sides(embedded)
    if len(documents) < 2:
        st.text("It takes at least two documents.")
        return
    presets = [NONE, *chosen]
    groups = [_sent(embedded, one, queries, documents) for one in presets]
    note(price(asked(embedded), *groups))

    def begin() -> None:
        start(
            _NAME,
            sum(map(len, groups)),
            lambda job: _work(job, embedded, presets, queries, documents),
        )

    made = result(button(_NAME, "Compare the prefixes", begin), Prefixed, embedded)
    if made and made.tried:
        _show(made)


def _chosen(embedded: Embedded) -> list[Preset]:
    guess = likely(embedded.model)
    default = [guess.name] if guess else ["E5", "Qwen3"]
    names = [one.name for one in PRESETS]
    picked = st.multiselect(
        "Prefixes, beside none",
        [*names, _OWN],
        default=default,
        key=key(embedded, "prefix-names"),
        help="As the models' makers give them.",
    )
    found_ = [one for one in PRESETS if one.name in picked]
    if _OWN in picked:
        left, right = st.columns(2)
        query = left.text_input("Before a query", key="prefix-own-query", max_chars=500)
        document = right.text_input("Before a document", key="prefix-own-document", max_chars=500)
        found_.append(Preset(_OWN, query or "", document or ""))
    return found_


def _sides(embedded: Embedded) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The places of queries and documents, as many as are taken."""
    present = set(embedded.present.tolist())
    texts = embedded.texts
    documents = [n for n in texts.documents if n in present][:_MOST_DOCUMENTS]
    queries = [n for n in sorted(texts.queries) if n in present] if texts.is_search else documents
    if len(queries) > _MOST_QUERIES or len(documents) == _MOST_DOCUMENTS:
        note(f"The first {_MOST_QUERIES} queries and {_MOST_DOCUMENTS:,} documents are taken.")
    return tuple(queries[:_MOST_QUERIES]), tuple(documents)


def _sent(
    embedded: Embedded, preset: Preset, queries: tuple[int, ...], documents: tuple[int, ...]
) -> list[str]:
    """What is sent with one prefix: the queries, then the documents."""
    texts = embedded.texts.texts
    return [
        *(preset.query + texts[n] for n in queries),
        *(preset.document + texts[n] for n in documents),
    ]


# ── The work ──


def _work(
    job: Job,
    embedded: Embedded,
    presets: list[Preset],
    queries: tuple[int, ...],
    documents: tuple[int, ...],
) -> None:
    """One prefix after another; those that are done are kept."""
    tried: list[Tried] = []
    each = len(queries) + len(documents)
    for number, preset in enumerate(presets):
        if job.is_unwanted():
            job.words = f"Stopped; {len(tried)} of {len(presets)} are done."
            break
        begun = number * each

        def tell(done: int, _all: int, begun: int = begun) -> None:
            job.tell(begun + done, each * len(presets))

        scores = _scores(job, embedded, preset, queries, documents, tell)
        if scores is None:
            break
        judged = found(scores, _relevant(embedded, queries, documents))
        tried.append(Tried(preset, scores, judged))
        job.result = Prefixed(embedded, queries, documents, tuple(tried))


def _scores(
    job: Job,
    embedded: Embedded,
    preset: Preset,
    queries: tuple[int, ...],
    documents: tuple[int, ...],
    tell: Callable[[int, int], None],
) -> NDArray[np.float32] | None:
    wanted = _sent(embedded, preset, queries, documents)
    made = house().embedder.embed(asked(embedded), wanted, progress=tell, cancelled=job.is_unwanted)
    if made.unanswered or not made.rows.shape[1]:
        job.words = made.ended.sentence if made.ended else "Stopped."
        return None
    scores = cosine(made.rows[: len(queries)], made.rows[len(queries) :])
    scores[np.equal.outer(queries, documents)] = np.nan  # a text does not find itself
    return scores


def _relevant(
    embedded: Embedded, queries: tuple[int, ...], documents: tuple[int, ...]
) -> NDArray[np.float64] | None:
    texts = embedded.texts
    if not any(texts.labels):
        return None
    return relevance([texts.label(n) for n in queries], [texts.label(n) for n in documents])


# ── What came of it ──


def verdict(tried: tuple[Tried, ...]) -> str:
    """The answer in one sentence."""
    plain_one, *others = tried
    if not others:
        return "Without a prefix; the others are not there yet."
    if plain_one.found.judged:
        best = max(others, key=lambda one: one.found.ndcg)
        gain = best.found.ndcg - plain_one.found.ndcg
        scores = f"nDCG@10 {figure(best.found.ndcg)}, without a prefix"
        scores = f"{scores} {figure(plain_one.found.ndcg)}"
        if gain > _NOTICEABLE:
            return f"{best.preset.name} finds best: {scores}."
        if gain < -_NOTICEABLE:
            return f"No prefix finds best; of the others {best.preset.name}: {scores}."
        return f"Prefixes change little: {best.preset.name} {scores}."
    changes = {one.preset.name: moved(plain_one.scores, one.scores) for one in others}
    name = max(changes, key=lambda one: changes[one])
    queries = len(plain_one.scores)
    words = f"{name} gives {count(changes[name])} of {count(queries)} queries another best document"
    return f"{words}; without labels nobody can say which is right."


def _show(made: Prefixed) -> None:
    first = made.tried[0]
    best = max(
        made.tried, key=lambda one: one.found.ndcg if first.found.judged else one.found.apart
    )
    answer(
        "prefix-answer",
        verdict(made.tried),
        [
            tile(count(len(made.queries)), "queries"),
            tile(count(len(made.documents)), "documents"),
            tile(
                figure(first.found.typical), "typical cosine, without", "The mean over all pairs."
            ),
            tile(best.preset.name, "best by nDCG@10" if first.found.judged else "stands out most"),
        ],
    )
    rows = [_row(one, first) for one in made.tried]
    header = (
        "Prefix", "Before a query", "Before a document", "Other best document",
        "Best cosine", "Typical cosine", "Best stands out by", "nDCG@10", "MRR",
    )  # fmt: skip
    live.table(header, rows, key="prefix-rows")
    note(
        "A prefix that all texts share makes all of them more alike: compare how far the best"
        " document stands out (in standard deviations), not the cosines."
    )
    _side_by_side(made)


def _row(one: Tried, first: Tried) -> tuple[str, ...]:
    changed = ABSENT if one is first else count(moved(first.scores, one.scores))
    told = one.found
    return (
        one.preset.name,
        plain(one.preset.query) or ABSENT,
        plain(one.preset.document) or ABSENT,
        changed,
        figure(told.best),
        figure(told.typical),
        figure(told.apart, 2),
        figure(told.ndcg),
        figure(told.mrr),
    )


def _side_by_side(made: Prefixed) -> None:
    """The best documents of one query with each prefix."""
    query = text_choice("Query", made.about, made.queries, key(made.about, "prefix-query"))
    at = made.queries.index(query)
    columns = [_best(made, one.scores[at]) for one in made.tried]
    ranks = range(max(map(len, columns), default=0))
    rows = [
        (f"{rank + 1}", *(column[rank] if rank < len(column) else ABSENT for column in columns))
        for rank in ranks
    ]
    live.table(("Rank", *(one.preset.name for one in made.tried)), rows, key="prefix-best")


def _best(made: Prefixed, scores: NDArray[np.float32]) -> list[str]:
    """The best documents of a query, with their cosines."""
    places = order([scores])[0][:_SHOWN].tolist()
    titles = [made.about.texts.short(made.documents[n], _TEXT) for n in places]
    return [f"{figure(float(scores[n]))} · {one}" for n, one in zip(places, titles, strict=True)]
