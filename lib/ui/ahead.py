"""What comes next for a server, and what its waiting requests wait for, as a view draws it.

Decided here: how a forecast reads as a sentence; those that can't be made share one, each named
with its reason in a word; nothing is written of a queue that is empty but that it is.
"""

import re

from lib.diagnosis import Cause, Forecast, Outlook
from lib.ui import plain
from lib.ui.board import Words

__all__ = ["outlook_of"]

HOW_LENGTH = 400
REASON_LENGTH = 100
_FIGURE = re.compile(r"[-+\N{MINUS SIGN}\d]|about |at least |more than ")
_EMPTY = "nothing waits"
"""A reason that is left out: the queue's own figure says it."""
_SUBJECTS = {"KV cache full in": "KV cache:", "Queue empty in": "The queue"}
"""Before words that are no figure: already at the ceiling, does not drain."""
_CLAUSES = {
    "KV cache full in": "when the KV cache is full",
    "Queue grows by": "how the queue grows",
    "Queue empty in": "when the queue is empty",
    "A new request waits": "how long a new request waits",
    "The oldest waits": "how long the oldest request has waited",
}


def outlook_of(outlook: Outlook) -> Words:
    """Forecasts, those that were refused, and the causes of waiting, most first."""
    made = [one for one in outlook.forecasts if not one.refused]
    refused = [one for one in outlook.forecasts if one.refused]
    refused = [one for one in refused if one.refused != _EMPTY]
    return {
        "forecasts": [_made(one) for one in made],
        "refused": _refused(refused) if refused else None,
        "waiting": [_cause(one) for one in outlook.waiting],
    }


def _made(forecast: Forecast) -> Words:
    what = forecast.what
    return {
        "what": what if _FIGURE.match(forecast.words) else _SUBJECTS.get(what, f"{what}:"),
        "words": forecast.words,
        "how": plain.plain(forecast.how, HOW_LENGTH),
    }


def _refused(forecasts: list[Forecast]) -> Words:
    """One sentence for all of them; where the reason is the same for all, that is enough."""
    first, *others = forecasts
    if others and all(one.refused == first.refused for one in others):
        clauses = ", ".join(_clause(one) for one in forecasts)
        words = plain.plain(first.refused, REASON_LENGTH)
        return {"begin": "No forecast: ", "parts": [{"words": words, "how": f"Of {clauses}"}]}
    return {"begin": "No forecast of ", "parts": [_part(one) for one in forecasts]}


def _part(forecast: Forecast) -> Words:
    reason = plain.plain(forecast.refused.partition(" (")[0], REASON_LENGTH)
    return {
        "words": f"{_clause(forecast)} ({reason})",
        "how": plain.plain(f"{forecast.refused}; {forecast.how}", HOW_LENGTH),
    }


def _clause(forecast: Forecast) -> str:
    return _CLAUSES.get(forecast.what, forecast.what)


def _cause(cause: Cause) -> Words:
    return {
        "name": plain.plain(cause.name, 40),
        "count": plain.count(cause.count),
        "share": plain.ratio(cause.share),
        "sentence": plain.plain(cause.sentence, HOW_LENGTH),
        "how": plain.plain(cause.how, HOW_LENGTH),
    }
