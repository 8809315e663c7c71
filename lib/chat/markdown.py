"""A model's Markdown as data that can only be drawn harmlessly.

Decided here: which elements there are, and that none of them loads, links or runs anything: HTML,
pictures and links stay the text that the model wrote, address included. The browser makes elements
of these names only. What would take long to read or is nested too deeply stays plain text as a
whole, and a table of very many cells stays text in its place.

A node is a text or `(name, attributes, *nodes)`; the only attributes are `class`, and `start` of a
numbered list.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from markdown_it import MarkdownIt
from markdown_it.token import Token

__all__ = ["TAGS", "Nested", "nodes"]

Nested: TypeAlias = tuple[Any, ...] | str

TAGS = frozenset(
    (
        *("div", "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "pre", "code", "em"),
        *("strong", "s", "blockquote", "table", "thead", "tbody", "tr", "th", "td", "hr", "br"),
    )
)
_LONGEST = 100_000
"""Characters: a second of reading at worst, an eighth of it for prose."""
_MOST_CELLS = 4_000
_DEEPEST = 20
_MOST_NUMBER = 999_999_999
_LANGUAGE = re.compile(r"[A-Za-z0-9+#.-]{1,20}")
_ALIGNED = re.compile(r"text-align:(left|center|right)")
_LEFT_AS_TEXT = ("html_block", "html_inline", "autolink", "link", "image", "reference", "lheading")
# Beyond its own depth the reader drops text, so that it must be deeper than what is drawn.
_TABLES = (
    MarkdownIt("commonmark", {"html": False, "maxNesting": 3 * _DEEPEST})
    .enable(["table", "strikethrough"])
    .disable(_LEFT_AS_TEXT)
)
_NO_TABLES = (
    MarkdownIt("commonmark", {"html": False, "maxNesting": 3 * _DEEPEST})
    .enable("strikethrough")
    .disable(_LEFT_AS_TEXT)
)


@lru_cache(64)
def nodes(text: str) -> Nested:
    """The text as one `div`; as a `p` with nothing but the text in it where it cannot be read."""
    if len(text) > _LONGEST:
        return ("p", {}, text)
    reader = _TABLES if _cells(text) <= _MOST_CELLS else _NO_TABLES
    tree = _tree(reader.parse(text))
    return ("p", {}, text) if tree is None else _frozen(tree)


def _cells(text: str) -> int:
    """Cells at most: rows are filled up to the widest."""
    widths = [line.count("|") for line in text.split("\n") if "|" in line]
    return len(widths) * (max(widths, default=0) + 1)


# ── From the reader's flat list to a tree: a node is [name, attributes, *nodes] ──


def _tree(tokens: Sequence[Token]) -> list[Any] | None:
    """One `div`; None where it is nested too deeply."""
    root: list[Any] = ["div", {}]
    return root if _fill(root, tokens, 0) else None


def _fill(parent: list[Any], tokens: Sequence[Token], depth: int) -> bool:
    """Put what tokens say under a node; False where it is nested too deeply."""
    open_ones = [parent]
    for token in tokens:
        if token.hidden:  # the paragraph of a list without blank lines
            continue
        if token.nesting == -1:
            open_ones.pop()
        elif depth + len(open_ones) > _DEEPEST:
            return False
        elif token.nesting == 1:
            node: list[Any] = [token.tag, _attributes(token)]
            open_ones[-1].append(node)
            open_ones.append(node)
        elif token.type == "inline":
            if not _fill(open_ones[-1], token.children or (), depth + len(open_ones)):
                return False
        else:
            open_ones[-1].extend(_leaf(token))
    return True


def _leaf(token: Token) -> list[Any]:
    if token.type in ("fence", "code_block"):
        return [["pre", {}, ["code", _language(token.info), token.content]]]
    if token.type == "code_inline":
        return [["code", {}, token.content]]
    if token.type == "hardbreak":
        return [["br", {}]]
    if token.type == "softbreak":
        return ["\n"]
    return [["hr", {}]] if token.type == "hr" else [token.content]


def _attributes(token: Token) -> dict[str, Any]:
    start = token.attrs.get("start")
    if token.tag == "ol" and isinstance(start, int) and 0 <= start <= _MOST_NUMBER:
        return {"start": start}
    aligned = _ALIGNED.fullmatch(str(token.attrs.get("style", "")))
    return {"class": aligned[1]} if aligned else {}


def _language(info: str) -> Mapping[str, str]:
    word = info.split(maxsplit=1)[:1]
    return {"class": f"language-{word[0]}"} if word and _LANGUAGE.fullmatch(word[0]) else {}


def _frozen(node: list[Any] | str) -> Nested:
    """The same with neighbouring texts joined."""
    if isinstance(node, str):
        return node
    parts: list[Nested] = []
    for child in node[2:]:
        part = _frozen(child)
        if isinstance(part, str) and parts and isinstance(parts[-1], str):
            parts[-1] += part
        elif part != "":
            parts.append(part)
    return (node[0], node[1], *parts)
