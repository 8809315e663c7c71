"""What a person has typed on the Tokenizer page: read from the browser, and from an address.

Decided here: the shape and the limits of it. A browser may send anything; what is no text, no role
or no object is left out, and what was typed before stays.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any

from lib.tokens.chat import Chat
from lib.tokens.cost import price

__all__ = ["LONGEST", "MESSAGES", "ROLES", "Message", "Typed", "linked", "read"]

ROLES = ("system", "user", "assistant", "tool", "developer")
LONGEST = 2_000_000
"""Characters that are taken over from a browser; a server gets fewer, and the client says so."""
MESSAGES = 64
_LONGEST_OPTION = 200_000
_LONGEST_PRICE = 20
_START = "你好,世界!🎉🚀 Hello world\n👩‍👦 café"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Typed:
    """All of it; `tools` and `arguments` are JSON as it was typed, `cost` a price as typed."""

    text: str = _START
    is_chat: bool = False
    messages: tuple[Message, ...] = (
        Message("system", "You are a careful assistant."),
        Message("user", "What does 你好 mean?"),
    )
    special: bool = True
    generation: bool = True
    continued: bool = False
    tools: str = ""
    arguments: str = ""
    cost: str = ""

    @property
    def price(self) -> Decimal | None:
        """The price per million tokens; None where none is typed that can be read."""
        try:
            return price(self.cost) if self.cost.strip() else None
        except ValueError:
            return None

    @property
    def price_trouble(self) -> str:
        """Why the price that is typed cannot be read, in one sentence; "" where it can."""
        try:
            price(self.cost.strip() or "0")
        except ValueError as error:
            return str(error)
        return ""

    @property
    def added(self) -> bool | None:
        """What a server is told of the tokens it adds: none, or None for its own way."""
        return None if self.special else False

    @property
    def read_text(self) -> str:
        """The text; of a chat the contents, without anything that a template adds."""
        return "\n".join(one.content for one in self.messages) if self.is_chat else self.text

    @property
    def trouble(self) -> str:
        """Why what was typed for the chat cannot be asked, in one sentence; "" where it can."""
        if not self.is_chat:
            return ""
        if not self.messages:
            return "A chat has at least one message."
        if self.continued and self.generation:
            return "A template either adds a generation prompt or continues the last message."
        try:
            self.chat()
        except ValueError as error:
            return str(error)
        return ""

    def chat(self) -> Chat:
        """The chat as a server is asked for it.

        Raises:
            ValueError: tools or arguments are no JSON of their kind; the message is for people.
        """
        return Chat(
            [{"role": one.role, "content": one.content} for one in self.messages],
            tools=_list(self.tools, "Tools"),
            add_generation_prompt=self.generation,
            continue_final_message=self.continued,
            template_arguments=_object(self.arguments, "Template arguments"),
        )

    def as_data(self) -> dict[str, object]:
        """As the browser gets it back."""
        return asdict(self)


def read(value: object, before: Typed) -> Typed:
    """What the browser sent, over what was typed before."""
    if not isinstance(value, Mapping):
        return before
    changes: dict[str, object] = {}
    for name, longest in _TEXTS.items():
        if isinstance(text := value.get(name), str):
            changes[name] = text[:longest]
    for name in ("is_chat", "special", "generation", "continued"):
        if isinstance(flag := value.get(name), bool):
            changes[name] = flag
    if (messages := _messages(value.get("messages"))) is not None:
        changes["messages"] = messages
    return replace(before, **changes)  # type: ignore[arg-type]  # each was judged above


_TEXTS = {
    "text": LONGEST,
    "tools": _LONGEST_OPTION,
    "arguments": _LONGEST_OPTION,
    "cost": _LONGEST_PRICE,
}


def linked(query: Mapping[str, str]) -> dict[str, object]:
    """What an address says, in the shape of what a browser sends."""
    told: dict[str, object] = {}
    if "mode" in query:
        told["is_chat"] = query["mode"] == "chat"
    for name, key in (
        ("text", "text"),
        ("price", "cost"),
        ("tools", "tools"),
        ("arguments", "arguments"),
    ):
        if name in query:
            told[key] = query[name]
    for name, key in (
        ("special", "special"),
        ("generation", "generation"),
        ("continue", "continued"),
    ):
        if name in query:
            told[key] = query[name] == "1"
    if "chat" in query:
        try:
            told["messages"] = json.loads(query["chat"][:_LONGEST_OPTION])
        except (ValueError, RecursionError):
            return told
    return told


def _messages(value: object) -> tuple[Message, ...] | None:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None
    found = [
        Message(one["role"], one["content"][:LONGEST])
        for one in value[:MESSAGES]
        if isinstance(one, Mapping)
        and one.get("role") in ROLES
        and isinstance(one.get("content"), str)
    ]
    return tuple(found)


def _list(text: str, what: str) -> list[dict[str, Any]]:
    found = _json(text, what) if text.strip() else []
    if isinstance(found, list) and all(isinstance(one, dict) for one in found):
        return found
    raise ValueError(f"{what} are a JSON list of objects.")


def _object(text: str, what: str) -> dict[str, Any]:
    found = _json(text, what) if text.strip() else {}
    if isinstance(found, dict):
        return found
    raise ValueError(f"{what} are one JSON object.")


def _json(text: str, what: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{what} are JSON, and what is typed there is none.") from None
