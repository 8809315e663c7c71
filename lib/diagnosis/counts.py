"""How much a counter grew before each moment that rules look at: counts, where a rate says little.

Unlike `lib.metrics.rate_curve` this bridges gaps and restarts, for rules that compare totals: what
was counted in a gap was counted, whenever it was.
"""

import numpy as np

from lib.diagnosis.scene import Scene
from lib.metrics.sample import Values

__all__ = ["ago", "grown", "per_second", "steps_of"]


def grown(
    scene: Scene, span: float, quantity: str, part: str | None = None, *, dated: bool = False
) -> Values:
    """Growth in the `span` seconds before each moment, or since the window began if that is less.

    NaN everywhere if it is not reported, and after the newest answer: what is not known has not
    stopped. `dated` leaves out what was counted in a gap, nobody knows when: for rules that say of
    the last minutes that something happened in them.
    """
    rows = scene.window.growth(quantity, part)
    if not np.isfinite(rows).any():
        return np.full(scene.grid.size, np.nan)
    if dated:
        rows = np.where(scene.window.timely(quantity), rows, np.nan)
    total = np.concatenate([[0.0], np.nancumsum(rows)])
    moments = scene.grid.moments
    counted = total[np.searchsorted(scene.window.times, moments, "right")]
    silent = moments - scene.grid.step >= (scene.newest or np.inf)
    return np.where(silent, np.nan, counted - ago(scene, span, counted))


def per_second(scene: Scene, grown_in: float, span: float) -> float:
    """What grew in the last `span` seconds, for each of them that was seen."""
    return grown_in / min(span, scene.seen)


def ago(scene: Scene, span: float, curve: Values) -> Values:
    """The curve as it was `span` seconds before each moment; its first value before it began."""
    back = min(steps_of(scene, span), len(curve))
    before: Values = np.concatenate([np.full(back, curve[0] if len(curve) else np.nan), curve])
    return before[: len(curve)]


def steps_of(scene: Scene, span: float) -> int:
    """How many steps of the grid a span is, at least one."""
    return max(1, round(span / scene.grid.step))
