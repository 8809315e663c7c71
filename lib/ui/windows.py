"""The windows of time that a page can show, and how finely each is drawn.

This table alone decides them. Bins are about as wide as one or two pixels of a plot: a finer one
would cost work that nobody can see. Beyond an hour history is kept by the minute, so that no bin is
shorter than that.
"""

from dataclasses import dataclass, replace

__all__ = ["DEFAULT", "WINDOWS", "Span", "window_named"]

LOOK_BACK = 300
"""Seconds that a newest figure looks back at most: the dashboard holds ten minutes in memory."""


@dataclass(frozen=True, slots=True)
class Span:
    """A window that ends now: its name in a URL, its labels, its length and bins in seconds.

    `trail` is how far back a point of a percentile or ratio looks, so that a bin with few requests
    is not noise.
    """

    key: str
    label: str
    words: str
    seconds: int
    bin: int
    trail: int

    @property
    def newest(self) -> "Span":
        """The same for the figures of the newest reading, which look back less far."""
        return replace(self, bin=min(self.bin, LOOK_BACK), trail=min(self.trail, LOOK_BACK))


WINDOWS = (
    Span("1m", "1 m", "1 minute", 60, 1, 15),
    Span("5m", "5 m", "5 minutes", 300, 2, 30),
    Span("30m", "30 m", "30 minutes", 1_800, 3, 60),
    Span("6h", "6 h", "6 hours", 21_600, 60, 300),
    Span("7d", "7 d", "7 days", 604_800, 900, 900),
)
DEFAULT = WINDOWS[2]


def window_named(key: str | None) -> Span:
    """The window of that name; the default one for anything else, since a URL can say anything."""
    return next((window for window in WINDOWS if window.key == key), DEFAULT)
