"""Readings for views without a process around them: recorded pages, moved on second by second."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from lib.diagnosis import Diagnosis, Outlook
from lib.health import Check, Outcome, State, Status, Tracker
from lib.metrics import Layout, Reader, Sample, Series, Window
from lib.servers import Server, Source
from lib.ui.pressed import Pressed
from lib.ui.strips import Part
from lib.watch import CHECK_PERIOD, Event, Tick, checks_of
from tests.support.processes import ROOT

PAGE = (ROOT / "tests/recordings/metrics_running_2.txt").read_text()
START = 1_800_000_000.0


def moved(page: str, factor: float) -> bytes:
    """The page with its token counters and latencies `factor` times as high."""

    def higher(line: re.Match) -> str:
        return f"{line[1]} {float(line[2]) * factor}"

    pattern = r"^(vllm:(?:\w+_tokens_total|\w+_seconds_(?:bucket|count|sum))\S*) (\S+)$"
    return re.sub(pattern, higher, page, flags=re.MULTILINE).encode()


def told(page: str, **values: float) -> str:
    """The page with gauges (wire names without `vllm:`) that say something else."""
    for name, value in values.items():
        page = re.sub(rf"^(vllm:{name}\{{.*\}}) \S+$", rf"\1 {value}", page, flags=re.MULTILINE)
    return page


def engines(*pages: str) -> bytes:
    """One page of several engines, each with the series of one of the pages."""
    lines = []
    for number, page in enumerate(pages):
        series = [line for line in page.splitlines() if line.startswith("vllm:")]
        lines += [line.replace('engine="0"', f'engine="{number}"') for line in series]
    return ("\n".join(lines) + "\n").encode()


class Readings:
    """A feed of one server: a reading each second from `START`, None where it did not answer."""

    def __init__(self, server: Server, bodies: list[bytes | None], period: float = 1.0) -> None:
        reader, tracker = Reader(), Tracker()
        self.server = server
        self.period = period
        self.ticks: list[Tick] = []
        for number, body in enumerate(bodies):
            at = START + number * period
            sample = None if body is None else reader.read(body)
            status = tracker.step(at, sample, None)
            self.ticks.append(Tick(server.id, at, at, 0.01, status, sample))
        self.told = len(self.ticks)
        self.checks: list[Tick] = []
        self.happened: list[Event] = []
        self.asked: list[str] = []

    def check(self, number: int, *outcomes: Outcome) -> None:
        """A round of checks in that second; NaN is the latency of one that failed."""
        at = START + number * self.period
        outcomes = tuple(one._replace(at=at) for one in outcomes)
        offered = [one for one in outcomes if one.passed is not None]
        layout = Layout(Series("check_seconds", "", "", one.check.value) for one in offered)
        took = [one.seconds if one.passed else np.nan for one in offered]
        status = Status(State.HEALTHY, at, "")
        sample = Sample(layout, np.array(took, float))
        self.checks.append(
            Tick(checks_of(self.server.id), at, at, 0.01, status, sample, outcomes=outcomes)
        )

    def calls(self, first: int, last: int, state: State, reason: str = "") -> None:
        """What the server is called in those seconds, whatever its readings would say."""
        for number in range(first, last):
            at = START + first * self.period
            tick = self.ticks[number]
            self.ticks[number] = replace(tick, status=Status(state, at, reason))

    def states(self, server: str, start: float, end: float) -> list[Part]:
        """The states of the ticks; one that nobody saw is not told here."""
        self.asked.append(server)
        return [
            Part(tick.at, min(tick.at + self.period, end), tick.status.state, tick.status.reason)
            for tick in self.ticks[: self.told]
            if server == self.server.id and start <= tick.at < end
        ]

    def events(self, start: float, end: float, server: str | None = None) -> list[Event]:
        return [one for one in self.happened if start <= one.at <= end]

    def set_clock(self, first: int, seconds: float) -> None:
        """From that reading on the wall clock is so many seconds ahead; the other clock is not."""
        later = [replace(tick, at=tick.at + seconds) for tick in self.ticks[first:]]
        self.ticks[first:] = later

    def tell(self, count: int) -> None:
        """Only so many of the readings have come yet."""
        self.told = count

    def latest(self, server: str) -> Tick | None:
        known = self._track(server)
        return known[-1] if known else None

    def window(self, server: str, start: float, end: float) -> Window:
        rows = [(tick.at, tick.sample) for tick in self._track(server) if start <= tick.at <= end]
        period = self.period if server == self.server.id else CHECK_PERIOD
        return Window.of(rows, start=start, end=end, period=period)

    def _track(self, server: str) -> list[Tick]:
        """What has come of a server, or of its checks."""
        known = self.ticks[: self.told]
        if server == self.server.id:
            return known
        now = known[-1].at if known else -np.inf
        ours = server == checks_of(self.server.id)
        return [tick for tick in self.checks if ours and tick.at <= now]


class Wall:
    """What views share, standing still."""

    def __init__(self, *servers: Server) -> None:
        self.servers = servers
        self.found = Diagnosis((), ("nothing",), ())
        self.ahead = Outlook()
        self.pressings: dict[str, Pressed] = {}
        self.listed_models = ["Qwen/Qwen2.5-7B-Instruct"]

    def banner(self):
        return None

    def watched(self):
        return self.servers

    def listed(self):
        return [{"name": server.name} for server in self.servers]

    def brief(self, _server: str):
        return self.found

    def walk(self):
        pass

    def diagnosis(self, _server: str):
        return self.found

    def forecast(self, _server: str):
        return self.ahead

    def cached(self, _server: Server):
        return None

    def version(self, _server: Server) -> str:
        return "0.32.0"

    def pressed(self, server: Server) -> Pressed:
        return self.pressings.get(server.name, Pressed())

    def models(self, _server: Server) -> list[str]:
        return self.listed_models


def server(name: str = "chat") -> Server:
    return Server(name, "http://127.0.0.1:1", None, Source.ENVIRONMENT)


def passed(check: Check, seconds: float = 0.01, words: str = "") -> Outcome:
    return Outcome(check, True, seconds, words)


def failed(check: Check, words: str = "Nothing listens.") -> Outcome:
    return Outcome(check, False, 0.5, words, "not listening")


def recording(name: str) -> bytes:
    return (Path(ROOT) / "tests/recordings" / name).read_bytes()
