"""A real watcher process against servers that misbehave: the others notice nothing."""

import asyncio
import http.server
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from lib.api import Reason
from lib.api.errors import refusal
from lib.health import State
from lib.servers import Server, Source
from lib.watch import checks_of
from lib.watch.feed import Feed
from lib.watch.lag import Lag
from lib.watch.places import socket_path
from lib.watch.poller import Poller
from lib.watch.supervisor import ALREADY_WATCHED, BAD_SETTINGS
from tests.faults.stalls import Stalls, assert_kept, slowness
from tests.support.clock import Clock
from tests.support.faulty import (
    MODES,
    FaultServer,
    closed_port,
    hang,
    recorded,
)
from tests.support.ports import free_port
from tests.support.processes import ROOT, running
from tests.support.waiting import until

TCP_TABLE = Path("/proc/net/tcp")
GOOD = {"/metrics": recorded("metrics.txt"), "/metrics/": recorded("metrics.txt")}


@pytest.fixture(autouse=True)
def own_tempdir(tmp_path_factory, monkeypatch):
    """Sockets of this test alone, with a path short enough."""
    folder = tmp_path_factory.mktemp("t")
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))


def server(name, url):
    return Server(name, url, None, Source.ENVIRONMENT)


def settings(data, servers, **more):
    listed = ",".join(f"{one.name}={one.url}" for one in servers)
    mine = {"VLLM_SERVERS": listed, "INSPECTOR_DATA": str(data), "INSPECTOR_PERIOD": "0.3"}
    return {**os.environ, **mine, **more}


@contextmanager
def feeding(data, servers, *, supervise=True, listener=None, **more):
    feed = Feed(data, servers, environ=settings(data, servers, **more), supervise=supervise)
    if listener:
        feed.listen(listener)
    feed.start()
    try:
        yield feed
    finally:
        feed.stop()


def ticking(feed, one, count=1):
    """Wait until a server has that many ticks in memory."""
    until(lambda: len(feed.recent(one.id, 600)) >= count, 30)


@pytest.mark.alone
def test_every_bad_server_is_told_and_the_good_ones_keep_their_period(tmp_path):
    period, heard = slowness(), []
    modes = ["hang", "drip body", "drip headers", "half body", "reset", "html", "500", "endless"]
    with ExitStack() as stack:
        good = [server(f"good{i}", stack.enter_context(FaultServer(GOOD)).url) for i in range(2)]
        bad = {
            mode: server(
                mode.replace(" ", "-"), stack.enter_context(FaultServer({"*": MODES[mode]()})).url
            )
            for mode in modes
        }
        bad["refused"] = server("refused", stack.enter_context(closed_port()))
        servers = [*good, *bad.values()]
        stalls = stack.enter_context(Stalls())
        every = {"INSPECTOR_PERIOD": f"{period:g}"}
        feed = stack.enter_context(feeding(tmp_path, servers, listener=heard.extend, **every))
        stalls.watch(until(lambda: pid_of_ours(feed), 20))
        for one in good:
            until(lambda one=one: len(feed.recent(one.id, 600)) >= 9, 40 * period)
        expected = {
            "hang": "timeout",
            "drip body": "timeout",
            "drip headers": "timeout",
            "half body": "closed",
            "reset": "closed",
            "html": "html",
            "500": "server error",
            "endless": "too large",
            "refused": "not listening",
        }
        for mode, kind in expected.items():
            tick = until(lambda mode=mode, kind=kind: downed(feed, bad[mode], kind), 30)
            assert tick.took - stalls.within(tick.mono, tick.mono + tick.took) < period
        for one in good:
            assert_kept([tick for tick in heard if tick.server == one.id], period, stalls)
        until(lambda: feed.pulse.sentence == "")


def downed(feed, one, kind):
    """The newest tick of a server that is down for that reason."""
    tick = feed.latest(one.id)
    is_it = tick and tick.status.state.is_down and tick.refused and tick.refused.kind == kind
    return tick if is_it else None


