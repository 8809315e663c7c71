"""What a person does on the Chat page, done to the conversation.

Decided here: what each act changes, and when it sends a request. An answer has its message before
its request is sent, so that a page drawn meanwhile shows where it will stand. Whatever cannot be
done is one sentence; what was typed for it goes back into the composer.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lib.api.errors import Unfit
from lib.api.generation import Generation
from lib.chat import conversation as conversations
from lib.chat import settings
from lib.chat.conversation import Conversation, Image, Node, Unreadable
from lib.chat.request import from_tokens, request
from lib.chat.settings import Settings
from lib.ui.answering import Full, Run, is_name
from lib.ui.chat.detail import known_layer
from lib.ui.chat.judged import judge
from lib.ui.chat.place import Place
from lib.ui.chat.remedy import sentence
from lib.ui.house import house
from lib.ui.plain import plain
from lib.ui.talks import Notice, Talk

__all__ = ["Acts"]

_LONGEST = 2_000_000
_MOST_IMAGES = 8
_SEEDS = 2**31 - 1

WRITING = "An answer is still being written: wait for it, or stop it."

Act = Mapping[str, Any]


class Acts:
    """One act of the conversation of a tab, with the model that the page talks to."""

    def __init__(self, talk: Talk, place: Place) -> None:
        self.talk, self.place = talk, place

    def do(self, act: Act) -> None:
        """Do it; what cannot be done becomes the page's notice."""
        kind = str(act.get("kind", ""))
        done: Mapping[str, Callable[[Act], None]] = {
            "hello": self._hello,
            "send": self._send,
            "regenerate": self._regenerate,
            "continue": self._continue,
            "edit": self._edit,
            "select": self._select,
            "remove": self._remove,
            "stop": self._stop,
            "tool": self._tool,
            "branch": self._branch,
            "detail": self._detail,
            "import": self._import,
            "clear": self._clear,
            "export": self._export,
        }
        with self.talk.lock:
            self._take_settings(act)
            if kind not in ("ended", "hello", "detail", "settings"):
                self.talk.notice = None
            try:
                done.get(kind, _nothing)(act)
            except (Unreadable, ValueError) as error:
                self._refuse(plain(str(error), 400), act)
            except Unfit as unfit:
                self._refuse(f"Not sent: {plain(unfit.detail, 400)}.", act)
            except KeyError:
                self._refuse("That message is not there any more.", act)
            except Full:
                self._refuse("Too many answers are being written just now; stop one.", act)

    def _refuse(self, sentence: str, act: Act) -> None:
        self.talk.notice = Notice("bad", sentence, _text(act))

    def _take_settings(self, act: Act) -> None:
        if act.get("kind") != "hello":
            self.talk.settings = settings.read(act.get("settings"), self.talk.settings)
        if act.get("kind") == "mode":
            self.talk.settings = settings.read({"mode": act.get("mode")}, self.talk.settings)

    # ── What sends a request ──

    def _send(self, act: Act) -> None:
        run = self._new(act)
        if not run:
            return
        talk, parent = self.talk.conversation, act.get("parent")
        parent = parent if isinstance(parent, str) and parent in talk.nodes else talk.leaf
        images = [
            Image(str(one.get("name", ""))[:200], str(one.get("url", "")))
            for one in _rows(act.get("images"))[:_MOST_IMAGES]
        ]
        asked = Node(f"u-{run}", parent, "user", _text(act), images=tuple(images))
        self._answer(run, talk.add(asked), asked.id, draft=_text(act))

    def _regenerate(self, act: Act) -> None:
        """Another answer in the place of one, or the first to a message that has none."""
        run, node = self._new(act), self._node(act)
        parent = node.parent if node.role == "assistant" else node.id
        if not run or parent is None:
            return
        told = node.about.get("seed")
        is_same = act.get("seed") == "same" and isinstance(told, int)
        seed = told if is_same else _seed()
        self._answer(run, self.talk.conversation, parent, seed=seed)

    def _continue(self, act: Act) -> None:
        run, node = self._new(act), self._node(act)
        if not run:
            return
        made = request(
            self.talk.conversation.path_to(node.id),
            self.talk.settings,
            self.place.model,
            continuing=True,
            release=self.place.release,
        )
        self._write(run, self.talk.conversation.selected(node.id), node, made)

    def _edit(self, act: Act) -> None:
        node, run = self._node(act), self._new(act)
        if act.get("run") and not run:
            return
        name = f"e-{run or secrets.token_hex(8)}"
        changed = self.talk.conversation.edited(node.id, _text(act), id=name)
        if node.role == "user" and run:
            self._answer(run, changed, name, draft=_text(act))
        else:
            self.talk.put(changed)

    def _tool(self, act: Act) -> None:
        node, run = self._node(act), self._new(act)
        if act.get("run") and not run:
            return
        call, name = str(act.get("call", ""))[:200], f"t-{secrets.token_hex(8)}"
        told = Node(name, self._after_results(node), "tool", _text(act), call=call)
        changed = self.talk.conversation.add(told)
        if run:
            self._answer(run, changed, told.id)
        else:
            self.talk.put(changed)

    def _after_results(self, node: Node) -> str:
        """The last result that stands behind a message with calls, or that message."""
        path = self.talk.conversation.path()
        last = node.id
        for one in path[path.index(node) + 1 :] if node in path else ():
            if one.role != "tool":
                break
            last = one.id
        return last

    def _branch(self, act: Act) -> None:
        node, position = self._node(act), act.get("position")
        run, token = self._new(act), act.get("id")
        before = house().answers.get(str(node.about.get("run", "")))
        if not run or not isinstance(position, int) or not isinstance(token, int):
            return
        if before is None:
            raise ValueError("The tokens of that answer are not kept any more.")
        made, text = _branched(before, position, token, self.talk.settings, self.place.model)
        base = node.text.removesuffix(before.reply.content)
        sibling = Node(f"a-{run}", node.parent, "assistant", base + text)
        self._write(run, self.talk.conversation.add(sibling), sibling, made)

    def _answer(
        self,
        run: str,
        changed: Conversation,
        parent: str,
        *,
        seed: int | None = None,
        draft: str = "",
    ) -> None:
        """Ask for an answer to a message; with a seed always, so that it can be asked for again."""
        if seed is None and "seed" not in self.talk.settings.values:
            seed = _seed()
        if any(one.id in self.talk.writing for one in changed.path_to(parent)):
            raise ValueError(WRITING)
        made = request(
            changed.path_to(parent),
            self.talk.settings,
            self.place.model,
            seed=seed,
            release=self.place.release,
        )
        node = Node(f"a-{run}", parent, "assistant")
        self._write(run, changed.selected(parent).add(node), node, made, draft)

    def _write(
        self, run: str, changed: Conversation, node: Node, made: Generation, draft: str = ""
    ) -> None:
        """Send a request whose answer is written into a message."""
        talk, place = self.talk, self.place
        if node.id in talk.writing:
            raise ValueError(WRITING)
        about = {
            "run": run,
            "state": "streaming",
            "changed": list(settings.changed(talk.settings)),
            "seed": made.body.get("seed"),
        }
        writing = replace(
            node,
            server=place.server.name,
            model=place.model,
            about=about,
        )
        before = talk.conversation
        talk.put(changed.replaced(writing))
        talk.begun(node.id, run)

        def settle(done: Run) -> None:
            done.sentence = sentence(done)
            talk.settle(node.id, done, lambda run, kept: judge(run, kept, place, asked), draft)

        asked = talk.settings
        try:
            house().answers.begin(run, place.server, made, settle)
        except Full:
            talk.put(before)
            talk.writing.pop(node.id, None)
            raise

    def _new(self, act: Act) -> str:
        """The name of the run that an act begins; "" where it begins none, or has begun already."""
        run = act.get("run")
        if not is_name(run):
            return ""
        if trouble := self.place.trouble:
            raise ValueError(trouble)
        return "" if house().answers.get(run) else run

    def _node(self, act: Act) -> Node:
        """The message that an act is about. Raises KeyError where there is none."""
        return self.talk.conversation.nodes[str(act.get("node"))]

    # ── What does not ──

    def _hello(self, act: Act) -> None:
        saved = act.get("saved")
        if not self.talk.conversation.nodes and isinstance(saved, Mapping) and saved.get("nodes"):
            self.talk.put(_settled(conversations.read(saved)))

    def _import(self, act: Act) -> None:
        told = act.get("json")
        self.talk.put(_settled(conversations.read(told)))

    def _select(self, act: Act) -> None:
        self.talk.put(self.talk.conversation.selected(self._node(act).id))

    def _remove(self, act: Act) -> None:
        changed = self.talk.conversation.without(self._node(act).id)
        for node in [one for one in self.talk.writing if one not in changed.nodes]:
            house().answers.stop(self.talk.writing[node])
        self.talk.put(changed)

    def _stop(self, act: Act) -> None:
        if (run := str(act.get("run"))) in self.talk.writing.values():
            house().answers.stop(run)

    def _detail(self, act: Act) -> None:
        node = act.get("node")
        self.talk.detail = node if isinstance(node, str) else ""

    def _export(self, act: Act) -> None:
        text = conversations.as_markdown(self.talk.conversation)
        self.talk.exported = {"seq": act.get("seq"), "name": "conversation.md", "text": text}

    def _clear(self, _: Act) -> None:
        for run in self.talk.writing.values():
            house().answers.stop(run)
        self.talk.put(Conversation())


