"""The tools under the conversation, one in each tab: each asks more than one answer.

Decided here: what each asks for, and that what it costs the server is said before its button. They
take the settings of the page; what they bring stays with the tab.
"""

import secrets
from collections.abc import Callable

import streamlit as st

from lib.api.deltas import timing
from lib.api.errors import Unfit
from lib.api.generation import DEFAULT_TOKENS, Generation
from lib.chat.canaries import CANARIES
from lib.chat.comparing import Sent, cache, runs_agree
from lib.chat.conversation import Node
from lib.chat.figures import Figure
from lib.chat.request import request
from lib.chat.settings import Settings
from lib.ui import live
from lib.ui.answering import Run
from lib.ui.chat import lanes, report
from lib.ui.chat.jobs import Job, job_of, start, stop
from lib.ui.chat.judged import figures_of
from lib.ui.chat.place import Place
from lib.ui.plain import escaped, plain
from lib.ui.talks import Talk

__all__ = ["tools"]

_START = "Explain in three sentences what a KV cache is."
_LINE = "Line {}: the scheduler gives every request its seat, its blocks and its turn.\n"
_LINE_TOKENS = 18
"""About, with the tokenizers of today: enough to say what a test costs."""
_TICK = 0.8
_SHOWN = 160


def tools(talk: Talk, place: Place) -> None:
    """All of them; only the open one works."""
    st.subheader("Tools", anchor=False)
    made: dict[str, Callable[[Talk, Place], None]] = {
        "Side by side": lanes.draw,
        "Same seed": _same_seed,
        "Prefix cache": _cache,
        "What it can do": _report,
    }
    tabs = st.tabs(list(made), key="chat-tools", on_change="rerun")
    for tab, draw in zip(tabs, made.values(), strict=True):
        if tab.open:
            with tab:
                draw(talk, place)


def _same_seed(talk: Talk, place: Place) -> None:
    st.text("The same request with the same seed, several times: are the answers the same?")
    text = st.text_area("Question", value=_last(talk), key="same-text")
    left, right = st.columns(2)
    times = int(left.number_input("Times", 2, 8, 3, key="same-times"))
    ways = {"one after another": False, "all at once": True}
    way = right.selectbox("How", list(ways), key="same-how") or next(iter(ways))
    most = talk.settings.values.get("max_tokens", DEFAULT_TOKENS)
    st.caption(escaped(f"Costs {times} answers of {place.title}, of up to {most:,} tokens each."))

    def begin() -> None:
        asked = _asked(text, talk.settings, place, seed=secrets.randbelow(2**31))
        requests = [asked] * times

        async def work(job: Job) -> None:
            at_once = ways[way]
            job.result = await job.answers(place.server, requests, at_once=at_once)

        start(talk, "same", times, work)

    if job := _job(talk, "same", "Ask", begin):
        _agreement(place, job)


def _agreement(place: Place, job: Job) -> None:
    runs = _whole(job)
    if not isinstance(job.result, list) or not runs:
        return
    found = runs_agree([one.reply for one in runs])
    st.text(found.words)
    groups = {number: f"{n + 1}" for n, some in enumerate(found.groups) for number in some}
    rows = [
        (
            f"{n + 1}",
            groups.get(n, ""),
            *_told(one, place, "ttft", "rate", "tokens", "finish"),
            plain(one.reply.content or one.reply.reasoning, _SHOWN),
        )
        for n, one in enumerate(runs)
    ]
    header = ("Run", "Group", "TTFT", "Tokens/s", "Tokens", "Finish", "Text")
    live.table(header, rows, key="same-runs")
    _failures(job)