@pytest.mark.skipif(not TCP_TABLE.exists(), reason="the system's table of connections is Linux's")
def test_a_hanging_server_has_one_scrape_and_one_check_in_flight(tmp_path):
    with FaultServer({"*": hang()}) as hanging:
        one = server("hang", hanging.url)
        with feeding(tmp_path, [one], INSPECTOR_PERIOD="0.3") as feed:
            seen, before = [], set()

            def rounds(count):
                nonlocal before
                now = established(hanging.port)
                seen.append(len(now & before))
                before = now
                return len(feed.recent(checks_of(one.id), 600)) >= count

            until(lambda: rounds(1), 30)
            assert max(seen) <= 1 + 8  # the first round asks everything once
            seen.clear()
            until(lambda: rounds(3), 30)
            assert 1 <= max(seen) <= 2
            assert len(feed.recent(one.id, 600)) >= 5


def established(port):
    """The connections to a port that their client holds open, by the client's own port.

    The table is read in pages, and changes between them: one that is closed meanwhile is listed
    beside one that is opened. What two readings in a row list was open all the time between them.
    """
    rows = [line.split() for line in TCP_TABLE.read_text().splitlines()[1:]]
    mine = (row for row in rows if row[2].endswith(f":{port:04X}") and row[3] == "01")
    return {row[1] for row in mine}


class MetricsPage(http.server.BaseHTTPRequestHandler):
    body = (ROOT / "tests/recordings/metrics.txt").read_bytes()

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        pass


