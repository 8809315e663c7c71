"""A watcher of real servers, and what it says: the whole way from a scrape to the dashboard."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lib.health import State
from lib.servers import Server, configured
from lib.watch import Feed, Tick
from tests.support.processes import running
from tests.support.waiting import until

__all__ = ["Watched", "watched"]


class Watched:
    """What a watcher has said of its first server since it began."""

    def __init__(self, feed: Feed, server: Server, data: Path) -> None:
        self.feed = feed
        self.data = data
        self.server = server.id
        self.ticks: list[Tick] = []
        self._end = feed.listen(self._hear)

    def _hear(self, fresh: list[Tick]) -> None:
        self.ticks += [tick for tick in fresh if tick.server == self.server]

    def since(self, moment: float) -> list[Tick]:
        """Ticks whose request was sent at or after a wall-clock moment."""
        return [tick for tick in tuple(self.ticks) if tick.at >= moment]

    def states(self, moment: float) -> set[State]:
        """Every state that was told since a moment."""
        return {tick.status.state for tick in self.since(moment)}

    def first(self, *states: State, since: float, timeout: float) -> Tick:
        """Wait for the first tick since a moment that is in one of the states."""

        def found() -> Tick | None:
            return next((t for t in self.since(since) if t.status.state in states), None)

        return until(found, timeout)


@contextmanager
def watched(servers: Mapping[str, str], data: Path) -> Iterator[Watched]:
    """`python -m lib.watch` on these servers (name → address), from the first tick on."""
    listed = ",".join(f"{name}={url}" for name, url in servers.items())
    environment = os.environ | {"VLLM_SERVERS": listed, "INSPECTOR_DATA": str(data)}
    command = ["python", "-m", "lib.watch"]
    with running(command, log=data / "watch.log", env=environment):
        known = configured(environment, None)
        feed = Feed(data, known, environ=environment, supervise=False)
        watch = Watched(feed, known[0], data)
        feed.start()
        try:
            watch.first(*State, since=time.time() - 60, timeout=30)
            yield watch
        finally:
            feed.stop()
