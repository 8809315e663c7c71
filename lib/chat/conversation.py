"""Conversations: what was said, as a tree in which every edit and every new answer is a branch.

Pure and immutable: a change gives a new conversation. Decided here: the shape of it, what a file of
one holds, and how large one may be. Ids are the caller's; children stand after their parents.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from typing import NamedTuple

from lib.api import without_halves
from lib.api.deltas import ToolCall
from lib.api.strict_json import Json

__all__ = [
    "MOST_NODES",
    "ROLES",
    "Conversation",
    "Image",
    "Node",
    "ToolCall",
    "Unreadable",
    "as_markdown",
    "read",
    "trouble",
]

ROLES = ("user", "assistant", "tool", "system")
MOST_NODES = 500
_MOST_TEXT, _MOST_IMAGES = 2_000_000, 6_000_000  # bytes of one conversation
_MOST_PARTS = 64  # pictures or calls of one message
_LONGEST_NAME = 200  # characters of an id, a name or an address
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}")
"""Only pictures that are carried along: an address would make a server fetch it."""
_FORMAT = "vllm-inspector-conversation"


class Unreadable(ValueError):  # noqa: N818 - a state of the file, like lib.api's Refused
    """What is no conversation, or one that is too large; the message is one sentence for people."""


class Image(NamedTuple):
    """A picture of a message; `url` is a data: address."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Node:
    """One message.

    `call` is the id of the call that a tool message answers. `about` is plain JSON kept with an
    answer: its figures. `open`: an answer that can be continued.
    """

    id: str
    parent: str | None
    role: str
    text: str = ""
    reasoning: str = ""
    tools: tuple[ToolCall, ...] = ()
    call: str = ""
    images: tuple[Image, ...] = ()
    server: str = ""
    model: str = ""
    about: Mapping[str, Json] = field(default_factory=dict)
    open: bool = False

    def as_data(self) -> dict[str, Json]:
        """Plain JSON; what is empty is left out."""
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        told["tools"] = [call._asdict() for call in self.tools]
        told["images"] = [image._asdict() for image in self.images]
        told["about"] = dict(self.about)
        return {name: value for name, value in told.items() if value or name == "text"}


@dataclass(frozen=True, slots=True)
class Conversation:
    """The tree, and the leaf that a person looks at; the path to it is what a server is sent."""

    nodes: Mapping[str, Node] = field(default_factory=dict)
    leaf: str | None = None

    def path(self) -> tuple[Node, ...]:
        """From the first message to the leaf."""
        return self.path_to(self.leaf)

    def path_to(self, name: str | None) -> tuple[Node, ...]:
        """From the first message to that one; raises KeyError for one that is not there."""
        found: list[Node] = []
        while name is not None:
            found.append(self.nodes[name])
            name = found[-1].parent
        return tuple(reversed(found))

    def siblings(self, name: str) -> tuple[str, ...]:
        """That message and what stands in its place in other branches, oldest first."""
        return self.children(self.nodes[name].parent)

    def children(self, name: str | None) -> tuple[str, ...]:
        """What was said after a message, oldest first; of None, every beginning."""
        return tuple(one.id for one in self.nodes.values() if one.parent == name)

    def add(self, node: Node) -> "Conversation":
        """With a message, which becomes the leaf.

        Raises:
            ValueError: its id is taken, its parent is not there, or its role is none.
        """
        if not node.id or node.id in self.nodes:
            raise ValueError("its id is empty or taken")
        if node.parent is not None and node.parent not in self.nodes:
            raise ValueError("the message that it answers is not there")
        if node.role not in ROLES:
            raise ValueError("it has no role of a conversation")
        return Conversation({**self.nodes, node.id: node}, node.id)

    def edited(self, name: str, text: str, *, id: str) -> "Conversation":  # noqa: A002 - a field
        """With a branch beside a message that says something else; the old one stays.

        An answer's figures and reasoning were those of the old text: they stay with it.
        """
        old = self.nodes[name]
        is_open = old.role == "assistant"
        return self.add(replace(old, id=id, text=text, about={}, reasoning="", open=is_open))

    def replaced(self, node: Node) -> "Conversation":
        """With another content of a message that is there; it keeps its place.

        Raises:
            ValueError: it has another parent.
        """
        if self.nodes[node.id].parent != node.parent:
            raise ValueError("a message does not change its place")
        return Conversation({**self.nodes, node.id: node}, self.leaf)

    def selected(self, name: str) -> "Conversation":
        """Seen from the newest leaf of the branch that begins with a message."""
        return Conversation(self.nodes, self._under(name)[-1])

    def without(self, name: str) -> "Conversation":
        """Without a message and all that answers it."""
        gone = set(self._under(name))
        rest = Conversation({one: node for one, node in self.nodes.items() if one not in gone})
        if self.leaf not in gone:
            return replace(rest, leaf=self.leaf)
        parent = self.nodes[name].parent
        if parent is not None:
            return rest.selected(parent)
        return replace(rest, leaf=next(reversed([*rest.nodes]), None))

    def _under(self, name: str) -> list[str]:
        """A message and all under it, oldest first: the last one is a leaf, for it has no child."""
        found = {self.nodes[name].id: None}
        for node in self.nodes.values():
            if node.parent in found:
                found[node.id] = None
        return list(found)

    def as_data(self) -> dict[str, Json]:
        """The whole conversation as plain JSON, for a file or a browser."""
        nodes = [node.as_data() for node in self.nodes.values()]
        return {"format": _FORMAT, "version": 1, "leaf": self.leaf, "nodes": nodes}


