"""A real Prometheus as second opinion: scraping each second on a free port, asked by PromQL."""

import os
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.ports import free_port
from tests.support.processes import running

__all__ = ["Prometheus", "find_prometheus", "watching"]

CONFIG = """\
global: {{scrape_interval: 1s, scrape_timeout: 900ms}}
scrape_configs:
  - job_name: vllm
    static_configs: [{{targets: ["{target}"]}}]
"""
OWN_LABELS = {"__name__", "job", "instance"}


class Prometheus:
    """Questions to a running Prometheus. Times are wall-clock seconds."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def close(self) -> None:
        self._client.close()

    def ready(self) -> bool:
        try:
            return self._client.get("/-/ready").status_code == 200
        except httpx.HTTPError:
            return False

    def has_scraped(self) -> bool:
        """Whether its last scrape of the target was answered."""
        return self.ready() and self.value("up", time.time()) == 1.0

    def query(self, expression: str, at: float) -> list[dict]:
        """The result of an instant query; fails with Prometheus' own words."""
        form = {"query": expression, "time": f"{at:.3f}"}
        answer = self._client.post("/api/v1/query", data=form).json()
        assert answer["status"] == "success", answer
        return answer["data"]["result"]

    def value(self, expression: str, at: float) -> float | None:
        """The one value of an instant query; None when there is none."""
        result = self.query(expression, at)
        assert len(result) <= 1, f"{len(result)} series for {expression}"
        return float(result[0]["value"][1]) if result else None

    def over(self, begin: float, end: float, template: str) -> float | None:
        """The one value of an expression over exactly this time: R stands for its range.

        The millisecond is for Prometheus 3, whose ranges leave out their first instant.
        """
        return self.value(template.replace("R", f"[{round((end - begin) * 1000) + 1}ms]"), end)

    def scrapes(self, start: float, end: float) -> list[tuple[float, bytes]]:
        """Every scrape from `start` to `end`, put back into the text that it was read from.

        Prometheus keeps a scrape's samples under one time stamp: together they are its body again.
        """
        bodies: dict[float, list[str]] = defaultdict(list)
        span = f"{round((end - start) * 1000)}ms"
        for series in self.query(f'{{job="vllm"}}[{span}]', end):
            labels = series["metric"]
            name = labels["__name__"]
            inner = ",".join(
                f'{key}="{_escaped(value)}"'
                for key, value in sorted(labels.items())
                if key not in OWN_LABELS
            )
            for at, value in series["values"]:
                bodies[at].append(f"{name}{{{inner}}} {value}\n")
        return [(at, "".join(bodies[at]).encode()) for at in sorted(bodies)]


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@contextmanager
def watching(target: str, folder: Path) -> Iterator[Prometheus]:
    """A Prometheus that scrapes `target` (host:port) once a second, from its first scrape on.

    Its data lies in `folder`.
    """
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.format(target=target))
    port = free_port()
    command = [
        find_prometheus() or "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with running(command, log=folder / "prometheus.log") as process:
        prometheus = Prometheus(f"http://127.0.0.1:{port}")
        try:
            process.ready_when(prometheus.has_scraped, 30)
            yield prometheus
        finally:
            prometheus.close()


def find_prometheus() -> str | None:
    """Path of Prometheus: $PROMETHEUS, else on the search path."""
    return shutil.which(os.environ.get("PROMETHEUS") or "prometheus")
