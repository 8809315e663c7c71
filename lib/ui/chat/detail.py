"""One answer in detail: its time, its tokens, and what went over the wire.

Decided here: how much of it a browser is given. It is read out of the run itself, which is kept for
a while only; of an answer that came from a file there are the figures that were kept with it.
"""

import json
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from lib.api.deltas import Reply, timing
from lib.api.strict_json import Json
from lib.chat import snippets
from lib.chat.conversation import Node
from lib.chat.probabilities import Layer, Row, layer, unnamed
from lib.chat.waterfall import Moment, Waterfall, waterfall
from lib.servers import Server
from lib.ui.answering import Run
from lib.ui.chat.naming import names
from lib.ui.house import house

__all__ = ["detail", "known_layer", "moments"]

_MOST_EVENTS, _MOST_TOKENS = 2_000, 4_000
_LAYERS = 32
"""Answers whose tokens are not spelt anew each time that the page is drawn."""
_LONGEST_EVENT = 600
_LONGEST_VALUE = 2_000
"""Characters of one text in the shown request: a picture is not read there."""
_LONGEST_COPY = 400_000
GONE = "Only the figures of this answer were kept: its events and tokens are forgotten."
_BEFORE, _AFTER = 3.0, 3.0


def detail(node: Node, run: Run | None) -> dict[str, object] | None:
    """What the browser draws of it; None while it is being written."""
    if run is None:
        return {"node": node.id, "gone": GONE}
    if not run.is_over:
        return None
    body = {**run.request.body, "stream": True, "stream_options": {"include_usage": True}}
    layer_, events = known_layer(run), run.reply.events
    return {
        "node": node.id,
        "waterfall": _waterfall(run),
        "remarks": [one for one in (layer_.words if layer_.rows else "", layer_.flat) if one],
        "tokens": [_token(row) for row in layer_.rows[:_MOST_TOKENS]],
        "request": snippets.as_json(_shortened(body)),
        "response": json.dumps(_response(run.reply), ensure_ascii=False, indent=2),
        "events": [[round(one.at, 4), one.raw[:_LONGEST_EVENT]] for one in events[:_MOST_EVENTS]],
        "copies": _copies(run, body),
    }


@lru_cache(_LAYERS)
def known_layer(run: Run) -> Layer:
    """The tokens of an answer that is over, with the texts of all that were told by id."""
    served = house().tokenizers.of(run.server, str(run.request.body.get("model", "")))
    return layer(run.reply, names(served, unnamed(run.reply)))


def moments(server: Server, start: float, end: float) -> tuple[Moment, ...]:
    """The server's figures between two wall-clock seconds, from `start` on."""
    window = house().feed.window(server.id, start - _BEFORE, end + _AFTER)
    running, waiting = window.gauge("running"), window.gauge("waiting")
    kv = window.gauge("kv_usage", how="mean")
    preempted = window.growth("preemptions")
    swapped = np.diff(window.gauge("swapped"), prepend=np.nan)
    columns = (window.times - start, running, waiting, kv, preempted, swapped)
    return tuple(
        Moment(float(at), *(_told(value) for value in values))
        for at, *values in zip(*columns, strict=True)
    )


def _told(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _waterfall(run: Run) -> dict[str, object]:
    looks = moments(run.server, run.started, run.finished or run.started)
    found: Waterfall = waterfall(run.reply, timing(run.reply), looks)
    return {
        "total": found.total,
        "segments": [
            {"kind": one.kind, "from": one.start, "to": one.end, "words": one.words}
            for one in found.segments
        ],
        "marks": list(found.marks),
        "server": [one._asdict() for one in looks],
        "notes": list(found.notes),
    }


def _token(row: Row) -> dict[str, object]:
    return {
        "text": row.text,
        "id": row.id,
        "p": row.probability,
        "logprob": row.logprob,
        "rank": row.rank,
        "entropy": row.entropy,
        "group": row.group,
        "top": [[one.text, one.probability, one.id] for one in row.alternatives],
    }


def _response(reply: Reply) -> dict[str, Json]:
    """What the parts of a stream come to, in the words of an answer that comes whole."""
    told: dict[str, Json] = {
        "id": reply.id,
        "model": reply.model,
        "system_fingerprint": reply.fingerprint or None,
        "content": reply.content,
        "reasoning": reply.reasoning or None,
        "tool_calls": [one._asdict() for one in reply.tools] or None,
        "finish_reason": reply.finish,
        "stop_reason": reply.stop,
        "usage": reply.usage and reply.usage._asdict(),
        "metrics": reply.times and reply.times._asdict(),
        "token_ids": reply.ids,
        "complete": reply.done,
    }
    return {name: value for name, value in told.items() if value is not None}


def _copies(run: Run, body: Mapping[str, Json]) -> list[dict[str, str]]:
    url, path, has_key = run.server.url, run.request.route.path, run.server.key is not None
    plain = run.request.body
    if len(json.dumps(plain)) > _LONGEST_COPY:
        body, plain = _shortened(body), _shortened(plain)
    made = {
        "curl": snippets.curl(url, path, body, has_key=has_key),
        "Python": snippets.python(url, path, plain, has_key=has_key),
        "JSON": snippets.as_json(plain),
    }
    return [{"label": label, "text": text} for label, text in made.items()]


def _shortened(value: Json) -> Json:
    """The same with long texts cut: what is shown is read by people."""
    if isinstance(value, str) and len(value) > _LONGEST_VALUE:
        return f"{value[:80]}… ({len(value):,} characters)"
    if isinstance(value, Mapping):
        return {name: _shortened(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_shortened(part) for part in value]
    return value
