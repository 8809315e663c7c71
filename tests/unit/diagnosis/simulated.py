"""A simulated engine with its clients in simulated time, scraped every few seconds; faults by hand.

The engine is `lib.demo`'s, slow and small, so that twenty minutes of it take part of a second.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import accumulate

import numpy as np

from lib.demo.exposition import render
from lib.demo.families import READINGS, current_families
from lib.demo.ledger import Histogram
from lib.demo.limits import Limits, Pace
from lib.demo.load import Ask, Load, Traffic
from lib.demo.scheduler import Scheduler
from lib.metrics import BY_NAME, Layout, Reader, Sample, Window

__all__ = ["LIMITS", "PACE", "TRAFFIC", "Simulation", "read", "seen"]

PERIOD = 5.0
LIMITS = Limits(usable_blocks=160, max_model_len=1_200, max_num_seqs=16, token_budget=1_024)
PACE = Pace(step=0.1, per_prompt_token=0.0004, per_sequence=0.002)
TRAFFIC = Traffic(
    calm=0.6, busy=0.9, burst=0.9, cycle=240.0,
    prompt=90, output=40, spread=0.4, limit=200, longest=900, heads=3, head_tokens=64,
)  # fmt: skip


def read(engine: Scheduler) -> Sample:
    """The engine as its page of metrics tells it."""
    return Reader().read(render(current_families(engine, "demo/sim", 0.0)))


def seen(engine: Scheduler, layout: Layout) -> Sample:
    """The same as `read`, without writing a page first: a tenth of the time."""
    told = {
        name: _parts(READINGS[wire](engine))
        for name in layout.quantities
        for wire in BY_NAME[name].wire
        if wire in READINGS
    }
    usable = engine.pool.usable
    told |= {
        "blocks_usable": {"": usable},
        "blocks_used": {"": engine.pool.used},
        "kv_tokens": {"": 16 * (usable + 1)},
    }
    return Sample(layout, np.array([told[one.quantity][one.part] for one in layout.series], float))


def _parts(value: object) -> Mapping[str, float]:
    if isinstance(value, Histogram):
        edges = [f"le={edge!r}" for edge in (*value.edges, float("inf"))]
        return dict(zip(edges, accumulate(value.counts), strict=True)) | {"sum": value.sum}
    return value if isinstance(value, Mapping) else {"": value}


Meddling = Callable[["Simulation"], None]


class Simulation:
    """One server. `meddle` puts down what is done to it at a moment of its time."""

    def __init__(
        self,
        *,
        seed: int = 1,
        limits: Limits = LIMITS,
        pace: Pace = PACE,
        traffic: Traffic | None = TRAFFIC,
    ) -> None:
        self.seed = seed
        self.now = 0.0
        self.engine = Scheduler(limits, pace, seed=seed, start=0.0)
        self.load = Load(traffic, seed=seed, start=0.0) if traffic else None
        self.hangs = False
        self._meddling: list[tuple[float, Meddling]] = []

    def meddle(self, moment: float, what: Meddling) -> "Simulation":
        """Have something done to it at a moment."""
        self._meddling.append((moment, what))
        return self

    def window(self, seconds: float = 1_200.0) -> Window:
        """Run it, and what was scraped of it."""
        rows = list(self._scraped(seconds))
        return Window.of(rows, start=0.0, end=rows[-1][0], period=PERIOD)

    def _scraped(self, seconds: float) -> Iterator[tuple[float, Sample]]:
        layout = read(self.engine).layout
        while self.now < seconds:
            self.now += PERIOD
            for one in [one for one in self._meddling if one[0] <= self.now]:
                self._meddling.remove(one)
                one[1](self)
            self._run()
            yield self.now, seen(self.engine, layout)

    def _run(self) -> None:
        if self.hangs:
            self.engine.stall(self.now)
        for ask in self.load.until(self.now) if self.load else ():
            if not self.hangs:
                self.engine.advance(ask.at)
            self.engine.submit(ask)
        if not self.hangs:
            self.engine.advance(self.now)

    # ── Faults ──

    def hang(self) -> None:
        """Compute nothing any more."""
        self.hangs = True

    def restart(self) -> None:
        """Begin again with empty hands."""
        self.engine = Scheduler(
            self.engine.limits, self.engine._pace, seed=self.seed, start=self.now
        )

    def visited(self, **changes: float) -> None:
        """Other clients from now on."""
        self.load = Load(replace(TRAFFIC, **changes), seed=self.seed + 100, start=self.now)

    def paced(self, **changes: float) -> None:
        """Another hardware from now on."""
        self.engine._pace = replace(self.engine._pace, **changes)

    def left(self, share: float) -> None:
        """Clients go away, so many of those whose answer is under way."""
        answering = [one for one in self.engine.running if one.generated]
        for request in answering[: max(1, round(share * len(answering)))]:
            self.engine.withdraw(request)

    def ask(self, **figures: int) -> Ask:
        """A request made by hand."""
        base = Ask(
            number=10**6,
            at=self.now,
            prompt=90,
            output=40,
            limit=200,
            head=0,
            head_tokens=0,
            talk=10**6,
        )
        return replace(base, **figures)
