"""The tokens of an answer with their probabilities, placed in its text.

Decided here: how sure the model was of each token, and when it looks as if it had never been
trained. Probabilities are exp(logprob) as the server tells them. A token that cannot be placed in
the text stands nowhere rather than in a wrong place (`placing`); tokens that share a character, or
are placed only together, are one group.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from lib.api.deltas import Probability, Reply, TokenChoice
from lib.chat.placing import places

__all__ = ["Alternative", "Layer", "Row", "layer", "unnamed"]

_IMPOSSIBLE = -9_000.0
"""At or below: the server's word for a probability of nothing."""
_FLAT_SPREAD = 0.1
_FLAT_LOGPROB = -6.5  # 1 in 665: a trained model is surer than that of the first token it names
_LEAST_LOGPROB = -16.2  # 1 in 10 million: no vocabulary is larger
_FLAT_ROWS = 2
_UNPLACED = "The tokens could not be placed in the text, so they stand alone."
_NO_TEXT = "These tokens are no text of an answer: they are reasoning, a call or control tokens."

Names = Mapping[int, str]


class Alternative(NamedTuple):
    """A token that could have stood there; `text` is "" where only its id is known."""

    text: str
    id: int | None
    logprob: float | None
    probability: float | None


class Row(NamedTuple):
    """One token of the answer.

    `text` is its part of the answer: of a group, the first row has all of it and the others "".
    `group` is None where the token has no place in the text (reasoning, control tokens, what
    follows a stop text). `entropy` is in bits and a lower bound, for only so many alternatives
    are told. `rank` is 1 for the likeliest, None where it is below all that were told.
    """

    text: str
    id: int | None
    logprob: float | None
    probability: float | None
    entropy: float | None
    rank: int | None
    group: int | None
    alternatives: tuple[Alternative, ...]


class Layer(NamedTuple):
    """`placed`: the texts of the rows that have a group are together the text of the answer.

    `words` says why they are not; `flat`, that the model looks untrained; "" for nothing to say.
    """

    rows: tuple[Row, ...]
    placed: bool
    words: str
    flat: str


def layer(reply: Reply, names: Names | None = None) -> Layer:
    """The tokens of an answer; `names` are the texts of ids that the server gave by id only."""
    choices, content, names = reply.choices, reply.content.encode("utf-8", "replace"), names or {}
    if not choices:
        return Layer((), False, "No probabilities came with this answer.", "")
    tokens = [_with_id(one, number) for one, number in zip(choices, _ids(reply), strict=True)]
    spans = None
    if content and not reply.choice().choices_left_out:
        spelt = [_bytes(one.chosen, names) for one in tokens]
        spans = places(content, spelt, after=bool(reply.reasoning))
    rows = _placed(tokens, content, spans, names) if spans else _alone(tokens, names)
    words = "" if spans else _UNPLACED if content else _NO_TEXT
    return Layer(tuple(rows), spans is not None, words, _flat(choices))


def unnamed(reply: Reply, most: int = 4_096) -> tuple[int, ...]:
    """Ids whose text the server did not tell, each once: to be decoded, then given to `layer`."""
    told = (one for choice in reply.choices for one in (choice.chosen, *choice.top))
    found = {one.id: None for one in told if not one.token and not one.bytes_}
    return tuple(number for number in found if number is not None)[:most]


def _ids(reply: Reply) -> list[int | None]:
    """The id of each token; those of the answer where there are as many as tokens."""
    choices, told = reply.choices, reply.ids
    if told is not None and len(told) == len(choices):
        return list(told)
    return [choice.chosen.id for choice in choices]


def _with_id(choice: TokenChoice, number: int | None) -> TokenChoice:
    return choice._replace(chosen=choice.chosen._replace(id=number))


def _bytes(token: Probability, names: Names) -> bytes | None:
    """The bytes of a token; None where only its id is known."""
    if token.bytes_ is not None:
        return token.bytes_
    text = _text(token, names)
    return text.encode("utf-8", "surrogatepass") if text else None


def _text(token: Probability, names: Names) -> str:
    if token.token or token.id is None:
        return token.token
    return names.get(token.id, "")


