"""The tokenizers of the watched servers: one for each server and model, whoever looks.

Decided here: how long a page waits for a server, how many answers are remembered, so that drawing
a page again asks nobody, and how long: a server may be started again with another tokenizer.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import TypeVar, cast

from lib.api import Refused, RemoteTokenizer, VllmClient
from lib.api.strict_json import Json
from lib.servers import Server
from lib.tokens import Alignment
from lib.tokens.chat import Chat, Rendered
from lib.ui.clients import Clients
from lib.ui.together import Together

__all__ = ["Served", "Tokenizers"]

T = TypeVar("T")
SECONDS = 10.0
"""A long text takes a busy server seconds; a page that waits longer looks broken."""
_KEPT, _KEPT_CHARACTERS = 4_000, 4_000_000
_KEPT_SECONDS = 120.0
_MOST_SERVED = 256
"""Tokenizers; a hostile server may name its models anew each time."""


class Answers:
    """What servers told, the least used forgotten first. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[float, int, object]] = OrderedDict()
        self._size = 0

    def get(self, key: Hashable, size: int, ask: Callable[[], T]) -> T:
        """What was answered lately, else what `ask` brings; failures are not remembered."""
        with self._lock:
            at, _, known = self._kept.get(key, (-_KEPT_SECONDS, 0, None))
            if time.monotonic() - at < _KEPT_SECONDS:
                self._kept.move_to_end(key)
                return cast("T", known)
        answer = ask()
        with self._lock:
            self._size += size - self._kept.pop(key, (0.0, 0, None))[1]
            self._kept[key] = time.monotonic(), size, answer
            while len(self._kept) > 1 and (
                len(self._kept) > _KEPT or self._size > _KEPT_CHARACTERS
            ):
                self._size -= self._kept.popitem(last=False)[1][1]
        return answer


class Served:
    """The tokenizer of one model on one server. For any thread."""

    def __init__(self, server: Server, model: str, client: VllmClient, answers: Answers) -> None:
        self.server, self.model, self._client = server, model, client
        self.tokenizer = RemoteTokenizer(client, model or None)
        self._answers = answers

    @property
    def title(self) -> str:
        """Server and model, for people."""
        return f"{self.server.name} · {self.model}" if self.model else self.server.name

    def limit(self) -> int | None:
        """The context length; None where the server does not tell it, or anything, just now."""
        try:
            listed = self._client.capabilities().models
            own = [one for one in listed if not self.model or one.id == self.model]
            told = own[0].max_model_len if own else None
            return told or self.remembered("limit", 0, lambda: self.tokenizer.check("").limit)
        except Refused:
            return None

    def align(self, text: str, *, special: bool = True) -> Alignment:
        """The tokens of a text and their places.

        Raises:
            Refused: the server gave no usable answer.
            Unreadable: the text cannot be asked about.
        """
        ask = lambda: self.tokenizer.align(text, None if special else False)  # noqa: E731
        return self.remembered(("align", text, special), len(text), ask)

    def render(self, chat: Chat) -> Rendered:
        """What the served template makes of a chat.

        Raises:
            Refused: the server gave no usable answer.
            Unreadable: a message cannot be asked about.
        """
        key = repr(chat)
        return self.remembered(("chat", key), len(key), lambda: self.tokenizer.render(chat))

    def count(self, text: str) -> int:
        """How many tokens a text is, without those that the server adds.

        Raises:
            Refused: the server gave no usable answer.
        """
        ask = lambda: self.tokenizer.count(text, special=False)  # noqa: E731
        return self.remembered(("count", text), len(text), ask)

    def request(self, source: str | Chat, *, special: bool) -> tuple[str, Mapping[str, Json]]:
        """The path and the body with which this server is asked for the tokens.

        Raises:
            Refused: it cannot be asked that, or does not answer.
        """
        known = self._client.capabilities()
        ask = partial(self._client.tokenize_call, known, model=self.model or None)
        if isinstance(source, str):
            call = ask(source, add_special=None if special else False)
        else:
            call = ask(None, messages=source.messages, options=source.options)
        return call.route.path, call.body or {}

    def remembered(self, key: Hashable, size: int, ask: Callable[[], T]) -> T:
        """What this tokenizer answered lately, else what `ask` brings; `size` in characters."""
        return self._answers.get((self.server, self.model, key), size, ask)


class Tokenizers:
    """All of them, with a client for each server. For any thread."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self._clients = Clients(environ, SECONDS)
        self.together = Together()
        self._answers = Answers()
        self._served: OrderedDict[tuple[Server, str], Served] = OrderedDict()

    def of(self, server: Server, model: str) -> Served:
        """The tokenizer of a model; "" for the server's first."""
        with self._lock:
            served = self._served.get((server, model))
            if served is None:
                made = Served(server, model, self._clients.of(server), self._answers)
                served = self._served[server, model] = made
            self._served.move_to_end((server, model))
            while len(self._served) > _MOST_SERVED:
                self._served.popitem(last=False)
            return served

    def models(self, server: Server) -> tuple[str, ...]:
        """The names that a server serves, its adapters too; none where it does not answer."""
        try:
            return tuple(one.id for one in self._clients.of(server).capabilities().models)
        except Refused:
            return ()

    def close(self) -> None:
        """Ask nobody any more."""
        self.together.close()
        self._clients.close()
