"""The Embeddings page: texts, their vectors, what they say, and the tools under them.

Decided here: the order of a run. Texts are chosen, and their vectors are asked for by a button that
says what it costs; the answer stands above all that explains it.
"""

from collections.abc import Mapping

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.servers import Server
from lib.ui import jobs, live
from lib.ui.chat.place import Place, models_of
from lib.ui.house import house
from lib.ui.plain import count, escaped, plain, ratio
from lib.ui.vectors import evidence, maps, offers, sources
from lib.ui.vectors.answer import answer
from lib.ui.vectors.asking import NAME, Wish
from lib.ui.vectors.downloads import downloads
from lib.ui.vectors.measured import MOST_VALUES, Measured, measured
from lib.ui.vectors.sets import Embedded, How, Texts
from lib.ui.vectors.tools import tools
from lib.vectors import Metric

__all__ = ["draw"]

_LINK, _OPEN, _METRIC, _DEPTH = "vectors-link", "vectors-texts", "vectors-metric", "vectors-depth"
_COLOURS = "vectors-colours"
_NAMES = {Metric.COSINE: "Cosine", Metric.DOT: "Dot product", Metric.EUCLID: "Euclid"}
_SAID = ("sample", "mode", "metric", "k")
_DEFAULT_DEPTH, _DEEPEST = 5, 50
_SETTLE = 2.0


def draw(server: Server) -> None:
    """The page, for the server that the frame has chosen."""
    _follow_address()
    place = Place.of(server, str(st.session_state.get("model", "")))
    head = st.container()
    if not offers.may_embed(place):
        with head:
            _head(place, None, f"{place.server.name} makes no vectors")
        offers.draw(place)
        return
    texts, how = _texts()
    with head:
        _head(place, texts, f"What {plain(place.title, 90)} takes for similar{_limit(place)}")
    _answered(place, texts, how)
    if offers.is_untold(server):
        _settle(server)


@st.fragment(run_every=_SETTLE)
def _settle(server: Server) -> None:
    """Draw the page again once the server has told what it does: it is not waited for long."""
    if not offers.is_untold(server):
        st.rerun()


def _head(place: Place, texts: Texts | None, line: str) -> None:
    query = {
        "server": place.server.name,
        "model": place.model or None,
        "window": None,
        "servers": None,
        **sources.linked(texts),
        **_settings(),
    }
    live.vectors(
        {
            "title": "Embeddings",
            "line": line,
            "server": place.server.name,
            "model": place.model,
            "servers": [
                {"name": one.name, "models": list(house().models(one))} for one in house().watched()
            ],
            "query": query,
        },
        on_pick=_pick,
    )


def _limit(place: Place) -> str:
    return f" · texts of up to {count(place.limit)} tokens" if place.limit else ""


def _pick() -> None:
    """Take over the server and model that were chosen: [server, model]."""
    told = st.session_state["vectors"].pick
    name, model = told if isinstance(told, list) and len(told) == 2 else ("", "")
    if server := house().named(str(name)):
        st.session_state["server"] = st.session_state["servers"] = server.name
        st.session_state["model"] = model if model in models_of(server) else ""


# ── The address ──


def _follow_address() -> None:
    """Take over what the URL says, when it says something new."""
    told = {name: st.query_params[name] for name in _SAID if name in st.query_params}
    if told == st.session_state.get(_LINK):
        return
    st.session_state[_LINK] = told
    sources.follow(told)
    if told.get("metric") in {one.value for one in Metric}:
        st.session_state[_METRIC] = Metric(told["metric"])
    if (k := told.get("k", "")).isascii() and k.isdigit() and 1 <= int(k[:4]) <= _DEEPEST:
        st.session_state[_DEPTH] = int(k[:4])


def _settings() -> Mapping[str, str | None]:
    metric = st.session_state.get(_METRIC)
    depth = st.session_state.get(_DEPTH, _DEFAULT_DEPTH)
    return {
        "metric": metric.value if isinstance(metric, Metric) and metric != Metric.COSINE else None,
        "k": f"{depth}" if depth != _DEFAULT_DEPTH else None,
    }


# ── Texts and their vectors ──


def _texts() -> tuple[Texts | None, How]:
    """What is to be embedded, folded up once it is."""
    job = jobs.job_of(NAME)
    made = job.result if job and isinstance(job.result, Embedded) else None
    st.session_state.setdefault(_OPEN, made is None)
    title = f"Texts: {made.texts.words}" if made else "Texts"
    with st.expander(escaped(title), key=_OPEN, on_change="rerun", icon=":material/notes:"):
        return sources.chosen()


def _answered(place: Place, texts: Texts | None, how: How) -> None:
    wish = Wish(texts, place.server, place.model, how) if texts and place.model else None
    if wish:
        wish.begin_if_free()
    job = jobs.job_of(NAME)
    made = job.result if job and isinstance(job.result, Embedded) else None
    if place.trouble:
        st.warning(escaped(place.trouble), icon=":material/error:")
    is_same = bool(wish and made and wish.is_of(made))
    if (job and job.is_running) or (wish and not (is_same and not (job and job.words))):
        _ask(wish)
    if made is None:
        return
    if not is_same:
        st.caption(escaped(_other(made, is_known=wish is not None)))
    _drawn(made)


