"""What is being put together for a route: its body, and the parts of its path.

Decided here: that a draft begins with a good example, that it is kept for as long as the tab lives,
and what becomes of it when it is sent. A file is not kept: it is there while its field is.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import streamlit as st

from lib.api import File, Listed, Surface, Trial, Unfit, calls
from lib.api.strict_json import Json
from lib.chat.snippets import as_json
from lib.explorer import examples, filling, schema
from lib.explorer.examples import About
from lib.explorer.schema import Body, Field, Kind, Shape
from lib.ui.chat.place import Place
from lib.ui.house import house

__all__ = [
    "Draft",
    "about",
    "draft_of",
    "more_of",
    "parts_of",
    "renew",
    "restore",
    "sent_path",
    "sent_text",
    "trial_of",
]

_KEPT, _SERIAL = "explorer-drafts", "explorer-serial"
_MOST = 60
_PART = re.compile(r"\{(\w{1,60})\}")
_STREAMS = ("stream", "stream_options")


@dataclass(eq=False)
class Draft:
    """One request in the making.

    `shown` are the fields of the form, in their order; `serial` tells the widgets of one draft from
    those of another, which hold what was typed before.
    """

    body: dict[str, Json] | None
    shape: Shape
    shown: list[str]
    shapes: tuple[Shape, ...] = ()
    is_form: bool = False
    is_json: bool = False  # it was looked at as JSON
    serial: int = 0
    parts: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    troubles: tuple[str, ...] = ()
    model: str = ""  # whom it was begun for

    def look(self, *, as_json: bool) -> None:
        """Look at it as JSON, or as a form: the other way shows what is there now."""
        if as_json != self.is_json:
            self.is_json = as_json
            self.put(self.body or {})

    def put(self, body: dict[str, Json]) -> None:
        """Take over another body, and show it in the form."""
        self.body = body
        if self.shapes:
            ordered = sorted(self.shapes, key=lambda one: one != self.shape)
            self.shape = examples.fitting(Body(tuple(ordered)), body)
        elif set(body) - {one.name for one in self.shape.fields}:
            self.shape = filling.guessed(body)
        self.shown = _shown(self.shape, body)
        self.serial = _next()

    def choose(self, shape: Shape, known: About) -> None:
        """Take over another form of the body: what both have stays, what it requires is made up."""
        before, made = self.body or {}, examples.made_up(shape, known)
        names = {one.name for one in shape.fields}
        self.shape = shape
        self.body = made | {name: value for name, value in before.items() if name in names}
        self.shown = _shown(shape, self.body)
        self.serial = _next()


def about(place: Place) -> About:
    """What an example is made for."""
    known = house().asked.told(place.server).capabilities
    text = known.dialect.text if known else "prompt"
    return About(place.model, text, known.tasks if known else frozenset())


def draft_of(place: Place, listed: Listed, surface: Surface) -> Draft:
    """The draft for a route of a server; begun with an example."""
    kept: dict[tuple[str, str], Draft] = st.session_state.setdefault(_KEPT, {})
    key = place.server.name, listed.title
    found = kept.get(key)
    if found is None:
        found = kept[key] = _begun(place, listed, surface)
        for old in list(kept)[:-_MOST]:
            del kept[old]
    elif place.model and place.model != found.model:
        _turn(found, place.model)
    return found


def _turn(draft: Draft, model: str) -> None:
    """Another model is chosen above: the request is for that one, unless it names a third."""
    before, draft.model = draft.model, model
    has_one = draft.shape.field("model") is not None
    if draft.body and has_one and draft.body.get("model", before) == before:
        draft.put({**draft.body, "model": model})


def renew(place: Place, listed: Listed, surface: Surface) -> None:
    """Begin again with the example."""
    kept: dict[tuple[str, str], Draft] = st.session_state.setdefault(_KEPT, {})
    kept[place.server.name, listed.title] = _begun(place, listed, surface)


def restore(place: Place, listed: Listed, surface: Surface, trial: Trial) -> None:
    """Put what was sent before into the form again, without its file."""
    draft = draft_of(place, listed, surface)
    draft.parts, draft.query = dict(trial.parts), dict(trial.query)
    sent = trial.form if trial.body is None else trial.body
    draft.serial = _next()
    if sent is not None:
        draft.put(dict(sent))


def parts_of(listed: Listed) -> tuple[str, ...]:
    """The parts of its path that a person fills in."""
    return tuple(dict.fromkeys(_PART.findall(sent_path(listed))))


def sent_path(listed: Listed) -> str:
    """Its path with the names of the parts that we send by; a server may call them otherwise."""
    return listed.route.path if listed.route else listed.path


def trial_of(draft: Draft, listed: Listed, file: File | None = None) -> tuple[Trial | None, str]:
    """The request of a draft, or why there is none, in a sentence; a stream is asked for whole."""
    if listed.route is None:
        return None, "Nobody knows here what it does."
    if draft.troubles:
        return None, draft.troubles[0]
    parts = tuple((name, draft.parts.get(name, "").strip()) for name in parts_of(listed))
    if why := _misled(listed, parts):
        return None, why
    if draft.is_form and file is None:
        return None, "There is no sound yet: choose a file, or record one."
    query = tuple((name, value) for name, value in draft.query.items() if value.strip())
    trial = Trial(listed.route, query=query, parts=parts)
    if draft.is_form:
        told = {name: filling.written(value) for name, value in (draft.body or {}).items()}
        return replace(trial, form=told, file=file), ""
    return replace(trial, body=_whole(draft.body)), ""


def _misled(listed: Listed, parts: tuple[tuple[str, str], ...]) -> str:
    """Why the path leads nowhere, or to another route; "" where it does not."""
    lacking = [name for name, value in parts if not value]
    if lacking:
        return f"{lacking[0]} stands in the path, and is not filled in."
    try:
        calls.filled(sent_path(listed), parts)
    except Unfit as unfit:
        return f"{unfit.detail[:1].upper()}{unfit.detail[1:]}."
    return ""


def _whole(body: Mapping[str, Json] | None) -> Mapping[str, Json] | None:
    if body is None:
        return None
    return {name: value for name, value in body.items() if name not in _STREAMS}


def _begun(place: Place, listed: Listed, surface: Surface) -> Draft:
    known = about(place)
    told = examples.example(listed.path, known) if listed.method == "POST" else None
    body = schema.body_of(listed.schema, surface.schemas, is_form=listed.is_form)
    first = told
    shape = filling.guessed(told or {})
    if body is not None:
        shape = examples.fitting(body, told or {})
        first = examples.made_up(shape, known) | (told or {})
    return Draft(
        first,
        shape,
        _shown(shape, first or {}),
        body.shapes if body else (),
        is_form=listed.is_form,
        serial=_next(),
        model=place.model,
    )


def _shown(shape: Shape, body: Mapping[str, Json]) -> list[str]:
    """What is required, then what is filled in; no form asks for a stream."""
    required = [one.name for one in shape.fields if one.is_required and one.kind is not Kind.FILE]
    known = [one.name for one in shape.fields]
    filled = [name for name in body if name in known]
    return [name for name in dict.fromkeys([*required, *filled]) if name not in _STREAMS]


def _next() -> int:
    serial = int(st.session_state.get(_SERIAL, 0)) + 1
    st.session_state[_SERIAL] = serial
    return serial


def sent_text(trial: Trial) -> str:
    """What is sent, as text."""
    if trial.body is not None:
        return as_json(trial.body)
    if trial.form is None:
        return ""
    name = trial.file.name if trial.file else ""
    return json.dumps({"file": name, **trial.form}, ensure_ascii=False, indent=2)


def more_of(draft: Draft) -> list[Field]:
    """The fields that the form does not show."""
    shown = {*draft.shown, *_STREAMS}
    return [
        one for one in draft.shape.fields if one.name not in shown and one.kind is not Kind.FILE
    ]
