"""States: what a server can be called, how bad that is, and what to do about it.

This table alone decides the words, the order and the advice; when a server is called so is decided
in `lib.health.verdicts`.
"""

from enum import Enum
from typing import NamedTuple

__all__ = ["State", "Status", "Tone", "Trouble", "down_state", "is_refused_key"]


class Tone(Enum):
    """How much a state matters; drawn with a shape beside the colour."""

    BAD = "bad"
    WATCH = "watch"
    OFF = "off"
    GOOD = "good"


class State(Enum):
    """What a server does, worst first; the value is the word that people read."""

    HUNG = "Hung"
    LIVELOCKED = "Livelocked"
    ENGINE_DEAD = "Engine dead"
    NOT_LISTENING = "Nothing listens"
    UNKNOWN_HOST = "Name not found"
    TLS_FAILED = "TLS fails"
    TIMED_OUT = "No answer in time"
    UNREACHABLE = "Unreachable"
    WRONG_PROTOCOL = "Wrong protocol"
    FAULTY = "Server error"
    DENIED = "Key refused"
    FAILING = "Not answering"
    SUSPECT = "May hang"
    LOADING = "Loading"
    NO_METRICS = "No engine metrics"
    QUIET = "Quiet"
    UNKNOWN = "Not seen yet"
    PAUSED = "Paused"
    ASLEEP = "Asleep"
    BUSY = "Busy"
    HEALTHY = "Healthy"

    @classmethod
    def named(cls, name: str) -> "State":
        """The state of that name in the history; UNKNOWN for one that this release lacks."""
        return cls.__members__.get(name, cls.UNKNOWN)

    @property
    def tone(self) -> Tone:
        """How much it matters."""
        return _TONE_OF.get(self, Tone.BAD)

    @property
    def remedy(self) -> str:
        """What to do, in a sentence; "" where nothing is to be done, or the reason says it."""
        return _REMEDIES.get(self, "")

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return _RANKS[self]

    @property
    def is_down(self) -> bool:
        """Whether nobody is served: it takes `UP_AFTER` answers in a row to leave it."""
        return self in _DOWN


_TONES = {
    Tone.WATCH: (State.FAILING, State.SUSPECT, State.LOADING, State.NO_METRICS, State.QUIET),
    Tone.OFF: (State.UNKNOWN, State.PAUSED, State.ASLEEP),
    Tone.GOOD: (State.BUSY, State.HEALTHY),
}
_TONE_OF = {state: tone for tone, states in _TONES.items() for state in states}

_REMEDIES = {
    State.HUNG: "Save its log and a stack dump (py-spy dump) of the engine process, then restart "
    "it. /health does not see this: probe progress, or a real token.",
    State.LIVELOCKED: "The first request in the queue may never fit: compare --max-model-len with "
    "the size of the KV cache, abort that request, or restart the server.",
    State.ENGINE_DEAD: "Find the cause in its log, and restart it.",
    State.NOT_LISTENING: "A vLLM server opens its port once its model is loaded: one that was just "
    "started needs a while. See whether its process lives, and what its log says.",
    State.TIMED_OUT: "A stopped or overloaded process accepts connections and answers none: "
    "restart it if it stays so.",
    State.FAILING: "Wait for the next readings: one that fails alone is no outage.",
    State.SUSPECT: "Run the inference check on the Health page: one token tells whether the engine "
    "works.",
    State.LOADING: "Wait until it is done; its log says how far it is.",
    State.NO_METRICS: "Without engine metrics a hang can't be seen: see that it runs without "
    "--disable-log-stats, and that PROMETHEUS_MULTIPROC_DIR is a local folder.",
    State.QUIET: "Nothing yet: a long prompt can take some seconds of one step.",
    State.PAUSED: "Resume it (POST /resume) when it shall serve again.",
    State.ASLEEP: "Wake it up (POST /wake_up) when it shall serve again.",
}
_RANKS = {state: rank for rank, state in enumerate(State)}
_DOWN = frozenset(
    {
        State.ENGINE_DEAD,
        State.NOT_LISTENING,
        State.UNKNOWN_HOST,
        State.TLS_FAILED,
        State.TIMED_OUT,
        State.UNREACHABLE,
        State.WRONG_PROTOCOL,
        State.FAULTY,
    }
)

_BY_KIND = {
    State.NOT_LISTENING: ("not listening",),
    State.UNKNOWN_HOST: ("unknown host",),
    State.TLS_FAILED: ("tls",),
    State.TIMED_OUT: ("timeout",),
    State.WRONG_PROTOCOL: (
        *("wrong scheme", "redirect", "not http", "html", "empty", "not json", "not metrics"),
        *("too large", "encoding", "wrong shape", "route not offered", "bad request"),
    ),
    State.ENGINE_DEAD: ("engine dead",),
    State.LOADING: ("loading", "scaling", "not ready"),
    State.FAULTY: ("gateway", "busy", "server error"),
    State.DENIED: ("key needed", "key refused", "forbidden"),
}
_STATE_OF = {kind: state for state, kinds in _BY_KIND.items() for kind in kinds}


def down_state(kind: str) -> State:
    """What a server is called that fails in that way (a reason of `lib.api`)."""
    return _STATE_OF.get(kind, State.UNREACHABLE)


def is_refused_key(kind: str) -> bool:
    """Whether a failure is no outage: the server answers, but not to us."""
    return down_state(kind) is State.DENIED


class Trouble(NamedTuple):
    """Why a scrape failed: a kind (a reason of `lib.api`, in lower case) and one plain sentence."""

    kind: str
    sentence: str


class Status(NamedTuple):
    """A state, since when (wall-clock seconds), and its evidence in a sentence."""

    state: State
    since: float
    reason: str

    @property
    def remedy(self) -> str:
        """What to do; "" where nothing is to be done, or the reason says it."""
        return self.state.remedy
