"""How requests end: cut short, or in errors.

What a client sees of an error is counted by the API server (HTTP status), what the engine sees by
its reason to finish; an answer that breaks off after its stream began is in neither.
"""

from collections.abc import Iterable

import numpy as np

from lib.diagnosis.counts import grown
from lib.diagnosis.finding import Curve, Finding, How, Link, Remedy, Rival, Severity
from lib.diagnosis.links import in_order
from lib.diagnosis.rule import Rule
from lib.diagnosis.scene import Scene, last
from lib.diagnosis.words import between, long, percent
from lib.metrics.sample import Values

__all__ = ["RULES"]

CUT_OFTEN, CUT_MOSTLY, CUT_RARELY = 0.2, 0.5, 0.15
CUT_OVER, CUT_LEAST = 600.0, 30.0
ASKED_FOR = 16.0
"""Answers that are limited to so few tokens are short on purpose (labels, probes)."""

FAILS, FAILS_OFTEN = 0.001, 0.01
FAILS_OVER = 300.0
FAILS_LEAST, FAILS_OFTEN_LEAST = 2.0, 5.0

# ── Are answers cut short ──


def _answers_cut(scene: Scene) -> Finding | None:
    all_ended = grown(scene, CUT_OVER, "finished")
    line = Curve("finished", How.SHARE, part="length", limit=CUT_OFTEN, span=CUT_OVER)
    share = scene.curve(line)
    since = scene.since(
        (share >= CUT_OFTEN) & (all_ended >= CUT_LEAST),
        (share < CUT_RARELY) | (all_ended < CUT_LEAST),
        known=np.isfinite(share),
        hold=60.0,
        release=60.0,
    )
    limit = scene.window.percentile("max_tokens", 0.5)
    if since is None or (limit is not None and limit.high <= ASKED_FOR):
        return None
    now = last(share)
    return Finding(
        rule="answers_cut",
        pattern=19,
        severity=Severity.HINT,
        brief="Answers cut short",
        headline=f"{_how_many(now)} end at their limit of tokens instead of by themselves",
        detail=(
            f"{percent(now)} of the requests that ended in the last {long(CUT_OVER)} had written "
            "as many tokens as they were allowed to. Benchmarks do that on purpose."
        ),
        since=since,
        chain=(
            Link(
                "finished",
                "Ended by length",
                f"{percent(now)} of all",
                f"≥ {CUT_OFTEN:.0%} for 60 s",
                f"last {long(CUT_OVER)}",
                since,
                curve=line,
            ),
            *_limits(scene),
        ),
        remedies=(
            Remedy("", "a larger max_tokens in the requests", "longer answers hold their KV cache"),
            Remedy(
                "--max-model-len", "room for longer answers", "fewer requests fit in the KV cache"
            ),
        ),
        source="vLLM documentation: metrics",
    )


def _how_many(share: float) -> str:
    return "Most answers" if share >= CUT_MOSTLY else "Many answers"


def _limits(scene: Scene) -> Iterable[Link]:
    limit = scene.window.percentile("max_tokens", 0.5)
    if limit is not None and np.isfinite(limit.value):
        figure = f"typically {between(float(limit.low), float(limit.high))} tokens"
        yield Link("max_tokens", "max_tokens asked for", figure, "", "whole window")


# ── Do requests fail ──


def _errors(scene: Scene) -> Finding | None:
    engine = _Failing(scene, "finished", "error", "Ended in an error", 0.0)
    refused = grown(scene, FAILS_OVER, "rejections")
    http = _Failing(scene, "http_requests", "5xx", "Answered with 5xx", np.nan_to_num(refused))
    failing = [one for one in (engine, http) if one.since is not None]
    if not failing:
        return None
    often = [one for one in failing if one.is_often]
    worst = max(failing, key=lambda one: one.now)
    since = min(one.since for one in failing if one.since is not None)
    return Finding(
        rule="errors",
        pattern=20,
        severity=Severity.BAD if often else Severity.WATCH,
        brief="Requests fail",
        headline=f"{percent_of_few(worst.now)} of the requests fail",
        detail=(
            "Counted by the engine (reason to finish: error) and by the API server (status 5xx, "
            "those refused at a full queue left out). Answers that break off after their stream "
            "began are in neither."
        ),
        since=since,
        chain=in_order(one.link for one in failing),
        rivals=_not_refused(scene),
        remedies=(
            Remedy("", "read the server's log from that moment on"),
            Remedy("", "where a KV connector loads blocks: check its other end"),
        ),
        source="vLLM documentation: metrics, request_success_total",
    )


class _Failing:
    """One counter's failures: their share of all now, and since when it is too high."""

    def __init__(
        self, scene: Scene, quantity: str, part: str, label: str, expected: Values | float
    ) -> None:
        failed = grown(scene, FAILS_OVER, quantity, part) - expected
        with np.errstate(divide="ignore", invalid="ignore"):
            share = failed / grown(scene, FAILS_OVER, quantity)
        self.since = scene.since(
            (share >= FAILS) & (failed >= FAILS_LEAST),
            ~(failed >= FAILS_LEAST),
            known=np.isfinite(failed),
            hold=0.0,
            release=0.0,
        )
        self.now = last(share)
        self.is_often = self.now >= FAILS_OFTEN and last(failed) >= FAILS_OFTEN_LEAST
        self._figure = f"{last(failed):,.0f}, {percent_of_few(self.now)} of all"
        self._of = quantity, part, label

    @property
    def link(self) -> Link:
        quantity, part, label = self._of
        return Link(
            quantity,
            label,
            self._figure,
            f"≥ {percent_of_few(FAILS)}",
            f"last {long(FAILS_OVER)}",
            self.since,
            curve=Curve(quantity, How.SHARE, part=part, limit=FAILS, span=FAILS_OVER),
        )


def percent_of_few(share: float) -> str:
    """A share that may be far below a hundredth."""
    return f"{share:.1%}" if share < 0.1 else percent(share)


def _not_refused(scene: Scene) -> tuple[Rival, ...]:
    refused = scene.window.increase("rejections")
    return () if refused is None or refused else (Rival("a full queue", "nothing was refused"),)


RULES: tuple[Rule, ...] = (
    Rule(
        "answers_cut",
        19,
        "Answers end by themselves",
        ("finished",),
        _answers_cut,
        least=120.0,
        at_work=True,
    ),
    Rule("errors", 20, "Requests succeed", ("finished",), _errors, least=30.0),
)
