"""The tools under the tokens, one in each tab; only the open one works.

Decided here: what each asks for and in which words it answers. A tool that asks more than a few
questions waits for its button.
"""

from collections.abc import Callable
from functools import partial

import streamlit as st

from lib.api import Refused
from lib.tokens import Unreadable
from lib.tokens.budget import Keep
from lib.tokens.pasted import ids_of
from lib.tokens.roundtrip import named
from lib.tokens.ruler import ruler, shared
from lib.ui import live
from lib.ui.house import house
from lib.ui.lab import batching, snippets
from lib.ui.lab.answered import Shown
from lib.ui.lab.typed import Typed
from lib.ui.plain import escaped, plain, ratio
from lib.ui.tokenizers import Served

__all__ = ["block_size", "tools"]

Put = Callable[[str], None]
_MOST_IDS_ALONE = 256
_SPELLINGS: tuple[Callable[[str], str], ...] = (
    str,
    " {}".format,
    str.capitalize,
    lambda word: f" {word.capitalize()}",
    str.upper,
    lambda word: f" {word.upper()}",
)


def tools(served: Served, typed: Typed, shown: Shown, put: Put) -> None:
    """All of them; `put` gives the editor another text."""
    st.subheader("Tools", anchor=False)
    made: dict[str, Callable[[], None]] = {
        "Fit a budget": partial(_fit, served, typed, shown, put),
        "Ids to text": partial(_ids, served),
        "Round trip": partial(_round_trip, served, typed),
        "Vocabulary": partial(_vocabulary, served),
        "Prefix cache": partial(_prefix, served, typed),
        "Many texts": partial(batching.batch, served),
        "As code": partial(_code, served, typed, shown),
    }
    tabs = st.tabs(list(made), key="token-tools", on_change="rerun")
    for tab, draw in zip(tabs, made.values(), strict=True):
        if tab.open:
            with tab:
                _guarded(draw)


def _guarded(draw: Callable[[], None]) -> None:
    """Draw a tool; what a server or the text refuses is one sentence."""
    try:
        draw()
    except Refused as refused:
        st.warning(escaped(plain(refused.sentence, 400)), icon=":material/error:")
    except (Unreadable, ValueError) as error:
        st.warning(escaped(plain(str(error), 400)), icon=":material/error:")


def block_size(served: Served) -> int | None:
    """Tokens in a block of the server's KV cache, as its metrics tell; None where they do not."""
    return house().block_size(served.server)


def _fit(served: Served, typed: Typed, shown: Shown, put: Put) -> None:
    limit = served.limit()
    left, middle, right = st.columns(3)
    # Of another server's context, nothing is kept.
    key = f"fit-limit-{served.title}"
    budget = left.number_input("Context, tokens", 1, 2**31, limit or 4096, key=key)
    reserve = middle.number_input("Kept for the answer, tokens", 0, 2**31, 256, key="fit-reserve")
    keep = right.selectbox("Keep", list(Keep), format_func=_kept, key="fit-keep") or Keep.FRONT
    room = int(budget) - int(reserve)
    tokens = shown.figures.tokens
    if room < 1:
        st.text("The reserve leaves no room for a text.")
    elif tokens is None:
        st.text("The tokens are not counted yet.")
    elif tokens <= room:
        st.text(f"It fits: {tokens:,} of {room:,} tokens; {room - tokens:,} more would.")
    else:
        st.text(f"{tokens - room:,} of {tokens:,} tokens are too many.")
        if typed.is_chat:
            st.caption("A chat is cut message by message: put the text of one there to cut it.")
        elif st.button("Cut it", key="fit-cut"):
            _cut(served, typed, room, keep, put)


def _kept(keep: Keep) -> str:
    return keep.value


def _cut(served: Served, typed: Typed, room: int, keep: Keep, put: Put) -> None:
    found = served.tokenizer.truncate(typed.text, room, keep, special=typed.added)
    words = f"{found.counted:,} tokens, counted by the server; {found.cut.dropped:,} are cut away."
    if not found.fits:
        words = f"It could not be made to fit: still {found.counted:,} tokens."
    st.text(words)
    st.code(found.cut.text, language=None, wrap_lines=True, height=160)
    st.button("Put it into the editor", on_click=put, args=(found.cut.text,), key="fit-use")


def _ids(served: Served) -> None:
    typed = st.text_area(
        "Ids, in any form", placeholder="[1, 22177] or 1 22177 or a whole answer", key="ids-typed"
    )
    if not typed.strip():
        return
    pasted = ids_of(typed)
    for one in pasted.rejected[:5]:
        st.text(f"Not read: {plain(one.text, 40)!r}: {one.why}.")
    if pasted.refused > 5:
        st.text(f"{pasted.refused - 5:,} more were not read.")
    if pasted.cut:
        st.text("More was pasted than is read.")
    if not pasted.ids:
        return
    text = served.tokenizer.decode(pasted.ids)
    st.text(f"{_some(len(pasted.ids), 'id')}, {_some(len(text), 'character')}")
    st.code(text, language=None, wrap_lines=True)
    _say_dropped(served, pasted.ids)
    if "\ufffd" in text:
        st.text("\ufffd stands for bytes that are no whole character.")


