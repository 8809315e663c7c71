"""Lengths: which texts are longer than a model takes, found out before they are sent.

This module alone decides which texts must be counted for that. A tokenizer makes at most one token
of a byte, so most texts are known to fit without a question; the others cost one each, of the
server's processor only.
"""

import unicodedata
from collections.abc import Mapping, Sequence

from lib.api.answers import Answer, Tokens
from lib.api.asking import Asking
from lib.api.capabilities import Capabilities, Conversation
from lib.api.errors import Refused

__all__ = ["count", "limit_of", "may_be_over", "too_long"]

_ADDED = 16
"""Tokens that a server puts around a text at most."""
_COUNTED = 240_000
"""Characters that are counted of a text: one that has more is too long for every model by then."""


def limit_of(known: Capabilities, model: str) -> int | None:
    """Tokens that a model takes; for an adapter, those of its base. None where nobody tells."""
    listed = {one.id: one for one in known.models}
    one = listed.get(model)
    base = listed.get(one.parent) if one and one.parent else None
    return next((card.max_model_len for card in (one, base) if card and card.max_model_len), None)


def may_be_over(text: str, limit: int) -> bool:
    """Whether a text may have more tokens than that; False only where it surely has not."""
    if len(text) + _ADDED > limit:
        return True
    if text.isascii():
        return False
    # some normalisers spell characters out, so the longer spelling counts
    spelt = unicodedata.normalize("NFKD", text)
    return max(_bytes(text), _bytes(spelt)) + _ADDED > limit


def count(
    asking: Asking, known: Capabilities, text: str, model: str
) -> Conversation[int | Refused]:
    """The tokens of a text, with those that the server adds; of a huge one, of its beginning."""
    outcome: Answer[Tokens] | Refused
    outcome = yield asking.tokenize_call(known, text[:_COUNTED], model, strings=False)
    return outcome if isinstance(outcome, Refused) else outcome.value.count


def too_long(
    asking: Asking, known: Capabilities, texts: Sequence[str], limit: int | None, model: str
) -> Conversation[Mapping[int, int]]:
    """The texts with more tokens than `limit` (None: than the model takes), and how many.

    Raises:
        Refused: the server does not count a text.
    """
    found: dict[int, int] = {}
    most = limit_of(known, model) if limit is None else limit
    if most is None:
        return found
    for index, text in enumerate(texts):
        if may_be_over(text, most):
            counted = yield from count(asking, known, text, model)
            if isinstance(counted, Refused):
                raise counted
            if counted > most:
                found[index] = counted
    return found


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
