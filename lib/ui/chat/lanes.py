"""One question to up to three servers, models or settings at once, compared when all are over.

Decided here: what a lane changes of the page's settings, and how that is typed; that all lanes get
the same seed unless one asks for another, so that what differs is not chance.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import streamlit as st

from lib.api.errors import Unfit
from lib.api.generation import Generation
from lib.chat.comparing import first_difference, side_by_side, word_diff
from lib.chat.conversation import Node
from lib.chat.parameters import PARAMETERS, read_values
from lib.chat.request import request
from lib.chat.settings import Settings
from lib.ui import live
from lib.ui.answering import Full, Run, is_name
from lib.ui.chat.judged import figure, figures_of
from lib.ui.chat.place import Place
from lib.ui.house import house
from lib.ui.plain import plain
from lib.ui.routes import ANSWER_PATH
from lib.ui.talks import Talk

__all__ = ["draw", "overridden"]

MOST = 3
_ACTS, _SEQ, _KEPT = "lanes-acts", "lanes-seq", "lanes"
_LONGEST, _LONGEST_CHANGE = 100_000, 500
_KNOWN = {
    name: one for one in PARAMETERS for name in (one.name, one.short, one.label.lower()) if name
}
_NAMES = "|".join(re.escape(name) for name in sorted(_KNOWN, key=len, reverse=True))
_CHANGE = re.compile(rf"\s*({_NAMES})\s*[=:\s]\s*(\S.*?)\s*", re.IGNORECASE)
_START = "Explain in three sentences what a KV cache is."


class Lane(NamedTuple):
    """Who is asked in it, and what is set otherwise, as typed."""

    server: str
    model: str
    overrides: str = ""


@dataclass(eq=False)
class Side:
    """All lanes of a tab; `runs` are the answers of the newest question, one for each lane.

    "" stands for a lane that has not been asked.
    """

    lanes: tuple[Lane, ...]
    text: str = _START
    runs: list[str] = field(default_factory=list)
    words: str = ""


def overridden(asked: Settings, typed: str) -> tuple[Settings, str]:
    """Settings with what a lane changes, and one sentence on what of it cannot be read."""
    changed = dict(asked.parameters)
    for part in filter(str.strip, typed.split(",")):
        found = _CHANGE.fullmatch(part)
        if found is None:
            return asked, f"{plain(part.strip(), 40)} is no parameter with its value."
        changed[_KNOWN[found[1].lower()].name] = found[2]
    _, problems = read_values(changed)
    return replace(asked, parameters=changed), next(iter(problems.values()), "")


def draw(talk: Talk, place: Place) -> None:
    """The lanes, in a tab of the tools."""
    with talk.lock:
        side = _side(talk, place)
        for act in st.session_state.pop(_ACTS, ()):
            seq = act.get("seq") if isinstance(act, Mapping) else None
            if isinstance(seq, int) and seq > st.session_state.get(_SEQ, 0):
                st.session_state[_SEQ] = seq
                _do(talk, side, act)
        told = _data(talk, side)
    live.lanes(told, on_act=_take)


def _take() -> None:
    st.session_state[_ACTS] = [*st.session_state.get(_ACTS, ()), st.session_state["lanes"].act]


def _side(talk: Talk, place: Place) -> Side:
    found = talk.kept.get(_KEPT)
    if not isinstance(found, Side):
        lane = Lane(place.server.name, place.model)
        found = Side((lane, lane._replace(overrides="temperature 0")))
    return found


def _do(talk: Talk, side: Side, act: Mapping[str, Any]) -> None:
    kind = act.get("kind")
    talk.kept[_KEPT] = side
    if kind in ("lanes", "run"):
        _follow(side, act)
    if kind == "lanes":
        _keep(side, act.get("runs"))
    if kind == "run":
        _run(talk, side, act.get("runs"))
    if kind == "stop":
        for name in side.runs:
            house().answers.stop(name)


def _follow(side: Side, act: Mapping[str, Any]) -> None:
    rows = act.get("lanes")
    if isinstance(rows, list) and rows and all(isinstance(one, Mapping) for one in rows):
        side.lanes = tuple(
            Lane(
                str(one.get("server", "")),
                str(one.get("model", "")),
                str(one.get("overrides", ""))[:_LONGEST_CHANGE],
            )
            for one in rows[:MOST]
        )
    if isinstance(text := act.get("text"), str):
        side.text = text[:_LONGEST]


def _keep(side: Side, names: object) -> None:
    """Each answer stays with its lane when one is left out or added; no other's comes in."""
    told = names if isinstance(names, list) else side.runs
    runs = [one if one in side.runs else "" for one in told[: len(side.lanes)]]
    for name in side.runs:
        if name not in runs:
            house().answers.stop(name)
    side.runs = runs


