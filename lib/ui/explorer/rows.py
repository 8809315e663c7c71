"""The list of routes as the page draws it: grouped, each with its facts, and who else has it.

Decided here: which of what a server says of itself is shown, and in how many words; and that what
only another server lists is missing here, too. What a server calls its routes is foreign text: it
goes through `plain`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from lib.api import Capabilities, Listed, State, Surface
from lib.servers import Server
from lib.ui.house import house
from lib.ui.plain import count, plain

__all__ = ["groups", "is_settling", "needs_of", "others", "summary", "who_has", "widened"]

_PATH, _WHAT, _NEEDS, _SUMMARY = 120, 200, 160, 160
_MOST_NAMED = 3
_ELSEWHERE = "another server's own route, which this one does not list"


def groups(surface: Surface, elsewhere: Mapping[str, list[str]]) -> Sequence[Mapping[str, object]]:
    """The routes by group, those that are there first."""
    found = []
    for group, listed in groupby(surface.routes, key=lambda one: one.group):
        ordered = sorted(listed, key=lambda one: one.state is State.ABSENT)
        rows = [_row(one, elsewhere.get(one.shape, [])) for one in ordered]
        found.append({"name": group.value, "rows": rows})
    return found


def summary(surface: Surface) -> str:
    """What there is, in a line."""
    absent = sum(one.state is State.ABSENT for one in surface.routes)
    locked = sum(one.state is State.LOCKED for one in surface.routes)
    parts = [f"{count(len(surface.routes) - absent)} routes, from {surface.source}"]
    parts += [f"{count(locked)} of them closed by a key or a flag"] if locked else []
    parts += [f"{count(absent)} known ones are not here"] if absent else []
    return " · ".join(parts)


def others(server: Server) -> dict[str, list[str]]:
    """The other servers by the shape of each route that they have, as far as they have told."""
    found: dict[str, list[str]] = {}
    for other in _others(server):
        known = house().asked.told(other).capabilities
        for shape in _shapes(known, house().exploring.peek(other)):
            found.setdefault(shape, []).append(other.name)
    return found


def widened(server: Server, surface: Surface) -> Surface:
    """The routes of a server, and as missing those that only others list and nobody knows here."""
    here, found = {one.shape for one in surface.routes}, dict[str, Listed]()
    for other in _others(server):
        theirs = house().exploring.peek(other)
        for one in theirs.routes if theirs else ():
            if one.route is None and one.shape not in here:
                found.setdefault(one.shape, _missing(one))
    return replace(surface, routes=(*surface.routes, *found.values()))


def who_has(names: list[str]) -> str:
    """Who has a route that this server lacks."""
    more = len(names) - _MOST_NAMED
    named = ", ".join(names[:_MOST_NAMED]) + (f" and {count(more)} more" if more > 0 else "")
    return f"others have it: {named}" if names else ""


def needs_of(listed: Listed) -> str:
    """What it takes for a server to have it, or what stands for it."""
    needs = listed.needs
    return needs if not needs or needs.startswith("use ") else f"needs {needs}"


def is_settling(server: Server) -> bool:
    """Whether another server has yet to tell what it has."""
    told = (house().asked.told(one) for one in _others(server))
    return any(one.capabilities is None and not one.refused for one in told)


def _others(server: Server) -> Iterable[Server]:
    return (one for one in house().watched() if one != server)


def _shapes(known: Capabilities | None, surface: Surface | None) -> Iterable[str]:
    if surface is not None:
        return {one.shape for one in surface.routes if one.state is not State.ABSENT}
    return {route.title for route in known.routes} if known else ()


def _missing(one: Listed) -> Listed:
    """A route of another server, as the one that lacks it has it."""
    return replace(
        one, state=State.ABSENT, reason=_ELSEWHERE, guarded=None, summary="", is_sure=False
    )


def _row(one: Listed, elsewhere: list[str]) -> Mapping[str, object]:
    is_absent = one.state is State.ABSENT
    return {
        "key": plain(one.title, _PATH),
        "method": one.method,
        "path": plain(one.path, _PATH),
        "group": one.group.value,
        "what": plain(one.what, _WHAT),
        "since": one.since,
        "needs": plain(needs_of(one), _NEEDS),
        "guarded": None if is_absent else one.guarded,
        "cost": one.cost.value if one.cost else "not known",
        "state": one.state.value,
        "reason": plain(one.reason, _WHAT),
        "others": who_has(elsewhere) if is_absent else "",
    }
