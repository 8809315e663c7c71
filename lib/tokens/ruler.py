"""The prefix ruler: where the blocks of a KV cache end, and what two prompts could share of it.

Facts of vLLM's prefix cache that this rests on: it keeps whole blocks only, each known by all the
tokens before it; and of a prompt that it holds completely, it computes at least the last token
again, because the first new token comes from there. So a full hit gives up its last block.
Whether the blocks are still held, nobody can tell from outside: this is what could be reused at
best, within one model, adapter and cache salt.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ruler", "Shared", "ruler", "shared"]

Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Ruler:
    """Blocks of `size` over some tokens: `edges` are the tokens at which one begins."""

    tokens: int
    size: int
    edges: Numbers

    @property
    def whole(self) -> int:
        """Blocks that are full; only those can be found again."""
        return self.tokens // self.size

    @property
    def rest(self) -> int:
        """Tokens in the last block, where it is not full."""
        return self.tokens % self.size


@dataclass(frozen=True, slots=True)
class Shared:
    """What the second of two prompts could reuse of the first.

    `differs_at` is the first token that differs, or the length of the shorter where it is how the
    longer begins; None where both are the same.
    """

    first: int
    second: int
    size: int
    differs_at: int | None

    @property
    def tokens(self) -> int:
        """Tokens that both begin with."""
        return self.second if self.differs_at is None else self.differs_at

    @property
    def blocks(self) -> int:
        """Whole blocks of tokens that both begin with."""
        return self.tokens // self.size

    @property
    def reusable_blocks(self) -> int:
        """Those of them that need not be computed again; the last token always is."""
        return min(self.blocks, max(self.second - 1, 0) // self.size)

    @property
    def reusable_tokens(self) -> int:
        return self.reusable_blocks * self.size

    @property
    def computed(self) -> int:
        """Tokens of the second that are computed at any rate."""
        return self.second - self.reusable_tokens

    @property
    def share(self) -> float | None:
        """The best hit rate of the second prompt; None where it has no tokens."""
        return self.reusable_tokens / self.second if self.second else None

    @property
    def words(self) -> str:
        """Why so much can be reused and no more, in one sentence for people."""
        begins = f"Both begin with the same {self.tokens:,} tokens"
        if not self.tokens:
            return "The first token already differs: nothing can be reused."
        if not self.blocks:
            return f"{begins}, less than one block of {self.size:,}: nothing can be reused."
        if self.reusable_blocks < self.blocks:
            return (
                f"{begins}; {self.reusable_tokens:,} can be reused, because the last token of a"
                f" prompt is always computed again, and its block with it."
            )
        return f"{begins}; {self.reusable_tokens:,} of them fill whole blocks and can be reused."


def ruler(tokens: int, size: int) -> Ruler:
    """Where the blocks of so many tokens begin.

    Raises:
        ValueError: a block of no tokens, or fewer tokens than none.
    """
    _check(size)
    if tokens < 0:
        raise ValueError("There are never fewer tokens than none.")
    return Ruler(tokens, size, np.arange(0, tokens, size, dtype=np.int64))


def shared(first: Sequence[int] | Numbers, second: Sequence[int] | Numbers, size: int) -> Shared:
    """Compare two prompts, the first of which was computed before.

    Raises:
        ValueError: a block of no tokens.
    """
    _check(size)
    one, other = np.asarray(first, np.int64), np.asarray(second, np.int64)
    length = min(len(one), len(other))
    different = np.flatnonzero(one[:length] != other[:length])
    differs_at: int | None = int(different[0]) if len(different) else length
    if not len(different) and len(one) == len(other):
        differs_at = None
    return Shared(len(one), len(other), size, differs_at)


def _check(size: int) -> None:
    if size < 1:
        raise ValueError("A block holds at least one token.")
