"""The paged KV cache: which blocks are in use, which are free, and what the free ones still hold.

A block is in use while some request refers to it. A free block keeps its content until it is
handed out again, least recently used first, so a later prompt with the same beginning finds it:
that is the prefix cache, and why "free" and "empty" differ. The null block of a real engine is not
counted here: `usable` is already one less than the engine's number of blocks.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence

__all__ = ["BLOCK_TOKENS", "BlockPool", "Key", "blocks_for"]

BLOCK_TOKENS = 16
"""Tokens in one block."""

Key = tuple[int, int]
"""What a full block holds: the number of a text, and which block of that text."""


def blocks_for(tokens: int) -> int:
    """Blocks needed to hold so many tokens."""
    return -(-tokens // BLOCK_TOKENS)


class BlockPool:
    """`usable` blocks, each either free or referred to by one or more requests."""

    def __init__(self, usable: int) -> None:
        self.usable = usable
        self._free: OrderedDict[int, None] = OrderedDict.fromkeys(range(usable))
        self._references = [0] * usable
        self._content: dict[int, Key] = {}
        self._place: dict[Key, int] = {}

    @property
    def free(self) -> int:
        return len(self._free)

    @property
    def used(self) -> int:
        return self.usable - len(self._free)

    @property
    def usage(self) -> float:
        """Share of the blocks in use, 0 to 1."""
        return self.used / self.usable

    def cached(self, keys: Iterable[Key]) -> list[int]:
        """The blocks that hold the longest known beginning of a text; they are not taken yet."""
        found: list[int] = []
        for key in keys:
            block = self._place.get(key)
            if block is None:
                break
            found.append(block)
        return found

    def idle(self, blocks: Iterable[int]) -> int:
        """How many of these blocks nobody refers to: sharing them uses up free ones."""
        return sum(self._references[block] == 0 for block in blocks)

    def share(self, blocks: Iterable[int]) -> None:
        """Refer once more to blocks that `cached` found."""
        for block in blocks:
            if self._references[block] == 0:
                del self._free[block]
            self._references[block] += 1

    def take(self, count: int) -> list[int]:
        """Hand out free blocks, forgetting what they held.

        Raises:
            ValueError: fewer are free; nothing was taken.
        """
        if count > len(self._free):
            raise ValueError(f"{count} blocks asked, {len(self._free)} free")
        return [self._hand_out() for _ in range(count)]

    def seal(self, block: int, key: Key) -> None:
        """Note what a block holds now that it is full. Of two equal blocks the first is kept."""
        if key not in self._place:
            self._forget(block)
            self._place[key] = block
            self._content[block] = key

    def release(self, blocks: Sequence[int]) -> None:
        """Give blocks back, the last first: a text's end is forgotten before its beginning."""
        for block in reversed(blocks):
            self._references[block] -= 1
            if self._references[block] == 0:
                self._free[block] = None

    def _hand_out(self) -> int:
        block, _ = self._free.popitem(last=False)
        self._forget(block)
        self._references[block] = 1
        return block

    def _forget(self, block: int) -> None:
        key = self._content.pop(block, None)
        if key is not None:
            del self._place[key]