def trouble(conversation: Conversation) -> str:
    """Why a conversation is too large to be kept, in one sentence; "" where it is not."""
    nodes = conversation.nodes.values()
    if len(conversation.nodes) > MOST_NODES:
        return f"A conversation has at most {MOST_NODES} messages."
    if sum(len(image.url) for node in nodes for image in node.images) > _MOST_IMAGES:
        return f"The pictures of a conversation have at most {_MOST_IMAGES // 10**6} MB in all."
    if sum(_weight(node) for node in nodes) > _MOST_TEXT:
        return f"The texts of a conversation have at most {_MOST_TEXT // 10**6} MB in all."
    return ""


def read(value: Json) -> Conversation:
    """A conversation out of a file or a browser; unknown fields are left out.

    Raises:
        Unreadable: it is none, it is too large, or its messages do not hang together.
    """
    if not isinstance(value, Mapping) or not isinstance(value.get("nodes"), list):
        raise Unreadable("This is no conversation of this page: it has no list of messages.")
    found = Conversation()
    for number, one in enumerate(islice(value["nodes"], MOST_NODES + 1), 1):
        try:
            found = found.add(_node(one))
        except ValueError as error:
            raise Unreadable(f"Message {number} cannot be read: {error}.") from None
    try:
        too_large = trouble(found)
    except (ValueError, RecursionError):
        raise Unreadable("The figures kept with a message are no plain JSON.") from None
    if too_large:
        raise Unreadable(too_large)
    leaf = value.get("leaf")
    return replace(found, leaf=leaf) if isinstance(leaf, str) and leaf in found.nodes else found


def _node(value: Json) -> Node:
    if not isinstance(value, Mapping):
        raise Unreadable("it is no object")
    name, about = _text(value, "id"), value.get("about")
    if len(name) > _LONGEST_NAME:
        raise Unreadable("its id is too long")
    return Node(
        id=name,
        parent=None if value.get("parent") is None else _text(value, "parent"),
        role=_text(value, "role"),
        text=_text(value, "text"),
        reasoning=_text(value, "reasoning"),
        tools=tuple(
            ToolCall(_text(one, "id"), _text(one, "name"), _text(one, "arguments"))
            for one in _parts(value, "tools")
        ),
        call=_text(value, "call")[:_LONGEST_NAME],
        images=tuple(_image(one) for one in _parts(value, "images")),
        server=_text(value, "server")[:_LONGEST_NAME],
        model=_text(value, "model")[:_LONGEST_NAME],
        about=dict(about) if isinstance(about, Mapping) else {},
        open=value.get("open") is True,
    )


def _text(value: Mapping[str, Json], name: str) -> str:
    found = value.get(name, "")
    if not isinstance(found, str):
        raise Unreadable(f"its {name} is no text")
    return without_halves(found)


def _parts(value: Mapping[str, Json], name: str) -> Sequence[Mapping[str, Json]]:
    found = value.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise Unreadable(f"its {name} are no list of objects")
    if len(found) > _MOST_PARTS:
        raise Unreadable(f"it has more than {_MOST_PARTS} {name}")
    return found


def _image(value: Mapping[str, Json]) -> Image:
    url = _text(value, "url")
    if len(url) > _MOST_IMAGES or not _PICTURE.fullmatch(url):
        raise Unreadable("a picture is not carried along as PNG, JPEG, GIF or WebP")
    return Image(_text(value, "name")[:_LONGEST_NAME], url)


def _weight(node: Node) -> int:
    """Bytes of a message without its pictures."""
    told = json.dumps(
        {**node.as_data(), "images": len(node.images)}, ensure_ascii=False, allow_nan=False
    )
    return len(told.encode())


def as_markdown(conversation: Conversation) -> str:
    """What a person looks at, as a Markdown file.

    Every text stands in a fence: it is shown as it was, and nothing in it loads or runs.
    """
    return "\n\n".join(part for node in conversation.path() for part in _sections(node)) + "\n"


def _sections(node: Node) -> Iterator[str]:
    where = " · ".join(filter(None, (node.server, node.model)))
    yield f"## {node.role.capitalize()}" + (f"\n\n{_fenced(where)}" if where else "")
    if node.reasoning:
        yield f"Reasoning:\n\n{_fenced(node.reasoning)}"
    for image in node.images:
        yield f"Picture:\n\n{_fenced(image.name)}"
    for call in node.tools:
        yield f"Calls:\n\n{_fenced(f'{call.name}({call.arguments})')}"
    if node.text:
        yield _fenced(node.text)


def _fenced(text: str) -> str:
    longest = max((len(ticks) for ticks in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
