"""What befalls the process around the engine: no CPU left, memory or connections that run out.

Only a single API server process tells of itself (`process_…`); several in one tell nothing.
"""

from collections.abc import Iterable

import numpy as np

from lib.diagnosis.finding import Curve, Finding, How, Link, Remedy, Rival, Severity
from lib.diagnosis.links import not_memory, not_seats, some
from lib.diagnosis.rule import SYMPTOMS, Rule
from lib.diagnosis.scene import MINUTE, Scene, last
from lib.diagnosis.slope import slope
from lib.diagnosis.words import long
from lib.metrics.sample import Values

__all__ = ["RULES"]

BUSY, NOT_BUSY = 0.95, 0.85
BUSY_FOR, BUSY_OVER = 60.0, 30.0
SLOWER = 0.9
"""Of the steps per second before: from there on down the engine waits for its API server."""

LEAKS_OVER = 1_740.0
LEAKS_SHARE, LEAKS_BYTES = 0.03, 64 * 2**20
STILL = 0.15
"""Of all that memory grew by: what its last third must add to be growing still."""
FLAT = 1.25
"""How much more work the second half may bring before growth is put down to it."""
SETTLED = 1_200.0
"""A process younger than this when the window begins is still filling its caches."""

FILES, FILES_OK = 0.8, 0.7

# ── Does the API server have a CPU left ──


def _frontend_busy(scene: Scene) -> Finding | None:
    line = Curve("process_cpu", How.RATE, limit=BUSY, span=MINUTE)
    cpu = scene.curve(line)
    since = scene.since(
        cpu >= BUSY, cpu < NOT_BUSY, known=np.isfinite(cpu), hold=BUSY_FOR, release=BUSY_OVER
    )
    if since is None:
        return None
    threshold = f"≥ {BUSY} for {BUSY_FOR:.0f} s"
    steps = list(_fewer_steps(scene, since))
    waits = any(one.holds for one in steps)
    return Finding(
        rule="frontend_busy",
        pattern=16,
        severity=Severity.WATCH,
        brief="API server out of CPU" if waits else "API server busy",
        headline="The API server has no CPU left: answers reach clients later than they are made"
        if waits
        else f"The API server keeps {last(cpu):.1f} CPU cores busy: answers may reach clients late",
        detail=(
            "It takes requests in, makes tokens of text and text of tokens, mostly in one thread. "
            "Latencies that the server reports leave out what its clients wait for here."
        ),
        since=since,
        chain=(
            Link(
                "process_cpu",
                "CPU of the API server",
                f"{last(cpu):.2f} cores",
                threshold,
                "last 60 s",
                since,
                curve=line,
            ),
            *steps,
        ),
        rivals=some(not_memory(scene, since), not_seats(scene, since)),
        remedies=(
            Remedy(
                "--api-server-count 2", "more processes", "process metrics are no longer reported"
            ),
            Remedy("--stream-interval 8", "fewer, longer pieces of a stream", "less smooth text"),
            Remedy("", "more cores: 2, and one for each GPU"),
        ),
        source="vLLM documentation: optimization, CPU resources",
    )


def _fewer_steps(scene: Scene, since: float) -> Iterable[Link]:
    """Whether the engine makes fewer steps than before; only where there was a before."""
    before = scene.window.since(scene.window.start, since).rate("step_tokens", "le=inf")
    after = scene.window.since(since).rate("step_tokens", "le=inf")
    if before and after is not None:
        figure = f"{after:.3g} / s since then, {before:.3g} / s before"
        curve = Curve("step_tokens", How.RATE, part="le=inf", span=MINUTE)
        holds = after <= SLOWER * before
        fewer = f"≤ {SLOWER:.0%} of before"
        yield Link("step_tokens", "Engine steps", figure, fewer, "since then", None, holds, curve)


# ── Does the process leak ──


