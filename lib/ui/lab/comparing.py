"""Two or more tokenizers over one text: counts, boundaries, and whether they are the same.

Pure. The first is what the others are compared with.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lib.tokens import Alignment, Fit
from lib.tokens.agreement import Comparison, agreement
from lib.ui.lab.packing import units
from lib.ui.plain import plain
from lib.ui.together import Found

__all__ = ["comparison"]

EXCERPT = 600
"""Characters of the text whose boundaries are drawn."""


def comparison(
    text: str,
    aligned: Sequence[Found[Alignment]],
    proofs: Sequence[Found[Comparison]],
) -> dict[str, object]:
    """What the browser draws: a row per tokenizer, `proofs` for all but the first."""
    first = aligned[0].value
    proven = [None, *proofs]
    return {
        "text": text[:EXCERPT],
        "cut": len(text) > EXCERPT,
        "rows": [_row(text, first, one, proof) for one, proof in zip(aligned, proven, strict=True)],
    }


def _row(
    text: str,
    first: Alignment | None,
    one: Found[Alignment],
    proof: Found[Comparison] | None,
) -> dict[str, object]:
    found = one.value
    row: dict[str, object] = {
        "tokens": None if found is None else len(found),
        "trouble": plain(one.trouble, 200),
        "edges": _edges(text, found),
        "proof": "",
        "equal": None,
    }
    if found is not None and first is not None and found is not first:
        row |= _against(first, found)
    if proof is not None and proof.value is not None:
        row |= {"proof": proof.value.words, "equal": proof.value.is_equal}
    return row


def _against(first: Alignment, other: Alignment) -> dict[str, object]:
    found = agreement(first, other)
    return {
        "ratio": found.ratio,
        "shared": len(found.shared),
        "only_first": len(found.only_first),
        "only_here": len(found.only_second),
        "complete": found.complete,
    }


def _edges(text: str, found: Alignment | None) -> list[int] | None:
    """Where the tokens of the excerpt end, in UTF-16 units; None where that is not known."""
    if found is None or found.fit is Fit.UNALIGNED:
        return None
    written = found.char_ends[found.ends > found.starts]
    ends: NDArray[np.int64] = np.unique(written[written <= EXCERPT])
    return [int(one) for one in units(text)[ends]]
