"""Judging: what one look at a server amounts to, and whether it is fit. Pure.

Decided here: a look is final. It is unhealthy if a check failed or a limit was passed, and not
otherwise; that a single failure may be chance is for those to weigh who look again. The state says
in a word what is wrong, the worst first; limits have no state and stand in the reason.

Limits need figures of the engine. Where a server does not report one, the limit is not judged, and
says so: neither held nor passed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lib.health.outcome import Check, Outcome
from lib.health.progress import UNCOUNTED, Progress, Scrape, requests
from lib.health.states import State, Status, Trouble, down_state
from lib.health.verdicts import Tracker
from lib.metrics import Glance, Member

__all__ = [
    "Figures",
    "Held",
    "Judgement",
    "Limits",
    "Look",
    "figures_of",
    "judged",
    "progress_between",
]

_BEARING = frozenset({Check.CONNECT, Check.METRICS})
"""Without these there is no reading to follow the server by."""


class Limits(NamedTuple):
    """What is still healthy; None for a limit that is not set."""

    latency: float | None = None  # seconds of any check, at most
    free_blocks: float | None = 0.05  # share of each engine's KV blocks that is free, at least
    waiting: float | None = None  # requests in the queue, at most
    age: float | None = None  # seconds since the server started, at least


class Held(NamedTuple):
    """One limit: whether it holds (None: not judged), the figure, its bound, and words."""

    limit: str
    passed: bool | None
    figure: float | None
    bound: float
    words: str


class Figures(NamedTuple):
    """What a page of metrics says of fitness; None where it is not reported."""

    running: float | None = None
    waiting: float | None = None
    free_blocks: float | None = None  # share, of the engine that has the fewest
    age: float | None = None  # seconds


class Look(NamedTuple):
    """One look at one server: what came of the checks, and the figures with their moments."""

    url: str
    at: float  # when it ended, in wall-clock seconds
    seconds: float  # that it took
    outcomes: tuple[Outcome, ...]
    scrapes: tuple[tuple[float, Glance], ...] = ()


@dataclass(frozen=True)
class Judgement:
    """One look, judged."""

    look: Look
    status: Status
    outcomes: tuple[Outcome, ...]
    figures: Figures
    limits: tuple[Held, ...]

    @property
    def healthy(self) -> bool:
        """Whether no check failed and no limit was passed."""
        checks = all(one.passed is not False for one in self.outcomes)
        return checks and all(one.passed is not False for one in self.limits)

    @property
    def reason(self) -> str:
        """Why it is called so: the evidence of the state, then the limits that do not hold."""
        broken = [one.words for one in self.limits if one.passed is False]
        return " ".join([self.status.reason, *broken])


def judged(look: Look, limits: Limits, tracker: Tracker, *, final: bool = True) -> Judgement:
    """Judge a look by its checks and limits.

    Args:
        look: what was seen.
        limits: what is still healthy.
        tracker: a new one, or that of the earlier looks at this server.
        final: this look is all there is; else the state is what the tracker makes of all of them.
    """
    followed = _followed(tracker, look)
    outcomes = look.outcomes
    if final:
        found = [_failure(one) for one in outcomes if one.passed is False]
        if look.scrapes or not found:
            found.append(followed)
        followed = min(found, key=lambda one: one.state.rank)
    else:
        outcomes = (*outcomes, tracker.progress)
    figures = figures_of(look.scrapes[-1][1], look.at) if look.scrapes else Figures()
    return Judgement(look, followed, outcomes, figures, tuple(_held(limits, figures, outcomes)))


def _followed(tracker: Tracker, look: Look) -> Status:
    """What the tracker says, with this look taken in."""
    tracker.heard(look.outcomes)
    for at, glance in look.scrapes:
        tracker.step(at, glance, None)
    if not look.scrapes:
        failed = [one for one in look.outcomes if one.check in _BEARING and one.passed is False]
        if not failed:
            return _without_figures(look)
        tracker.step(look.at, None, Trouble(failed[0].kind, failed[0].words))
    return tracker.status


def _failure(outcome: Outcome) -> Status:
    """What a server is called whose check fails so."""
    state = down_state(outcome.kind)
    if outcome.check is Check.PROGRESS or (
        outcome.check in (Check.ENGINE, Check.INFERENCE) and state is State.TIMED_OUT
    ):
        state = State.SUSPECT
    if outcome.check is Check.METRICS and state is not State.TIMED_OUT:
        state = State.NO_METRICS
    return Status(state, outcome.at, outcome.words)


def _without_figures(look: Look) -> Status:
    """It answers, and there are no figures of the engine: not wanted, or not offered."""
    if any(one.check is Check.METRICS for one in look.outcomes):
        words = "It answers; without metrics its engine can't be seen."
        return Status(State.NO_METRICS, look.at, words)
    return Status(State.HEALTHY, look.at, "It answers.")


def figures_of(glance: Glance, at: float) -> Figures:
    """The figures of a page read at wall-clock time `at`."""
    start = glance.of("process_start")
    shares = [share for one in glance.members if (share := _free(glance, one)) is not None]
    return Figures(
        running=glance.of("running"),
        waiting=glance.of("waiting"),
        free_blocks=min(shares, default=None),
        age=None if start is None else max(0.0, at - start),
    )


def _free(glance: Glance, member: Member) -> float | None:
    """The share of an engine's KV blocks that is free."""
    used = glance.of("blocks_used", member=member)
    usable = glance.of("blocks_usable", member=member)
    if used is not None and usable:
        return min(max(1.0 - used / usable, 0.0), 1.0)
    usage = glance.of("kv_usage", member=member)
    return None if usage is None else min(max(1.0 - usage, 0.0), 1.0)