def _cache(talk: Talk, place: Place) -> None:
    st.text("A prompt that was never sent before, twice: what did the prefix cache spare?")
    size = int(
        st.number_input("Tokens of the prompt, about", 64, 16_384, 1_024, 64, key="cache-size")
    )
    st.caption(
        escaped(
            f"Costs {place.title} two prompts of about {size:,} tokens, and 8 tokens of answer."
        )
    )

    def begin() -> None:
        lines = "".join(_LINE.format(n) for n in range(1, size // _LINE_TOKENS + 1))
        text = f"{secrets.token_hex(12)}\n{lines}How many lines are these?"
        bare = Settings(mode=talk.settings.mode, parameters={"max_tokens": "4"})
        requests = [_asked(text, bare, place, seed=1)] * 2

        async def work(job: Job) -> None:
            job.result = await job.answers(place.server, requests, at_once=False)

        start(talk, "cache", 2, work)

    job = _job(talk, "cache", "Ask twice", begin)
    if job and isinstance(job.result, list):
        _cached(place, job)


def _cached(place: Place, job: Job) -> None:
    runs = _whole(job)
    if len(runs) == 2:
        cold, warm = (Sent(timing(one.reply), one.reply.usage) for one in runs)
        for sentence in cache(cold, warm):
            st.text(sentence)
        rows = [
            (name, *_told(one, place, "ttft", "server_ttft", "prompt", "cached"))
            for name, one in zip(("cold", "warm"), runs, strict=True)
        ]
        header = ("Prompt", "TTFT", "Server's TTFT", "Tokens", "Cached")
        live.table(header, rows, key="cache-runs")
    _failures(job)


def _report(talk: Talk, place: Place) -> None:
    st.text("Eight short requests tell what this server can do, however clever its model is.")
    requests, tokens = report.price(place)
    words = f"Costs {place.title} {requests} requests: {tokens:,} tokens of answer at most."
    st.caption(escaped(f"{words} The longest prompt has 4,000 tokens."))

    def begin() -> None:
        start(talk, "report", len(CANARIES), lambda job: report.try_all(job, place))

    job = _job(talk, "report", "Try all eight", begin)
    if job and job.result:
        live.table(report.HEADER, report.rows(job), key="report-rows")


# ── What they share ──


def _last(talk: Talk) -> str:
    """What was asked last, as far as a text box holds it."""
    asked = [node.text for node in talk.conversation.path() if node.role == "user"]
    return asked[-1][:10_000] if asked else _START


def _asked(text: str, asked: Settings, place: Place, *, seed: int) -> Generation:
    seeded = None if "seed" in asked.values else seed
    path = (Node("q", None, "user", text),)
    return request(path, asked, place.model, seed=seeded, ids=True, release=place.release)


def _told(run: Run, place: Place, *keys: str) -> tuple[str, ...]:
    """Figures of an answer by their keys."""
    found: dict[str, Figure] = {one.key: one for one in figures_of(run, place)}
    return tuple(found[key].value if key in found else "–" for key in keys)


def _whole(job: Job) -> list[Run]:
    """The answers that came to their end: one that was cut differs from others for that alone."""
    return [one for one in job.runs if one.state == "done" and one.has_output]


def _failures(job: Job) -> None:
    for sentence in dict.fromkeys(one.sentence for one in job.runs if one.state == "failed"):
        st.warning(escaped(plain(sentence, 400)), icon=":material/error:")


def _job(talk: Talk, name: str, label: str, begin: Callable[[], None]) -> Job | None:
    """The button of a tool and how far it is; what it did last where it rests."""
    job = job_of(talk, name)
    if job and job.is_running:
        st.button("Stop", key=f"{name}-stop", on_click=stop, args=(job,))
        _progress(job)
        return None
    st.button(label, key=f"{name}-go", on_click=_begin, args=(talk, name, begin))
    if isinstance(trouble := talk.kept.get(f"{name}-trouble"), str):
        st.warning(escaped(trouble), icon=":material/error:")
    if job and job.words:
        st.text(job.words)
    return job


def _begin(talk: Talk, name: str, begin: Callable[[], None]) -> None:
    talk.kept.pop(f"{name}-trouble", None)
    try:
        begin()
    except Unfit as unfit:
        talk.kept[f"{name}-trouble"] = f"Not sent: {plain(unfit.detail, 300)}"


@st.fragment(run_every=_TICK)
def _progress(job: Job) -> None:
    st.progress(min(1.0, job.done / job.total), text=f"{job.done} of {job.total} answers")
    if not job.is_running:
        st.rerun()
