"""Requests that bring nothing: their client left before the end, or was refused at the door.

vLLM counts no request whose client has gone. It is missed between two counts: prompt tokens are
counted at the first token of an answer, the length of a prompt at the end of it. What is under way
meanwhile is given the benefit of the doubt.
"""

from collections.abc import Iterable

import numpy as np

from lib.diagnosis.counts import ago, grown, per_second
from lib.diagnosis.finding import Curve, Finding, How, Link, Remedy, Severity
from lib.diagnosis.links import in_order, queue
from lib.diagnosis.rule import Rule
from lib.diagnosis.scene import Scene, last
from lib.diagnosis.words import counted, long, percent, rate, seconds
from lib.metrics.sample import Values

__all__ = ["RULES"]

LEAVE, LEAVE_OVER, LEAVE_LEAST = 0.1, 600.0, 5.0

REFUSED_OVER = 60.0
REFUSED_OFTEN = 0.01

# ── Do clients leave before their answer ends ──


def _clients_leave(scene: Scene) -> Finding | None:
    gone, share = _gone(scene)
    since = scene.since(
        (share >= LEAVE) & (gone >= LEAVE_LEAST),
        ~(share >= LEAVE / 2) | ~(gone >= LEAVE_LEAST),
        known=np.isfinite(share),
        hold=60.0,
        release=60.0,
    )
    aborted = grown(scene, LEAVE_OVER, "finished", "abort")
    if since is None or last(aborted) >= last(gone):
        return None
    return Finding(
        rule="clients_leave",
        pattern=21,
        severity=Severity.WATCH,
        brief="Clients leave",
        headline="Clients go away before their answer ends, and nothing counts them",
        detail=(
            f"About {last(gone):,.0f} requests of the last {long(LEAVE_OVER)} got their first "
            "token, run no longer and never ended. Their tokens were computed for nobody."
        ),
        since=since,
        chain=(
            Link(
                "prompt_tokens",
                "Prompts that never ended",
                f"{percent(last(share))} of all",
                f"≥ {LEAVE:.0%}",
                f"last {long(LEAVE_OVER)}",
                since,
                curve=Curve("prompt_tokens", How.RATE, span=LEAVE_OVER),
            ),
            *_abort_link(last(aborted)),
            *_slow_links(scene),
        ),
        remedies=(
            Remedy("", "longer timeouts in the clients, with a pause before each retry"),
            Remedy(
                "--max-num-queued-reqs",
                "refuse early what can't be answered in time",
                "503 for some",
            ),
        ),
        source="vllm-project/vllm#31503",
    )


def _gone(scene: Scene) -> tuple[Values, Values]:
    """Requests that began to answer and neither ended nor run, and which share of all they are.

    The share is that of requests or that of their prompt tokens, whichever is less.
    """
    began = grown(scene, LEAVE_OVER, "ttft", "le=inf")
    under_way = np.maximum(0.0, scene.running - ago(scene, LEAVE_OVER, scene.running))
    if scene.tells("preemptions"):  # who began may wait again
        again = np.maximum(0.0, scene.waiting - ago(scene, LEAVE_OVER, scene.waiting))
        under_way += np.where(grown(scene, LEAVE_OVER, "preemptions") > 0, again, 0.0)
    gone = began - grown(scene, LEAVE_OVER, "prompt_length", "le=inf") - under_way
    tokens = grown(scene, LEAVE_OVER, "prompt_tokens")
    with np.errstate(divide="ignore", invalid="ignore"):
        ended = grown(scene, LEAVE_OVER, "prompt_length", "sum") + under_way * tokens / began
        return gone, np.minimum(gone / began, 1 - ended / tokens)


def _abort_link(aborted: float) -> Iterable[Link]:
    if np.isfinite(aborted):
        counted = f"{aborted:,.0f} counted"
        yield Link("finished", "Ended by abort", counted, "", f"last {long(LEAVE_OVER)}")


def _slow_links(scene: Scene) -> Iterable[Link]:
    """What clients may have been tired of."""
    recent = scene.window.since(scene.window.end - LEAVE_OVER).percentile("e2e", 0.95)
    if recent is not None and np.isfinite(recent.value):
        figure = f"p95 {seconds(float(recent.value))} of those that ended"
        yield Link("e2e", "End-to-end latency", figure, "", f"last {long(LEAVE_OVER)}")


# ── Are requests refused ──


def _rejecting(scene: Scene) -> Finding | None:
    refused = grown(scene, REFUSED_OVER, "rejections", dated=True)
    since = scene.since(refused > 0, known=np.isfinite(refused), hold=0.0, release=0.0)
    if since is None:
        return None
    reasons = scene.window.layout.parts("rejections")
    by_reason = {
        one: last(grown(scene, REFUSED_OVER, "rejections", one, dated=True)) for one in reasons
    }
    ended = last(grown(scene, REFUSED_OVER, "finished", dated=True))
    often = not last(refused) < REFUSED_OFTEN * ended
    line = Curve("rejections", How.RATE, limit=0.0, span=REFUSED_OVER)
    return Finding(
        rule="rejecting",
        pattern=22,
        severity=Severity.BAD if often else Severity.WATCH,
        brief="Requests refused",
        headline="The queue is at its limit: new requests are refused (503)",
        detail=f"{_by_reason(by_reason)} in the last minute; {counted(ended, 'request')} ended."
        if np.isfinite(ended)
        else f"{_by_reason(by_reason)} in the last minute.",
        since=since,
        chain=in_order(
            (
                Link(
                    "rejections",
                    "Refused",
                    rate(per_second(scene, last(refused), REFUSED_OVER)),
                    "> 0",
                    f"last {long(REFUSED_OVER)}",
                    since,
                    curve=line,
                ),
                queue(scene),
            )
        ),
        remedies=(
            Remedy("", "more replicas", "their GPUs"),
            Remedy("--max-num-queued-reqs", "a longer queue", "longer waits"),
            Remedy(
                "--max-num-queued-tokens",
                "set it to the TTFT that you want × prompt tokens per second",
            ),
        ),
        source="vLLM documentation: scheduler configuration",
    )


def _by_reason(counts: dict[str, float]) -> str:
    told = [f"{count:,.0f} by {reason or 'limit'}" for reason, count in counts.items() if count > 0]
    return f"Refused: {', '.join(told)}"


def _lost_at_restart(scene: Scene) -> str:
    """What was under way when it restarted never ends either, and no client left for that."""
    restarts = scene.window.restarts
    recent = bool(restarts) and scene.window.end - restarts[-1] < LEAVE_OVER
    return f"needs {long(LEAVE_OVER)} since its restart" if recent else ""


RULES: tuple[Rule, ...] = (
    Rule(
        "clients_leave",
        21,
        "Clients stay until their answer ends",
        ("ttft", "prompt_tokens", "prompt_length", "running"),
        _clients_leave,
        least=LEAVE_OVER,
        lacks=_lost_at_restart,
        at_work=True,
    ),
    Rule("rejecting", 22, "Nothing is refused", ("rejections",), _rejecting, least=30.0),
)
