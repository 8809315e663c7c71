"""What two spans say when they are held against each other: a sentence, figures, tables.

Pure: shifts and differences in, words out. Decided here: that the answer names what changed most,
and says of the workload by itself whether it changed, since that parts a server that got worse from
one that got other work.
"""

from collections.abc import Sequence
from typing import NamedTuple

from lib.diagnosis.changes import Difference, Shift, Verdict
from lib.diagnosis.measures import WORKLOAD
from lib.ui.plain import ABSENT, count, plain
from lib.ui.rca.written import figure, moved

__all__ = ["Told", "changed_rows", "differing", "steady", "summary"]

_NAMED = 3
_WORD, _VALUE = 60, 160
_LARGEST = 4.0
"""The size of a change whose bar is full: sixteen-fold."""


class Told(NamedTuple):
    """All that is known of two spans. `then` and `now` are what they are called.

    `restarted` is None where nobody can say, or two servers are meant; `are_servers` tells those.
    """

    then: str
    now: str
    figures: Sequence[Shift]
    words: Sequence[Difference]
    restarted: bool | None
    are_servers: bool

    @property
    def changed(self) -> list[Shift]:
        """The figures that changed, the largest change first."""
        return [one for one in self.figures if one.verdict is Verdict.CHANGED]

    @property
    def judged(self) -> int:
        """How many figures could be compared."""
        return sum(one.verdict in (Verdict.CHANGED, Verdict.STEADY) for one in self.figures)

    @property
    def other_words(self) -> list[Difference]:
        """What it runs that is not the same."""
        return [one for one in self.words if not one.is_same]


def summary(told: Told) -> dict[str, object]:
    """The answer as `lib.ui.live.summary` takes it."""
    return {
        "tone": "hint" if told.judged else "watch",
        "sentence": _sentence(told),
        "more": [*_workload(told), _runs(told)] if told.judged else [],
        "tiles": _tiles(told) if told.judged else [],
        "remarks": [{"tone": "note", "text": one} for one in _remarks(told)],
    }


def _sentence(told: Told) -> str:
    if not told.judged:
        return "There are too few readings to compare"
    changed = told.changed
    if not changed:
        all_of_them = f"all {told.judged} figures are" if told.judged > 1 else "the one figure is"
        return f"Nothing {_differs(told)}: {all_of_them} {_alike(told)}"
    most = changed[0]
    was, now = (figure(most.measure, one.middle) for one in (most.before, most.after))
    return (
        f"{len(changed)} of {told.judged} figures {_differ(told)}, most of all"
        f" {_label(most)}: {was} → {now}"
    )


def _workload(told: Told) -> list[str]:
    """Whether the work is another."""
    ours = [one for one in told.figures if one.measure.group == WORKLOAD]
    changed = [one for one in ours if one.verdict is Verdict.CHANGED]
    if changed:
        named = ", ".join(f"{_label(one)} {moved(one)}" for one in changed[:_NAMED])
        more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
        return [f"The workload {_differs(told)}: {named}{more}."]
    if any(one.verdict is Verdict.STEADY for one in ours):
        other = (
            "; what differs is the server"
            if told.are_servers
            else "; how the server copes with it changed"
        )
        return [f"The workload is {_alike(told)}{other if told.changed else ''}."]
    return ["Of the workload nothing is known."]


def _runs(told: Told) -> str:
    """Whether it runs the same."""
    named = ", ".join(plain(one.name, _WORD) for one in told.other_words[:_NAMED])
    others = len(told.other_words)
    more = f" and {others - _NAMED} more" if others > _NAMED else ""
    same = f"Differing: {named}{more}." if named else "Release, models and configuration agree."
    return f"{same} The process was started anew in between." if told.restarted else same


def _tiles(told: Told) -> list[dict[str, str]]:
    tiles = [
        _tile(f"{len(told.changed)}", f"of {told.judged} figures {_differ(told)}"),
        _tile(f"{len(told.other_words)}", f"of {len(told.words)} settings differ"),
    ]
    if told.restarted is not None and not told.are_servers:
        tiles.append(_tile("yes" if told.restarted else "no", "started anew"))
    return tiles


def _tile(value: str, label: str) -> dict[str, str]:
    return {"value": value, "label": label, "hint": "", "tone": ""}


def _remarks(told: Told) -> list[str]:
    few = sum(one.verdict is Verdict.FEW for one in told.figures)
    if not few or not told.judged:
        return []
    those = "1 more figure has" if few == 1 else f"{few} more figures have"
    return [f"{those} too few readings in one of the two to be compared."]


def _differs(told: Told) -> str:
    return "differs" if told.are_servers else "changed"


def _differ(told: Told) -> str:
    return "differ" if told.are_servers else "changed"


def _alike(told: Told) -> str:
    return "alike" if told.are_servers else "as before"


def _label(shift: Shift) -> str:
    return plain(shift.measure.label, _WORD)


# ── Tables ──


def changed_rows(told: Told, since: Sequence[str]) -> list[dict[str, object]]:
    """The changed figures as `lib.ui.live.ranks` takes them; `since` is written by the page."""
    return [
        {
            "value": moved(one),
            "share": min(1.0, one.size / _LARGEST),
            "hint": _hint(one),
            "cells": [
                _label(one),
                figure(one.measure, one.before.middle),
                figure(one.measure, one.after.middle),
                *([] if told.are_servers else [when]),
            ],
        }
        for one, when in zip(told.changed, since, strict=True)
    ]


def _hint(shift: Shift) -> str:
    counted = [count(one.counted) for one in (shift.before, shift.after)]
    number = "" if counted == [ABSENT, ABSENT] else f"; n = {counted[0]} and {counted[1]}"
    return f"{shift.measure.source}{number}"


def steady(told: Told) -> list[tuple[str, str, str, str]]:
    """The figures that did not change, or of which that cannot be said, and why."""
    return [
        (
            _label(one),
            figure(one.measure, one.before.middle),
            figure(one.measure, one.after.middle),
            _alike(told) if one.verdict is Verdict.STEADY else one.verdict.value,
        )
        for one in told.figures
        if one.verdict is not Verdict.CHANGED
    ]


def differing(told: Told) -> list[tuple[str, str, str]]:
    """What it runs that is not the same, in both spans."""
    return [
        (
            plain(one.name, _WORD),
            plain(one.then, _VALUE) or ABSENT,
            plain(one.now, _VALUE) or ABSENT,
        )
        for one in told.other_words
    ]
