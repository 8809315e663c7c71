"""What a diagnosis says: findings with the chain that leads to each, and what was looked at.

A `Curve` names a line that a rule read, so that a page can draw the very line that crossed the
threshold; `lib.diagnosis.points` computes it.
"""

from dataclasses import dataclass
from enum import Enum

from lib.metrics import BY_NAME, Member

__all__ = ["Curve", "Diagnosis", "Finding", "How", "Link", "Remedy", "Rival", "Severity"]


class Severity(Enum):
    """How bad a finding is: users feel it, they may soon, or it only costs money."""

    BAD = "bad"
    WATCH = "watch"
    HINT = "hint"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


class How(Enum):
    """How a curve is computed from its quantity; a gauge's mean is of each step."""

    GAUGE = "mean"
    MAX = "highest"
    RATE = "growth per second"
    RATIO = "share"
    MEAN = "mean of what was counted"
    PERCENTILE = "percentile"
    SHARE = "one part's share of all"


@dataclass(frozen=True, slots=True)
class Curve:
    """A line that a link rests on.

    `part` is one part of the quantity, `to` what a RATIO is a share of, `q` the quantile of a
    PERCENTILE, `span` how many seconds a point looks back (0: a step). `limit` is where the
    threshold is drawn, in the unit of the curve.
    """

    quantity: str
    how: How
    part: str | None = None
    to: str = ""
    q: float = 0.0
    limit: float | None = None
    span: float = 0.0


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a chain, ready to read.

    `quantity` is a name of `lib.metrics.names`, `figure` the value with its unit, `threshold` what
    it is held against ("" if nothing), `window` the time that the figure is of, `since` when it
    crossed (wall-clock seconds; None for a figure of the whole window). A link with `holds` False
    was looked for and is not there. `curve` is None where no curve shows it. `config` is the label
    of the server's configuration that it is read from, where it is one.
    """

    quantity: str
    label: str
    figure: str
    threshold: str
    window: str
    since: float | None = None
    holds: bool = True
    curve: Curve | None = None
    config: str = ""

    @property
    def metric(self) -> str:
        """What it is read from, as the server names it."""
        source = BY_NAME[self.quantity].source
        return f"{self.config} of vllm:cache_config_info" if self.config else source


@dataclass(frozen=True, slots=True)
class Rival:
    """Another cause with the same signs, and why it is not the one."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do: a flag ("" if none does it), what it changes, its price ("" if none)."""

    flag: str
    does: str
    price: str = ""

    @property
    def sentence(self) -> str:
        """The remedy in one line."""
        flagged = f"{self.flag}: {self.does}" if self.flag else self.does
        return f"{flagged} (costs: {self.price})" if self.price else flagged


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause, once: what is wrong, since when, what shows it and what to do about it.

    `pattern` is the row of the table of known patterns (0 for a symptom without a known cause),
    `brief` two or three words for a list, `headline` a sentence. `chain` is in order of onset, what
    has none last. `merged` are the briefs of the findings that this one explains. `explains` names
    rules whose findings are its effects in this window, beside those that are always. `engines` are
    those that it is of; none where it is of the server as a whole.
    """

    rule: str
    pattern: int
    severity: Severity
    brief: str
    headline: str
    detail: str
    since: float
    chain: tuple[Link, ...] = ()
    rivals: tuple[Rival, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    source: str = ""
    merged: tuple[str, ...] = ()
    explains: tuple[str, ...] = ()
    engines: tuple[Member, ...] = ()

    def is_of(self, member: Member) -> bool:
        """Whether this engine has a part in it."""
        return not self.engines or member in self.engines

    @property
    def remedy(self) -> str:
        """The first thing to do, in one line; "" if there is none."""
        return self.remedies[0].sentence if self.remedies else ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Findings, worst first; what was checked and fine; what could not be checked, and why."""

    findings: tuple[Finding, ...]
    fine: tuple[str, ...]
    unchecked: tuple[str, ...]
