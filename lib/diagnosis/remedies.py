"""What can be changed on this very server: no flag that would change nothing there.

Decided here by the labels of `cache_config_info`, as far as they are told (vLLM documentation:
engine arguments, cache configuration): a number of blocks that is given has the last word on the
size of the KV cache, then a size in bytes, then the share of the GPU's memory. More seats are of
use only where all are taken, and as far as the cache has room for the requests on them.
"""

import math

from lib.diagnosis.finding import Remedy
from lib.diagnosis.links import ROOM, not_seats
from lib.diagnosis.scene import Scene

__all__ = ["cache_size", "denser_cache", "more_cache", "more_seats", "prefix_caching"]

GIVEN = {
    "num_gpu_blocks_override": "--num-gpu-blocks-override",
    "kv_cache_memory_bytes": "--kv-cache-memory-bytes",
}
"""Labels of a size that is given instead of measured, and their flags; the last word first."""
ALL_GIVEN = 0.95
"""Share of the GPU's memory from which on none is left to give."""
SIXTEEN_BITS = {"auto", "float16", "bfloat16"}
TIMES, LEAST_TIMES = 2.0, 1.1
"""How many times the seats are tried at most, and what is not worth a restart."""


def cache_size(scene: Scene) -> str:
    """The flag that the size of the KV cache comes from."""
    share = "--gpu-memory-utilization"
    return next((flag for label, flag in GIVEN.items() if scene.label(label)), share)


def more_cache(scene: Scene, does: str, price: str) -> Remedy | None:
    """A larger KV cache; None where all of the GPU's memory is given."""
    flag, share = cache_size(scene), scene.label("gpu_memory_utilization")
    if flag not in GIVEN.values() and share is not None and share >= ALL_GIVEN:
        return None
    return Remedy(flag, does, price)


def denser_cache(scene: Scene) -> Remedy | None:
    """More tokens in the same memory; None where they are small, or the blocks counted."""
    if scene.words("cache_dtype") - SIXTEEN_BITS or scene.label("num_gpu_blocks_override"):
        return None
    return Remedy("--kv-cache-dtype fp8", "about twice as many tokens in it", "some accuracy")


def prefix_caching(scene: Scene) -> Remedy | None:
    """The prefix cache, where it is off: it is on by default."""
    if "False" not in scene.words("enable_prefix_caching"):
        return None
    return Remedy("--enable-prefix-caching", "what prompts share at their head is read once")


def more_seats(scene: Scene, since: float, taken: float | None = None) -> Remedy | None:
    """More requests at once; None where seats are free, or the KV cache has no room for more.

    `taken` are the seats where all of them are known to be taken; else that is looked for.
    """
    usage = scene.highest(scene.usage, since)
    times = min(TIMES, ROOM / usage) if usage > 0 else TIMES
    if taken is None:
        number, is_more = "", times >= LEAST_TIMES and not_seats(scene, since) is None
    else:
        seats = math.floor(times * taken)
        number, is_more = f" {seats}", seats >= LEAST_TIMES * taken
    if not is_more:
        return None
    return Remedy(
        f"--max-num-seqs{number}",
        "more requests at once",
        "slower streams, more of the KV cache in use",
    )