@contextmanager
def started_at(url):
    """A metrics page at an address at which nothing listened."""
    port = int(url.rsplit(":", 1)[1])
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), MetricsPage) as page:
        thread = threading.Thread(target=page.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            page.shutdown()
            thread.join()


def test_a_server_that_was_long_away_is_seen_when_it_is_back(tmp_path):
    url = f"http://127.0.0.1:{free_port()}"
    one = server("late", url)
    with feeding(tmp_path, [one], INSPECTOR_PERIOD="1") as feed:
        ticking(feed, one, 7)
        assert feed.latest(one.id).status.state.is_down
        with started_at(url):
            until(lambda: feed.latest(one.id).status.state is State.HEALTHY, 20)
            # The history comes a second later, in which the machine may stand still.
            until(lambda: [e.kind for e in feed.events(0, 1e12, one.id)][:2] == ["down", "up"])


class LongAway:
    """A server at which nothing listens until it is back; by an invented clock."""

    def __init__(self, clock, away):
        self.clock, self.back = clock, clock.monotonic() + away

    async def scrape(self, deadline, names):
        if self.clock.monotonic() < self.back:
            raise refusal(Reason.NOT_LISTENING, "http://h")
        return (ROOT / "tests/recordings/metrics.txt").read_bytes()

    async def close(self):
        pass


@pytest.mark.parametrize("away", np.linspace(20.0, 24.0, 9))
def test_a_server_that_was_long_away_is_seen_within_four_seconds(away, monkeypatch):
    """Whatever pauses are drawn: the longest."""
    clock, states = Clock(), []
    monkeypatch.setattr("lib.watch.poller.time", clock)
    client, slots = LongAway(clock, away), asyncio.Semaphore()

    def tell(tick, _):
        states.append(tick.status.state)

    async def asks():
        poller = Poller("late", client, period=1.0, slots=slots, lag=Lag(), tell=tell)
        poller.pace._draw = max
        asking = asyncio.create_task(poller.run())
        await asyncio.sleep(away + 4.5)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    clock.run(asks())
    assert State.NOT_LISTENING in states
    assert states[-1] is State.HEALTHY


class Pauses(threading.Event):
    """An end that nobody brings; notes how long it is waited for, and what holds meanwhile."""

    def __init__(self, holds):
        super().__init__()
        self.holds, self.noted = holds, []

    def wait(self, timeout=None):
        self.noted.append((timeout, self.holds()))
        return super().wait(timeout)


def test_a_killed_watcher_is_started_again_within_two_seconds(tmp_path):
    with FaultServer(GOOD) as good:
        one = server("good", good.url)
        with feeding(tmp_path, [one]) as feed:
            ticking(feed, one, 4)
            first, supervisor = feed.pulse.pid, feed._ear._supervisor
            assert feed.pulse.ours
            pauses = feed._ear._ending = Pauses(lambda: supervisor.pid)
            os.kill(first, signal.SIGKILL)
            until(lambda: supervisor.pid not in (None, first))
            # What the machine takes besides is its own affair.
            assert sum(pause for pause, pid in pauses.noted if pid is None) < 2.0
            until(lambda: feed.pulse.pid != first and feed.pulse.ours, 20)
            before = len(feed.recent(one.id, 600))
            ticking(feed, one, before + 2)
            window = feed.window(one.id, time.time() - 600, time.time())
            assert (np.diff(window.times) > 0).all()
            assert len(window) >= before + 1


def test_a_watcher_that_stands_still_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr("lib.watch.ear.WEDGED_SECONDS", 1.5)
    with FaultServer(GOOD) as good:
        one = server("good", good.url)
        with feeding(tmp_path, [one]) as feed:
            ticking(feed, one, 2)
            first = until(lambda: pid_of_ours(feed), 20)
            os.kill(first, signal.SIGSTOP)
            until(lambda: feed.pulse.pid != first and feed.pulse.ours, 20)
            until(lambda: feed.age(one.id) < 1.5, 10)


def pid_of_ours(feed):
    """The watcher that a feed has started, once it speaks."""
    pulse = feed.pulse
    return pulse.pid if pulse.ours else None


def test_the_heartbeats_age_is_told(tmp_path):
    with FaultServer(GOOD) as good:
        one = server("good", good.url)
        with feeding(tmp_path, [one]) as feed:
            ticking(feed, one, 2)
            until(lambda: feed.pulse.sentence == "")
            watcher = until(lambda: pid_of_ours(feed), 20)
            os.kill(watcher, signal.SIGSTOP)
            try:
                silent = "The watcher has been silent for "
                until(lambda: feed.pulse.sentence.startswith(silent), 10)
            finally:
                with suppress(ProcessLookupError):  # one that is silent for long is replaced
                    os.kill(watcher, signal.SIGCONT)


DASHBOARD = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from lib.watch import Feed
    feed = Feed(Path(sys.argv[1]))
    feed.start()
    while feed.pulse.age is None:
        time.sleep(0.05)
    print(feed.pulse.pid, flush=True)
    time.sleep(60)
    """
)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_watcher_ends_with_a_dashboard_that_is_killed(tmp_path):
    with FaultServer(GOOD) as good:
        dashboard = subprocess.Popen(
            [sys.executable, "-c", DASHBOARD, str(tmp_path)],
            cwd=ROOT,
            env=settings(tmp_path, [server("good", good.url)]),
            stdout=subprocess.PIPE,
        )
        with dashboard.stdout:
            words = [dashboard.stdout.readline() for _ in range(2)]
        watcher = int(next(word for word in words if word.strip().isdigit()))
        assert alive(watcher)
        dashboard.kill()
        dashboard.wait()
        until(lambda: not alive(watcher), 10)


def test_two_dashboards_share_one_watcher_and_the_second_takes_over(tmp_path):
    with FaultServer(GOOD) as good:
        one = server("good", good.url)
        with feeding(tmp_path, [one]) as second:
            with feeding(tmp_path, [one]) as first:
                until(lambda: first.pulse.pid and first.pulse.pid == second.pulse.pid, 20)
                assert [first.pulse.ours, second.pulse.ours].count(True) == 1
                owner = first if first.pulse.ours else second
                pid = owner.pulse.pid
            until(lambda: (age := second.pulse.age) is not None and age < 1.5, 20)
            until(lambda: second.pulse.ours, 20)
            assert owner is second or second.pulse.pid != pid


def run_watcher(data, servers, *arguments, timeout=90, **more):
    return subprocess.run(
        [sys.executable, "-m", "lib.watch", *arguments],
        cwd=ROOT,
        env=settings(data, servers, **more),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def test_a_second_watcher_says_so_and_ends(tmp_path):
    with FaultServer(GOOD) as good:
        one = server("good", good.url)
        environ = settings(tmp_path, [one])
        with running(["python", "-m", "lib.watch"], log=tmp_path / "log", env=environ) as first:
            until(lambda: socket_path(tmp_path).exists(), 20)
            assert first.output().startswith("Watching 1 server")
            second = run_watcher(tmp_path, [one])
            assert second.returncode == ALREADY_WATCHED
            assert "Another watcher already holds" in second.stderr
            with feeding(tmp_path, [one]) as feed:
                ticking(feed, one, 2)
                assert not feed.pulse.ours
                assert feed.pulse.pid == first.popen.pid
            first.popen.terminate()
            assert first.popen.wait(60) == 0
        events = Feed(tmp_path, environ=environ).events(0, 1e12)
        assert [event.kind for event in events if event.server is None] == ["started", "stopped"]


def test_settings_that_cannot_be_used_are_told_in_a_sentence(tmp_path):
    done = run_watcher(tmp_path, [], VLLM_SERVERS="chat=ftp://nowhere")
    assert done.returncode == BAD_SETTINGS
    assert done.stderr.startswith("VLLM_SERVERS: ")
    assert "Traceback" not in done.stderr


def test_once_asks_each_server_once(tmp_path):
    with FaultServer(GOOD) as good, closed_port() as nobody:
        servers = [server("good", good.url)]
        done = run_watcher(tmp_path, servers, "--once", INSPECTOR_PERIOD="30")
        assert done.returncode == 0
        assert done.stdout.startswith(f"good {good.url}: Healthy, 293 series, ")
        done = run_watcher(
            tmp_path, [*servers, server("bad", nobody)], "--once", INSPECTOR_PERIOD="30"
        )
        assert done.returncode == 1
        assert "Nothing listens at" in done.stdout
        assert not list(tmp_path.iterdir())


def test_a_server_added_in_the_page_is_watched_without_a_restart(tmp_path):
    with FaultServer(GOOD) as good, FaultServer(GOOD) as more:
        one, other = server("good", good.url), server("more", more.url)
        with feeding(tmp_path, [one]) as feed:
            ticking(feed, one, 2)
            pid = feed.pulse.pid
            added = {"servers": [{"name": "more", "url": more.url}]}
            written = tmp_path / "added.json.new"
            written.write_text(json.dumps(added))
            written.rename(tmp_path / "added.json")  # at once: half of it would be another list
            ticking(feed, other, 2)
            assert feed.servers == (one.id, other.id)
            (tmp_path / "added.json").unlink()
            until(lambda: feed.servers == (one.id,), 10)
            assert feed.pulse.pid == pid


def test_a_broken_list_of_added_servers_changes_nothing(tmp_path):
    with FaultServer(GOOD) as good:
        one = server("good", good.url)
        with feeding(tmp_path, [one]) as feed:
            ticking(feed, one, 2)
            (tmp_path / "added.json").write_text("{")
            ticking(feed, one, 5)
            assert feed.servers == (one.id,)


def test_a_server_that_the_running_watcher_does_not_ask_is_told(tmp_path):
    with FaultServer(GOOD) as good:
        one, other = server("good", good.url), server("other", "http://127.0.0.1:9")
        environ = settings(tmp_path, [one])
        with (
            running(["python", "-m", "lib.watch"], log=tmp_path / "log", env=environ),
            feeding(tmp_path, [one, other], supervise=False) as feed,
        ):
            ticking(feed, one, 2)
            until(lambda: "does not ask other" in feed.pulse.sentence, 20)
            assert feed.pulse.unwatched == (other.id,)


def test_the_live_view_goes_on_without_a_store(tmp_path):
    (tmp_path / "file").touch()
    data = tmp_path / "file" / "data"
    with FaultServer(GOOD) as good:
        one = server("good", good.url)
        with feeding(data, [one]) as feed:
            ticking(feed, one, 4)
            until(lambda: (pulse := feed.pulse).trouble and pulse.sentence == pulse.trouble)
            assert len(feed.window(one.id, time.time() - 600, time.time())) >= 4
