"""The figures that two spans or several servers are compared by.

This table alone decides which there are, how each is computed, and what of it is too little to be
worth a word: `least`, in the figure's own unit. A figure that a server does not report is left out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from lib.diagnosis.finding import Curve, How
from lib.metrics import BY_NAME, Layout

__all__ = ["MEASURES", "WORKLOAD", "Measure", "measures_of"]

PARTS = 12
"""Parts of a quantity that are looked at: a server may report any number."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure: `name` is what a link calls it, `unit` that of its values ("s", "fraction", …).

    `least` is the smallest difference that means anything.
    """

    name: str
    label: str
    group: str
    unit: str
    least: float
    curve: Curve

    @property
    def source(self) -> str:
        """What a tooltip names: the metrics, and how they are read."""
        of = BY_NAME[self.curve.quantity].source
        if self.curve.to:
            of = f"{of} / {BY_NAME[self.curve.to].source}"
        part = f", {self.curve.part}" if self.curve.part else ""
        q = f"p{100 * self.curve.q:.0f}, " if self.curve.q else ""
        return f"{of}{part}; {q}{self.curve.how.value}"


WORKLOAD, QUEUE, LATENCY, ERRORS, PROCESS = (
    "Workload", "Queue and cache", "Latency", "Refused and failed", "Process",
)  # fmt: skip


def _rate(name: str, label: str, group: str, quantity: str, least: float) -> Measure:
    return Measure(name, label, group, "per second", least, Curve(quantity, How.RATE))


def _gauge(name: str, label: str, group: str, quantity: str, least: float) -> Measure:
    return Measure(name, label, group, BY_NAME[quantity].unit, least, Curve(quantity, How.GAUGE))


def _ratio(name: str, label: str, group: str, of: str, to: str) -> Measure:
    return Measure(name, label, group, "fraction", 0.02, Curve(of, How.RATIO, to=to))


def _mean(name: str, label: str, group: str, quantity: str, least: float) -> Measure:
    return Measure(name, label, group, BY_NAME[quantity].unit, least, Curve(quantity, How.MEAN))


def _percentiles(
    name: str, label: str, group: str, quantity: str, least: float, *percents: int
) -> Iterator[Measure]:
    unit = BY_NAME[quantity].unit
    for percent in percents:
        curve = Curve(quantity, How.PERCENTILE, q=percent / 100)
        yield Measure(f"{name}_p{percent}", f"{label} p{percent}", group, unit, least, curve)


MEASURES: tuple[Measure, ...] = (
    _rate("finished", "Requests finished", WORKLOAD, "finished", 0.05),
    _rate("prompt_rate", "Prompt tokens", WORKLOAD, "prompt_tokens", 5.0),
    _rate("generation_rate", "Generated tokens", WORKLOAD, "generation_tokens", 2.0),
    *_percentiles("prompt", "Prompt length", WORKLOAD, "prompt_length", 8.0, 50, 95),
    *_percentiles("answer", "Answer length", WORKLOAD, "generation_length", 8.0, 50, 95),
    Measure("reason", "Finished by", WORKLOAD, "fraction", 0.02, Curve("finished", How.SHARE)),
    _ratio("prefix_hits", "Prefix cache hits", QUEUE, "prefix_hits", "prefix_queries"),
    _gauge("prefix_rate", "Prefix cache hits", QUEUE, "prefix_hit_rate", 0.02),
    _ratio(
        "external_hits",
        "External cache hits",
        QUEUE,
        "external_prefix_hits",
        "external_prefix_queries",
    ),
    _gauge("running", "Running", QUEUE, "running", 1.0),
    _gauge("waiting", "Waiting", QUEUE, "waiting", 1.0),
    _gauge("waiting_for", "Waiting for", QUEUE, "waiting_by_reason", 1.0),
    _gauge("swapped", "Swapped", QUEUE, "swapped", 1.0),
    Measure("kv_usage", "KV cache use", QUEUE, "fraction", 0.05, Curve("kv_usage", How.MAX)),
    _rate("preemptions", "Preemptions", QUEUE, "preemptions", 0.02),
    _mean("step_tokens", "Tokens in a step", QUEUE, "step_tokens", 4.0),
    _ratio("accepted", "Drafted tokens accepted", WORKLOAD, "accepted_tokens", "draft_tokens"),
    *_percentiles("ttft", "Time to first token", LATENCY, "ttft", 0.005, 50, 95, 99),
    *_percentiles("itl", "Inter-token latency", LATENCY, "itl", 0.002, 50, 99),
    *_percentiles("tpot", "Time per output token", LATENCY, "tpot", 0.002, 50, 95),
    *_percentiles("e2e", "End-to-end latency", LATENCY, "e2e", 0.05, 50, 95),
    _mean("queue", "Queue time, mean", LATENCY, "queue_time", 0.01),
    _mean("prefill", "Prefill time, mean", LATENCY, "prefill_time", 0.01),
    _mean("decode", "Decode time, mean", LATENCY, "decode_time", 0.05),
    _rate("rejections", "Refused at the door", ERRORS, "rejections", 0.02),
    _rate("corrupted", "Corrupted answers", ERRORS, "corrupted", 0.01),
    Measure(
        "answers", "HTTP answers", ERRORS, "fraction", 0.005, Curve("http_requests", How.SHARE)
    ),
    _rate("cpu", "CPU of the API server", PROCESS, "process_cpu", 0.05),
    _gauge("rss", "Memory of the API server", PROCESS, "process_rss", 50e6),
)


def measures_of(layouts: Iterable[Layout]) -> tuple[Measure, ...]:
    """The figures that at least one of these layouts can give, those with parts once for each."""
    found = tuple(layouts)
    reported = {quantity for layout in found for quantity in layout.quantities}
    return tuple(
        one
        for measure in MEASURES
        if {measure.curve.quantity, measure.curve.to or measure.curve.quantity} <= reported
        for one in _split(measure, found)
    )


def _split(measure: Measure, layouts: tuple[Layout, ...]) -> Iterator[Measure]:
    if measure.curve.how is not How.SHARE and not BY_NAME[measure.curve.quantity].part:
        yield measure
        return
    if measure.curve.how is How.RATE:  # of all its parts together
        yield measure
        return
    parts = {part for layout in layouts for part in layout.parts(measure.curve.quantity)}
    for part in sorted(parts)[:PARTS]:
        yield replace(
            measure,
            name=f"{measure.name}_{part}",
            label=f"{measure.label} {part}",
            curve=replace(measure.curve, part=part),
        )
