"""What comes next for a server, and what its waiting requests wait for, as a view draws it.

Decided here: a forecast that can't be made is named with the reason, but takes no room of those
that can; nothing is written of a queue that is empty.
"""

import re

from lib.diagnosis import Cause, Forecast, Outlook
from lib.ui import plain
from lib.ui.board import Words

__all__ = ["outlook_of"]

HOW_LENGTH = 400
_FIGURE = re.compile(r"[-+\N{MINUS SIGN}\d]|about |at least |more than ")


def outlook_of(outlook: Outlook) -> Words:
    """Forecasts, those that were refused, and the causes of waiting, most first."""
    made = [one for one in outlook.forecasts if not one.refused]
    refused = [one for one in outlook.forecasts if one.refused]
    return {
        "forecasts": [_made(one) for one in made],
        "refused": [_refused(one) for one in refused],
        "waiting": [_cause(one) for one in outlook.waiting],
    }


def _made(forecast: Forecast) -> Words:
    what = forecast.what if _FIGURE.match(forecast.words) else f"{_subject(forecast)}:"
    return {
        "what": what,
        "words": forecast.words,
        "how": plain.plain(forecast.how, HOW_LENGTH),
    }


def _refused(forecast: Forecast) -> Words:
    how = plain.plain(f"{forecast.refused}; {forecast.how}", HOW_LENGTH)
    return {"what": _subject(forecast), "how": how}


def _subject(forecast: Forecast) -> str:
    """What is forecast, without the word that a figure would follow."""
    return forecast.what.removesuffix(" in").removesuffix(" by")


def _cause(cause: Cause) -> Words:
    return {
        "name": plain.plain(cause.name, 40),
        "count": plain.count(cause.count),
        "share": plain.ratio(cause.share),
        "sentence": plain.plain(cause.sentence, HOW_LENGTH),
        "how": plain.plain(cause.how, HOW_LENGTH),
    }
