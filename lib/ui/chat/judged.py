"""What is kept about an answer when it is over: its figures and what is worth a remark.

Decided here: what is judged at once, because it goes with the conversation, and what waits until
somebody opens it (`lib.ui.chat.detail`).
"""

from collections.abc import Iterator, Mapping

from lib.api.deltas import timing
from lib.api.strict_json import Json
from lib.chat.coach import coach
from lib.chat.conversation import Node
from lib.chat.figures import Figure, figures, reasoning_words, short
from lib.chat.integrity import integrity
from lib.chat.settings import Settings
from lib.chat.structured import check
from lib.chat.words import Note, Tone
from lib.ui.answering import Run
from lib.ui.chat.place import Place

__all__ = ["figure", "figures_of", "judge"]


_TONES: Mapping[bool | None, Tone] = {True: "good", False: "bad", None: ""}


def judge(run: Run, kept: Node, place: Place, asked: Settings) -> Mapping[str, Json]:
    """Plain JSON, to be kept with the answer."""
    found = figures_of(run, place) if run.has_output else ()
    return {
        "figures": [figure(one) for one in found],
        "short": short(found),
        "reasoning": reasoning_words(run.reply),
        "notes": [one._asdict() for one in _notes(run, kept, asked)],
        "at": run.started,
    }


def figures_of(run: Run, place: Place) -> tuple[Figure, ...]:
    """The figures of an answer that is over."""
    return figures(run.reply, timing(run.reply), limit=place.limit, block_tokens=place.block)


def figure(one: Figure) -> dict[str, Json]:
    """As the browser draws it."""
    return {"label": one.label, "value": one.value, "hint": one.hint, "tone": one.tone}


def _notes(run: Run, kept: Node, asked: Settings) -> Iterator[Note]:
    kind, form = asked.structured
    is_whole = run.state == "done"
    if kind and is_whole and not run.reply.tools:
        found = check(kind, form, kept.text)
        yield Note(_TONES[found.passed], found.sentence)
    if is_whole:
        yield from coach(run.reply, run.request.body)
    yield from integrity(run.reply, stopped=run.state != "done")