def _held(limits: Limits, figures: Figures, outcomes: Sequence[Outcome]) -> Iterable[Held]:
    if limits.latency is not None:
        yield _latency(limits.latency, outcomes)
    share, bound = figures.free_blocks, limits.free_blocks
    if bound is not None:
        words = "" if share is None else f"{share:.1%} of the KV blocks are free"
        passed = None if share is None else share >= bound
        yield _told("free blocks", passed, share, bound, words, f"at least {bound:.1%}")
    if limits.waiting is not None:
        waiting = figures.waiting
        words = (
            ""
            if waiting is None
            else f"{waiting:.0f} {'request waits' if waiting == 1 else 'requests wait'}"
        )
        passed = None if waiting is None else waiting <= limits.waiting
        yield _told(
            "waiting", passed, waiting, limits.waiting, words, f"at most {limits.waiting:.0f}"
        )
    if limits.age is not None:
        age = figures.age
        words = "" if age is None else f"It started {age:.0f} s ago"
        passed = None if age is None else age >= limits.age
        yield _told("age", passed, age, limits.age, words, f"at least {limits.age:g} s")


def _latency(bound: float, outcomes: Sequence[Outcome]) -> Held:
    """The slowest check that was answered counts; those that were not have failed anyway."""
    timed = [one for one in outcomes if one.passed and one.seconds is not None]
    slowest = max(timed, key=lambda one: one.seconds or 0.0, default=None)
    seconds = slowest.seconds if slowest else None
    words = f"{slowest.check.value} took {seconds:.3f} s" if slowest else ""
    passed = None if seconds is None else seconds <= bound
    return _told("latency", passed, seconds, bound, words, f"at most {bound:g} s")


def _told(
    limit: str, passed: bool | None, figure: float | None, bound: float, words: str, wanted: str
) -> Held:
    words = f"{words}, {wanted} wanted." if words else "Not judged: it is not reported."
    return Held(limit, passed, figure, bound, words)


def progress_between(first: Scrape, second: Scrape, *, at: float, seconds: float) -> Outcome:
    """Whether every engine with requests in both scrapes did something in the `seconds` between.

    `at` is the wall-clock time of the second.
    """
    moves = Progress()
    moves.step(0.0, first)
    at_work = {one for one in second.members if requests(first, one) and requests(second, one)}
    if not at_work:
        return Outcome(Check.PROGRESS, True, None, "No requests: nothing has to move.", at=at)
    stills = [
        one for one in moves.step(seconds, second, unseen_after=seconds) if one.member in at_work
    ]
    if not stills:
        return Outcome(Check.PROGRESS, None, None, UNCOUNTED, at=at)
    longest = max(max(one.seconds, one.blocked) for one in stills)
    words = f"Its counters moved within {seconds:.1f} s."
    if longest >= seconds:
        words = f"Requests run or wait, and no token came for {seconds:.1f} s."
    passed = longest < seconds
    return Outcome(Check.PROGRESS, passed, None, words, "" if passed else "stalled", longest, at)
