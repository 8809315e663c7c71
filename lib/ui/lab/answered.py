"""One question to a tokenizer as the page shows it: tokens, figures and remarks, or a sentence.

Decided here: what of an answer is worth a remark, and which text the figures of a chat are about:
the one that the template wrote, because that is what the model reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lib.api import BadRequest, CallerMistake, Refused
from lib.tokens import Alignment, Fit, Kind, Unreadable
from lib.tokens.budget import room
from lib.tokens.chat import Part, Rendered, double_start
from lib.tokens.roundtrip import named
from lib.tokens.statistics import Figures, figures
from lib.ui.lab.tiles import Tile, tiles
from lib.ui.lab.typed import Typed
from lib.ui.plain import count, plain
from lib.ui.tokenizers import Served

__all__ = ["Shown", "answered", "remarks"]

Remark = dict[str, str]
SENTENCE = 400
_NAMED_DROPPED = 3


@dataclass(frozen=True)
class Shown:
    """What is to be seen; without `alignment` there is `trouble`, and the figures of the text.

    `owners` is the message of each token of a chat, `costs` are words on each message.
    """

    figures: Figures
    tiles: list[Tile]
    alignment: Alignment | None = None
    trouble: str = ""
    remarks: list[Remark] = field(default_factory=list)
    owners: NDArray[np.int64] | None = None
    costs: list[str] = field(default_factory=list)


def answered(served: Served, typed: Typed) -> Shown:
    """Ask, and say what came of it."""
    if typed.trouble:
        return _refused(typed, typed.trouble)
    try:
        if typed.is_chat:
            return _chat(served, typed, served.render(typed.chat()))
        return _text(served, typed, served.align(typed.text, special=typed.special))
    except Refused as refused:
        return _refused(typed, _sentence(refused))
    except Unreadable as unreadable:
        return _refused(typed, str(unreadable))


def _sentence(refused: Refused) -> str:
    """With what the server or the client named as the cause, where the sentence points to it."""
    if refused.detail and isinstance(refused, BadRequest | CallerMistake):
        return f"{refused.sentence} Detail: {refused.detail.rstrip('.')}."
    return refused.sentence


def remarks(alignment: Alignment) -> list[Remark]:
    """What a person should know about these tokens, the worst first."""
    found: list[Remark] = []
    if alignment.fit is Fit.UNALIGNED:
        why = alignment.reason or "no reason is known."
        found.append(_remark("watch", f"The text could not be aligned: {plain(why, SENTENCE)}"))
    elif alignment.reason:
        found.append(_remark("note", plain(alignment.reason, SENTENCE)))
    if alignment.dropped:
        found.append(_remark("note", _dropped(alignment)))
    return found


def _text(served: Served, typed: Typed, alignment: Alignment) -> Shown:
    added = int((alignment.kinds == Kind.ADDED).sum())
    found = figures(typed.text, len(alignment), added)
    shown = tiles(found, room(len(alignment), served.limit()), typed.price)
    doubled = double_start(alignment.ids.tolist(), served.tokenizer.profile())
    said = [_remark("watch", one) for one in (doubled, typed.price_trouble) if one]
    said += [*_control(alignment), *remarks(alignment)]
    return Shown(found, shown, alignment, remarks=said)


def _chat(served: Served, typed: Typed, rendered: Rendered) -> Shown:
    alignment = rendered.alignment
    found = figures(rendered.text, rendered.tokens)
    overhead = rendered.overhead, rendered.tokens
    shown = tiles(found, room(rendered.tokens, served.limit()), typed.price, overhead)
    told = [*rendered.remarks, typed.price_trouble]
    said = [_remark("watch", plain(one, SENTENCE)) for one in told if one]
    said += remarks(alignment)
    return Shown(
        found,
        shown,
        alignment,
        remarks=said,
        owners=rendered.owners,
        costs=_costs(rendered.parts),
    )


def _costs(parts: Sequence[Part]) -> list[str]:
    return [
        f"{count(one.tokens)} + {count(one.overhead)}" if one.found else "not seen" for one in parts
    ]


def _control(alignment: Alignment) -> list[Remark]:
    number = int((alignment.kinds == Kind.SPECIAL).sum())
    if not number:
        return []
    pieces = "One piece of the text is read as a control token"
    if number > 1:
        pieces = f"{number:,} pieces of the text are read as control tokens"
    return [_remark("watch", f"{pieces}: who types this can end a turn or open another role.")]


def _dropped(alignment: Alignment) -> str:
    data = alignment.text.encode()
    first = [
        f"{named(data[start:end].decode('utf-8', 'replace'), 3)} at byte {start:,}"
        for start, end in alignment.dropped[:_NAMED_DROPPED]
    ]
    more = len(alignment.dropped) - len(first)
    rest = f", and {more:,} more" if more else ""
    return f"Dropped by the tokenizer: {'; '.join(first)}{rest}."


def _remark(tone: str, text: str) -> Remark:
    return {"tone": tone, "text": text}


def _refused(typed: Typed, sentence: str) -> Shown:
    found = figures(typed.read_text, None)
    return Shown(found, tiles(found, room(0, None), typed.price), trouble=plain(sentence, SENTENCE))
