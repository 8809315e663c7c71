"""What the browser draws of a conversation.

Decided here: the shape of it, and what of a message can be done. A message that is being written
comes with what stood in it before; the rest comes by its stream, from the beginning.
"""

import json
from collections.abc import Mapping
from functools import lru_cache

from lib.api.strict_json import Json
from lib.chat import settings
from lib.chat.conversation import Node
from lib.chat.markdown import Nested, nodes
from lib.chat.parameters import PARAMETERS, known, offered, server_defaults
from lib.ui.chat.detail import detail
from lib.ui.chat.place import Place
from lib.ui.house import house
from lib.ui.plain import plain
from lib.ui.routes import ANSWER_PATH, stream_path
from lib.ui.talks import Talk

__all__ = ["data", "linked"]

_SAVED = 1_500_000
"""Characters that a browser is asked to keep for a tab."""
_UNKNOWN = "this server does not know it"
_MOST_DRAWN, _SHORT = 512, 8_000
"""Answers whose tree is kept, and the characters of the longest of them."""
_LINKED = ("mode", "logprobs", *(one.short for one in PARAMETERS if one.short))


def data(talk: Talk, place: Place) -> dict[str, object]:
    """All of it, as of now."""
    asked = talk.settings
    return {
        "title": "Chat",
        "server": place.server.name,
        "model": place.model,
        "servers": [
            {"name": one.name, "models": list(house().models(one))} for one in house().watched()
        ],
        "state": _state(place),
        "mode": asked.mode,
        "rev": talk.rev,
        "settings": asked.as_data(),
        "problems": settings.problems(asked),
        "parameters": _parameters(asked.mode, place),
        "notice": talk.notice and {"tone": talk.notice.tone, "text": talk.notice.text},
        "draft_back": talk.notice.draft if talk.notice else "",
        "path": _path(talk),
        "detail": _detail(talk),
        "saved": _saved(talk),
        "exported": talk.exported,
        "query": _query(talk, place),
        "stream": ANSWER_PATH,
        "live": stream_path("overview"),
    }


def linked(query: Mapping[str, str]) -> dict[str, str]:
    """What of an address is about the settings."""
    return {name: text for name, text in query.items() if name in _LINKED}


def _query(talk: Talk, place: Place) -> dict[str, str | None]:
    """What the address is to say; None for what it is not to say any more."""
    told = dict.fromkeys((*_LINKED, "window", "servers")) | settings.to_query(talk.settings)
    return {**told, "server": place.server.name, "model": place.model or None}


def _state(place: Place) -> Mapping[str, object]:
    listed = {one["name"]: one for one in house().listed()}
    own = listed.get(place.server.name, {})
    return {"tone": own.get("tone", "unknown"), "words": own.get("words", "")}


def _parameters(mode: str, place: Place) -> list[Json]:
    """The table with what this server does unless told; marked, what it says not to know."""
    told = server_defaults(place.info, place.requests, mode)
    named = known(place.requests, mode)
    return [
        {**one.as_data(), "default": plain(told.get(one.name, one.default), 60)}
        if named is None or one.name in named
        else {**one.as_data(), "default": _UNKNOWN}
        for one in offered(mode)
    ]


def _path(talk: Talk) -> list[dict[str, object]]:
    path = talk.conversation.path()
    return [_message(talk, node, is_last=node is path[-1]) for node in path]


def _message(talk: Talk, node: Node, *, is_last: bool) -> dict[str, object]:
    about, run = node.about, talk.writing.get(node.id)
    places = talk.conversation.siblings(node.id)
    place = places.index(node.id)
    return {
        "id": node.id,
        "role": node.role,
        "text": node.text,
        "markdown": None if run or node.role != "assistant" else _drawn(node.text),
        "reasoning": node.reasoning,
        "reasoning_words": about.get("reasoning", ""),
        "tools": [call._asdict() for call in node.tools],
        "call": node.call,
        "images": [one._asdict() for one in node.images],
        "run": run,
        "state": "streaming" if run else about.get("state", "done"),
        "trouble": about.get("trouble", ""),
        "where": " · ".join(filter(None, (node.server, node.model))),
        "at": about.get("at"),
        "changed": about.get("changed", []),
        "figures": about.get("figures", []),
        "short": about.get("short", ""),
        "notes": about.get("notes", []),
        "position": [place + 1, len(places)],
        "before": places[place - 1] if place > 0 else None,
        "after": places[place + 1] if place + 1 < len(places) else None,
        "may": _may(node, is_last=is_last, is_writing=bool(run)),
    }


def _detail(talk: Talk) -> dict[str, object] | None:
    node = talk.conversation.nodes.get(talk.detail)
    return detail(node, house().answers.get(str(node.about.get("run", "")))) if node else None


def _may(node: Node, *, is_last: bool, is_writing: bool) -> dict[str, bool]:
    """What can be done: an answer that others are built on is not written on."""
    is_answer = node.role == "assistant" and not is_writing
    is_unanswered = node.role in ("user", "tool") and is_last
    return {
        "continue": is_answer and is_last and node.open and bool(node.text),
        "regenerate": is_unanswered or (is_answer and node.parent is not None),
        "edit": not is_writing and node.role in ("user", "assistant", "system"),
    }


def _drawn(text: str) -> Nested:
    """Markdown as a tree; that of what is not long is kept, as a page is drawn many times."""
    return _kept(text) if len(text) <= _SHORT else nodes(text)


@lru_cache(_MOST_DRAWN)
def _kept(text: str) -> Nested:
    return nodes(text)


def _saved(talk: Talk) -> Json:
    """The whole conversation for the browser to keep; None where it is too much for that."""
    if talk.saved is None or talk.saved[0] is not talk.conversation:
        told = talk.conversation.as_data()
        is_small = len(json.dumps(told)) <= _SAVED
        talk.saved = (talk.conversation, told if is_small else None)
    return talk.saved[1]
