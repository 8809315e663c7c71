"""A server's state, from its scrapes and checks: one step per scrape, no clock and no network.

Decided here: when a server is down, up again, or answers while its engine stands still.

- A single missed scrape is not an outage: down after `DOWN_AFTER` failures in a row, up again after
  `UP_AFTER` answers. A refused key and a model that is still loading are answers, though not the
  wanted ones; they are believed at once.
- Answering is not serving. An engine that stands still (`lib.health.progress`) is quiet after
  `QUIET_AFTER` seconds, may hang after `SUSPECT_AFTER`, and is hung after `HUNG_AFTER`, or later
  where prompts have taken long; whatever the engines beside it do, and whatever /health says.
- An engine without requests has nothing to move: it is never hung. Only where it answers a question
  of its own (development mode) or the server counts requests (/load) can it be suspected.
- What /health says of a dead engine beats fresh metrics.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from lib.health.outcome import Check, Outcome
from lib.health.progress import (
    UNCOUNTED,
    UNSEEN_AFTER,
    Progress,
    Scrape,
    Still,
    longest_prefill,
    requests,
)
from lib.health.states import State, Status, Trouble, down_state, is_refused_key
from lib.metrics import Member

__all__ = [
    "DOWN_AFTER",
    "HUNG_AFTER",
    "LIVELOCKED_AFTER",
    "QUIET_AFTER",
    "SUSPECT_AFTER",
    "UP_AFTER",
    "Tracker",
]

DOWN_AFTER = 3
UP_AFTER = 2
QUIET_AFTER = 3.0
SUSPECT_AFTER = 10.0
LIVELOCKED_AFTER = 15.0
HUNG_AFTER = 25.0
LONGEST_PATIENCE = 60.0
PREFILL_MARGIN = 1.5
"""Times the longest prefill so far: a step may take so long before it counts as hung."""
HEARD_FOR = 45.0
"""Seconds for which what a check said is believed: each is asked every half minute or sooner."""

UNSEEN = Status(State.UNKNOWN, 0.0, "It has not been asked yet.")
UNMOVED = Outcome(Check.PROGRESS, None, None, "No reading yet.")
NOT_HEARD = Outcome(Check.HEALTH, None, None, "")
OWN_FAULTS = frozenset({"engine dead", "server error"})
"""How /health fails where the server itself says that it is ill: older releases answer 500."""


class _Row(NamedTuple):
    """Failures of one check in a row, and when the first of them was."""

    length: int
    since: float


@dataclass
class Tracker:
    """Follows one server. Give it every scrape, in order of time, and what the checks said."""

    status: Status = UNSEEN
    progress: Outcome = UNMOVED
    _heard: dict[Check, Outcome] = field(default_factory=dict)
    _failed_rows: dict[Check, "_Row"] = field(default_factory=dict)
    _unseen_load_since: float | None = None
    _moves: Progress = field(default_factory=Progress)
    _seen_at: float | None = None
    _failures: int = 0
    _answers: int = 0
    _failing_since: float = 0.0

    def heard(self, outcomes: Iterable[Outcome]) -> None:
        """Take in what a round of checks said; it counts from the next scrape on."""
        for one in outcomes:
            before = self._heard.get(one.check, NOT_HEARD)
            if one.at != before.at:
                self._heard[one.check] = one
                row = self._failed_rows.pop(one.check, _Row(0, one.at))
                if one.passed is False:
                    self._failed_rows[one.check] = _Row(row.length + 1, row.since)

    def step(self, at: float, sample: Scrape | None, trouble: Trouble | None) -> Status:
        """Take in the scrape of wall-clock time `at`: its sample, or the trouble it met."""
        if self._seen_at is not None and not 0 <= at - self._seen_at <= UNSEEN_AFTER:
            self._failed_rows.clear()
            self._unseen_load_since = None
        self._seen_at = at
        found = self._answered(at, sample) if sample is not None else self._failed(at, trouble)
        before = self.status
        if found.state is before.state or (found.state.is_down and before.state.is_down):
            found = found._replace(since=before.since)
        self.status = found
        return found

    # ── No answer ──

    def _failed(self, at: float, trouble: Trouble | None) -> Status:
        kind, sentence = trouble or Trouble("unknown", "The scrape failed.")
        self._answers = 0
        self.progress = Outcome(Check.PROGRESS, None, None, "No reading to see it in.", at=at)
        state = down_state(kind)
        if state in (State.DENIED, State.LOADING):
            self._failures = 0
            return Status(state, at, sentence)
        self._failures += 1
        if self._failures == 1:
            self._failing_since = at
        if self._failures < DOWN_AFTER and not self.status.state.is_down:
            return Status(State.FAILING, self._failing_since, sentence)
        return self._down(at, state, sentence)

    def _down(self, at: float, state: State, sentence: str) -> Status:
        """Down; unless /health has passed meanwhile: then it is the metrics that are missing."""
        health = self._fresh(Check.HEALTH, at)
        if health.passed and health.at > self._failing_since:
            return Status(State.NO_METRICS, self._failing_since, f"/health passes, but: {sentence}")
        if self._is_dead(at):
            return Status(State.ENGINE_DEAD, self._failing_since, health.words)
        return Status(state, self._failing_since, sentence)

    # ── An answer ──

    def _answered(self, at: float, sample: Scrape) -> Status:
        self._failures = 0
        self._answers += 1
        stills = self._moves.step(at, sample)
        self.progress = _progress(at, sample, stills)
        judged = self._judged(at, sample, stills)
        before = self.status.state
        if before.is_down and not judged.state.is_down and self._answers < UP_AFTER:
            return Status(before, at, "It answers again; one more answer and it counts as up.")
        return judged

    def _judged(self, at: float, sample: Scrape, stills: Iterable[Still]) -> Status:
        """The worst of what can be said; what it does, where nothing is wrong."""
        said = [
            self._health(at),
            self._key(at),
            self._rest(at, sample),
            *self._not_telling(at, sample),
            *(self._standing(at, sample, still) for still in stills),
            self._silent_engine(at, sample),
            self._unseen_load(at, sample),
            self._loading(at),
        ]
        found = [status for status in said if status is not None]
        rests = next((one for one in found if one.state in (State.ASLEEP, State.PAUSED)), None)
        if rests:  # nothing moves then, as it should be
            found = [one for one in found if one is rests or one.state.is_down]
        return min(found, key=lambda one: one.state.rank, default=_at_work(at, sample))

    def _health(self, at: float) -> Status | None:
        health = self._fresh(Check.HEALTH, at)
        row = self._failed_rows.get(Check.HEALTH)
        if row is None or health.kind not in OWN_FAULTS:
            return None
        dead = row.length >= DOWN_AFTER or self.status.state is State.ENGINE_DEAD
        return Status(State.ENGINE_DEAD if dead else State.FAILING, row.since, health.words)

    def _is_dead(self, at: float) -> bool:
        health = self._health(at)
        return health is not None and health.state is State.ENGINE_DEAD

    def _key(self, at: float) -> Status | None:
        """VLLM's /metrics and /health want no key: only the list of models tells of it."""
        models = self._fresh(Check.MODELS, at)
        if models.passed is False and is_refused_key(models.kind):
            return Status(State.DENIED, models.at, models.words)
        return None

    def _loading(self, at: float) -> Status | None:
        ready = self._fresh(Check.READY, at)
        if ready.passed is False and down_state(ready.kind) is State.LOADING:
            return Status(State.LOADING, ready.at, ready.words)
        return None

    def _rest(self, at: float, sample: Scrape) -> Status | None:
        """Asleep or paused: the engine's own answers are the same for both, its metrics are not."""
        told, awake = self._fresh(Check.ENGINE, at).kind, sample.of("sleep_state", "awake")
        if awake == 0 or (awake is None and told == "asleep"):
            return Status(State.ASLEEP, at, "It was put to sleep; it answers after a wake-up.")
        if told in ("asleep", "paused"):
            return Status(State.PAUSED, at, "Its scheduler was paused; requests wait meanwhile.")
        return None

    @staticmethod
    def _not_telling(at: float, sample: Scrape) -> Iterable[Status]:
        if sample.of("running") is None and sample.of("waiting") is None:
            yield Status(State.NO_METRICS, at, "Its /metrics page holds no engine figures.")

    def _standing(self, at: float, sample: Scrape, still: Still) -> Status | None:
        if still.blocked >= LIVELOCKED_AFTER:
            since = at - still.blocked
            return Status(State.LIVELOCKED, since, _blocked(sample, still))
        seconds = still.seconds
        if seconds < QUIET_AFTER:
            return None
        state = State.SUSPECT if seconds >= SUSPECT_AFTER else State.QUIET
        if seconds >= _patience(sample):
            state = State.HUNG
        words = _standing_still(sample, still) + self._green_probe(at, seconds)
        return Status(state, at - seconds, words)

    def _green_probe(self, at: float, seconds: float) -> str:
        """That /health sees nothing of it, where that is so."""
        health = self._fresh(Check.HEALTH, at)
        return " /health still passes." if health.passed and health.at > at - seconds else ""

    def _silent_engine(self, at: float, sample: Scrape) -> Status | None:
        """An engine that does not answer what only it can."""
        row = self._failed_rows.get(Check.ENGINE)
        if row is None or self._fresh(Check.ENGINE, at).kind != "timeout":
            return None
        seconds = max(0.0, at - row.since)
        words = f"The engine has answered nothing for {seconds:.0f} s."
        state = State.HUNG if seconds >= _patience(sample) else State.SUSPECT
        return Status(state, row.since, words + self._green_probe(at, seconds))

    def _unseen_load(self, at: float, sample: Scrape) -> Status | None:
        """Requests that the server has taken and the engine does not report."""
        load = self._fresh(Check.LOAD, at).figure
        if not load or load < 0 or requests(sample) > 0:
            self._unseen_load_since = None
            return None
        since = self._unseen_load_since = self._unseen_load_since or at
        if at - since < SUSPECT_AFTER:
            return None
        words = f"/load counts {load:.0f} requests in flight, and the engine reports none."
        return Status(State.SUSPECT, since, words)

    def _fresh(self, check: Check, at: float) -> Outcome:
        one = self._heard.get(check)
        return one if one and abs(at - one.at) <= HEARD_FOR else NOT_HEARD


