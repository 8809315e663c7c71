"""The figures over the tokens: which there are, in which order, and how each is explained."""

from decimal import Decimal

from lib.tokens.budget import Room
from lib.tokens.cost import cost, in_words
from lib.tokens.statistics import Figures
from lib.ui.plain import ABSENT, count, ratio

__all__ = ["Overhead", "tile", "tiles"]

Tile = dict[str, str]
Overhead = tuple[int, int]
"""Tokens of the template, and of all."""

_RATIO = "Tokens that the server added stand for nothing typed and are left out."


def tiles(
    figures: Figures, room: Room, price: Decimal | None, overhead: Overhead | None = None
) -> list[Tile]:
    """All of them; what is not known is a dash."""
    found = [
        tile(count(figures.tokens), "tokens", _tokens_hint(figures)),
        tile(count(figures.characters), "characters", "Code points."),
        tile(count(figures.graphemes), "graphemes", "What a reader takes for one character."),
        tile(count(figures.bytes), "bytes", "In UTF-8."),
        tile(count(figures.words), "words", figures.words_note or "By Unicode's word rules."),
        tile(_two(figures.characters_per_token), "characters / token", _RATIO),
        tile(_two(figures.bytes_per_token), "bytes / token", _RATIO),
        tile(_two(figures.tokens_per_word), "tokens / word", f"Fertility. {_RATIO}"),
    ]
    if overhead is not None:
        found.insert(1, _overhead(*overhead))
    return [*found, _room(room), _cost(figures.tokens, price)]


def tile(value: str, label: str, hint: str, tone: str = "") -> Tile:
    """One figure."""
    return {"value": value, "label": label, "hint": hint, "tone": tone}


def _tokens_hint(figures: Figures) -> str:
    if not figures.added:
        return "Counted by the server."
    return f"Counted by the server; {figures.added:,} of them it added by itself."


def _overhead(template: int, tokens: int) -> Tile:
    share = ratio(template / tokens) if tokens else ABSENT
    hint = "Tokens of the chat template: role names, control tokens, generation prompt, tools."
    return tile(count(template), f"of the template ({share})", hint)


def _room(room: Room) -> Tile:
    if room.limit is None:
        return tile(ABSENT, "of the context", "The server does not say its context length.")
    if room.over:
        words = f"{room.over:,} tokens too many for a context of {room.limit:,}."
        return tile(ratio(room.share), f"of {count(room.limit)} context", words, "bad")
    label = f"of {count(room.limit)} context, {count(room.left)} left"
    return tile(ratio(room.share), label, "What is left is for the answer.")


def _cost(tokens: int | None, price: Decimal | None) -> Tile:
    amount = in_words(cost(tokens, price)) or ABSENT
    return tile(amount, "cost", "At your price per million tokens, in its currency.")


def _two(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.2f}"
