"""The form of a request: a widget for each field, or its body as JSON.

Decided here: which widget a field gets. A field says what it takes and what the server does without
it, in the server's own words; these are foreign text.
"""

import re
from collections.abc import Iterable
from itertools import groupby

import streamlit as st

from lib.api import File, Listed, Surface
from lib.chat.snippets import as_json
from lib.explorer import examples, filling, schema
from lib.explorer.schema import UNSET, Field, Kind, Shape
from lib.ui.chat.place import Place, models_of
from lib.ui.explorer.draft import Draft, about, more_of, parts_of, renew
from lib.ui.plain import escaped, plain
from lib.ui.vectors.answer import some

__all__ = ["MODE", "body", "parts", "sound"]

MODE = "explorer-mode"
_FORM, _JSON = "Form", "JSON"
_LONG = 60
"""Characters from which a text gets an area."""
_AREAS = frozenset({"prompt", "input", "query", "state", "instructions", "text"})
_NAME = re.compile(r"[A-Za-z0-9]+(_[A-Za-z0-9]+)*")
"""A name that Markdown leaves as it is."""
_WIDTH = 216
_ABOUT, _DEFAULT = 500, 60
_MOST_SOUND = 25
"""Megabytes; vLLM takes no larger file by itself."""


def parts(draft: Draft, listed: Listed, surface: Surface) -> None:
    """The parts of the path and of the query."""
    told = {
        (one.place, one.name): schema.field_of(
            one.name, one.schema, surface.schemas, is_required=one.is_required
        )
        for one in listed.parameters
    }
    for place, held, names in (
        ("path", draft.parts, parts_of(listed)),
        ("query", draft.query, _asked(listed)),
    ):
        with st.container(horizontal=True):
            for name in names:
                is_part = place == "path"
                field = told.get((place, name)) or Field(name, Kind.TEXT, is_required=is_part)
                if name != "stream":  # an answer is asked for whole
                    key = f"explorer-{draft.serial}-{place}-{name}"
                    held[name] = _widget(field, held.get(name, ""), key)


def _asked(listed: Listed) -> tuple[str, ...]:
    """The names of the query: those that the server describes, and those that it does not."""
    described = [one.name for one in listed.parameters if one.place == "query"]
    return tuple(dict.fromkeys([*described, *examples.query(listed.path)]))


def sound(draft: Draft) -> File | None:
    """The file of a form: chosen, or recorded here."""
    way = st.segmented_control(
        "Sound",
        ["File", "Record"],
        default="File",
        required=True,
        key=f"explorer-{draft.serial}-sound",
        label_visibility="collapsed",
    )
    if way == "File":
        found = st.file_uploader(
            f"A sound (wav, mp3, flac, ogg, m4a; up to {_MOST_SOUND} MB)",
            max_upload_size=_MOST_SOUND,
            key=f"explorer-{draft.serial}-file",
        )
    else:
        found = st.audio_input("Speak", key=f"explorer-{draft.serial}-recording")
    return File(plain(found.name, 80), found.type or "", found.getvalue()) if found else None


def body(draft: Draft, place: Place, listed: Listed, surface: Surface) -> None:
    """The body, by its form or as JSON."""
    if draft.body is None:
        st.caption("It takes no body.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        mode = st.segmented_control(
            "How the body is put together",
            [_FORM, _JSON],
            default=_FORM,
            required=True,
            key=MODE,
            label_visibility="collapsed",
            persist_state="session",
        )
        draft.look(as_json=mode == _JSON and not draft.is_form)
        if len(draft.shapes) > 1:
            _shapes(draft, place)
        st.button(
            "Example",
            icon=":material/restart_alt:",
            key=f"explorer-example-{place.server.name}-{listed.title}",
            help="Put the example for this model back",
            on_click=renew,
            args=(place, listed, surface),
        )
    if draft.is_json:
        _as_json(draft)
    else:
        _as_form(draft, place)


def _shapes(draft: Draft, place: Place) -> None:
    key = f"explorer-{draft.serial}-shape"
    chosen = st.selectbox(
        "Form of the body",
        range(len(draft.shapes)),
        index=draft.shapes.index(draft.shape),
        format_func=lambda n: _called(draft.shapes[n]),
        key=key,
        label_visibility="collapsed",
        width=280,
    )
    if draft.shapes[chosen] != draft.shape:
        draft.choose(draft.shapes[chosen], about(place))
        st.rerun()


def _called(shape: Shape) -> str:
    """A form by what it requires, and its name at the server."""
    needed = [one.name for one in shape.fields if one.is_required]
    name = plain(shape.name, 60)
    return f"{', '.join(needed)} ({name})" if needed and name else name or "another form"


