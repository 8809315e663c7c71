"""A model that reads query and document together, beside the cosine of their vectors.

Decided here: its scores are never drawn on the scale of cosines, only ranks are compared; and what
is asked for: one request for each query, with the documents that cosine puts first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from lib.api import Route
from lib.ui import live
from lib.ui.house import house
from lib.ui.jobs import Job, button, start
from lib.ui.plain import ABSENT, count
from lib.ui.vectors.sets import Embedded
from lib.ui.vectors.shared import (
    Other,
    answer,
    choose,
    cost,
    figure,
    key,
    note,
    offering,
    result,
    text_choice,
    tile,
)
from lib.vectors import cosine
from lib.vectors.ranking import rank_changes, spearman
from lib.vectors.searching import Found, found, order, relevance

__all__ = ["One", "Reranked", "change", "draw", "verdict"]

_NAME = "reranked"
_MOST_QUERIES = 50
_SAME = 2e-3
"""Scores this near to the cosines are these, rounded."""
_TEXT = 90
_AMONG = "Over the documents that were reranked."
_IDEAL = "Over the documents that were reranked: the best order of these counts as 1."
_NOTICEABLE = 0.005
"""Of nDCG; less is chance."""


@dataclass(frozen=True)
class One:
    """A query, its documents as cosine orders them, and both scores of each."""

    query: int
    documents: tuple[int, ...]
    cosines: tuple[float, ...]
    scores: tuple[float, ...]

    @property
    def reranked(self) -> tuple[int, ...]:
        """The documents in the new order."""
        return tuple(self.documents[n] for n in order([self.scores])[0].tolist())

    @property
    def agreement(self) -> float:
        """Spearman's correlation of both scores."""
        return spearman(self.cosines, self.scores)


@dataclass(frozen=True, eq=False)
class Reranked:
    """What was reranked so far."""

    about: Embedded
    judge: Other
    done: tuple[One, ...]


def draw(embedded: Embedded) -> None:
    """The tab."""
    st.text(
        "A reranker reads query and document together and costs a run of the model for each pair."
        " What does it change?"
    )
    judge = _judge(embedded)
    places = _queries(embedded)
    if judge is None or len(embedded.present) < 2:
        note("No watched server offers /rerank or /score: it takes one with --runner pooling.")
        return
    left, right = st.columns(2, vertical_alignment="bottom")
    top = int(left.number_input("Documents, the best by cosine", 2, 200, 20, key="rerank-top"))
    with right:
        every = len(places) > 1 and st.toggle(
            f"All queries, up to {_MOST_QUERIES}",
            value=embedded.texts.is_search,
            key=key(embedded, "rerank-every"),
        )
    query = None if every else text_choice("Query", embedded, places, key(embedded, "rerank-query"))
    queries = places[:_MOST_QUERIES] if query is None else [query]
    todo = [_candidates(embedded, one, top) for one in queries]
    characters = sum(len(embedded.texts.texts[n]) for one in todo for n in one.documents)
    pairs = sum(len(one.documents) for one in todo)
    note(cost(judge.server, len(todo), pairs, characters))
    job = button(_NAME, "Rerank", partial(_begin, embedded, judge, todo))
    if made := result(job, Reranked, embedded):
        _show(made)


def _judge(embedded: Embedded) -> Other | None:
    offered = offering(Route.RERANK, Route.SCORE)
    own = (embedded.server, embedded.model)
    offered.sort(key=lambda one: one == own)  # another model first: this one repeats its cosine
    return choose("Reranker", offered, "rerank-judge")


def _queries(embedded: Embedded) -> list[int]:
    texts, present = embedded.texts, embedded.present.tolist()
    return [n for n in present if n in texts.queries] if texts.is_search else present


def _candidates(embedded: Embedded, query: int, top: int) -> One:
    """The documents nearest to a query, by cosine."""
    documents = set(embedded.texts.documents)
    places = [n for n in embedded.present.tolist() if n in documents and n != query]
    scores = cosine(embedded.rows[[query]], embedded.rows[places])
    best = order(scores)[0][:top].tolist()
    cosines = tuple(float(scores[0, n]) for n in best)
    return One(query, tuple(places[n] for n in best), cosines, ())


# ── The work ──


def _begin(embedded: Embedded, judge: Other, todo: Sequence[One]) -> None:
    start(_NAME, len(todo), lambda job: _work(job, embedded, judge, todo), "queries")


def _work(job: Job, embedded: Embedded, judge: Other, todo: Sequence[One]) -> None:
    """One query after another; those that are done are kept."""
    scored = _scorer(judge)
    texts = embedded.texts.texts
    done: list[One] = []
    for one in todo:
        if job.is_unwanted():
            job.words = f"Stopped; {len(done)} of {len(todo)} queries are done."
            break
        scores = scored(texts[one.query], [texts[n] for n in one.documents])
        done.append(One(one.query, one.documents, one.cosines, tuple(scores)))
        job.result = Reranked(embedded, judge, tuple(done))
        job.tell(len(done), len(todo))


