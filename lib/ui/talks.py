"""The conversations of the Chat page, one for each browser tab.

They live here and not in a page's session, so that a page loaded again finds what was said, and an
answer finds its place when nobody looks. A tab knows its conversation by a token that nobody can
guess, minted here. Decided here: how many are kept, and how a finished answer is put in its place.
"""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from lib.api.strict_json import Json
from lib.chat.conversation import Conversation, Node, ToolCall, trouble
from lib.chat.settings import Settings
from lib.ui.answering import Run

__all__ = ["Notice", "Talk", "Talks"]

_KEPT = 200
_TOKEN_BYTES = 16
_TOKEN_LENGTH = 22

Judge = Callable[[Run, Node], Mapping[str, Json]]


@dataclass(frozen=True, slots=True)
class Notice:
    """What the page says once: a sentence, how bad it is, and what was typed and not sent."""

    tone: str
    text: str
    draft: str = ""


@dataclass(eq=False)
class Talk:
    """One conversation and what belongs to it. For any thread, under its `lock`.

    `rev` grows with every change of the conversation. `detail` is the message whose figures are
    open. `kept` are the results of the page's tools, by the tool's name; `exported` is a file that
    was asked for.
    """

    tab: str
    lock: threading.RLock = field(default_factory=threading.RLock)
    conversation: Conversation = field(default_factory=Conversation)
    settings: Settings = field(default_factory=Settings)
    rev: int = 0
    notice: Notice | None = None
    detail: str = ""
    writing: dict[str, str] = field(default_factory=dict)
    """The answers that are being written: the run of a message."""
    kept: dict[str, object] = field(default_factory=dict)
    exported: Mapping[str, object] | None = None
    saved: "tuple[Conversation, Json] | None" = None
    """The conversation as a browser keeps it; None where it is too large for that."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said or asked in it."""
        return not (self.conversation.nodes or self.writing or self.kept)

    def put(self, conversation: Conversation) -> None:
        """Take over a change.

        Raises:
            ValueError: it would be too large to be kept; the message is for people.
        """
        with self.lock:
            if words := trouble(conversation):
                raise ValueError(words)
            self.conversation = conversation
            self.rev += 1

    def begun(self, node: str, run: str) -> None:
        """An answer is being written into a message."""
        with self.lock:
            self.writing[node] = run
            self.rev += 1

    def settle(self, node: str, run: Run, judge: Judge, draft: str) -> None:
        """Put a finished answer in its place; one of which nothing came is taken back.

        `judge` says what is kept about it; `draft` is what was typed for it.
        """
        with self.lock:
            self.writing.pop(node, None)
            self.rev += 1
            old = self.conversation.nodes.get(node)
            if old is None:
                return
            if run.state == "failed" and not run.has_output:
                self._take_back(old, run.sentence, draft)
                return
            made = answered(old, run)
            made = replace(made, about={**made.about, **judge(run, made)})
            changed = self.conversation.replaced(made)
            if words := trouble(changed):
                about = {**old.about, "state": "stopped", "trouble": f"Not kept: {words}"}
                changed = self.conversation.replaced(replace(old, about=about))
            self.conversation = changed

    def _take_back(self, node: Node, sentence: str, draft: str) -> None:
        self.notice = Notice("bad", sentence, draft)
        if node.text or node.reasoning:  # it was to be continued: what stood there stays
            about = {**node.about, "state": "failed", "trouble": sentence}
            self.conversation = self.conversation.replaced(replace(node, about=about))
            return
        self.conversation = self.conversation.without(node.id)
        parent = self.conversation.nodes.get(node.parent or "")
        if draft and parent and not self.conversation.children(parent.id):
            self.conversation = self.conversation.without(parent.id)


def answered(node: Node, run: Run) -> Node:
    """A message with what a run has written after what stood there."""
    reply = run.reply
    return replace(
        node,
        text=node.text + reply.content,
        reasoning=node.reasoning + reply.reasoning,
        tools=tuple(ToolCall(*call) for call in reply.tools),
        open=not reply.tools,
        about={**node.about, "state": run.state, "trouble": run.sentence or _silence(run)},
    )


def _silence(run: Run) -> str:
    """What stands in the place of an answer that was stopped before it began."""
    return "" if run.has_output or run.state != "stopped" else "Stopped before the first word."


class Talks:
    """All of them, the longest unused forgotten first. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._talks: OrderedDict[str, Talk] = OrderedDict()

    def new(self) -> Talk:
        """An empty one, with a token of its own."""
        talk = Talk(secrets.token_urlsafe(_TOKEN_BYTES))
        with self._lock:
            self._talks[talk.tab] = talk
            while len(self._talks) > _KEPT:
                del self._talks[self._oldest(talk)]
        return talk

    def _oldest(self, newest: Talk) -> str:
        """Whom to forget: first one in which nothing was said."""
        empty = (tab for tab, one in self._talks.items() if one.is_empty and one is not newest)
        return next(empty, next(iter(self._talks)))

    def get(self, tab: object) -> Talk | None:
        """The conversation of a tab, if it is known."""
        if not isinstance(tab, str) or len(tab) != _TOKEN_LENGTH:
            return None
        with self._lock:
            talk = self._talks.get(tab)
            if talk:
                self._talks.move_to_end(tab)
            return talk