def _as_json(draft: Draft) -> None:
    typed = st.text_area(
        "Body",
        value=as_json(draft.body or {}),
        key=f"explorer-{draft.serial}-json",
        height=300,
        label_visibility="collapsed",
    )
    try:
        draft.body, draft.troubles = filling.read_body(typed), ()
    except ValueError as error:
        draft.troubles = (str(error),)


def _as_form(draft: Draft, place: Place) -> None:
    before = draft.body or {}
    by_name = {one.name: one for one in draft.shape.fields}
    fields = [by_name[name] for name in draft.shown if name in by_name]
    typed: dict[str, str] = {}
    for is_long, run in groupby(fields, key=lambda one: _is_long(one, before)):
        if is_long:
            typed |= {one.name: _field(one, draft, place) for one in run}
        else:
            with st.container(horizontal=True):
                typed |= {one.name: _field(one, draft, place) for one in run}
    _more(draft)
    found, draft.troubles = filling.filled(draft.shape, typed, before)
    kept = {} if not draft.troubles else {n: v for n, v in before.items() if n not in found}
    draft.body = found | kept
    for trouble in draft.troubles:
        st.caption(escaped(plain(trouble, 300)))


def _is_long(field: Field, body: dict[str, object]) -> bool:
    value = filling.written(body.get(field.name, UNSET))
    if field.kind in (Kind.JSON, Kind.EITHER) or "\n" in value or len(value) > _LONG:
        return True
    return field.kind is Kind.TEXT and field.name in _AREAS


def _field(field: Field, draft: Draft, place: Place) -> str:
    body, key = draft.body or {}, f"explorer-{draft.serial}-field-{field.name}"
    value = filling.written(body.get(field.name, UNSET))
    if field.name == "model" and field.kind is Kind.TEXT:
        return _pick(field, [*models_of(place.server)], value, key, width=340, may_type=True)
    if _is_long(field, body):
        return st.text_area(_label(field), value, key=key, help=_help(field), height="content")
    return _widget(field, value, key)


def _widget(field: Field, value: str, key: str) -> str:
    if field.kind is Kind.FLAG:
        return _pick(field, ["true", "false"], value, key)
    if field.kind is Kind.CHOICE:
        return _pick(field, [filling.written(one) for one in field.choices], value, key)
    return st.text_input(
        _label(field), value, key=key, help=_help(field), placeholder=_default(field), width=_WIDTH
    )


def _pick(
    field: Field,
    options: Iterable[str],
    value: str,
    key: str,
    *,
    width: int = _WIDTH,
    may_type: bool = False,
) -> str:
    listed = list(dict.fromkeys([*options, *([value] if value else [])]))
    chosen = st.selectbox(
        _label(field),
        listed,
        index=listed.index(value) if value else None,
        key=key,
        help=_help(field),
        placeholder=_default(field) or "as the server does",
        accept_new_options=may_type,
        format_func=lambda one: plain(one, 120),
        width=width,
    )
    return str(chosen) if chosen is not None else ""


def _more(draft: Draft) -> None:
    """One more field of those that the server takes."""
    listed = {one.name: one for one in more_of(draft)}
    if not listed:
        return
    key = f"explorer-{draft.serial}-more"

    def add() -> None:
        if st.session_state[key] in listed:
            draft.shown.append(st.session_state[key])
        st.session_state[key] = None

    st.selectbox(
        "More",
        listed,
        index=None,
        key=key,
        placeholder=f"More: {some(len(listed), 'further field')}",
        format_func=lambda name: f"{plain(name, 60)} · {plain(listed[name].type, 60)}",
        on_change=add,
        label_visibility="collapsed",
    )


def _label(field: Field) -> str:
    """Its name; who listens to the page hears it as it is written here, so escapes are spared."""
    name = field.name if _NAME.fullmatch(field.name) else escaped(plain(field.name, 80))
    return name + (" · required" if field.is_required else "")


def _help(field: Field) -> str:
    told = plain(field.type, 120)
    if field.low is not None:
        told += f", {field.low:g} at least"
    if field.high is not None:
        told += f", {field.high:g} at most"
    about_it = plain(field.about, _ABOUT)
    return escaped(f"{told}. {about_it}" if about_it else told)


def _default(field: Field) -> str:
    """What the server does by itself, where it says so."""
    if field.default is UNSET or field.default in (None, "", [], {}):
        return ""
    return plain(filling.written(field.default), _DEFAULT)
