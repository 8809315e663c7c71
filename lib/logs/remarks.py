"""Warnings and errors of a log, gathered: each kind once, with how often and where.

Decided here: which lines are looked at, that a traceback is told by its last line, and that lines
which differ in numbers only are the same. Kept are 400 kinds; what comes after is counted. To look
into the table of troubles is slow, so it is done once for each wording.
"""

import re
from dataclasses import dataclass

from lib.logs.entry import Entry
from lib.logs.log import Remark
from lib.logs.troubles import LOOKED_AT, Gravity, Kind, Trouble, trouble_of
from lib.secrets import Masker

__all__ = ["Remarks", "template"]

EXCERPT = 400
_MOST, _MOST_WORDINGS, _MOST_LOUD, _MOST_NOTHING = 400, 1_000, 2_000, 4_000
"""Kinds that are kept, and wordings that are compared with the table: an error's go on longer.
Of those that turned out to be nothing, the last so many are known."""
_LOUD = frozenset({"WARNING", "ERROR", "CRITICAL"})
_LOOSE = re.compile(
    r"Error\b|error:|ERROR|[Ee]xception|[Ww]arning|Fatal|SIG[A-Z]{3}|core dumped|[Kk]illed|OOM|oom-"
    r"|[Ff]ailed|No space left|out of memory|Triton is|gated repo|incorrect regex|leaked"
)
_SAYS_ERROR = re.compile(r"Error\b|ERROR|Exception|Fatal|[Kk]illed|Warning")
_TOLD = re.compile(
    r"Cannot use|Custom all|Reducing Torch|preempted|is disabled|not found|[Ff]alling back"
    r"|deprecated|died|exited unexpectedly|is not supported|timed out"
)
_NUMBERS = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-f]{8}[0-9a-f\-]{8,}\b|\d+(?:\.\d+)?")
_COUNTED = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-f]{8}[0-9a-f\-]{8,}\b|\d+(?:[.:]\d+)+|\d{4,}")
"""Numbers that tell no trouble from another; a short one may: of an exit, an error, a status."""
_TRACE = "Traceback (most recent call last)"
_CHAIN = ("During handling of", "The above exception", "Exception Group Traceback")
_GRAVE = frozenset({Kind.MEMORY, Kind.ENGINE, Kind.DEVICES, Kind.NETWORK, Kind.REQUESTS})
"""What concerns the server at work; of the others, most is told by every start."""
_UNKNOWN = "It is not explained here: the line itself says what is known."


@dataclass(slots=True)
class _Found:
    first: Entry
    level: str
    trouble: Trouble | None
    text: str
    is_trace: bool
    is_warning: bool
    """Whether nothing louder than a warning said it."""
    count: int = 1
    last: int = 0


