"""The answer of the page: one sentence, the figures behind it, and what is to be known of them.

Decided here: what the sentence is about. With labels it is whether texts of one label find each
other; without, it is the closest pair and how many pairs are above the model's own floor.
"""

import numpy as np
from numpy.typing import NDArray

from lib.ui.plain import ABSENT, count, duration, plain, rate, ratio
from lib.ui.vectors.measured import Measured
from lib.vectors import lengths

__all__ = ["answer", "figure", "place_words", "some"]

Words = dict[str, object]
_GOOD, _POOR = 0.9, 0.5
_SHORT = 70
_ABOVE = 0.99
"""The share of unrelated pairs that a pair beats to be called above the floor."""


def answer(found: Measured) -> Words:
    """All that the browser draws of it."""
    tone, sentence, more = _said(found)
    return {
        "tone": tone,
        "sentence": sentence,
        "more": more,
        "tiles": tiles(found),
        "remarks": remarks(found),
    }


def figure(score: float) -> str:
    """A score as people read it, with a real minus."""
    return ABSENT if np.isnan(score) else f"{score:.3f}".replace("-", "\N{MINUS SIGN}")


def some(number: int, what: str) -> str:
    """A number of things."""
    return f"{count(number)} {what}" if number == 1 else f"{count(number)} {what}s"


def place_words(found: Measured, score: float) -> str:
    """Where a score lies among those of unrelated texts."""
    return found.floor.verdict(score) if found.floor and not np.isnan(score) else ""


# ── The sentence ──


def _said(found: Measured) -> tuple[str, str, list[str]]:
    embedded = found.embedded
    if not len(embedded.present):
        return "bad", "No text has a vector.", []
    if len(embedded.present) == 1 or not len(found.documents):
        return "hint", "One text alone has nothing to be compared with.", []
    labelled = _labelled_search(found) if found.is_search else _labelled(found)
    if labelled is None:
        return "hint", _closest(found), _share_above(found)
    return *labelled, [_closest(found), *_share_above(found)]


def _labelled(found: Measured) -> tuple[str, str] | None:
    """Whether the nearest text has the same label."""
    texts, near = found.embedded.texts, found.nearest
    labels = np.array([texts.label(int(n)) for n in found.searched], object)
    kinds, sizes = np.unique(labels.astype(str), return_counts=True)
    shared = {str(kind) for kind, size in zip(kinds, sizes, strict=True) if kind and size > 1}
    if len(shared) < 2 or not near.index.shape[1]:
        return None
    judged = [n for n, label in enumerate(labels) if label in shared and near.index[n, 0] >= 0]
    hits = sum(texts.label(int(near.index[n, 0])) == labels[n] for n in judged)
    words = f"{count(hits)} of {count(len(judged))} texts have a text of their own label as nearest"
    return _tone(hits, len(judged)), f"{words}{_apart(found)}."


def _apart(found: Measured) -> str:
    """Mean scores inside labels and across them."""
    heat, texts = found.heat, found.embedded.texts
    labels = np.array([texts.label(int(n)) for n in heat.down], object)
    same = (labels[:, None] == labels[None, :]) & (labels != "")[:, None]
    other = (labels[:, None] != labels[None, :]) & (labels != "")[:, None] & (labels != "")[None, :]
    inside, outside = heat.scores[same], heat.scores[other]
    inside, outside = inside[~np.isnan(inside)], outside[~np.isnan(outside)]
    if not len(inside) or not len(outside):
        return ""
    own, others = figure(float(inside.mean())), figure(float(outside.mean()))
    return f": mean {own} inside a label, {others} across"


def _labelled_search(found: Measured) -> tuple[str, str] | None:
    """Whether the first document has the label of its query."""
    texts, near = found.embedded.texts, found.nearest
    offered = {texts.label(int(n)) for n in found.documents} - {""}
    judged = [n for n, q in enumerate(found.queries) if texts.label(int(q)) in offered]
    if not judged or not near.index.shape[1]:
        return None
    hits = sum(
        texts.label(int(near.index[n, 0])) == texts.label(int(found.queries[n])) for n in judged
    )
    words = (
        f"{count(hits)} of {count(len(judged))} queries find a document of their own label first."
    )
    return _tone(hits, len(judged)), words


def _tone(hits: int, of: int) -> str:
    share = hits / of if of else 0.0
    return "good" if share >= _GOOD else "hint" if share >= _POOR else "watch"