def _branched(
    before: Run, position: int, token: int, asked: Settings, model: str
) -> tuple[Generation, str]:
    """The request that goes on from another token of an answer, and the text up to there."""
    rows, prompt = known_layer(before).rows, before.reply.prompt_ids
    kept = [row.id for row in rows[:position]]
    if prompt is None or not 0 <= position < len(rows) or None in kept:
        raise ValueError("This server does not tell the ids of that answer's tokens.")
    chosen = next((one.text for one in rows[position].alternatives if one.id == token), "")
    text = "".join(row.text for row in rows[:position] if row.group is not None) + chosen
    ids = [one for one in kept if one is not None]
    return from_tokens(prompt, ids, token, asked, model), text


def _settled(conversation: Conversation) -> Conversation:
    """A conversation that was saved: nothing in it is being written any more.

    It names no runs either: a file could name somebody else's.
    """
    nodes = {}
    for name, node in conversation.nodes.items():
        about = {key: value for key, value in node.about.items() if key != "run"}
        if about.get("state") == "streaming":
            about |= {"state": "stopped", "trouble": "The page was left while it was written."}
        nodes[name] = replace(node, about=about)
    return Conversation(nodes, conversation.leaf)


def _nothing(_: Act) -> None:
    """The settings were taken over; the run itself looks again."""


def _text(act: Act) -> str:
    told = act.get("text", "")
    return told[:_LONGEST] if isinstance(told, str) else ""


def _rows(value: object) -> Sequence[Mapping[str, object]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _seed() -> int:
    return secrets.randbelow(_SEEDS)
