"""What a server can do, tried with eight short requests.

Decided here: the canaries are sent one after another, so that a busy server is not made busier, and
each row is drawn as soon as it is judged.
"""

from collections.abc import Sequence

from lib.api.deltas import Reply
from lib.api.errors import Refused, Unfit
from lib.api.generation import Generation
from lib.chat.canaries import CANARIES, Canary, Facts, cost
from lib.chat.verdicts import Verdict
from lib.ui.answering import Run
from lib.ui.chat.jobs import Job
from lib.ui.chat.place import Place
from lib.ui.plain import plain

__all__ = ["HEADER", "price", "rows", "try_all"]

HEADER = ("Ability", "Verdict", "What was seen", "Evidence")
_SENTENCE, _EVIDENCE = 300, 200
_UNTRIED = "not tried"


def price(place: Place) -> tuple[int, int]:
    """Requests and generated tokens, at most."""
    made = [one for canary in CANARIES for one in _made(canary, place)]
    return len(made), cost(made)


async def try_all(job: Job, place: Place) -> None:
    """One after another; `job.result` fills up with verdicts by the canary's key."""
    found: dict[str, Verdict] = {}
    job.result, job.done, job.total = found, 0, len(CANARIES)
    for number, canary in enumerate(CANARIES, 1):
        runs = await job.answers(place.server, _made(canary, place), at_once=False)
        found[canary.key] = canary.judge(_outcomes(runs))
        job.done = number


def rows(job: Job) -> list[tuple[str, str, str, str]]:
    """The table, as far as it is known."""
    found = job.result if isinstance(job.result, dict) else {}
    return [_row(canary, found.get(canary.key)) for canary in CANARIES]


def _row(canary: Canary, verdict: Verdict | None) -> tuple[str, str, str, str]:
    if verdict is None:
        return canary.title, _UNTRIED, canary.what, ""
    sentence, evidence = plain(verdict.sentence, _SENTENCE), plain(verdict.evidence, _EVIDENCE)
    return canary.title, verdict.state, sentence, evidence


def _made(canary: Canary, place: Place) -> list[Generation]:
    """The requests of a canary; none where it must not be sent."""
    try:
        return canary.make(place.model, Facts(place.limit, place.release or None))
    except Unfit:
        return []


def _outcomes(runs: Sequence[Run]) -> list[Reply | Refused]:
    return [one.refused or one.reply for one in runs]
