"""Readings for views without a process around them: recorded pages, moved on second by second."""

import re
from dataclasses import replace
from pathlib import Path

from lib.diagnosis import Diagnosis
from lib.health import Tracker
from lib.metrics import Reader, Window
from lib.servers import Server, Source
from lib.watch import Tick
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

    def set_clock(self, first: int, seconds: float) -> None:
        """From that reading on the wall clock is so many seconds ahead; the other clock is not."""
        later = [replace(tick, at=tick.at + seconds) for tick in self.ticks[first:]]
        self.ticks[first:] = later

    def tell(self, count: int) -> None:
        """Only so many of the readings have come yet."""
        self.told = count

    def latest(self, server: str) -> Tick | None:
        known = self.ticks[: self.told]
        return known[-1] if known and server == self.server.id else None

    def window(self, server: str, start: float, end: float) -> Window:
        rows = [
            (tick.at, tick.sample)
            for tick in self.ticks[: self.told]
            if server == self.server.id and start <= tick.at <= end
        ]
        return Window.of(rows, start=start, end=end, period=self.period)


class Wall:
    """What views share, standing still."""

    def __init__(self, *servers: Server) -> None:
        self.servers = servers
        self.found = Diagnosis((), ("nothing",), ())

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

    def version(self, _server: Server) -> str:
        return "0.32.0"


def server(name: str = "chat") -> Server:
    return Server(name, "http://127.0.0.1:1", None, Source.ENVIRONMENT)


def recording(name: str) -> bytes:
    return (Path(ROOT) / "tests/recordings" / name).read_bytes()
