"""What the HTTP layer of a server has counted: the `http_*` families.

A current vLLM counts by handler, method and status class, and leaves out the routes that probes and
scrapers ask, so that watching a server does not change its figures.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator

from lib.demo.exposition import Family, counter, histogram, summary
from lib.demo.ledger import Histogram

__all__ = ["Web"]

UNCOUNTED = frozenset({"/metrics", "/metrics/", "/health", "/load", "/ping", "/version"})
FINE = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0),
    *(2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 7.5, 10.0, 30.0, 60.0),
)
COARSE = (0.1, 0.5, 1.0)

# The texts end in a space on the real page too.
SIZE = (
    "Content length of {} by handler. "
    "Only value of header is respected. Otherwise ignored. No percentile calculated. "
)
DURATION_FINE = (
    "Latency with many buckets but no API specific labels. "
    "Made for more accurate percentile calculations. "
)
DURATION = (
    "Latency with only few buckets by handler. "
    "Made to be only used if aggregation by handler is important. "
)


class Web:
    """Counts of answered requests since `created` (Unix time)."""

    def __init__(self, created: float) -> None:
        self._created = created
        self._requests: Counter[tuple[str, str, str]] = Counter()
        self._received: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self._sent: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self._fine = Histogram(FINE)
        self._coarse: dict[tuple[str, str], Histogram] = defaultdict(lambda: Histogram(COARSE))

    def count(
        self, handler: str, method: str, status: int, seconds: float, received: int, sent: int
    ) -> None:
        """Note one answer: its duration in seconds, the bytes received and sent."""
        if handler in UNCOUNTED:
            return
        self._requests[handler, method, f"{status // 100}xx"] += 1
        for sizes, size in ((self._received[handler], received), (self._sent[handler], sent)):
            sizes[0] += 1
            sizes[1] += size
        self._fine.observe(seconds)
        self._coarse[handler, method].observe(seconds)

    def families(self) -> Iterator[Family]:
        since = self._created
        requests = [
            ({"handler": handler, "method": method, "status": status}, float(count))
            for (handler, method, status), count in self._requests.items()
        ]
        about = "Total number of requests by method, status and handler."
        yield from counter("http_requests_total", about, requests, since)
        yield from self._sizes("request", SIZE.format("incoming requests"), self._received)
        yield from self._sizes("response", SIZE.format("outgoing responses"), self._sent)
        yield from histogram(
            "http_request_duration_highr_seconds", DURATION_FINE, [({}, self._fine)], since
        )
        coarse = [
            ({"handler": handler, "method": method}, one)
            for (handler, method), one in self._coarse.items()
        ]
        yield from histogram("http_request_duration_seconds", DURATION, coarse, since)

    def _sizes(self, what: str, about: str, sizes: dict[str, list[int]]) -> list[Family]:
        series = [({"handler": name}, count, float(size)) for name, (count, size) in sizes.items()]
        return summary(f"http_{what}_size_bytes", about, series, self._created)
