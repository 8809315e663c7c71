"""What the page's tools do in the background: several answers, one after another or at once.

Decided here: that one of a kind runs at a time, that to stop it stops its answers, and that it goes
on while the page is drawn again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from secrets import token_hex

from lib.api.generation import Generation
from lib.servers import Server
from lib.ui.answering import Answers, Full, Run
from lib.ui.house import house
from lib.ui.talks import Talk

__all__ = ["Job", "job_of", "start", "stop"]

_SECONDS = 600.0
log = logging.getLogger(__name__)


@dataclass(eq=False)
class Job:
    """One use of a tool. `done` of `total` answers are there; `result` is what the tool makes."""

    total: int
    done: int = 0
    words: str = ""
    result: object = None
    runs: list[Run] = field(default_factory=list)
    future: "Future[None] | None" = None

    @property
    def is_running(self) -> bool:
        return self.future is not None and not self.future.done()

    async def answer(self, server: Server, request: Generation) -> Run:
        """One answer, when it is over.

        Raises:
            Full: too many are being written.
        """
        run = house().answers.begin(f"job-{token_hex(8)}", server, request, is_read=False)
        self.runs.append(run)
        await run.bell.until(lambda: run.is_over, _SECONDS)
        self.done += 1
        return run

    async def answers(
        self, server: Server, requests: Sequence[Generation], *, at_once: bool
    ) -> list[Run]:
        """Several answers, in the order of their requests."""
        if at_once:
            return await asyncio.gather(*(self.answer(server, one) for one in requests))
        return [await self.answer(server, one) for one in requests]


def job_of(talk: Talk, name: str) -> Job | None:
    """What a tool did last in this tab."""
    found = talk.kept.get(name)
    return found if isinstance(found, Job) else None


def start(talk: Talk, name: str, total: int, work: Callable[[Job], Awaitable[None]]) -> None:
    """Begin, unless one of the kind is under way."""
    with talk.lock:
        before = job_of(talk, name)
        if before and before.is_running:
            return
        job = Job(total)
        talk.kept[name] = job
        job.future = house().answers.spawn(_guarded(job, work, house().answers))


def stop(job: Job) -> None:
    """End it and its answers."""
    if job.future:
        job.future.cancel()


async def _guarded(job: Job, work: Callable[[Job], Awaitable[None]], answers: Answers) -> None:
    try:
        await work(job)
    except asyncio.CancelledError:
        job.words = f"Stopped after {job.done} of {job.total}."
        for run in job.runs:
            answers.stop(run.id)
    except Full:
        job.words = "Too many answers are being written just now; try again later."
    except Exception:
        log.exception("A tool of the Chat page failed.")
        job.words = "It ended in a way that was not thought of; the log says more."