def _scorer(judge: Other) -> Callable[[str, Sequence[str]], Sequence[float]]:
    """A score for each document, by whichever of both routes the server has.

    Raises:
        Refused: (when called) the server gave none.
    """
    client = house().embedder.client(judge.server)
    if Route.RERANK not in client.capabilities().routes:
        return lambda query, documents: client.score(query, documents, model=judge.model)

    def ranked(query: str, documents: Sequence[str]) -> Sequence[float]:
        scores = [np.nan] * len(documents)
        for one in client.rerank(query, documents, model=judge.model):
            scores[one.index] = one.score
        return scores

    return ranked


# ── What came of it ──


def verdict(made: Reranked) -> str:
    """The answer in one sentence."""
    before, after = _searches(made)
    if before.judged:
        gain = after.ndcg - before.ndcg
        how = "better than" if gain > _NOTICEABLE else "worse than"
        how = how if abs(gain) > _NOTICEABLE else "as well as"
        told = f"nDCG@10 {figure(after.ndcg)}, by cosine {figure(before.ndcg)}"
        return f"The reranker orders {how} cosine: {told}."
    changed = sum(one.documents[0] != one.reranked[0] for one in made.done)
    if len(made.done) == 1:
        return f"The reranker puts {'another' if changed else 'the same'} document first."
    queries = f"{count(changed)} of {count(len(made.done))} queries"
    return f"The reranker puts another document first for {queries}."


def _searches(made: Reranked) -> tuple[Found, Found]:
    """The search by cosine, and as reranked, over the documents that were."""
    width = max((len(one.documents) for one in made.done), default=0)
    texts = made.about.texts
    shape = (len(made.done), width)
    before, after, relevant = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape)
    for n, one in enumerate(made.done):
        size = len(one.documents)
        before[n, :size], after[n, :size] = one.cosines, one.scores
        labels = [texts.label(place) for place in one.documents]
        relevant[n, :size] = relevance([texts.label(one.query)], labels)[0]
    told = relevant if any(texts.labels) else None
    return found(before, told), found(after, told)


def _show(made: Reranked) -> None:
    before, after = _searches(made)
    agreements = [one.agreement for one in made.done]
    known = [one for one in agreements if not np.isnan(one)]
    tiles = [
        tile(count(len(made.done)), "queries" if len(made.done) > 1 else "query"),
        tile(
            figure(float(np.mean(known)) if known else None),
            "rank correlation",
            "Spearman's, of cosine and score over the documents of a query; 1 is the same order.",
        ),
    ]
    if before.judged:
        tiles += [
            tile(
                f"{figure(before.ndcg)} → {figure(after.ndcg)}",
                "nDCG@10, cosine → reranked",
                _IDEAL,
            ),
            tile(f"{figure(before.mrr)} → {figure(after.mrr)}", "MRR, cosine → reranked", _AMONG),
        ]
    remarks = []
    if all(np.allclose(one.cosines, one.scores, atol=_SAME) for one in made.done):
        remarks.append(
            "These scores are the cosines themselves: the model makes vectors and reads no pairs."
            " Choose a server with a cross-encoder to see what one changes."
        )
    answer("rerank-answer", verdict(made), tiles, remarks=remarks)
    _one(made)


def _one(made: Reranked) -> None:
    """One query: its documents in the new order, and where they were."""
    places = [one.query for one in made.done]
    at = 0
    if len(places) > 1:
        query = text_choice("Show", made.about, places, key(made.about, "rerank-shown"))
        at = places.index(query)
    one = made.done[at]
    scores = dict(zip(one.documents, zip(one.cosines, one.scores, strict=True), strict=True))
    has_labels = any(made.about.texts.labels)
    rows = []
    for move in rank_changes(one.documents, one.reranked):
        told, score = scores[move.document]
        place = (
            f"{move.after}",
            f"{move.before}",
            change(move.gained),
            figure(score),
            figure(told),
        )
        label = (made.about.texts.label(move.document) or ABSENT,) if has_labels else ()
        rows.append((*place, *label, made.about.texts.titled(move.document, _TEXT)))
    labels = ("Label",) if has_labels else ()
    header = ("Reranked", "By cosine", "Change", "Score", "Cosine", *labels, "Document")
    live.table(header, rows, key="rerank-rows")
    note("A reranker's score is no cosine: only the order of both can be compared.")


def change(gained: int | None) -> str:
    """Places up or down, as a sign and a number."""
    if not gained:
        return "="
    return f"↑ {gained}" if gained > 0 else f"↓ {-gained}"
