"""The KV cache as a picture: what one cell stands for, and what the blocks of each engine do.

This module alone decides that; `assets/cells.js` draws it. vLLM reports how many blocks are in use
and not which: the picture shows amounts, not places. Blocks in use hold live tokens. Of the others,
those that are cached still hold the tokens of answered requests and are taken when room is needed;
how many those are is known only where a server's KV events are read. Each running request has a
last block that is not full, and therefore not among them.
"""

import math
from collections.abc import Mapping

from lib.api.kv_events import Stored
from lib.metrics import BY_NAME, Sample
from lib.metrics.sample import Reading
from lib.ui import plain
from lib.ui.board import Words

__all__ = ["CELLS", "cells_of"]

CELLS = 4_000
"""Cells of all engines together, at most."""
ENGINES = 32
"""Engines whose blocks are drawn; what the others have is in the words."""
NAME_LENGTH = 24

Cached = Mapping[str, Stored]


def cells_of(sample: Sample | None, cached: Cached | None = None) -> Words | None:
    """The picture of a server's KV cache; None where it does not tell how many blocks it has.

    `cached` says how many blocks of each engine hold tokens; None: it is not known.
    """
    told = [one for one in sample.engines if _is_told(one)] if sample else []
    if sample is None or not told:
        return None
    usable = sum(one.blocks_usable or 0 for one in told)
    room = CELLS - min(len(told), ENGINES)  # an engine's last cell may stand for fewer blocks
    each = max(1, math.ceil(usable / room))
    held = cached or {}
    engines = [_engine(one, held.get(one.engine), several=len(told) > 1) for one in told]
    is_all = all(one.is_all for one in held.values())
    return {
        "each": each,
        "engines": engines[:ENGINES],
        "words": _words(engines, "" if is_all else "at least "),
        "of": _of(sample, each),
        "how": _how(is_cached=all(one["cached"] is not None for one in engines)),
    }


def _is_told(engine: Reading) -> bool:
    return bool(engine.blocks_usable) and engine.blocks_used is not None


def _engine(one: Reading, held: Stored | None, *, several: bool) -> Words:
    """Blocks of one engine: in use, free but cached (None: not known), and in all."""
    usable = one.blocks_usable or 0.0
    used = min(one.blocks_used or 0.0, usable)
    return {
        "name": plain.plain(one.engine, NAME_LENGTH) if several else "",
        "all": usable,
        "used": used,
        "cached": None if held is None else _spare(held.blocks, used, usable, one.running or 0.0),
    }


def _spare(held: float, used: float, usable: float, running: float) -> float:
    """How many of the blocks that hold tokens are not in use."""
    return min(max(0.0, held - max(0.0, used - running)), usable - used)


def _words(engines: list[Words], about: str) -> list[tuple[str, str]]:
    """Each state with its count; free ones that are cached are told apart where it is known."""
    used, usable = _sum(engines, "used"), _sum(engines, "all")
    words = [("used", f"{plain.count(used)} used")]
    free = usable - used
    if all(one["cached"] is not None for one in engines):
        cached = _sum(engines, "cached")
        words.append(("cached", f"{about}{plain.count(cached)} cached, evictable"))
        free -= cached
    return [*words, ("free", f"{plain.count(free)} free")]


def _how(*, is_cached: bool) -> str:
    """The tooltip: from what, and as of when."""
    events = "; cached ones are counted from its KV events" if is_cached else ""
    told = f"{BY_NAME['blocks_used'].sources}, as of the newest reading{events}"
    return f"{told}; which blocks these are is not reported"


def _sum(engines: list[Words], name: str) -> float:
    return sum(float(str(one[name])) for one in engines)


def _of(sample: Sample, each: int) -> str:
    sizes = {config.get("block_size", "") for config in sample.layout.configs}
    tokens = f" of {plain.plain(sizes.pop(), 12)} tokens" if len(sizes) == 1 and all(sizes) else ""
    return f"1 cell = {plain.count(each)} block{'s' if each > 1 else ''}{tokens}"
