"""What is kept about an answer when it is over: its figures and what is worth a remark.

Decided here: what is judged at once, because it goes with the conversation, and what waits until
somebody opens it (`lib.ui.chat.detail`).
"""

from collections.abc import Mapping

from lib.api.deltas import timing
from lib.api.strict_json import Json
from lib.chat.conversation import Node
from lib.chat.figures import Figure, figures, reasoning_words, short
from lib.chat.settings import Settings
from lib.ui.answering import Run
from lib.ui.chat.place import Place

__all__ = ["figure", "judge"]


def judge(run: Run, _kept: Node, place: Place, _asked: Settings) -> Mapping[str, Json]:
    """Plain JSON, to be kept with the answer."""
    found = figures(run.reply, timing(run.reply), limit=place.limit, block_tokens=place.block)
    return {
        "figures": [figure(one) for one in found],
        "short": short(found),
        "reasoning": reasoning_words(run.reply),
        "notes": [],
        "at": run.started,
    }


def figure(one: Figure) -> dict[str, Json]:
    """As the browser draws it."""
    return {"label": one.label, "value": one.value, "hint": one.hint, "tone": one.tone}
