"""Incidents: what of one reading after another is worth an event.

Decided here: that a bad verdict is told when it begins and when it is over, and a restart when the
server is back. A server that is down is "down" however it fails; every other bad verdict is told by
its own name. A verdict is over when the server is well again, or rests: not while it fails, loads,
or may hang, for then nobody knows yet.
"""

from lib.health import State, Status, Tone
from lib.metrics import Sample
from lib.watch.store import Event

__all__ = ["Incidents"]

UNDECIDED = frozenset({State.FAILING, State.SUSPECT, State.LOADING, State.UNKNOWN})
LONGEST_START = 86400.0
"""Seconds: what claims to have loaded for longer has another clock than ours."""


class Incidents:
    """Follows one server (`Server.id`). Give it every reading, in the order in which they came."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._open = ""
        self._sample: Sample | None = None
        self._has_failed = False
        self._begun: float | None = None

    def step(self, at: float, status: Status, sample: Sample | None) -> list[Event]:
        """What the reading of wall-clock time `at`, and the verdict after it, bring about."""
        if self._begun is None:
            self._begun = at
        events = [*self._turn(at, status), *self._start(at, sample)]
        self._has_failed = sample is None
        self._sample = sample or self._sample
        return events

    def _turn(self, at: float, status: Status) -> list[Event]:
        kind = _kind(status.state)
        if kind and kind != self._open:
            self._open = kind
            return [Event(at, self._server, kind, status.reason)]
        if self._open and not kind and status.state not in UNDECIDED:
            was, self._open = self._open, ""
            return [Event(at, self._server, "up", _OVER.get(was, "It works again."))]
        return []

    def _start(self, at: float, sample: Sample | None) -> list[Event]:
        if sample is None:
            return []
        events = []
        if self._sample is not None and _began_again(self._sample, sample):
            events.append(Event(at, self._server, "restarted", "Its counters begin anew."))
        seconds = self._loaded_in(at, sample)
        if seconds is not None:
            words = f"It was ready {seconds:.0f} s after its process started."
            events.append(Event(at, self._server, "loaded", words))
        return events

    def _loaded_in(self, at: float, sample: Sample) -> float | None:
        """How long a start took whose end was seen: the reading before had failed."""
        started = sample.of("process_start")
        if started is None or not self._has_failed or self._begun is None:
            return None
        before = None if self._sample is None else self._sample.of("process_start")
        is_new = started > self._begun if before is None else abs(started - before) > 1.0
        return at - started if is_new and 0.0 <= at - started <= LONGEST_START else None


def _kind(state: State) -> str:
    """The kind of event that a bad verdict is; "" where it is none."""
    if state.is_down:
        return "down"
    return state.value.lower() if state.tone is Tone.BAD else ""


_OVER = {
    "down": "It answers again.",
    _kind(State.DENIED): "It lets us in again.",
}


def _began_again(before: Sample, after: Sample) -> bool:
    """Whether the server was started anew between two samples."""
    started = before.of("process_start"), after.of("process_start")
    if started[0] is not None and started[1] is not None:
        return abs(started[1] - started[0]) > 1.0
    tokens = before.of("generation_tokens"), after.of("generation_tokens")
    return tokens[0] is not None and tokens[1] is not None and tokens[1] < tokens[0]
