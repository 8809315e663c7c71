"""What is asked has changed, or how prompts and answers share the steps.

Patterns 5, 6 and 7, and two bare symptoms: late first tokens and slow streams. Other prompts or
answers are a finding only where somebody feels them.
"""

from dataclasses import replace

import numpy as np

from lib.diagnosis.finding import Curve, Finding, How, Link, Remedy, Rival, Severity
from lib.diagnosis.links import (
    ITL_99,
    PREFILL,
    TTFT_95,
    as_many,
    dated,
    in_order,
    not_memory,
    not_preempted,
    queue,
    read,
    risen,
    some,
)
from lib.diagnosis.remedies import more_seats, prefix_caching
from lib.diagnosis.rule import SYMPTOMS, Rule
from lib.diagnosis.scene import MINUTE, Change, Scene, last
from lib.diagnosis.words import rate, seconds

__all__ = ["RULES"]

SPAN = 2 * MINUTE
"""Seconds that a percentile of lengths looks back: there is one value per request."""
LONGER, LONGER_MEAN = 1.5, 1.2
"""How many times as long a p95 and a mean must be: a percentile moves between a bucket's edges."""
FELT = 1.3
"""How many times what was usual a latency must be to be felt."""
STEADY = 1.3

CHOPPY, CHOPPY_SECONDS = 5.0, 0.2
"""ITL p99 over p50, and the p99 that is felt at all."""
CHOPPY_FOR = 60.0
PROMPT_HEAVY = 2.0
"""Prompt tokens per token written from which on prefill rules the steps."""

(LATE, LATE_SECONDS), (SLOW, SLOW_SECONDS) = (3.0, 1.0), (2.0, 0.1)

_PROMPTS = Curve("prompt_length", How.PERCENTILE, q=0.95, span=SPAN)
_ANSWERS = Curve("generation_length", How.PERCENTILE, q=0.95, span=SPAN)
_DECODE = Curve("decode_time", How.MEAN, span=SPAN)
_TPOT = Curve("tpot", How.MEAN, span=SPAN)
_ITL_50 = Curve("itl", How.PERCENTILE, q=0.5, span=MINUTE)
_ITL_95 = Curve("itl", How.PERCENTILE, q=0.95, span=MINUTE)
_WRITTEN = Curve("generation_tokens", How.RATE, span=MINUTE)


def _tokens(count: float) -> str:
    return f"{count:,.0f} tokens"


def _became_longer(scene: Scene, curve: Curve) -> Change | None:
    change = scene.changed(curve, times=LONGER)
    mean = Curve(curve.quantity, How.MEAN, span=SPAN)
    usual = None if change is None else scene.before(mean, change.since)
    if usual is None or not last(scene.curve(mean)) >= LONGER_MEAN * usual.median:
        return None
    return change


def _changed(curve: Curve, label: str, change: Change, times: float) -> Link:
    """The link of a change in length."""
    threshold = f"≥ {times:g} × {_tokens(change.base.median)}"
    over, line = f"last {curve.span:.0f} s", replace(curve, limit=times * change.base.median)
    return Link(
        curve.quantity, label, _tokens(change.now), threshold, over, change.since, curve=line
    )


# ── Have prompts become longer ──


def _longer_prompts(scene: Scene) -> Finding | None:
    change = _became_longer(scene, _PROMPTS)
    if change is None:
        return None
    prefill = risen(scene, PREFILL, "Prefill, mean", change.since, times=FELT)
    ttft = risen(scene, TTFT_95, "TTFT p95", change.since, times=FELT)
    if prefill is None and ttft is None:
        return None
    prompts = dated(_changed(_PROMPTS, "Prompt p95", change, LONGER), prefill, ttft)
    return Finding(
        rule="longer_prompts",
        pattern=6,
        severity=Severity.WATCH,
        brief="Longer prompts",
        headline="Prompts have become longer, and so first tokens come later",
        detail="What is asked has changed, not the server.",
        since=prompts.since or change.since,
        chain=in_order([prompts, prefill, ttft, queue(scene)]),
        rivals=some(not_memory(scene, change.since), not_preempted(scene, change.since)),
        remedies=some(
            Remedy("", "send long prompts to servers of their own", "their GPUs"),
            Remedy("--max-model-len", "refuse the longest", "those requests fail"),
            prefix_caching(scene),
            Remedy("", "put what prompts share at their head, where the prefix cache finds it"),
        ),
        source="vLLM documentation: optimization, chunked prefill",
        explains=("prefill_limit", "cache_full") if as_many(scene, change.since) else (),
    )


# ── Have answers become longer ──


def _longer_answers(scene: Scene) -> Finding | None:
    change = _became_longer(scene, _ANSWERS)
    if change is None:
        return None
    decode = risen(scene, _DECODE, "Decode, mean", change.since, times=FELT)
    slower = risen(scene, _TPOT, "TPOT, mean", change.since, times=STEADY)
    if decode is None or slower is not None:
        return None
    answers = dated(_changed(_ANSWERS, "Answer p95", change, LONGER), decode)
    return Finding(
        rule="longer_answers",
        pattern=7,
        severity=Severity.WATCH,
        brief="Longer answers",
        headline="Answers have become longer: each holds its seat and its blocks for longer",
        detail="Each token comes as fast as before: what is asked has changed, not the server.",
        since=answers.since or change.since,
        chain=in_order([answers, decode, queue(scene)]),
        rivals=some(
            _not_slower(scene, change.since),
            not_preempted(scene, change.since),
        ),
        remedies=some(
            Remedy("", "cap max_tokens in the requests", "cut answers"),
            more_seats(scene, change.since),
            Remedy("", "another replica", "its GPU"),
        ),
        source="vLLM's own dashboards: workload",
        explains=("cache_full",) if as_many(scene, change.since) else (),
    )


