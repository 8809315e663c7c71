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
    Counts,
    Progress,
    Scrape,
    Still,
    counts_of,
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
    """Failures in a row, and when the first of them was."""

    length: int = 0
    since: float = 0.0

    def longer(self, at: float) -> "_Row":
        """With one more, of wall-clock time `at`."""
        return _Row(self.length + 1, self.since if self.length else at)


@dataclass
class Tracker:
    """Follows one server. Give it every scrape, in order of time, and what the checks said."""

    status: Status = UNSEEN
    progress: Outcome = UNMOVED
    _heard: dict[Check, Outcome] = field(default_factory=dict)
    _failed_rows: dict[Check, _Row] = field(default_factory=dict)
    _unseen_load_since: float | None = None
    _moves: Progress = field(default_factory=Progress)
    _counts: Counts | None = None
    _seen_at: float | None = None
    _answers: int = 0
    _unread: _Row = field(default_factory=_Row)  # scrapes that failed
    _failures: _Row = field(default_factory=_Row)  # of these, since /health passed

    def heard(self, outcomes: Iterable[Outcome]) -> None:
        """Take in what a round of checks said; it counts from the next scrape on."""
        for one in outcomes:
            before = self._heard.get(one.check, NOT_HEARD)
            if one.at != before.at:
                self._heard[one.check] = one
                row = self._failed_rows.pop(one.check, _Row())
                if one.passed is False:
                    self._failed_rows[one.check] = row.longer(one.at)

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
            self._unread = self._failures = _Row()
            return Status(state, at, sentence)
        self._unread = self._unread.longer(at)
        if self._unread.length >= DOWN_AFTER and self._is_vouched_for(at):
            self._failures = _Row()
            words = f"/health passes, but: {sentence}"
            return Status(State.NO_METRICS, self._unread.since, words)
        self._failures = self._failures.longer(at)
        if self.status.state.is_down or self._has_failed_enough():
            return self._down(at, state, sentence)
        if self.status.state in (State.HUNG, State.LIVELOCKED):
            return self.status  # it stood still: to miss a reading of it makes it no better
        return Status(State.FAILING, self._failures.since, sentence)

    def _is_vouched_for(self, at: float) -> bool:
        """Whether /health has passed meanwhile: then it is the metrics that are missing."""
        health = self._fresh(Check.HEALTH, at)
        return bool(health.passed) and health.at > self._unread.since

    @property
    def _had_no_metrics(self) -> bool:
        """Whether scrapes had failed before, and only they."""
        return self._unread.length > self._failures.length

    def _has_failed_enough(self) -> bool:
        """Failed scrapes count; where there were none to be had anyway, failed checks as well."""
        rows = [self._failures]
        if self._had_no_metrics:
            rows += [self._failed_rows.get(one, _Row()) for one in (Check.CONNECT, Check.HEALTH)]
        return any(row.length >= DOWN_AFTER for row in rows)

    def _down(self, at: float, state: State, sentence: str) -> Status:
        if self._is_dead(at):
            words = self._fresh(Check.HEALTH, at).words
            return Status(State.ENGINE_DEAD, self._failures.since, words)
        connect = self._fresh(Check.CONNECT, at)
        if self._had_no_metrics and connect.passed is False:  # the scrape may be of long ago
            return Status(down_state(connect.kind), self._failures.since, connect.words)
        return Status(state, self._failures.since, sentence)

    # ── An answer ──

    def _answered(self, at: float, sample: Scrape) -> Status:
        self._unread = self._failures = _Row()
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
        row, asked = self._failed_rows.get(Check.ENGINE), self._fresh(Check.ENGINE, at)
        if row is None or asked.kind != "timeout":
            return None
        seconds = max(0.0, asked.at - row.since + (asked.seconds or 0.0))
        words = f"The engine has answered nothing for {seconds:.0f} s."
        is_working = bool(self.progress.passed) and self.progress.figure is not None
        is_hung = seconds >= _patience(sample) and not is_working
        state = State.HUNG if is_hung else State.SUSPECT
        return Status(state, row.since, words + self._green_probe(at, seconds))

    def _unseen_load(self, at: float, sample: Scrape) -> Status | None:
        """Requests that the server has taken and the engine does not report.

        An engine that is done with each in one step reports none, but counts their tokens.
        """
        load, counts = self._fresh(Check.LOAD, at), counts_of(sample)
        moves = self._counts not in (None, counts)
        self._counts = counts
        if not load.figure or load.figure < 0 or requests(sample) > 0 or moves:
            self._unseen_load_since = None
            return None
        since = self._unseen_load_since = self._unseen_load_since or at
        if load.at - since < SUSPECT_AFTER:
            return None
        many = "requests" if load.figure > 1 else "request"
        words = f"/load counts {load.figure:.0f} {many} in flight, and the engine reports none."
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
