"""How the probabilities of an answer's tokens look on the wire, for chat and for completions.

Both keep habits of the real ones: of the tokens that make one character only the last says it, a
SentencePiece token is told without the space before it, and alternatives told by their ids have
the bytes of that name.
"""

from typing import Any

from lib.demo.answers import Answer
from lib.demo.odds import odds
from lib.demo.roles import Role
from lib.demo.tokenizers import Tokenizer
from lib.demo.wishes import Wish

__all__ = ["Shares"]

Body = dict[str, Any]
CONTEXT = 4
"""Tokens before one that may hold the beginning of its character."""


class Shares:
    """The probabilities of one answer, told in order."""

    def __init__(self, role: Role, wish: Wish, answer: Answer, tokenizer: Tokenizer) -> None:
        self._role = role
        self._wish = wish
        self._answer = answer
        self._tokenizer = tokenizer
        self._offset = 0

    def chat(self, first: int, last: int) -> Body | None:
        """Those of the tokens from `first` on, before `last`; None where none were asked for."""
        if self._wish.logprobs is None:
            return None
        return {"content": [self._entry(place) for place in range(first, last)]}

    def completion(self, first: int, last: int) -> Body | None:
        """The same in the form of completions, with those of an echoed prompt before them."""
        if self._wish.logprobs is None:
            return None
        ids, begin, end = self._answer.ids, first, last
        if self._wish.echo:
            prompt = self._wish.prompt
            ids = (*prompt, *ids)
            begin, end = first and first + len(prompt), last + len(prompt)
        told: Body = {"text_offset": [], "token_logprobs": [], "tokens": [], "top_logprobs": []}
        for place in range(begin, end):
            self._tell(told, ids, place)
        return told

    def _entry(self, place: int) -> Body:
        ids = self._answer.ids
        text = self._text(ids, place)
        shares = self._odds(ids, place)
        top = []
        for number, (token, share) in enumerate(shares[: self._wish.logprobs]):
            name = self._name(token, self._tokenizer.decode([token]) if number else text)
            top.append({"token": name, "logprob": share, "bytes": list(name.encode())})
        return {
            "token": self._name(ids[place], text),
            "logprob": shares[0][1],
            "bytes": list(text.encode()),
            "top_logprobs": top,
        }

    def _tell(self, told: Body, ids: tuple[int, ...], place: int) -> None:
        name = self._name(ids[place], self._text(ids, place))
        (_, share), *others = self._odds(ids, place)
        top = {name: share}
        top |= {self._name(one, self._tokenizer.decode([one])): its for one, its in others}
        blind = self._wish.echo and place == 0  # nothing stood before it
        told["text_offset"].append(self._offset)
        told["tokens"].append(name)
        told["token_logprobs"].append(None if blind else share)
        told["top_logprobs"].append(None if blind else top)
        self._offset += len(name)

    def _odds(self, ids: tuple[int, ...], place: int) -> list[tuple[int, float]]:
        chance, count = self._wish.temperature > 0, self._wish.logprobs or 0
        return odds(self._role.tokenizer, ids, place, count, chance=chance)

    def _text(self, ids: tuple[int, ...], place: int) -> str:
        alone = self._tokenizer.decode([ids[place]])
        if "\ufffd" not in alone:
            return alone
        return self._tokenizer.growth(ids[max(0, place - CONTEXT) : place + 1])[-1]

    def _name(self, token: int, text: str) -> str:
        return f"token_id:{token}" if self._wish.ids_as_tokens else text