def _ask(wish: Wish | None) -> None:
    job = jobs.job_of(NAME)
    price = "" if wish is None or (job and job.is_running) else wish.price()
    with st.container(horizontal=True, vertical_alignment="center", key="vectors-ask"):
        jobs.button(NAME, "Embed", lambda: _begin(wish), is_first=True)
        if price:
            st.caption(escaped(price), width="content")


def _begin(wish: Wish | None) -> None:
    if wish:
        st.session_state[_OPEN] = False
        wish.begin()


def _other(made: Embedded, *, is_known: bool) -> str:
    what = f"{count(len(made.texts))} texts on {plain(made.title, 80)}"
    since = "What is chosen above has no vectors yet." if is_known else ""
    return f"Below: {what}, as they were embedded. {since}"


# ── What they say ──


@st.fragment
def _drawn(made: Embedded) -> None:
    metric = st.session_state.get(_METRIC)
    found = measured(made, metric if isinstance(metric, Metric) else Metric.COSINE)
    with st.spinner("Measuring …", show_time=True):
        found.prepare()
    live.summary({**answer(found), "query": _settings()}, key="vectors-answer")
    if len(made.present) < 2 or not len(found.documents):
        return
    _heat(found)
    if found.is_search:
        _nearest(found, "Best documents")
    left, right = _sides("pairs")
    with left:
        st.subheader("Closest pairs", anchor=False)
        evidence.pairs(found)
    with right:
        st.subheader("One pair", anchor=False)
        evidence.one_pair(found)
    left, right = _sides("map")
    with left:
        _map(found)
    with right:
        if not found.is_search:
            _nearest(found, "Nearest")
        st.subheader("Checks", anchor=False)
        evidence.checks(found)
    st.subheader("Take away", anchor=False)
    downloads(found)
    tools(made)


def _sides(name: str) -> list[DeltaGenerator]:
    """Two columns, which stand below each other where there is no room (`assets/vectors.css`)."""
    with st.container(key=f"vectors-sides-{name}"):
        return list(st.columns([7, 5], gap="large"))


def _heat(found: Measured) -> None:
    heat = found.heat
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        what = "Queries with documents" if found.is_search else "Every text with every text"
        st.subheader(what, anchor=False, width="content")
        st.segmented_control(
            "Metric",
            list(Metric),
            default=Metric.COSINE,
            required=True,
            format_func=lambda one: _NAMES[one],
            key=_METRIC,
            label_visibility="collapsed",
            persist_state="session",
        )
    maps.heat_map(found)
    told = ["Texts that are alike stand together."]
    if max(heat.of.shape) <= MOST_VALUES:
        told.append("The numbers are those of the texts.")
    elif heat.size > 1:
        told.append(
            f"Each cell is the mean of up to {count(heat.size)} × {count(heat.size)} pairs."
        )
    else:
        told.append("Point at a cell for its two texts.")
    if len(heat.across) < len(found.documents):
        told.append(
            f"{count(len(heat.across))} evenly spaced of {count(len(found.documents))} texts."
        )
    st.caption(escaped(" ".join(told)))


def _nearest(found: Measured, title: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.subheader(title, anchor=False, width="content")
        depth = st.number_input(
            "How many",
            1,
            _DEEPEST,
            _DEFAULT_DEPTH,
            key=_DEPTH,
            persist_state="session",
            width=110,
            label_visibility="collapsed",
        )
    evidence.nearest(found, int(depth))


def _map(found: Measured) -> None:
    st.subheader("Map", anchor=False)
    has_labels = bool(found.embedded.texts.labels)
    ways = (["Labels"] if has_labels else []) + ["Clusters"]
    way = ways[0]
    if has_labels:
        way = str(
            st.segmented_control(
                "Colours",
                ways,
                default=ways[0],
                required=True,
                key=_COLOURS,
                label_visibility="collapsed",
            )
        )
    maps.plane_map(found, by_label=way == "Labels")
    plane = found.common.plane
    shares = float(plane.projection.explained[:2].sum())
    told = (
        f"The plane holds {ratio(shares)} of the variance; {ratio(plane.kept)} of each text's"
        f" {plane.k} nearest are among its {plane.k} nearest here, and that much may be read from"
        " it. Distances on it are never longer than the true ones, and often much shorter."
    )
    groups = found.common.groups if way == "Clusters" else None
    if groups and len(groups.central) > 1:
        told += (
            f" {count(len(groups.central))} clusters by k-means (seed 0), each named by its most"
            f" central text; mean silhouette {groups.score:.2f}."
        )
        if groups.among < len(groups.of):
            told += (
                f" They were found among {count(groups.among)} of the {count(len(groups.of))} texts"
                " here, evenly spaced, and the silhouette is of those."
            )
    st.caption(escaped(told))
