"""Textfile: judged looks as Prometheus text, for the textfile collector of node_exporter.

This module alone decides the names of these metrics and how the file is written: beside its place
and then moved there, so that nobody ever reads half of it. What was not reported has no sample.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from lib.health.judging import Judgement

__all__ = ["as_metrics", "write_metrics"]

_PREFIX = "vllm_inspector_probe_"
_HELP = {
    "success": "Whether no check failed and no limit was passed.",
    "timestamp_seconds": "When the look ended, in seconds of 1970.",
    "duration_seconds": "How long the look took.",
    "verdict_info": "What the server is called, in the label state.",
    "check_success": "Whether a check passed; those that could not be asked have no sample.",
    "check_seconds": "How long a check took.",
    "limit_success": "Whether a limit holds; those that could not be judged have no sample.",
    "requests_running": "Requests in the running batch.",
    "requests_waiting": "Requests queued for the scheduler.",
    "free_blocks_ratio": "Share of the KV blocks that is free, of the engine with the fewest.",
    "age_seconds": "Seconds since the server process started.",
}
Sample = tuple[str, Mapping[str, str], float]


def as_metrics(judgements: Sequence[Judgement]) -> str:
    """The text, grouped by metric."""
    samples = [sample for one in judgements for sample in _samples(one)]
    lines = []
    for name, help_text in _HELP.items():
        found = [_line(*sample) for sample in samples if sample[0] == name]
        if found:
            lines += [f"# HELP {_PREFIX}{name} {help_text}", f"# TYPE {_PREFIX}{name} gauge"]
            lines += found
    return "\n".join(lines) + "\n"


def write_metrics(path: Path, judgements: Sequence[Judgement]) -> None:
    """Put the text in the place of the file, whole.

    Raises:
        OSError: it can't be written there.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}")  # no .prom: the collector passes it by
    try:
        part.write_text(as_metrics(judgements), encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _samples(judgement: Judgement) -> Iterator[Sample]:
    look, figures = judgement.look, judgement.figures
    server = {"server": look.url}
    yield "success", server, judgement.healthy
    yield "timestamp_seconds", server, look.at
    yield "duration_seconds", server, look.seconds
    yield "verdict_info", {**server, "state": judgement.status.state.name.lower()}, 1.0
    for outcome in judgement.outcomes:
        labels = {**server, "check": outcome.check.value}
        yield from _known("check_success", labels, outcome.passed)
        yield from _known("check_seconds", labels, outcome.seconds)
    for held in judgement.limits:
        yield from _known("limit_success", {**server, "limit": held.limit}, held.passed)
    yield from _known("requests_running", server, figures.running)
    yield from _known("requests_waiting", server, figures.waiting)
    yield from _known("free_blocks_ratio", server, figures.free_blocks)
    yield from _known("age_seconds", server, figures.age)


def _known(name: str, labels: Mapping[str, str], value: float | None) -> Iterable[Sample]:
    return [] if value is None else [(name, labels, value)]


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{_PREFIX}{name}{{{inside}}} {float(value)!r}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
