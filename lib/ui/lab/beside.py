"""What stands under the tokens: compression on every chosen server, and what they differ in.

Decided here: which questions that takes. The samples and the probes are asked once per server and
model and remembered; only the typed text is asked anew.
"""

import hashlib
from collections.abc import Sequence
from functools import partial
from uuid import uuid4

import streamlit as st

from lib.api import BadRequest
from lib.tokens import Alignment, Encode, Encoded
from lib.tokens.agreement import Comparison, Probed, compared, probe
from lib.tokens.reference import SAMPLES
from lib.ui.house import house
from lib.ui.lab.answered import Shown
from lib.ui.lab.comparing import comparison
from lib.ui.lab.compression import compression
from lib.ui.lab.spending import spending
from lib.ui.lab.typed import Typed
from lib.ui.plain import plain
from lib.ui.together import Found, Job
from lib.ui.tokenizers import Served

__all__ = ["MOST", "beside"]

MOST = 6
"""Tokenizers side by side: as many as there are colours."""


def beside(chosen: Sequence[Served], typed: Typed, shown: Shown) -> dict[str, object]:
    """All that the browser draws there; the first of `chosen` is the one above."""
    text = typed.read_text
    counts = [_counts(served, text) for served in chosen]
    waiting = any(one.is_waiting for told in counts for one in told.values())
    differences = None
    if len(chosen) > 1:
        aligned = [_aligned(served, text) for served in chosen]
        proofs = _proofs(chosen)
        waiting |= any(one.is_waiting for one in aligned)
        waiting |= any(one.is_waiting for one in proofs)
        differences = comparison(text, aligned, proofs)
    return {
        "servers": [
            {"server": one.server.name, "model": one.model, "title": plain(one.title, 80)}
            for one in chosen
        ],
        "choices": [
            [one.name, model] for one in house().watched() for model in house().models(one) or [""]
        ],
        "most": MOST,
        "rows": compression(text, counts, "your messages" if typed.is_chat else "your text"),
        "spending": spending(shown.alignment) if shown.alignment else None,
        "comparison": differences,
        "waiting": waiting,
    }


def _counts(served: Served, text: str) -> dict[str, Found[int]]:
    texts = [*(one.text for one in SAMPLES), *([text] if text else [])]
    who = served.server.id
    jobs: dict[object, Job[int]] = {
        (who, served.model, "count", _digest(one)): Job(
            who,
            len(one),
            partial(served.count, one),
            (_viewer(), who, served.model, "text") if one == text else None,
        )
        for one in texts
    }
    return dict(zip(dict.fromkeys(texts), house().tokenizers.together.ask(jobs), strict=True))


def _aligned(served: Served, text: str) -> Found[Alignment]:
    who = served.server.id
    # Without what a server adds, as in the chart: the other one may add more.
    ask = partial(served.align, text, special=False)
    job = Job(who, 20 * len(text), ask, (_viewer(), who, served.model, "align"))
    return house().tokenizers.together.ask({(who, served.model, "align", _digest(text)): job})[0]


def _viewer() -> str:
    """This session, and no other: nobody's typing takes the place of another's."""
    return str(st.session_state.setdefault("viewer", uuid4().hex))


def _proofs(chosen: Sequence[Served]) -> list[Found[Comparison]]:
    """The first against each of the others, over the probes."""
    probed = [_probed(served) for served in chosen]
    first = probed[0]
    return [
        Found(compared(first.value, one.value))
        if first.value is not None and one.value is not None
        else Found(trouble=first.trouble or one.trouble)
        for one in probed[1:]
    ]


def _probed(served: Served) -> Found[Probed]:
    who = served.server.id
    job = Job(who, 0, partial(_probe, served))
    return house().tokenizers.together.ask({(who, served.model, "probe"): job})[0]


def _probe(served: Served) -> Probed:
    """The ids of all probes.

    Raises:
        Refused: the server does not answer at all.
    """
    asking = probe()
    answer: Encoded | None = None
    try:
        question: Encode = next(asking)
        while True:
            answer = _encoded(served, question)
            question = asking.send(answer)
    except StopIteration as end:
        found: Probed = end.value
        return found


def _encoded(served: Served, question: Encode) -> Encoded | None:
    try:
        return Encoded(served.tokenizer.encode(question.text, question.special).ids)
    except BadRequest:
        return None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
