"""One start of a server, as far as the log tells: facts, routes, milestones, known lines.

Decided here: which of several values counts (the newest), and how facts become arguments and a
capacity.
"""

import re
from dataclasses import dataclass, field

from lib.logs.entry import Entry
from lib.logs.landmarks import PHASES, Landmark
from lib.logs.literals import pairs
from lib.logs.log import Capacity, Listed, Mark, Milestone
from lib.secrets import Masker, is_secret

__all__ = ["Starting"]

_SAID = 300
_MOST_ROUTES, _MOST_MARKS, _MOST_FACT = 1_000, 1_000, 60_000
_KEPT_WHOLE = frozenset({"arguments", "namespace", "config"})
_NAMES = re.compile(r"[^\s,'\"\[\]]+")


@dataclass
class _Marked:
    landmark: Landmark
    entry: Entry
    count: int = 0
    last: int = 0


@dataclass
class Starting:
    """What one start said so far."""

    line: int
    at: float | None = None
    ready_at: float | None = None
    ready_line: int | None = None
    is_shut: bool = False
    is_serving: bool = False
    """Whether a later line shows that it was ready: some servers print no line of readiness."""
    facts: dict[str, str] = field(default_factory=dict)
    routes: dict[str, Listed] = field(default_factory=dict)
    milestones: dict[str, Milestone] = field(default_factory=dict)
    marks: dict[tuple[int, str], _Marked] = field(default_factory=dict)

    def feed(self, entry: Entry, landmark: Landmark, found: re.Match[str]) -> None:
        """Take over what a known line tells."""
        told = {name: value for name, value in found.groupdict().items() if value is not None}
        took = told.pop("took", None)
        if "path" in told:
            self._route(entry, told)
            told = {}
        for name, value in told.items():
            most = _MOST_FACT if name in _KEPT_WHOLE else _SAID
            self.facts[name] = value[:most]
        if landmark.phase:
            self._reached(entry, landmark, _figure(took))
        if landmark.name == "end":
            self.is_shut = True
        self._mark(entry, landmark)

    def _route(self, entry: Entry, told: dict[str, str]) -> None:
        path = told["path"]
        if len(self.routes) >= _MOST_ROUTES:
            return
        methods = {one.strip() for one in told.get("methods", "").split(",")} - {""}
        before = self.routes.get(path)
        if before:  # one path may have a line for each of its methods
            methods |= set(before.methods)
        endpoint = told.get("endpoint", "")[:_SAID]
        self.routes[path] = Listed(path[:_SAID], tuple(sorted(methods)), entry.line, endpoint)

    def _reached(self, entry: Entry, landmark: Landmark, took: float | None) -> None:
        before = self.milestones.get(landmark.phase)
        if took is None and before:
            took = before.took
        self.milestones[landmark.phase] = Milestone(landmark.phase, entry.line, entry.at, took)
        if landmark.phase == PHASES[-1] and self.ready_line is None:
            self.ready_line, self.ready_at = entry.line, entry.at

    def _mark(self, entry: Entry, landmark: Landmark) -> None:
        key = (id(landmark), entry.process)
        if key not in self.marks and len(self.marks) < _MOST_MARKS:
            self.marks[key] = _Marked(landmark, entry)
        if found := self.marks.get(key):
            found.count += 1
            found.last = entry.line

    # ── What comes of it ──

    def reached(self) -> tuple[Milestone, ...]:
        """The milestones, in the order of their moments.

        The web server's own lines tell no moment: the readiness has that of the line before it.
        """
        found = [self.milestones[name] for name in PHASES if name in self.milestones]
        latest: float | None = None
        made = []
        for one in found:
            at = one.at if one.at is not None else latest
            latest = at if latest is None or (at is not None and at > latest) else latest
            made.append(Milestone(one.name, one.line, at, one.took))
        return tuple(sorted(made, key=lambda one: one.line))

    def given(self) -> tuple[dict[str, str], bool]:
        """The arguments, and whether their defaults are among them."""
        if "arguments" in self.facts:
            return pairs(self.facts["arguments"], ":"), False
        return pairs(self.facts.get("namespace", ""), "="), "namespace" in self.facts

    def configuration(self, masker: Masker) -> dict[str, str]:
        """What the engine said of itself, without secrets."""
        found = pairs(self.facts.get("config", ""), "=")
        return {
            name: masker.masked(value)[:2_000]
            for name, value in found.items()
            if not is_secret(name)
        }

    def names(self, given: dict[str, str], config: dict[str, str]) -> tuple[str, ...]:
        """The names by which requests ask for the model."""
        told = given.get("served_model_name", "")
        if told in ("", "None"):
            told = config.get("served_model_name", "")
        return tuple(_NAMES.findall(told))

    def capacity(self, given: dict[str, str], config: dict[str, str]) -> Capacity:
        """What the KV cache holds."""
        facts = self.facts
        longest = facts.get("max_model_len") or given.get("max_model_len")
        return Capacity(
            tokens=_whole(facts.get("tokens")),
            blocks=_whole(facts.get("blocks")),
            cpu_blocks=_whole(facts.get("cpu_blocks")),
            block_size=_whole(given.get("block_size") or config.get("block_size")),
            max_model_len=_whole(longest or config.get("max_seq_len")),
            concurrency=_figure(facts.get("concurrency")),
            cache_gib=_figure(facts.get("cache_gib")),
            weights_gib=_figure(facts.get("weights_gib")),
            graphs_gib=_figure(facts.get("graphs_gib")),
        )

    def explained(self, masker: Masker) -> tuple[Mark, ...]:
        """The known lines in their order, one for each kind and process."""
        made = (_mark_of(one, masker) for one in self.marks.values())
        return tuple(sorted(made, key=lambda one: one.line))


def _mark_of(found: _Marked, masker: Masker) -> Mark:
    landmark, entry = found.landmark, found.entry
    said = "" if landmark.private else " ".join(masker.masked(entry.message).split())
    return Mark(
        line=entry.line,
        at=entry.at,
        process=entry.process,
        name=landmark.name,
        said=said if len(said) <= _SAID else said[: _SAID - 1] + "…",
        what=landmark.what,
        releases=landmark.releases,
        count=found.count,
        last=found.last,
    )


def _whole(text: str | None) -> int | None:
    digits = (text or "").replace(",", "")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None


def _figure(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