def _run(talk: Talk, side: Side, names: object) -> None:
    """Ask in all lanes, or in none."""
    if not isinstance(names, list) or not all(map(is_name, names)) or _is_live(side):
        return
    if len(set(names)) != len(side.lanes) or any(map(house().answers.get, names)):
        return
    side.words, seed = "", secrets.randbelow(2**31)
    try:
        made = [(_server(lane), _request(talk.settings, side, lane, seed)) for lane in side.lanes]
        side.runs = list(names)
        for name, (place, asked) in zip(side.runs, made, strict=True):
            house().answers.begin(name, place.server, asked)
    except Unfit as unfit:
        side.words = f"Not sent: {plain(unfit.detail, 300)}"
    except ValueError as error:
        side.words = str(error)
    except Full:
        side.words = "Too many answers are being written just now; stop one."


def _request(asked: Settings, side: Side, lane: Lane, seed: int) -> Generation:
    changed, problem = overridden(asked, lane.overrides)
    if problem:
        raise ValueError(problem)
    seeded = None if "seed" in changed.values else seed
    path = (Node("q", None, "user", side.text),)
    place = _server(lane)
    return request(path, changed, place.model, seed=seeded, ids=True, release=place.release)


def _server(lane: Lane) -> Place:
    server = house().named(lane.server)
    if server is None:
        raise ValueError(f"There is no server called {plain(lane.server, 40)}.")
    place = Place(server, lane.model) if lane.model else Place.of(server, "")
    if place.trouble:
        raise ValueError(place.trouble)
    return place


# ── What is drawn ──


def _data(talk: Talk, side: Side) -> dict[str, object]:
    runs = [house().answers.get(name) for name in side.runs]
    over = [one for one in runs if one is not None and one.is_over]
    pair = [one for one in runs[:2] if one is not None]
    is_complete = len(over) == sum(map(bool, side.runs)) > 0
    return {
        "lanes": [{**one._asdict(), "problem": _problem(talk, one)} for one in side.lanes],
        "servers": [
            {"name": one.name, "models": list(house().models(one))} for one in house().watched()
        ],
        "runs": [_drawn(name, one) for name, one in zip(side.runs, runs, strict=True)],
        "figures": _table(runs) if is_complete else None,
        "diff": word_diff(*_texts(pair)) if is_complete and len(pair) == 2 else None,
        "words": side.words or (_words(pair) if is_complete else ""),
        "stream": ANSWER_PATH,
        "seq": st.session_state.get(_SEQ, 0),
        "text": side.text,
        "most": MOST,
        "running": _is_live(side),
    }


def _is_live(side: Side) -> bool:
    runs = [house().answers.get(name) for name in side.runs]
    return any(one is not None and not one.is_over for one in runs)


def _problem(talk: Talk, lane: Lane) -> str:
    if house().named(lane.server) is None:
        return "There is no such server."
    return overridden(talk.settings, lane.overrides)[1]


def _drawn(name: str, run: Run | None) -> dict[str, object] | None:
    if not name:
        return None
    if run is None:
        return {"run": name, "state": "failed", "text": "", "figures": [], "trouble": "Forgotten."}
    return {
        "run": name,
        "state": run.state if run.is_over else "streaming",
        "text": run.reply.content if run.is_over else "",
        "figures": [figure(one) for one in figures_of(run, _place(run))] if run.is_over else [],
        "trouble": run.sentence,
    }


def _table(runs: Sequence[Run | None]) -> dict[str, object]:
    """Headed by who was asked: a lane may name another server since."""
    columns = [
        (f"{letter} {run.server.name}", figures_of(run, _place(run)))
        for letter, run in zip("ABC", runs, strict=False)
        if run
    ]
    found = side_by_side(columns)
    return {"header": found.header, "rows": found.rows}


def _place(run: Run) -> Place:
    return Place(run.server, str(run.request.body.get("model", "")))


def _texts(runs: Sequence[Run]) -> list[str]:
    return [run.reply.content[:_LONGEST] for run in runs]


def _words(pair: Sequence[Run]) -> str:
    """Where the answers of the first two lanes part."""
    if len(pair) < 2 or not all(run.has_output for run in pair):
        return ""
    found = first_difference(pair[0].reply, pair[1].reply)
    if found is None:
        return "A and B say the same."
    return f"A and B part at {found.unit} {found.at + 1:,}."