def _not_slower(scene: Scene, since: float) -> Rival | None:
    """Slower steps, if what a token took before is known, and what it takes now."""
    base, now = scene.before(_TPOT, since), last(scene.curve(_TPOT))
    if base is None or not now < STEADY * base.median:
        return None
    return Rival("slower steps", f"{seconds(now)} per token, {seconds(base.median)} before")


# ── Do long prompts make streams choppy ──


def _choppy(scene: Scene) -> Finding | None:
    high, half = scene.curve(ITL_99), scene.curve(_ITL_50)
    prompts = read(scene, MINUTE)
    reads, written = scene.curve(prompts), scene.curve(_WRITTEN)
    heavy = reads >= PROMPT_HEAVY * written
    choppy = (high >= CHOPPY * half) & (high >= CHOPPY_SECONDS) & heavy
    since = scene.since(choppy, known=np.isfinite(high), hold=CHOPPY_FOR, release=MINUTE)
    if since is None:
        return None
    at = int(np.flatnonzero(choppy)[-1])  # it may be over since, but not for good
    ratio = float(high[at] / half[at])
    lately = scene.window.end - scene.grid.moments[at] < scene.grid.step
    over = "last 60 s" if lately else "last 2 minutes"
    return Finding(
        rule="choppy_streams",
        pattern=5,
        severity=Severity.WATCH,
        brief="Choppy streams",
        headline="Streams stutter: long prompts share their steps",
        detail=f"One token in a hundred comes {ratio:.0f} times as late as the median one.",
        since=since,
        chain=in_order(
            [
                Link(
                    "itl",
                    "ITL p99",
                    f"{seconds(high[at])}, {ratio:.0f} × the median",
                    f"≥ {CHOPPY:g} ×",
                    over,
                    since,
                    curve=ITL_99,
                ),
                Link(
                    prompts.quantity,
                    "Prompts read",
                    rate(reads[at], "tokens"),
                    f"≥ {PROMPT_HEAVY:g} × the {rate(written[at])} written",
                    over,
                    scene.crossed(heavy, since),
                    curve=prompts,
                ),
            ]
        ),
        rivals=some(not_memory(scene, since), not_preempted(scene, since)),
        remedies=(
            Remedy(
                "--max-num-batched-tokens 2048", "less of a prompt in a step", "later first tokens"
            ),
            Remedy("--long-prefill-token-threshold", "smaller pieces of the longest prompts"),
        ),
        source="vllm-project/vllm#8121",
    )


# ── What users feel, whatever the cause ──


def _slow_first_token(scene: Scene) -> Finding | None:
    return _symptom(
        scene,
        TTFT_95,
        "slow_first_token",
        ("Late first tokens", "TTFT p95"),
        "First tokens come later than before, and no known cause explains it",
        (LATE, LATE_SECONDS),
    )


def _slow_streams(scene: Scene) -> Finding | None:
    return _symptom(
        scene,
        _ITL_95,
        "slow_streams",
        ("Slow streams", "ITL p95"),
        "Streams are slower than before, and no known cause explains it",
        (SLOW, SLOW_SECONDS),
    )


def _symptom(
    scene: Scene,
    curve: Curve,
    rule: str,
    names: tuple[str, str],
    headline: str,
    limits: tuple[float, float],
) -> Finding | None:
    times, least = limits
    change = scene.changed(curve, times=times)
    if change is None or not change.now >= least:
        return None
    now, usual = seconds(change.now), seconds(change.base.median)
    threshold = f"≥ {times:g} × {usual}"
    load = scene.before(Curve("running", How.GAUGE), change.since)
    before = (
        ""
        if load is None
        else f" Running: {last(scene.running):.0f} now, {load.median:.0f} before."
    )
    return Finding(
        rule=rule,
        pattern=0,
        severity=Severity.WATCH,
        brief=names[0],
        headline=headline,
        detail=f"{now} now, {usual} before.{before}",
        since=change.since,
        chain=in_order(
            [
                Link(
                    curve.quantity, names[1], now, threshold, "last 60 s", change.since, curve=curve
                ),
                queue(scene),
            ]
        ),
        rivals=some(not_memory(scene, change.since), not_preempted(scene, change.since)),
        remedies=(Remedy("", "open “What changed”: it holds this time against the one before"),),
    )


RULES: tuple[Rule, ...] = (
    Rule(
        "choppy_streams",
        5,
        "Streams even",
        ("itl", "prompt_tokens", "generation_tokens"),
        _choppy,
        least=2 * MINUTE,
        explains=("slow_streams",),
    ),
    Rule(
        "longer_prompts",
        6,
        "Prompts as long as before",
        ("prompt_length",),
        _longer_prompts,
        least=5 * MINUTE,
        explains=(*SYMPTOMS, "hits_fell"),
    ),
    Rule(
        "longer_answers",
        7,
        "Answers as long as before",
        ("generation_length", "decode_time"),
        _longer_answers,
        least=5 * MINUTE,
        explains=(*SYMPTOMS, "seat_limit"),
    ),
    Rule(
        "slow_first_token",
        0,
        "First tokens as early as before",
        ("ttft",),
        _slow_first_token,
        least=5 * MINUTE,
    ),
    Rule("slow_streams", 0, "Streams as fast as before", ("itl",), _slow_streams, least=5 * MINUTE),
)
