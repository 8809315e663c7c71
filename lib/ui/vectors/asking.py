"""The texts of the page become vectors: what that costs, and what is kept of it.

Decided here: that the floor is measured with every model, by texts that have nothing to do with
each other; and that vectors which are remembered are shown without a click, for they cost nothing.
"""

from dataclasses import replace
from typing import NamedTuple

from lib.api import Refused, Vectors
from lib.servers import Server
from lib.ui.embedder import Asked
from lib.ui.house import house
from lib.ui.jobs import Job, job_of, start
from lib.ui.plain import count, plain
from lib.ui.vectors.answer import some
from lib.ui.vectors.measured import measured
from lib.ui.vectors.sets import Embedded, How, Texts
from lib.vectors import Floor, Metric, unrelated_like

__all__ = ["NAME", "Wish"]

NAME = "embed"
_AT_ONCE = 5_000
"""Remembered vectors that a run of the page puts together by itself."""
_CHARACTERS_PER_TOKEN = 4
_SENTENCE = 300


class Wish(NamedTuple):
    """What is to be embedded, and by whom."""

    texts: Texts
    server: Server
    model: str
    how: How

    @property
    def asked(self) -> Asked:
        """The same, as the embedder knows it."""
        return Asked(self.server, self.model, self.how.kind, self.how.batch_size)

    @property
    def unrelated(self) -> tuple[str, ...]:
        """The built-in sentences for the floor, in the language of the texts."""
        return unrelated_like(self.texts.texts)

    def missing(self) -> tuple[list[str], list[str]]:
        """The texts that a server must be asked for: of the set, and of the floor."""
        embedder = house().embedder
        texts = embedder.missing(self.asked, self.texts.texts)
        return texts, embedder.missing(self.asked, self.unrelated)

    def price(self) -> str:
        """What it costs the server, in a sentence; "" where it costs nothing."""
        texts, floor = self.missing()
        if not texts and not floor:
            return ""
        tokens = sum(map(len, texts)) / _CHARACTERS_PER_TOKEN
        requests = -(-len(texts) // self.how.batch_size) + -(-len(floor) // self.how.batch_size)
        known = len(set(self.texts.texts)) - len(texts)
        requests += bool(known or len(floor) < len(self.unrelated))  # is it the same model still?
        parts = []
        if texts:
            parts.append(f"{some(len(texts), 'text')} of about {count(max(1, tokens))} tokens")
        if floor:
            parts.append(f"{count(len(floor))} built-in sentences, once, for this model's floor")
        told = f"Costs {self.server.name} {some(requests, 'request')}: {' and '.join(parts)}."
        if not known:
            return told
        return f"{told} {some(known, 'text')} {'is' if known == 1 else 'are'} remembered."

    def is_of(self, embedded: Embedded) -> bool:
        """Whether these are the vectors that are wished for."""
        return (
            embedded.texts == self.texts
            and embedded.server == self.server
            and embedded.model == self.model
            and embedded.how.kind == self.how.kind
        )

    def begin(self) -> None:
        """Ask, beside the page."""
        start(NAME, len(set(self.texts.texts)), self._work)

    def begin_if_free(self) -> None:
        """Put it together at once where all of it is remembered."""
        job = job_of(NAME)
        if job and (job.is_running or self.is_done(job)):
            return
        if len(self.texts) <= _AT_ONCE and not any(self.missing()):
            start(NAME, len(self.texts), self._work)
            if (job := job_of(NAME)) and job.future:
                job.future.result()

    def is_done(self, job: Job) -> bool:
        """Whether some work was for this."""
        return isinstance(job.result, Embedded) and self.is_of(job.result)

    def _work(self, job: Job) -> None:
        embed = house().embedder.embed
        vectors = embed(self.asked, self.texts.texts, progress=job.tell, cancelled=job.is_unwanted)
        made = Embedded(self.texts, vectors, self.server, self.model, self.how)
        job.words = _lacking(self.texts, vectors)
        if vectors.ended is None and not job.is_unwanted():
            try:
                rows = embed(self.asked, self.unrelated, cancelled=job.is_unwanted).rows
                made = replace(made, floor=Floor.of(rows), unrelated=rows, kept={})
            except Refused as refused:
                job.words = job.words or f"The floor was not measured: {refused.sentence}"
        job.unit = "texts; measuring"
        measured(made, Metric.COSINE).prepare()
        job.result = made


def _lacking(texts: Texts, vectors: Vectors) -> str:
    """Why not all texts have a vector; "" where all have."""
    if not vectors.failed:
        return ""
    done = len(texts) - len(vectors.failed)
    kept = f"{count(done)} of {count(len(texts))} texts have their vectors, and keep them."
    if vectors.ended is not None:
        return f"It ended early. {plain(vectors.ended.sentence, _SENTENCE)} {kept}"
    if vectors.unanswered:
        return f"Stopped. {kept}"
    first, why = next(iter(vectors.failed.items()))
    return f"{kept} Text {first + 1:,} has none: {plain(why, _SENTENCE)}"