def _patience(sample: Scrape) -> float:
    """Seconds without progress after which an engine counts as hung."""
    return min(max(HUNG_AFTER, PREFILL_MARGIN * longest_prefill(sample)), LONGEST_PATIENCE)


def _at_work(at: float, sample: Scrape) -> Status:
    """What a server does with which nothing is wrong."""
    counts = {name: sample.of(name) for name in ("running", "waiting")}
    told = [f"{count:.0f} {name}" for name, count in counts.items() if count]
    if told:
        return Status(State.BUSY, at, ", ".join(told) + ".")
    return Status(State.HEALTHY, at, "No requests.")


def _progress(at: float, sample: Scrape, stills: Sequence[Still]) -> Outcome:
    """The check that is made of the scrapes themselves."""
    if sample.of("running") is None:
        return Outcome(Check.PROGRESS, None, None, "It reports no engine figures.", at=at)
    if not requests(sample):
        return Outcome(Check.PROGRESS, True, None, "No requests: nothing has to move.", at=at)
    if not stills:
        return Outcome(Check.PROGRESS, None, None, UNCOUNTED, at=at)
    worst = max(stills, key=lambda still: max(still.seconds, still.blocked))
    seconds = max(worst.seconds, worst.blocked)
    passed, words = seconds < SUSPECT_AFTER, "Its counters move."
    if seconds >= QUIET_AFTER:
        tell = _blocked if worst.blocked > worst.seconds else _standing_still
        words = tell(sample, worst)
    return Outcome(Check.PROGRESS, passed, None, words, figure=seconds, at=at)


def _standing_still(sample: Scrape, still: Still) -> str:
    count = requests(sample, still.member)
    what = f"{count:.0f} request{'' if count == 1 else 's'}"
    words = f"{what}, but no token and no engine step for {still.seconds:.0f} s."
    return _of_engine(sample, still.member) + words


def _blocked(sample: Scrape, still: Still) -> str:
    waiting = sample.of("waiting", member=still.member) or 0.0
    deferred = sample.of("waiting_by_reason", "deferred", still.member)
    why = " Deferred: for an adapter, a grammar or remote KV." if deferred else ""
    return (
        f"{_of_engine(sample, still.member)}{waiting:.0f} waiting and none running for "
        f"{still.blocked:.0f} s, though the KV cache is empty.{why}"
    )


def _of_engine(sample: Scrape, member: Member) -> str:
    """Which engine is meant, where there are several."""
    return f"Engine {member[1]}: " if len(sample.members) > 1 else ""