# ── Rows ──


def _alone(tokens: Iterable[TokenChoice], names: Names) -> list[Row]:
    return [_row(one, _text(one.chosen, names), None, names) for one in tokens]


def _placed(
    tokens: Sequence[TokenChoice],
    content: bytes,
    spans: Sequence[tuple[int, int] | None],
    names: Names,
) -> list[Row]:
    rows: list[Row] = []
    group, before = -1, (-1, -1)
    for one, span in zip(tokens, spans, strict=True):
        if span is None:
            rows.append(_row(one, _text(one.chosen, names), None, names))
            continue
        text = ""
        if span != before:
            group, before, text = group + 1, span, content[slice(*span)].decode()
        rows.append(_row(one, text, group, names))
    return rows


def _row(choice: TokenChoice, text: str, group: int | None, names: Names) -> Row:
    chosen = choice.chosen
    alternatives = tuple(
        Alternative(_text(one, names), one.id, one.logprob, _probability(one.logprob))
        for one in sorted(choice.top, key=_surprise)
    )
    return Row(
        text,
        chosen.id,
        chosen.logprob,
        _probability(chosen.logprob),
        _entropy(choice),
        _rank(choice),
        group,
        alternatives,
    )


def _surprise(token: Probability) -> float:
    return math.inf if token.logprob is None else -token.logprob


def _probability(logprob: float | None) -> float | None:
    if logprob is None or math.isnan(logprob):
        return None
    return 0.0 if logprob <= _IMPOSSIBLE else math.exp(min(logprob, 0.0))


def _rank(choice: TokenChoice) -> int | None:
    """How many of the told ones are likelier, and one."""
    chosen = choice.chosen
    told = [one.logprob for one in choice.top if one.logprob is not None]
    if chosen.logprob is None or not told or chosen.logprob < min(told):
        return None
    return 1 + sum(1 for one in told if one > chosen.logprob)


def _entropy(choice: TokenChoice) -> float | None:
    """Bits, at least: no token that was not told is likelier than the told ones."""
    told = [_probability(one.logprob) for one in choice.top]
    if not any(_is_same(one, choice.chosen) for one in choice.top):
        told.append(_probability(choice.chosen.logprob))
    known = [one for one in told if one is not None]
    if not choice.top or not known:
        return None
    rest = max(0.0, 1.0 - sum(known))
    highest = _highest_untold(choice)
    as_one = -rest * math.log2(rest) if rest else 0.0
    as_many = -rest * math.log2(highest) if highest else 0.0
    return max(as_one, as_many) - sum(one * math.log2(one) for one in known if one > 0)


def _highest_untold(choice: TokenChoice) -> float | None:
    """How likely a token can be that was not told; None where the alternatives do not say.

    The chosen one does not count if it is the least: it is told even if others are likelier.
    """
    told = sorted(_numbers(choice.top))
    if told and choice.chosen.logprob == told[0]:
        told = told[1:]
    return math.exp(min(told[0], 0.0)) if told else None


def _is_same(one: Probability, other: Probability) -> bool:
    if one.id is not None and other.id is not None:
        return one.id == other.id
    return one.token == other.token and one.bytes_ == other.bytes_


# ── The whole ──


def _flat(choices: Sequence[TokenChoice]) -> str:
    """Whether every token is about as likely as any other; needs two alternatives each."""
    told = [sorted(_numbers(choice.top), reverse=True) for choice in choices]
    told = [one for one in told if len(one) >= 2]
    if len(told) < _FLAT_ROWS:
        return ""
    likeliest = fmean(one[0] for one in told)
    is_flat = all(one[0] - one[-1] <= _FLAT_SPREAD for one in told)
    if not is_flat or not _LEAST_LOGPROB <= likeliest <= _FLAT_LOGPROB:
        return ""
    return (
        f"Every token is about as likely as any other, 1 in {round(math.exp(-likeliest)):,}:"
        " the weights look random or broken."
    )


def _numbers(tokens: Iterable[Probability]) -> list[float]:
    return [one.logprob for one in tokens if one.logprob is not None and one.logprob > _IMPOSSIBLE]