class Remarks:
    """What was remarked so far."""

    def __init__(self) -> None:
        self.uncounted = 0
        self._found: dict[str, _Found] = {}
        self._wordings: dict[str, str] = {}
        self._nothing: set[str] = set()
        self._traces: set[tuple[str, int | None]] = set()

    def feed(self, entry: Entry, *, is_landmark: bool) -> None:
        """Look at a line."""
        message = entry.message
        process = (entry.process, entry.pid)
        if _TRACE in message:
            self._traces.add(process)
            return
        if process in self._traces and entry.level not in ("INFO", "DEBUG", "WARNING"):
            if not self._is_end(message):
                return
            self._traces.discard(process)
            self._note(entry, is_trace=True)
        elif entry.level in _LOUD:
            self._note(entry)
        elif not is_landmark:
            loose = _TOLD if entry.level else _LOOSE
            if message[:1] not in " \t" and loose.search(message):
                self._note(entry)

    def note(self, entry: Entry) -> None:
        """A line that is a remark for sure."""
        self._note(entry)

    def finish(self, masker: Masker) -> tuple[Remark, ...]:
        """All of them, worst first."""
        made = [_remark(one, masker) for one in self._found.values()]
        return tuple(sorted(made, key=_weight))

    def _is_end(self, message: str) -> bool:
        """Whether a line of a traceback is its last one, which names the error."""
        return bool(message) and message[0] not in " \t|+~^" and not message.startswith(_CHAIN)

    def _note(self, entry: Entry, *, is_trace: bool = False) -> None:
        wording = f"{entry.level}{template(entry.message)}"
        key = self._wordings.get(wording)
        if key is None:
            key = self._begin(entry, wording, is_trace=is_trace)
            if key is None:
                return
        found = self._found.get(key)
        if found is None:
            self.uncounted += 1
            return
        if found.first is not entry:
            found.count += 1
            found.is_warning &= entry.level == "WARNING" and not is_trace
        found.last = entry.line

    def _begin(self, entry: Entry, wording: str, *, is_trace: bool) -> str | None:
        """Where lines of a new wording are counted; None where they are nothing, or too many."""
        is_loud = is_trace or entry.level in ("ERROR", "CRITICAL")
        if len(self._wordings) >= (_MOST_LOUD if is_loud else _MOST_WORDINGS):
            self.uncounted += 1
            return None
        is_quiet = not is_trace and _is_quiet(entry)
        trouble = self._of_quiet(entry.message) if is_quiet else trouble_of(entry.message)
        if trouble is None and is_quiet:
            return None
        key = trouble.title if trouble and not trouble.each else wording
        if key not in self._found and len(self._found) < _MOST:
            level = entry.level or ("ERROR" if is_trace else "")
            text = entry.message[: 8 * EXCERPT]
            self._found[key] = _Found(entry, level, trouble, text, is_trace, level == "WARNING")
        self._wordings[wording] = key
        return key

    def _of_quiet(self, message: str) -> Trouble | None:
        """What explains a line that is nothing else: None for the most, which are known again."""
        seen = _COUNTED.sub("#", message[:LOOKED_AT])
        if seen in self._nothing:
            return None
        trouble = trouble_of(message)
        if trouble is None:
            if len(self._nothing) >= _MOST_NOTHING:
                self._nothing.clear()
            self._nothing.add(seen)
        return trouble


def template(message: str) -> str:
    """A message without what differs from one time to the next."""
    return _NUMBERS.sub("#", message[:240])


def _is_quiet(entry: Entry) -> bool:
    """Whether a line is worth a remark only where the table explains it."""
    return entry.level == "INFO" or (not entry.level and _SAYS_ERROR.search(entry.message) is None)


def _weight(one: Remark) -> tuple[int, bool, bool, int]:
    """Worst first; of errors the first, for it may be the cause of the others."""
    is_aside = one.gravity is not Gravity.BAD and one.kind not in _GRAVE
    return one.gravity.rank, one.is_effect, is_aside, one.line


def _remark(found: _Found, masker: Masker) -> Remark:
    entry, trouble = found.first, found.trouble
    text = " ".join(masker.masked(found.text).split())
    excerpt = text if len(text) <= EXCERPT else text[: EXCERPT - 1] + "…"
    return Remark(
        line=entry.line,
        at=entry.at,
        level=found.level,
        gravity=_gravity(found),
        kind=trouble.kind if trouble else Kind.OTHER,
        title=trouble.title if trouble else _title(excerpt),
        what=trouble.what if trouble else _UNKNOWN,
        remedy=trouble.remedy if trouble else "",
        excerpt=excerpt,
        count=found.count,
        last=found.last,
        process=entry.process,
        is_known=trouble is not None,
        is_effect=bool(trouble and trouble.effect),
    )


def _gravity(found: _Found) -> Gravity:
    if found.trouble:
        bad = found.trouble.gravity is Gravity.BAD
        if bad and found.is_warning and found.trouble.kind not in _GRAVE:
            return Gravity.WATCH  # a model or a library that it did without
        return found.trouble.gravity
    if found.level == "CRITICAL":
        return Gravity.BAD
    return Gravity.WATCH if found.level in _LOUD else Gravity.HINT


def _title(excerpt: str) -> str:
    return excerpt if len(excerpt) <= 90 else excerpt[:89].rsplit(" ", 1)[0] + " …"
