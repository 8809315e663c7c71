"""The KV cache as a picture: what one cell stands for, and what the blocks of each engine do.

This module alone decides that; `assets/cells.js` draws it. vLLM reports how many blocks are in use
and not which: the picture shows amounts, not places. Blocks in use hold live tokens. Of the others,
those that are cached still hold the tokens of answered requests and are taken when room is needed;
how many those are is known only where a server's KV events are read.
"""

import math
from collections.abc import Mapping

from lib.metrics import Sample
from lib.metrics.sample import Reading
from lib.ui import plain
from lib.ui.board import Words

__all__ = ["CELLS", "cells_of"]

CELLS = 4_000
"""Cells of all engines together, at most."""
ENGINES = 32
"""Engines whose blocks are drawn; what the others have is in the words."""
NAME_LENGTH = 24

Cached = Mapping[str, float]


def cells_of(sample: Sample | None, cached: Cached | None = None) -> Words | None:
    """The picture of a server's KV cache; None where it does not tell how many blocks it has.

    `cached` says how many blocks of each engine hold tokens, in use or not; None: it is not known.
    """
    told = [one for one in sample.engines if _is_told(one)] if sample else []
    if sample is None or not told:
        return None
    usable = sum(one.blocks_usable or 0 for one in told)
    room = CELLS - min(len(told), ENGINES)  # an engine's last cell may stand for fewer blocks
    each = max(1, math.ceil(usable / room))
    engines = [_engine(one, cached, several=len(told) > 1) for one in told]
    return {
        "each": each,
        "engines": engines[:ENGINES],
        "words": _words(engines),
        "of": _of(sample, each),
    }


def _is_told(engine: Reading) -> bool:
    return bool(engine.blocks_usable) and engine.blocks_used is not None


def _engine(one: Reading, cached: Cached | None, *, several: bool) -> Words:
    """Blocks of one engine: in use, free but cached (None: not known), and in all."""
    usable, used = one.blocks_usable or 0.0, one.blocks_used or 0.0
    held = None if cached is None else cached.get(one.engine)
    spare = None if held is None else min(max(0.0, held - used), usable - used)
    return {
        "name": plain.plain(one.engine, NAME_LENGTH) if several else "",
        "all": usable,
        "used": min(used, usable),
        "cached": spare,
    }


def _words(engines: list[Words]) -> list[tuple[str, str]]:
    """Each state with its count; free ones that are cached are told apart where it is known."""
    total = {key: sum(float(str(one[key])) for one in engines) for key in ("all", "used")}
    spares = [one["cached"] for one in engines]
    free = total["all"] - total["used"]
    words = [("used", f"{plain.count(total['used'])} used")]
    if all(spare is not None for spare in spares):
        cached = sum(float(str(spare)) for spare in spares)
        words.append(("cached", f"{plain.count(cached)} cached, evictable"))
        free -= cached
    return [*words, ("free", f"{plain.count(free)} free")]


def _of(sample: Sample, each: int) -> str:
    sizes = {config.get("block_size", "") for config in sample.layout.configs}
    tokens = f" of {plain.plain(sizes.pop(), 12)} tokens" if len(sizes) == 1 and all(sizes) else ""
    return f"1 cell = {plain.count(each)} block{'s' if each > 1 else ''}{tokens}"