def _memory_leaks(scene: Scene) -> Finding | None:
    since = max(scene.window.start, scene.window.end - LEAKS_OVER)
    moments, memory = _by_minute(scene, "process_rss", since)
    trend = slope(moments, memory)
    if trend is None or not trend.rises or _is_young(scene, since) or _more_work(scene, since):
        return None
    first, second, third = (part[np.isfinite(part)] for part in np.array_split(memory, 3))
    if not (len(first) and len(second) and len(third)):
        return None
    begin, middle, end = (float(np.median(part)) for part in (first, second, third))
    grows_on = begin < middle < end and end - middle >= STILL * (end - begin)
    if not grows_on or end - begin < max(LEAKS_BYTES, LEAKS_SHARE * begin):
        return None
    an_hour = f"{_megabytes(trend.low * 3_600)} – {_megabytes(trend.high * 3_600)} MB an hour"
    return Finding(
        rule="memory_leaks",
        pattern=17,
        severity=Severity.WATCH,
        brief="Memory grows",
        headline="The API server's memory grows on and on while its load does not",
        detail=f"It grows by {an_hour}. When the machine has no more, the process is killed.",
        since=since,
        chain=(
            Link(
                "process_rss",
                "Resident memory",
                f"{_megabytes(begin)} → {_megabytes(end)} MB",
                f"≥ {LEAKS_SHARE:.0%}, and growing in each third",
                f"last {long(LEAKS_OVER)}",
                since,
                curve=Curve("process_rss", How.GAUGE),
            ),
        ),
        rivals=(Rival("more load", f"the second half brought less than {FLAT:g} × the tokens"),),
        remedies=(
            Remedy("", "a newer release"),
            Remedy("", "restart it before it is full", "requests under way are lost"),
        ),
        source="vllm-project/vllm#44175",
    )


def _by_minute(scene: Scene, quantity: str, since: float) -> tuple[Values, Values]:
    """The median of each minute: one scrape between two collections of garbage says little."""
    size = max(1, round(MINUTE / scene.grid.step))
    curve = scene.curve(Curve(quantity, How.GAUGE))
    recent = scene.grid.moments >= since
    moments, curve = scene.grid.moments[recent], curve[recent]
    whole = len(curve) // size * size
    rows = curve[:whole].reshape(-1, size)
    known = np.isfinite(rows).any(axis=1)
    return moments[:whole].reshape(-1, size)[known, 0], np.nanmedian(rows[known], axis=1)


def _is_young(scene: Scene, since: float) -> bool:
    started = last(scene.window.gauge("process_start"))
    return bool(scene.window.restarts) or since - started < SETTLED


def _more_work(scene: Scene, since: float) -> bool:
    """Whether the second half brought clearly more tokens than the first."""
    middle = (since + scene.window.end) / 2
    for quantity in ("prompt_tokens", "generation_tokens"):
        first = scene.window.since(since, middle).increase(quantity) or 0.0
        second = scene.window.since(middle).increase(quantity) or 0.0
        if second > FLAT * first + 1:
            return True
    return False


def _megabytes(value: float) -> str:
    return f"{value / 2**20:,.0f}"


def _files_run_out(scene: Scene) -> Finding | None:
    opened, limit = (scene.curve(Curve(one, How.GAUGE)) for one in ("open_fds", "max_fds"))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = opened / limit
    since = scene.since(
        share >= FILES, share < FILES_OK, known=np.isfinite(share), hold=30.0, release=30.0
    )
    if since is None:
        return None
    most = last(limit)
    return Finding(
        rule="files_run_out",
        pattern=0,
        severity=Severity.WATCH,
        brief="Connections run out",
        headline="The API server may soon open no more connections",
        detail="Each connection is an open file; at the limit new clients are not let in.",
        since=since,
        chain=(
            Link(
                "open_fds",
                "Open files",
                f"{last(opened):,.0f} of {most:,.0f}",
                f"≥ {FILES:.0%} for 30 s",
                "now",
                since,
                curve=Curve("open_fds", How.GAUGE, limit=FILES * most),
            ),
        ),
        remedies=(
            Remedy("", "let clients keep connections and use them again"),
            Remedy("", "a higher limit of open files (ulimit -n) for the server"),
        ),
        source="vLLM documentation: metrics, process",
    )


RULES: tuple[Rule, ...] = (
    Rule(
        "frontend_busy",
        16,
        "The API server has CPU left",
        ("process_cpu",),
        _frontend_busy,
        least=BUSY_FOR + MINUTE,
        explains=("slower_steps", *SYMPTOMS),
    ),
    Rule(
        "memory_leaks",
        17,
        "Its memory does not grow",
        ("process_rss", "prompt_tokens", "generation_tokens"),
        _memory_leaks,
        least=LEAKS_OVER,
    ),
    Rule(
        "files_run_out",
        0,
        "It may open more connections",
        ("open_fds", "max_fds"),
        _files_run_out,
        least=30.0,
    ),
)
