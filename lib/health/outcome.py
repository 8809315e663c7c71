"""Checks: what a server is asked to find out whether it is fit, and what came of each.

This module alone decides which checks there are, and the words that say what one asks.
"""

from enum import Enum
from typing import NamedTuple

__all__ = ["Check", "Outcome"]


class Check(Enum):
    """One question; the value is its name for people and for the history."""

    CONNECT = "connect"
    HEALTH = "health"
    READY = "ready"
    VERSION = "version"
    MODELS = "models"
    PING = "ping"
    LOAD = "load"
    ENGINE = "engine"
    METRICS = "metrics"
    PROGRESS = "progress"
    INFERENCE = "inference"

    @property
    def what(self) -> str:
        """What is asked, as a sentence for a tooltip."""
        return _WHAT[self]


_WHAT = {
    Check.CONNECT: "A new connection to its address, TLS included.",
    Check.HEALTH: "GET /health: 200 unless the server knows its engine to be dead.",
    Check.READY: "GET /health/ready where there is one; else /health passes and a model is listed.",
    Check.VERSION: "GET /version: the release that runs.",
    Check.MODELS: "GET /v1/models: the models it serves; the first route that wants the key.",
    Check.PING: "GET /ping: the same as /health, for SageMaker.",
    Check.LOAD: "GET /load: requests in flight; 0 without --enable-server-load-tracking.",
    Check.ENGINE: "GET /is_sleeping and /is_paused: the engine itself answers them (dev mode).",
    Check.METRICS: "GET /metrics: the newest reading.",
    Check.PROGRESS: "Token and step counters of /metrics: they move while requests run or wait.",
    Check.INFERENCE: "One token, or one vector, from a model that it lists.",
}


class Outcome(NamedTuple):
    """What came of one check.

    `passed` is None where it could not be asked: not offered, or nothing to connect to. `seconds`
    is its latency, None where there is none. `words` is what was said, or one plain sentence why it
    failed; `kind` a reason of `lib.api` in lower case, or "asleep" or "paused" of the engine.
    `figure` is a number that it told (requests in flight, models, seconds without progress). `at`
    is when it was asked, in wall-clock seconds.
    """

    check: Check
    passed: bool | None
    seconds: float | None
    words: str
    kind: str = ""
    figure: float | None = None
    at: float = 0.0
