"""A real watcher on its own, and a feed that listens to it, for tests of what servers can do."""

import os
import sqlite3
from collections import defaultdict
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from lib.servers import Server, Source
from lib.watch import Feed
from lib.watch.places import socket_path
from tests.support.processes import running
from tests.support.waiting import until


class Watched:
    """Servers by name, the watcher that asks them, and what a dashboard would know."""

    def __init__(self, feed, process, servers, data):
        self.feed, self.process, self.servers, self.data = feed, process, servers, data
        self._heard = defaultdict(list)
        feed.listen(self._hear)

    def _hear(self, ticks):
        for tick in ticks:
            self._heard[tick.server].append(tick)

    def heard(self, track):
        """Every tick of a server (`Server.id`), or of its checks, so far."""
        return tuple(self._heard[track])

    def ticks(self, name):
        """Every tick of a server so far, those that failed too."""
        return self.heard(self.servers[name].id)

    def latest(self, name):
        return self.feed.latest(self.servers[name].id)

    def window(self, name):
        return self.feed.recent(self.servers[name].id, 600)

    def ticked(self, name, count=1):
        """Wait until a server has so many more ticks; the newest one."""
        wanted = len(self.ticks(name)) + count
        until(lambda: len(self.ticks(name)) >= wanted, 40)
        return self.latest(name)

    def answered(self, name, count=1):
        """Wait until a server has answered so often; one that was late has not."""

        def answers():
            return [tick for tick in self.ticks(name) if tick.sample]

        return until(lambda: (found := answers()) and len(found) >= count and found, 40)

    def sampled(self, name):
        """Wait for a server's first sample."""
        return until(lambda: (tick := self.latest(name)) and tick.sample, 20)

    def told(self, name, kind):
        """Wait until a server is refused for a reason; the tick that says so."""

        def tick():
            newest = self.latest(name)
            return newest if newest and newest.refused and newest.refused.kind == kind else None

        return until(tick, 30)

    @property
    def peak(self):
        """The most memory that the watcher has held so far, in megabytes."""
        lines = Path(f"/proc/{self.process.popen.pid}/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024

    @property
    def log(self):
        return self.process.log.read_bytes().decode("utf-8", "surrogateescape")

    def stored(self):
        """The servers that the history knows, and every word in it."""
        place = f"file:{self.data}/history.sqlite?mode=ro"
        with closing(sqlite3.connect(place, uri=True)) as db:
            names = [name for (name,) in db.execute("SELECT name FROM server")]
            texts = [text for (text,) in db.execute("SELECT text FROM event")]
        return names, texts


@pytest.fixture
def watched(tmp_path, tmp_path_factory, monkeypatch):
    """Watch servers by name and address for a block."""
    folder = tmp_path_factory.mktemp("t")
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    data = tmp_path / "data"

    @contextmanager
    def watch(urls, period="0.3", **settings):
        servers = {name: Server(name, url, None, Source.ENVIRONMENT) for name, url in urls.items()}
        environ = {
            **os.environ,
            "VLLM_SERVERS": ",".join(f"{name}={url}" for name, url in urls.items()),
            "INSPECTOR_DATA": str(data),
            "INSPECTOR_PERIOD": period,
            **settings,
        }
        command = ["python", "-m", "lib.watch"]
        with running(command, log=tmp_path / "log", env=environ) as process:
            process.ready_when(socket_path(data).exists, 30)
            feed = Feed(data, list(servers.values()), environ=environ, supervise=False)
            watching = Watched(feed, process, servers, data)
            feed.start()
            try:
                yield watching
            finally:
                feed.stop()

    return watch
