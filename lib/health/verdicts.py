"""A server's state, from what its scrapes said: one step per scrape, no clock and no network.

Decided here: when a server is down, up again, or answers while its engine stands still.

- A single missed scrape is not an outage: down after `DOWN_AFTER` failures in a row, up again after
  `UP_AFTER` answers. A refused key is an answer, though not to us.
- Answering is not serving. Of each engine with requests running or waiting, prompt, output or step
  counters must move, or the use of its KV cache (a long prompt counts nothing until it is read, but
  takes blocks step by step). An engine in which nothing moved for `QUIET_AFTER` seconds is quiet,
  for `STALLED_AFTER` stalled, whatever the engines beside it do.
- An engine without requests has nothing to move: it is idle, never stalled.
"""

from dataclasses import dataclass, field
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


Member = tuple[str, str]
Progress = tuple[float | None, ...]

UNSEEN = Status(State.UNKNOWN, 0.0, "It has not been asked yet.")


@dataclass
class Tracker:
    """Follows one server. Give it every scrape in order of time."""

    status: Status = UNSEEN
    _failures: int = 0
    _answers: int = 0
    _moved: dict[Member, tuple[Progress, float]] = field(default_factory=dict)
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
        if kind == DENIED:
            self._failures = 0
            return Status(State.DENIED, at, sentence)
        self._failures += 1
        if self._failures == 1:
            self._failing_since = at
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
        standing, member = self._standing(at, sample)
        if standing >= QUIET_AFTER:
            state = State.STALLED if standing >= STALLED_AFTER else State.QUIET
            return Status(state, at - standing, _standing_still(sample, member, standing))
        if _requests(sample):
            running = total.running
            words = "Requests wait." if running is None else f"{running:.0f} running."
            return Status(State.SERVING, at, words)
        return Status(State.IDLE, at, "No requests.")

    def _standing(self, at: float, sample: Sample) -> tuple[float, Member]:
        """For how many seconds a busy engine has shown no progress, and which one."""
        unseen = not 0 <= at - self._seen_at <= UNSEEN_AFTER
        before, self._moved, self._seen_at = self._moved, {}, at
        for member in sample.layout.members:
            progress = _progress(sample, member)
            was, moved_at = before.get(member, (None, at))
            rests = not _requests(sample, member) or progress == _NOTHING_TOLD
            if unseen or rests or progress != was:
                moved_at = at
            self._moved[member] = progress, moved_at
        member = min(self._moved, key=lambda one: self._moved[one][1])
        return at - self._moved[member][1], member


_NOTHING_TOLD: Progress = (None, None, None)


def _progress(sample: Sample, member: Member) -> Progress:
    """What moves while an engine works; nothing where it tells no counter."""
    counters = (
        sample.of("prompt_tokens", member=member),
        sample.of("generation_tokens", member=member),
        sample.of("step_tokens", "le=inf", member),
    )
    if counters == _NOTHING_TOLD:
        return counters
    return *counters, sample.of("kv_usage", member=member)


def _requests(sample: Sample, member: Member | None = None) -> float:
    """How many requests run and wait, in one engine or in all."""
    return sum(sample.of(one, member=member) or 0.0 for one in ("running", "waiting"))


def _standing_still(sample: Sample, member: Member, seconds: float) -> str:
    where = f"Engine {member[1]}: " if len(sample.layout.members) > 1 else ""
    requests = _requests(sample, member)
    return f"{where}{requests:.0f} requests, but no token and no engine step for {seconds:.0f} s."
