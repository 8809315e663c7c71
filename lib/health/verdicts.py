"""A server's state, from what its scrapes said: one step per scrape, no clock and no network.

Decided here: when a server is down, up again, or answers while its engine stands still.

- A single missed scrape is not an outage: down after `DOWN_AFTER` failures in a row, up again after
  `UP_AFTER` answers.
- Answering is not serving. With requests running or waiting, prompt, output or step counters must
  move; an engine in which nothing moved for `QUIET_AFTER` seconds is quiet (a long prefill looks
  like that), for `STALLED_AFTER` stalled.
- An engine without requests has nothing to move: it is idle, never stalled.
"""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from lib.metrics import Sample

__all__ = [
    "DOWN_AFTER",
    "QUIET_AFTER",
    "STALLED_AFTER",
    "UP_AFTER",
    "State",
    "Status",
    "Tone",
    "Tracker",
    "Trouble",
]

DOWN_AFTER = 3
UP_AFTER = 2
QUIET_AFTER = 3.0
STALLED_AFTER = 10.0

UNSEEN_AFTER = 60.0
"""Nobody looked for so long (or the clock was set): what happened meanwhile is not known."""

DENIED = "denied"
"""The kind of trouble that is no outage: the server answers, but not to us."""


class Tone(Enum):
    """How much a state matters; drawn with a shape beside the colour."""

    BAD = "bad"
    WATCH = "watch"
    OFF = "off"
    GOOD = "good"


class State(Enum):
    """What a server does, worst first; the value is the word that people read."""

    DOWN = "Down"
    STALLED = "Stalled"
    DENIED = "Key refused"
    FAILING = "Not answering"
    NO_METRICS = "No engine metrics"
    QUIET = "Quiet"
    UNKNOWN = "Not seen yet"
    ASLEEP = "Asleep"
    SERVING = "Serving"
    IDLE = "Idle"

    @property
    def tone(self) -> Tone:
        """How much it matters."""
        return _TONES.get(self, Tone.WATCH)

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(State).index(self)


_TONES = {
    State.DOWN: Tone.BAD,
    State.STALLED: Tone.BAD,
    State.DENIED: Tone.BAD,
    State.UNKNOWN: Tone.OFF,
    State.ASLEEP: Tone.OFF,
    State.SERVING: Tone.GOOD,
    State.IDLE: Tone.GOOD,
}


class Trouble(NamedTuple):
    """Why a scrape failed: a kind (a reason of `lib.api`, in lower case) and one plain sentence."""

    kind: str
    sentence: str


class Status(NamedTuple):
    """A state, since when (wall-clock seconds), and its reason in a sentence."""

    state: State
    since: float
    reason: str


UNSEEN = Status(State.UNKNOWN, 0.0, "It has not been asked yet.")


@dataclass
class Tracker:
    """Follows one server. Give it every scrape in order of time."""

    status: Status = UNSEEN
    _failures: int = 0
    _answers: int = 0
    _progress: float | None = None
    _moved_at: float = 0.0
    _seen_at: float = 0.0
    _failing_since: float = 0.0

    def step(self, at: float, sample: Sample | None, trouble: Trouble | None) -> Status:
        """Take in the scrape of wall-clock time `at`: its sample, or the trouble it met."""
        state, since, reason = (
            self._answered(at, sample) if sample is not None else self._failed(at, trouble)
        )
        if state is self.status.state:
            since = self.status.since
        self.status = Status(state, since, reason)
        return self.status

    def _failed(self, at: float, trouble: Trouble | None) -> Status:
        kind, sentence = trouble or Trouble("unknown", "The scrape failed.")
        self._answers = 0
        self._failures += 1
        if self._failures == 1:
            self._failing_since = at
        if kind == DENIED:
            return Status(State.DENIED, at, sentence)
        down = self._failures >= DOWN_AFTER or self.status.state is State.DOWN
        return Status(State.DOWN if down else State.FAILING, self._failing_since, sentence)

    def _answered(self, at: float, sample: Sample) -> Status:
        self._failures = 0
        self._answers += 1
        alive = self._alive(at, sample)
        if self.status.state is State.DOWN and self._answers < UP_AFTER:
            return Status(State.DOWN, at, "It answers again; one more answer and it counts as up.")
        return alive

    def _alive(self, at: float, sample: Sample) -> Status:
        total = sample.total
        if total.running is None and total.waiting is None:
            return Status(State.NO_METRICS, at, "Its /metrics page holds no engine figures.")
        if total.awake is False:
            return Status(State.ASLEEP, at, "It was put to sleep; it answers after a wake-up.")
        requests = (total.running or 0) + (total.waiting or 0)
        standing = self._standing(at, sample, busy=requests > 0)
        if standing >= QUIET_AFTER:
            state = State.STALLED if standing >= STALLED_AFTER else State.QUIET
            reason = (
                f"{requests:.0f} requests, but no token and no engine step for {standing:.0f} s."
            )
            return Status(state, at - standing, reason)
        if requests:
            return Status(State.SERVING, at, f"{total.running or 0:.0f} running.")
        return Status(State.IDLE, at, "No requests.")

    def _standing(self, at: float, sample: Sample, *, busy: bool) -> float:
        """For how many seconds a busy engine has shown no progress."""
        counters = (
            sample.of("prompt_tokens"),
            sample.of("generation_tokens"),
            sample.of("step_tokens", "le=inf"),
        )
        known = [value for value in counters if value is not None]
        progress = sum(known)
        unseen = not 0 <= at - self._seen_at <= UNSEEN_AFTER
        if unseen or not busy or not known or progress != self._progress:
            self._progress, self._moved_at = progress, at
        self._seen_at = at
        return at - self._moved_at