def _closest(found: Measured) -> str:
    pairs, texts = found.pairs, found.embedded.texts
    if not len(pairs.first):
        return "No two texts can be compared."
    one, other = int(pairs.first[0]), int(pairs.second[0])
    quoted = f"“{texts.short(one, _SHORT)}” and “{texts.short(other, _SHORT)}”"
    told = f"Closest: {quoted}, {figure(float(pairs.score[0]))}"
    words = place_words(found, float(pairs.score[0]))
    return f"{told}, {words}." if words else f"{told}."


def _share_above(found: Measured) -> list[str]:
    floor, own = found.floor, found.loose
    if floor is None or not len(own):
        return []
    is_distance = found.metric.is_distance
    line = float(np.quantile(floor.scores, 1 - _ABOVE if is_distance else _ABOVE))
    alike = int((own < line).sum() if is_distance else (own > line).sum())
    side = "below" if is_distance else "above"
    words = f"{count(alike)} of {count(len(own))} pairs ({ratio(alike / len(own))}) are {side}"
    return [f"{words} {figure(line)}, as one in 100 pairs of unrelated texts is."]


# ── Figures ──


def tiles(found: Measured) -> list[dict[str, str]]:
    """The figures; what is not known is a dash."""
    embedded, vectors = found.embedded, found.embedded.vectors
    made = [_tile(count(len(embedded.present)), "texts", "Texts that have a vector.")]
    if found.is_search:
        made = [
            _tile(count(len(found.queries)), "queries", "Queries that have a vector."),
            _tile(count(len(found.documents)), "documents", "Documents that have a vector."),
        ]
    long = lengths(embedded.rows)[embedded.present]
    asked = sum(one.size for one in vectors.batches)
    busy = sum(one.seconds for one in vectors.batches)
    return [
        *made,
        _tile(count(embedded.rows.shape[1] or None), "dimensions", "Numbers of a vector."),
        _tile(count(vectors.tokens), "tokens", _tokens_words(found)),
        _tile(
            rate(asked / busy if busy else None),
            "texts / s",
            f"{count(asked)} texts in {duration(busy)}, {some(len(vectors.batches), 'request')},"
            " measured when they were embedded."
            if busy
            else "They were remembered: nobody was asked.",
        ),
        *_floor_tiles(found),
        _tile(_span(long), "length", "Euclidean length of the vectors: 1 where it is normalised."),
    ]


def _tokens_words(found: Measured) -> str:
    tokens, asked = found.embedded.vectors.tokens, len(set(found.embedded.texts.texts))
    if tokens is None:
        return "The server did not tell, or part of the texts was remembered."
    return f"As the server counts, its own added ones too: {tokens / max(1, asked):.1f} a text."


def _floor_tiles(found: Measured) -> list[dict[str, str]]:
    floor = found.floor
    if floor is None:
        return [_tile(ABSENT, "floor", "The built-in unrelated sentences were not embedded.")]
    words = (
        f"Scores of {count(floor.pairs)} pairs of built-in sentences that have nothing to do"
        f" with each other: mean {figure(floor.mean)}, standard deviation {figure(floor.sd)}."
        " What two texts have in common begins above it."
    )
    value = f"{floor.mean:.2f} ± {floor.sd:.2f}".replace("-", "\N{MINUS SIGN}")
    return [_tile(value, "floor of unrelated texts", words)]


def _span(long: NDArray[np.float64]) -> str:
    if not len(long):
        return ABSENT
    low, high = float(long.min()), float(long.max())
    return f"{low:.2f}" if high - low < 0.005 else f"{low:.2f}–{high:.2f}"


def _tile(value: str, label: str, hint: str, tone: str = "") -> dict[str, str]:
    return {"value": value, "label": label, "hint": hint, "tone": tone}


# ── Remarks ──


def remarks(found: Measured) -> list[dict[str, str]]:
    """What is to be known before the scores are believed, the worst first."""
    embedded = found.embedded
    told = []
    cut = len(embedded.vectors.truncated)
    if cut:
        told.append(("watch", f"Of {count(cut)} texts the model saw only the beginning."))
    told += [("watch", plain(one.words, 300)) for one in found.common.findings]
    if len(found.documents) > len(found.searched):
        some, every = count(len(found.searched)), count(len(found.documents))
        words = f"Neighbours are searched among {some} evenly spaced texts of {every}"
        told.append(("note", f"{words}; a chosen text is compared with all."))
    return [{"tone": tone, "text": text} for tone, text in told]
