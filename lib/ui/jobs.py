"""What pages and their tools do in the background, one of a kind at a time in a session.

Decided here: that work goes on while the page is drawn again, and that work which nobody looks at
any more is stopped: it costs time of a GPU or a core. What was done until then is kept.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import streamlit as st

from lib.api import Refused
from lib.ui.embedder import Embedder
from lib.ui.house import house
from lib.ui.plain import count, escaped, plain

__all__ = ["Job", "button", "job_of", "start"]

_UNSEEN_SECONDS = 120.0
"""A tab that is hidden asks once a minute; one that was closed never does."""
_TICK = 0.5
_SENTENCE = 400
log = logging.getLogger(__name__)


@dataclass(eq=False)
class Job:
    """One piece of work: `done` of `total`, in `unit`; `result` is what it makes.

    `words` say why it is not whole. It is written by its own thread, and read by pages. `home` is
    what does it.
    """

    total: int
    unit: str = "texts"
    home: Embedder | None = None
    done: int = 0
    words: str = ""
    result: object = None
    future: "Future[None] | None" = None
    is_stopped: bool = False
    seen: float = field(default_factory=time.monotonic)

    @property
    def is_running(self) -> bool:
        return self.future is not None and not self.future.done()

    def tell(self, done: int, total: int) -> None:
        """How far it is."""
        self.done, self.total = done, total

    def is_unwanted(self) -> bool:
        """Whether it is to end: somebody stopped it, or nobody looks."""
        unseen = time.monotonic() - self.seen > _UNSEEN_SECONDS
        is_over = self.home is not None and self.home.is_closed
        return self.is_stopped or unseen or is_over

    def stop(self) -> None:
        """End it after the step that is under way."""
        self.is_stopped = True


def job_of(name: str) -> Job | None:
    """The last work of that name in this session."""
    return _jobs().get(name)


def start(name: str, total: int, work: Callable[[Job], None], unit: str = "texts") -> None:
    """Begin, unless one of that name is under way."""
    before = job_of(name)
    if before and before.is_running:
        return
    home = house().embedder
    job = Job(total, unit, home)
    _jobs()[name] = job
    job.future = home.submit(lambda: _guarded(job, work))


def button(
    name: str, label: str, begin: Callable[[], None], *, is_first: bool = False
) -> Job | None:
    """The button of some work and how far it is; what it did last where it rests.

    `begin` calls `start` with the same name. `is_first`: it is what the page is there for.
    """
    job = job_of(name)
    if job and job.is_running:
        st.button("Stop", key=f"{name}-stop", on_click=job.stop, icon=":material/stop:")
        progress(name)
        return None
    st.button(label, key=f"{name}-go", on_click=begin, type="primary" if is_first else "secondary")
    if job and job.words:
        st.warning(escaped(plain(job.words, _SENTENCE)), icon=":material/error:")
    return job


@st.fragment(run_every=_TICK)
def progress(name: str) -> None:
    """How far some work is; the page is drawn again when it has ended."""
    job = job_of(name)
    if job is None:
        return
    job.seen = time.monotonic()
    share = min(1.0, job.done / job.total) if job.total else 0.0
    ending = " · ends after the step under way" if job.is_stopped else ""
    st.progress(share, text=f"{count(job.done)} of {count(job.total)} {job.unit}{ending}")
    if not job.is_running:
        st.rerun()


def _jobs() -> dict[str, Job]:
    found: dict[str, Job] = st.session_state.setdefault("jobs", {})
    return found


def _guarded(job: Job, work: Callable[[Job], None]) -> None:
    try:
        work(job)
    except Refused as refused:
        job.words = refused.sentence
    except Exception:
        log.exception("Work beside a page failed.")
        job.words = "It ended in a way that was not thought of; the log says more."
