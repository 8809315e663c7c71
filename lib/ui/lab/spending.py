"""Where the tokens of a text go: its dearest kinds of runs, and its dearest parts.

Pure. Decided here: which parts are worth naming. A few bytes say nothing of a price, so only parts
of some length are.
"""

import numpy as np

from lib.tokens import Alignment, Fit
from lib.tokens.parts import ORDINARY, Parts, kind_costs, paragraphs, runs
from lib.ui.plain import plain

__all__ = ["spending"]

_MOST = 5
_LEAST_TOKENS = 4
_LONGEST = 2_000_000
_SHOWN = 70


def spending(alignment: Alignment) -> dict[str, object] | None:
    """What the browser draws; None where the places of the tokens are not known."""
    if alignment.fit is Fit.UNALIGNED or not len(alignment) or len(alignment.text) > _LONGEST:
        return None
    found, whole = runs(alignment), paragraphs(alignment)
    return {
        "kinds": [
            {
                "kind": one.kind,
                "runs": one.runs,
                "tokens": one.tokens,
                "rate": one.bytes_per_token,
                "extra": None if one.kind == ORDINARY else one.extra,
            }
            for one in kind_costs(found)
            if one.tokens
        ],
        "paragraphs": _dearest(alignment, whole) if len(whole) > 1 else [],
        "runs": _dearest(alignment, found, ORDINARY),
        "parts": len(whole),
    }


def _dearest(alignment: Alignment, parts: Parts, leave: str = "") -> list[dict[str, object]]:
    data = alignment.text.encode()
    rates = parts.bytes_per_token
    chosen = [
        index
        for index in parts.dearest(len(parts))
        if parts.kinds[index] != leave and parts.tokens[index] >= _LEAST_TOKENS
    ][:_MOST]
    return [
        {
            "kind": parts.kinds[index],
            "text": plain(data[parts.starts[index] : parts.ends[index]].decode(), _SHOWN),
            "tokens": int(parts.tokens[index]),
            "rate": float(rates[index]),
            "token": _first(alignment, int(parts.starts[index])),
        }
        for index in chosen
    ]


def _first(alignment: Alignment, start: int) -> int:
    """The first token that ends behind a byte."""
    behind = np.flatnonzero(alignment.ends > start)
    return int(behind[0]) if len(behind) else 0
