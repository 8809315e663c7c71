"""What is known of a server besides its figures: configuration, statistics, traces, routes.

This module alone decides which sections there are, in which order, and what a missing one says.
Values are a server's own words: they go through `plain` and are drawn as text.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from lib.api import Capabilities
from lib.metrics import Layout
from lib.ui.asked import Told
from lib.ui.plain import listed, plain

__all__ = ["sections"]

Section = dict[str, object]
Row = tuple[str, str] | tuple[str, str, str]

_LONG = 20_000
"""Characters of a whole document that are shown: a server may send 8 MB."""
_ROWS, _MODELS, _VALUES = 200, 20, 16
"""Rows of a section, names of models, and values that engines differ in."""

_FIRST = (
    "model",
    "num_gpu_blocks",
    "block_size",
    "kv_cache_size_tokens",
    "kv_cache_max_concurrency",
    "gpu_memory_utilization",
    "cache_dtype",
    "enable_prefix_caching",
    "max_num_seqs",
    "max_model_len",
    "max_num_batched_tokens",
)
_DOCUMENTS = (
    ("server_info", "Server info", "/server_info: the whole running configuration"),
    ("debug_version", "Version", "/debug/version"),
    ("debug_config", "Running configuration, as the server tells it", "/debug/config"),
    ("debug_stats", "Statistics", "/debug/stats, as of when this page was opened"),
    ("debug_cache_stats", "Cache statistics", "/debug/cache_stats, as of when it was opened"),
    ("debug_traces", "Traces", "/debug/traces: the newest requests"),
)


def sections(layout: Layout | None, told: Told) -> list[Section]:
    """Everything known, most useful first."""
    found = [_configuration(layout)]
    found += [
        _document(title, note, told.extra[name])
        for name, title, note in _DOCUMENTS
        if name in told.extra
    ]
    found.append(_capabilities(told))
    if told.capabilities and told.capabilities.absent:
        found.append(_absent(told.capabilities))
    return found


def _configuration(layout: Layout | None) -> Section:
    """The labels of `cache_config_info`; where engines differ, each value."""
    configs = layout.configs if layout else ()
    names = dict.fromkeys(name for config in configs for name in config)
    useful = sorted(names, key=_useful)[:_ROWS]
    rows = [(plain(name), _shared(configs, name)) for name in useful]
    if not rows:
        note = (
            "Not reported: this server's /metrics page has no cache_config_info."
            if layout
            else "Not known: this server has not answered yet."
        )
        return _section("Running configuration", note=note)
    return _section(
        "Running configuration",
        _cut(rows, len(names)),
        note="cache_config_info of the /metrics page",
    )


def _useful(name: str) -> tuple[int, str]:
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST), name)


def _shared(configs: Sequence[Mapping[str, str]], name: str) -> str:
    values = dict.fromkeys(config[name] for config in configs if name in config)
    return listed(list(values), _VALUES, 200)


def _document(title: str, note: str, content: object) -> Section:
    """A flat document as rows, any other as it is."""
    if isinstance(content, dict) and not any(isinstance(v, dict | list) for v in content.values()):
        named = islice(content.items(), _ROWS)
        rows = [(plain(name), plain(_word(value), 300)) for name, value in named]
        return _section(title, _cut(rows, len(content)), note=note)
    return _section(title, note=note, code=_written(content))


def _written(content: object) -> str:
    """The document as far as it is shown; written no further: indenting can make it sixty-fold."""
    text = ""
    for piece in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(content):
        text += piece[: _LONG + 1]
        if len(text) > _LONG:
            return text[:_LONG] + "\n… more"
    return text


def _cut(rows: Sequence[Row], count: int) -> Sequence[Row]:
    """The first rows, and how many more there are."""
    shown = rows[:_ROWS]
    return [*shown, (f"… {count - _ROWS} more", "")] if count > _ROWS else shown


def _capabilities(told: Told) -> Section:
    known = told.capabilities
    if known is None:
        note = told.refused or "Being asked …"
        return _section("Capabilities", note=note)
    models = listed([model.id for model in known.models], _MODELS, 120)
    rows: list[Row] = [
        ("engine", known.engine_kind.value),
        ("release", plain(known.version or "not told")),
        ("models", models or "none"),
        ("tasks", ", ".join(sorted(known.tasks)) or "the routes do not tell"),
        ("chosen metrics only", "yes" if known.metrics_filter else "no"),
        ("compressed metrics", "yes" if known.metrics_gzip else "no"),
        ("routes", ", ".join(sorted(route.path for route in known.routes))),
    ]
    return _section("Capabilities", rows, wide=True)


def _absent(known: Capabilities) -> Section:
    rows = [
        (one.what, one.why + (f"; shown by {one.shown_by}" if one.shown_by else ""))
        for one in known.absent
    ]
    return _section("What this server does not offer", rows, wide=True, is_open=False)


def _section(
    title: str,
    rows: Iterable[Row] = (),
    *,
    note: str = "",
    code: str = "",
    wide: bool = False,
    is_open: bool = True,
) -> Section:
    return {
        "title": title,
        "rows": list(rows),
        "note": note,
        "code": code,
        "wide": wide,
        "open": is_open,
    }


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
