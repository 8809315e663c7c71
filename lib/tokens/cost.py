"""What tokens cost: a price per million of them, exact to the last digit.

Prices are decimal numbers all the way, because the binary ones of a computer cannot hold a tenth of
a cent. No currency is known here: what comes out is in that of the price.
"""

import re
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

__all__ = ["cost", "in_words", "price"]

_PER = 6
"""A price is for ten to this power of tokens."""
_NUMBER = re.compile(r"\d{1,12}([.,]\d{1,12})?")
_AMBIGUOUS = re.compile(r"[1-9]\d{0,2},\d{3}")
_DIGITS = 3
"""Digits shown of an amount below one."""


def price(typed: str) -> Decimal:
    """The price that a person typed, "0.15" or "0,15".

    Raises:
        ValueError: it is none; the message is one sentence for people.
    """
    stripped = typed.strip()
    if not stripped.isascii() or not _NUMBER.fullmatch(stripped):
        raise ValueError("A price is a plain number such as 0.15, without a currency or a sign.")
    if _AMBIGUOUS.fullmatch(stripped):
        raise ValueError(f"Is {stripped} in thousands? Write it without a comma, or with a point.")
    return Decimal(stripped.replace(",", "."))


def cost(tokens: int | None, price_per_million: Decimal | None) -> Decimal | None:
    """What so many tokens cost; None where the number or the price is not known.

    Raises:
        ValueError: a count or a price below nothing, or a price that is no number.
    """
    if tokens is None or price_per_million is None:
        return None
    if tokens < 0 or not price_per_million.is_finite() or price_per_million < 0:
        raise ValueError("Neither a number of tokens nor a price is ever below nothing.")
    with localcontext() as context:
        context.prec = len(str(tokens)) + len(price_per_million.as_tuple().digits) + 2
        return (tokens * price_per_million).scaleb(-_PER)


def in_words(amount: Decimal | None) -> str:
    """An amount for people: two places, or three digits where it is below one; "" for None."""
    if amount is None:
        return ""
    if not amount:
        return "0"
    places = 2 if abs(amount) >= 1 else _DIGITS - 1 - amount.adjusted()
    with localcontext() as context:
        context.prec = max(amount.adjusted(), 0) + places + 3
        rounded = amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
    text = f"{rounded:,f}"
    return text if abs(amount) >= 1 else text.rstrip("0").rstrip(".")
