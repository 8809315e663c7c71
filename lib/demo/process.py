"""The `python_*` and `process_*` families: the real figures of the process the demo runs in.

Only the moment of its start is the demo's own, because a demo can be restarted without its process.
What this system cannot tell is left out, as `prometheus_client` leaves it out.
"""

import gc
import platform
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from lib.demo.exposition import Family, Series, counter, gauge

__all__ = ["families"]

GC_COUNTS = (
    ("objects_collected", "collected", "Objects collected during gc"),
    ("objects_uncollectable", "uncollectable", "Uncollectable objects found during GC"),
    ("collections", "collections", "Number of times this generation was collected"),
)


def families(started: float, cpu_before: float) -> Iterator[Family]:
    """Every family that is known here; `cpu_before` is the CPU time (s) spent before `started`."""
    yield from _python()
    yield from _memory()
    about = "Start time of the process since unix epoch in seconds."
    yield from gauge("process_start_time_seconds", about, [({}, started)])
    about = "Total user and system CPU time spent in seconds."
    spent = time.process_time() - cpu_before
    yield from counter("process_cpu_seconds_total", about, [({}, spent)])
    yield from _files()


def _python() -> Iterator[Family]:
    for name, key, about in GC_COUNTS:
        series: list[Series] = [
            ({"generation": str(generation)}, float(stats[key]))
            for generation, stats in enumerate(gc.get_stats())
        ]
        yield from counter(f"python_gc_{name}_total", about, series)
    major, minor, patchlevel, *_ = sys.version_info
    labels = {
        "implementation": platform.python_implementation(),
        "major": str(major),
        "minor": str(minor),
        "patchlevel": str(patchlevel),
        "version": platform.python_version(),
    }
    yield from gauge("python_info", "Python platform information", [(labels, 1.0)])


def _memory() -> Iterator[Family]:
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return
    virtual, resident, *_ = (int(pages) * resource.getpagesize() for pages in _words(statm))
    about = "Virtual memory size in bytes."
    yield from gauge("process_virtual_memory_bytes", about, [({}, virtual)])
    about = "Resident memory size in bytes."
    yield from gauge("process_resident_memory_bytes", about, [({}, resident)])


def _words(path: Path) -> list[str]:
    return path.read_text(encoding="ascii").split()


def _files() -> Iterator[Family]:
    folder = Path("/proc/self/fd")
    if folder.exists():
        about = "Number of open file descriptors."
        yield from gauge("process_open_fds", about, [({}, len(list(folder.iterdir())))])
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    about = "Maximum number of open file descriptors."
    yield from gauge("process_max_fds", about, [({}, most)])
