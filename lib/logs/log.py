"""What a log says, read to its end. Values only: who reads it is `reading`.

Moments are seconds on the log's own clock (`has_year` says whether its year is known). Whatever the
log does not tell is None or empty. Texts are the log's own, without secrets, and are drawn as text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from lib.logs.arguments import Argument
from lib.logs.statistics import Points
from lib.logs.troubles import Gravity, Kind

__all__ = [
    "Asked",
    "Capacity",
    "End",
    "Listed",
    "Log",
    "Mark",
    "Milestone",
    "Process",
    "Remark",
    "Start",
]


class End(Enum):
    """How the newest start ended; the value is a word for people."""

    OPEN = "still running where the log ends"
    UNFINISHED = "still starting where the log ends"
    SHUT_DOWN = "shut down"
    NOT_STARTED = "failed to start"
    ENGINE_DIED = "its engine died"
    KILLED = "killed"
    UNKNOWN = "not told"


@dataclass(frozen=True, slots=True)
class Process:
    """One process that wrote, and the lines between which it did."""

    name: str
    pid: int | None
    first: int
    last: int
    lines: int
    first_at: float | None = None
    last_at: float | None = None


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the KV cache holds, as the server measured it; memory in GiB per device."""

    tokens: int | None = None
    blocks: int | None = None
    cpu_blocks: int | None = None
    block_size: int | None = None
    max_model_len: int | None = None
    concurrency: float | None = None
    cache_gib: float | None = None
    weights_gib: float | None = None
    graphs_gib: float | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One route of the log's list; `endpoint` is the name of a websocket's."""

    path: str
    methods: tuple[str, ...]
    line: int
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class Milestone:
    """A point of a start; `took` are the seconds that the server says it needed for it."""

    name: str
    line: int
    at: float | None
    took: float | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """A known line, explained; it stands for `count` of its kind, from `line` to `last`."""

    line: int
    at: float | None
    process: str
    name: str
    said: str
    what: str
    releases: str
    count: int = 1
    last: int = 0


@dataclass(frozen=True, slots=True)
class Remark:
    """A warning or an error, with its likely cause; it stands for `count` of its kind.

    `is_known` tells whether the table of troubles explains it, `is_effect` that another one caused
    it.
    """

    line: int
    at: float | None
    level: str
    gravity: Gravity
    kind: Kind
    title: str
    what: str
    remedy: str
    excerpt: str
    count: int = 1
    last: int = 0
    process: str = ""
    is_known: bool = True
    is_effect: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """One start that the log holds."""

    line: int
    at: float | None
    version: str
    ready_at: float | None = None
    ready_line: int | None = None

    @property
    def seconds(self) -> float | None:
        """From its first line to its readiness."""
        if self.at is None or self.ready_at is None:
            return None
        return self.ready_at - self.at


@dataclass(frozen=True, slots=True)
class Asked:
    """Requests that the web server logged."""

    method: str
    path: str
    status: int
    count: int


@dataclass(frozen=True, slots=True)
class Log:
    """All of it. What a start says (arguments, capacity, routes …) is that of the newest one."""

    lines: int = 0
    size: int = 0
    cut: int = 0
    """Lines that were longer than what is kept of one."""
    known: int = 0
    """Lines of vLLM's own shape; none of them: it is no log of vLLM."""
    has_year: bool = False
    carriers: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    """Whose lines they are, where they say so; of several, all that is told is mixed."""
    first_at: float | None = None
    last_at: float | None = None
    version: str = ""
    model: str = ""
    names: tuple[str, ...] = ()
    """The served names of the model."""
    address: str = ""
    tasks: tuple[str, ...] = ()
    arguments: tuple[Argument, ...] = ()
    has_defaults: bool = False
    """Whether the arguments hold those that nobody gave, as up to 0.8.5."""
    configuration: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    """Whatever else known lines tell, by name."""
    capacity: Capacity = Capacity()
    routes: tuple[Listed, ...] = ()
    processes: tuple[Process, ...] = ()
    starts: tuple[Start, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    marks: tuple[Mark, ...] = ()
    remarks: tuple[Remark, ...] = ()
    uncounted: int = 0
    """Warnings and errors of further kinds, beyond those that are kept."""
    statistics: Sequence[Points] = ()
    requests: tuple[Asked, ...] = ()
    levels: Mapping[str, int] = field(default_factory=dict)
    end: End = End.UNKNOWN

    @property
    def is_ready(self) -> bool:
        """Whether the newest start came to its end."""
        return bool(self.starts) and self.starts[-1].ready_line is not None

    @property
    def cause(self) -> Remark | None:
        """What most likely ended the newest start; None where nothing did."""
        if self.end not in (End.NOT_STARTED, End.ENGINE_DIED, End.KILLED):
            return None
        begun = self.starts[-1].line if self.starts else 0
        bad = [one for one in self.remarks if one.gravity is Gravity.BAD and one.last >= begun]
        return min(bad, key=lambda one: (one.is_effect, one.line), default=None)
