"""Report: what was found out about a server, laid out for a terminal or as JSON.

This module alone decides that layout. It is given everything and asks nothing.
"""

import shutil
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lib.api.answers import Model
from lib.api.capabilities import Absent, Capabilities
from lib.api.routes import Route
from lib.api.strict_json import Json
from lib.api.text import plain_line
from lib.api.ways import Cost, Kind

__all__ = ["Found", "as_json", "as_text"]


@dataclass(frozen=True, slots=True)
class Found:
    """One look at a server."""

    url: str
    seconds: float  # of the health question
    trouble: str  # why it does not call itself well; empty if it does
    metrics_bytes: int | None  # of a whole scrape
    capabilities: Capabilities


def as_text(found: Found, width: int | None = None) -> str:
    """The report for a person, at most `width` columns (the terminal's, without one)."""
    columns = width or min(shutil.get_terminal_size((100, 24)).columns, 120)
    known = found.capabilities
    blocks = [
        _title(found),
        _block("Models", [_model(model) for model in known.models], columns),
        _block("Abilities", _abilities(found), columns),
        _block("Offers", [_offered(route) for route in Route if route in known.routes], columns),
        *_absent_blocks(known.absent, columns),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def as_json(found: Found) -> dict[str, Json]:
    """The report for a program."""
    known = found.capabilities
    return {
        "url": found.url,
        "version": known.version,
        "engine": known.engine_kind.name.lower(),
        "healthy": not found.trouble,
        "trouble": found.trouble or None,
        "health_seconds": round(found.seconds, 6),
        "models": [
            {"id": m.id, "root": m.root, "parent": m.parent, "max_model_len": m.max_model_len}
            for m in known.models
        ],
        "tasks": sorted(known.tasks),
        "routes": [f"{route.method} {route.path}" for route in Route if route in known.routes],
        "metrics": {
            "bytes": found.metrics_bytes,
            "filter": known.metrics_filter,
            "gzip": known.metrics_gzip,
        },
        "absent": [
            {
                "route": f"{row.route.method} {row.route.path}" if row.route else None,
                "what": row.what,
                "why": row.why,
                "shown_by": row.shown_by,
            }
            for row in known.absent
        ],
    }


def _title(found: Found) -> str:
    known = found.capabilities
    release = plain_line(known.version or "of unknown release", 60)
    state = found.trouble or f"It calls itself well, in {found.seconds * 1000:.0f} ms."
    kind = known.engine_kind
    name = "vLLM" if kind is Kind.TUTORIAL else kind.value
    return f"{name} {release} at {found.url}\n{state}"


def _model(model: Model) -> tuple[str, ...]:
    length = "" if model.max_model_len is None else f"{model.max_model_len:,} tokens"
    source = f"adapter of {model.parent}" if model.parent else f"from {model.root or 'unknown'}"
    return plain_line(model.id, 60), length, plain_line(source, 80)


def _abilities(found: Found) -> list[tuple[str, ...]]:
    known = found.capabilities
    tasks = ", ".join(sorted(known.tasks)) or "its routes do not tell"
    size = "not offered"
    if found.metrics_bytes is not None:
        extras = [("filtered", known.metrics_filter), ("compressed", known.metrics_gzip)]
        able = " and ".join(name for name, has in extras if has)
        size = f"{found.metrics_bytes / 1000:,.0f} kB a scrape"
        size += f", {able} through /metrics/" if able else ""
    return [
        ("tasks", tasks),
        ("dialect", f"{known.engine_kind.value}: tokens from {known.dialect.tokenize.path}"),
        ("metrics", size),
    ]


def _offered(route: Route) -> tuple[str, ...]:
    way = route.value
    cost = f" (costs {way.cost.value})" if way.cost is Cost.GPU else ""
    return way.method, way.path, way.what + cost


def _absent_blocks(absent: Sequence[Absent], columns: int) -> Iterable[str]:
    groups: dict[str, list[Absent]] = {}
    for row in absent:
        groups.setdefault(row.why, []).append(row)
    for why, group in groups.items():
        lines = [
            (
                row.route.method if row.route else "",
                row.route.path if row.route else row.what,
                row.shown_by or row.what,
            )
            for row in group
        ]
        yield _block(f"Absent: {plain_line(why)}", lines, columns)


def _block(title: str, rows: Sequence[tuple[str, ...]], columns: int) -> str:
    """A title over aligned columns; the last column is wrapped below itself."""
    if not rows:
        return ""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    lines = [title]
    for row in rows:
        start = "  " + "".join(f"{cell:<{size}}  " for cell, size in zip(row, widths, strict=False))
        room = max(columns - len(start), 20)
        wrapped = textwrap.wrap(row[-1], room, break_on_hyphens=False) or [""]
        lines += [start + wrapped[0], *(" " * len(start) + more for more in wrapped[1:])]
    return "\n".join(line.rstrip() for line in lines)
