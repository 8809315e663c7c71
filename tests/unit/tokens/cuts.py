"""Texts with tokens of a known place, as hypothesis draws them."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

LETTERS = "ab 1\n\r.=é你\u0301🎉👩\u200d👦🇩🇪"


@dataclass(frozen=True)
class Spans:
    """The least that is asked of an alignment."""

    text: str
    starts: np.ndarray
    ends: np.ndarray


def spans(text, cuts, before=0, after=0):
    """Tokens that tile the text, cut at those bytes, between zero-width ones."""
    size = len(text.encode())
    edges = sorted({0, size} | {cut for cut in cuts if 0 < cut < size})
    starts = [0] * before + (edges[:-1] if size else []) + [size] * after
    ends = [0] * before + (edges[1:] if size else []) + [size] * after
    return Spans(text, np.array(starts, np.int64), np.array(ends, np.int64))


def each(text, *pieces):
    """Tokens that are these pieces (str or bytes), one after the other."""
    sizes = [len(one.encode() if isinstance(one, str) else one) for one in pieces]
    joined = b"".join(one.encode() if isinstance(one, str) else one for one in pieces)
    assert joined == text.encode()
    return spans(text, np.cumsum(sizes).tolist())


@st.composite
def placed(draw, letters=LETTERS, most=40, added=2):
    """Any text with any cuts, some of them inside characters, and a few added tokens."""
    text = draw(st.text(st.sampled_from(letters), max_size=most))
    cuts = draw(st.lists(st.integers(0, 4 * most), max_size=most))
    return spans(text, cuts, draw(st.integers(0, added)), draw(st.integers(0, added)))
