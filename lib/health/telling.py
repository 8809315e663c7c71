"""Telling: what an answer, or none, amounts to as the outcome of a check. Pure.

This module alone decides when a missing route is no failure, what readiness is made of where no
route tells it, when no model may be asked for a token, and the words for all that.
"""

from collections.abc import Sequence

from lib.api import NotOffered, Reason, Refused
from lib.api.inference import Embedded, Generated
from lib.api.text import plain_line
from lib.health.outcome import Check, Outcome
from lib.health.states import is_refused_key
from lib.metrics import Glance

__all__ = [
    "NEEDED",
    "NOT_OFFERED",
    "engine_told",
    "figures",
    "hindrance",
    "late",
    "made",
    "ready_by",
    "refusal_told",
]

NEEDED = frozenset({Check.CONNECT, Check.HEALTH, Check.MODELS})
"""What lacks these is no model server; one may lack the others and be well."""
NOT_OFFERED = "This server does not offer it."
_ABSENT = frozenset({Reason.HTML, Reason.REDIRECT})
"""What proxies say of a route that is not there: as good as 404, where it is optional."""


def late(check: Check, waited: float, at: float) -> Outcome:
    """No answer in time."""
    words = f"No answer within {waited:.1f} s; see whether it is overloaded or hangs."
    return Outcome(check, False, waited, words, Reason.TIMEOUT.value, at=at)


def refusal_told(check: Check, refused: Refused, seconds: float, at: float) -> Outcome:
    """A call without a usable answer: a failure, unless the route is one that may be missing."""
    reason = refused.reason
    if check not in NEEDED and (isinstance(refused, NotOffered) or _is_absent(check, reason)):
        return Outcome(check, None, None, NOT_OFFERED, Reason.NO_ROUTE_THERE.value, at=at)
    if reason is Reason.TIMEOUT:
        return late(check, seconds, at)
    words = refused.sentence
    if reason is Reason.TLS:  # OpenSSL's own words tell an expired certificate from a wrong one
        words += f" ({plain_line(refused.detail, 120)})"
    return Outcome(check, False, seconds, words, reason.value, at=at)


def _is_absent(check: Check, reason: Reason) -> bool:
    return reason in _ABSENT and check not in (Check.METRICS, Check.INFERENCE)


def ready_by(health: Outcome, models: Outcome) -> Outcome:
    """Ready, as far as /health and the list of models tell."""
    seconds = max(health.seconds or 0.0, models.seconds or 0.0)
    at = min(health.at, models.at)
    if health.passed and is_refused_key(models.kind):
        return Outcome(Check.READY, None, None, "Only a key would tell.", models.kind, at=at)
    for one in (health, models):
        if not one.passed:
            return one._replace(check=Check.READY, seconds=seconds, figure=None)
    if not models.figure:
        words = "Its list of models is empty."
        return Outcome(Check.READY, False, seconds, words, Reason.NOT_READY.value, at=at)
    return Outcome(Check.READY, True, seconds, "/health passes and a model is listed.", at=at)


def engine_told(answers: Sequence[Outcome], *, sleeps: bool, paused: bool) -> Outcome:
    """Whether the engine rests; the worst of its answers where one failed."""
    given = [one for one in answers if one.passed is not None]
    failed = [one for one in given if not one.passed]
    if failed:
        return next((one for one in failed if one.kind == Reason.TIMEOUT.value), failed[0])
    if not given:
        return answers[0]
    seconds = max(one.seconds or 0.0 for one in given)
    kind, words = "", "It is awake and not paused."
    if sleeps:  # vLLM says both of an engine in either state: only its metrics tell them apart
        kind, words = "asleep", "It is asleep or paused." if paused else "It is asleep."
    elif paused:
        kind, words = "paused", "It is paused."
    return given[0]._replace(seconds=seconds, words=words, kind=kind)


def hindrance(models: Outcome, engine: Outcome) -> str:
    """Why no model may be asked: a request has brought sleeping engines down. "" if nothing is."""
    if not models.passed:
        return "its list of models did not come"
    if engine.kind in ("asleep", "paused"):
        return "its engine is asleep or paused"
    return "its engine does not say whether it sleeps" if engine.passed is False else ""


def made(name: str, value: Generated | Embedded) -> str:
    """What a model gave."""
    model = plain_line(name, 80)
    if isinstance(value, Embedded):
        return f"a vector of {value.dimensions:,} numbers from {model}"
    return f"one token from {model}"


def figures(glance: Glance) -> str:
    """What the metrics say of the engines, in a few words."""
    counts = {name: glance.of(name) for name in ("running", "waiting")}
    told = [f"{count:,.0f} {name}" for name, count in counts.items() if count is not None]
    return ", ".join(told) or "It holds no engine figures."
