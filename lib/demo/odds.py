"""How sure the demo's models say they are: a chosen token and the next best ones.

Invented, but told like real ones: shares that fall off, the chosen token nearly always the first at
temperature 0, and the same figures each time for the same text.
"""

import functools
import math
import random
from collections.abc import Sequence

from lib.demo import prose, tokenizers

__all__ = ["Odds", "odds"]

Odds = list[tuple[int, float]]
"""Tokens and the logarithms of their shares, the chosen one first."""
UNLUCKY = 0.12
"""How often the second best is chosen where chance may choose."""


def odds(family: str, ids: Sequence[int], place: int, count: int, *, chance: bool) -> Odds:
    """The chosen token at a place of a text, then the others of the `count` best ones there."""
    dice = random.Random(f"{ids[max(0, place - 3) : place + 1]}|{place}")
    shares = _shares(dice, max(count, 1) + 1)
    others = [one for one in _stock(family, ids[place]) if one != ids[place]]
    best = dice.sample(others, min(len(shares) - 1, len(others)))
    rank = 1 if chance and dice.random() < UNLUCKY else 0
    ranked = [*best[:rank], ids[place], *best[rank:]]
    told = [(token, math.log(share)) for token, share in zip(ranked, shares, strict=False)]
    chosen = told.pop(rank)
    return [chosen, *told[: count - (rank < count)]] if count else [chosen]


def _shares(dice: random.Random, count: int) -> list[float]:
    """So many shares of 1, each smaller than the one before."""
    first = 1 - dice.betavariate(1.2, 3.5) * 0.8
    shares, left = [first], 1 - first
    for _ in range(count - 1):
        share = min(left * dice.uniform(0.45, 0.75), shares[-1] * 0.98)
        shares.append(max(share, 1e-30))
        left = max(left - share, 1e-30)
    return shares


def _stock(family: str, token: int) -> Sequence[int]:
    """Tokens that might have stood in a token's place: those that begin like it."""
    spaced, bare = _stocks(family)
    piece = tokenizers.load(family).pieces([token])[0]
    return spaced if piece.startswith(("\u0120", "\u2581")) else bare


@functools.cache
def _stocks(family: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The tokens of all that the demo says, with a space before them and without."""
    tokenizer = tokenizers.load(family)
    said = " ".join(prose.ENGLISH)
    ids = sorted(set(tokenizer.encode(said, add_special_tokens=False)))
    bare = sorted(set(tokenizer.encode(",".join(said.split()), add_special_tokens=False)))
    spaced = [
        one
        for one, piece in zip(ids, tokenizer.pieces(ids), strict=True)
        if piece.startswith(("\u0120", "\u2581"))
    ]
    return tuple(spaced), tuple(one for one in bare if one not in spaced)
