"""The texts of token ids, as the server's own tokenizer spells them.

A server is asked for probabilities by id, because an alternative is gone on from by its id. Decided
here: many ids are spelt by one question, with a character between them that no text holds; where
that does not come out even, the ids are asked about one by one, and not many.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial

from lib.api import Refused
from lib.ui.tokenizers import Served

__all__ = ["names"]

_BETWEEN = "\x1e"
_TOGETHER, _ALONE = 512, 64
"""Ids of one question, and ids that are asked about one by one."""


def names(served: Served, ids: Sequence[int]) -> Mapping[int, str]:
    """The text of each id, as far as it is told; "\ufffd" stands for a part of a character."""
    try:
        return _together(served, ids)
    except (Refused, ValueError):
        return _one_by_one(served, ids[:_ALONE])


def _together(served: Served, ids: Sequence[int]) -> Mapping[int, str]:
    separator = served.remembered(("between",), 1, partial(_separator, served))
    found: dict[int, str] = {}
    for start in range(0, len(ids), _TOGETHER):
        some = ids[start : start + _TOGETHER]
        joined = [part for one in some for part in (separator, one)]
        ask = partial(served.tokenizer.decode, [*joined, separator])
        spelt = served.remembered(("spelt", *some), len(some) * 6, ask).split(_BETWEEN)
        if len(spelt) != len(some) + 2 or spelt[0] or spelt[-1]:
            raise ValueError("the ids cannot be told apart")
        found |= dict(zip(some, spelt[1:-1], strict=True))
    return found


def _separator(served: Served) -> int:
    """The id of the character between."""
    ids = served.tokenizer.encode(_BETWEEN, special=False).ids
    if not ids or served.tokenizer.decode([ids[-1]]) != _BETWEEN:
        raise ValueError("no token is that character")
    return ids[-1]


def _one_by_one(served: Served, ids: Sequence[int]) -> Mapping[int, str]:
    found: dict[int, str] = {}
    with suppress(Refused):
        for one in ids:
            ask = partial(served.tokenizer.decode, [one])
            found[one] = served.remembered(("alone", one), 8, ask)
    return found