def _say_dropped(served: Served, ids: tuple[int, ...]) -> None:
    if lost := _dropped(served, ids):
        st.text(f"The server dropped {_some(len(lost), 'id')} that it does not know: {_few(lost)}.")
    if (more := len(set(ids)) - _MOST_IDS_ALONE) > 0:
        st.text(f"Whether it dropped others was not asked for {_some(more, 'further id')}.")


def _dropped(served: Served, ids: tuple[int, ...]) -> list[int]:
    """Ids that stand for nothing: a server leaves out those that it does not know."""
    lost = []
    for one in list(dict.fromkeys(ids))[:_MOST_IDS_ALONE]:
        # Twice, for SentencePiece takes a first blank away: a blank alone is nothing as well.
        ask = partial(served.tokenizer.decode, [one, one])
        if served.remembered(("decode", one), 1, ask) == "":
            lost.append(one)
    return lost


def _some(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _few(ids: list[int]) -> str:
    shown = ", ".join(map(str, ids[:8]))
    return f"{shown} and {len(ids) - 8:,} more" if len(ids) > 8 else shown


def _round_trip(served: Served, typed: Typed) -> None:
    text = typed.read_text
    ask = partial(served.tokenizer.round_trip, text, typed.added)
    found = served.remembered(("round", text, typed.special), len(text), ask)
    if found.is_equal:
        st.text(f"All {len(text):,} characters come back from their tokens as they were.")
        return
    if found.normaliser:
        st.text(f"What comes back is the text after {found.normaliser}.")
    else:
        st.text("What comes back is another text.")
    rows = [
        (f"{one.start + 1:,}", named(one.typed) or "nothing", named(one.back) or "nothing")
        for one in found.differences
    ]
    live.table(("At character", "Typed", "Came back"), rows, key="round-trip-differences")
    if found.more:
        st.text("There are more differences than these.")


def _vocabulary(served: Served) -> None:
    word = st.text_input("A word", value="token", max_chars=200, key="vocabulary-word").strip()
    if not word:
        return
    rows, alone = [], []
    for spelling in dict.fromkeys(spell(word) for spell in _SPELLINGS):
        ask = partial(served.tokenizer.encode, spelling, special=False)
        found = served.remembered(("word", spelling), len(spelling), ask)
        pieces = found.strings or ()
        shown = spelling.replace(" ", "\u00b7")
        alone += [shown] if found.count == 1 else []
        listed = "  ".join(plain(one, 40) for one in pieces) or "not told"
        rows.append((shown, f"{found.count:,}", " ".join(map(str, found.ids)), listed))
    st.text(f"One token: {', '.join(alone)}" if alone else "None of the spellings is one token.")
    header = ("Spelling", "Tokens", "Ids", "In the vocabulary")
    live.table(header, rows, key="vocabulary-spellings")


def _prefix(served: Served, typed: Typed) -> None:
    told = block_size(served)
    key = f"prefix-size-{served.title}-{told}"
    size = int(st.number_input("Tokens in a KV block", 1, 2**20, told or 16, key=key))
    if told is None:
        st.caption("The server's metrics do not tell its block size; vLLM's own is 16.")
    elif size == told:
        st.caption("As the server's metrics tell.")
    first = served.align(typed.text, special=typed.special) if not typed.is_chat else None
    ids = first.ids if first else served.render(typed.chat()).alignment.ids
    blocks = ruler(len(ids), size)
    st.text(f"{_some(blocks.whole, 'whole block')}, {_some(blocks.rest, 'token')} in the last one.")
    other = st.text_area("A second prompt, sent after the one above", key="prefix-other")
    if not other:
        return
    second = served.align(other, special=typed.special)
    found = shared(ids, second.ids, size)
    st.text(found.words)
    share = f"{_some(found.reusable_blocks, 'block')}, {ratio(found.share)} of the second prompt"
    st.text(f"At best {share}; computed at any rate: {_some(found.computed, 'token')}.")
    if found.differs_at is not None and found.differs_at < len(second):
        start = int(second.char_starts[found.differs_at])
        if start >= 0:
            st.text(f"They part at token {found.differs_at + 1:,} of the second prompt:")
            st.code(
                f"{other[max(0, start - 40) : start]}\u2502{other[start : start + 40]}",
                language=None,
            )


def _code(served: Served, typed: Typed, shown: Shown) -> None:
    path, body = served.request(
        typed.chat() if typed.is_chat else typed.text, special=typed.special
    )
    has_key = served.server.key is not None
    for title, text, language in (
        ("Shell", snippets.curl(served.server.url, path, body, has_key=has_key), "bash"),
        ("Python", snippets.python(served.server.url, path, body, has_key=has_key), "python"),
    ):
        st.caption(title)
        st.code(text, language=language, wrap_lines=True)
    if shown.alignment is not None:
        found = shown.alignment
        text = snippets.ids_json(served.model, found.ids.tolist(), found.pieces)
        st.caption("The tokens as JSON")
        st.code(text, language="json", wrap_lines=True, height=120)
