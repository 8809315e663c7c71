"""A server's list of models itself: what is wrong where it gives none, and its answer as it came.

This module alone decides what an empty or missing list is called, and how much of an answer is
shown.
"""

import json
import unicodedata

from lib.health import Status
from lib.health.states import down_state
from lib.ui.board import Words
from lib.ui.listing import Listing
from lib.ui.plain import plain

__all__ = ["RAW_LENGTH", "raw_of", "trouble_of"]

RAW_LENGTH = 20_000
"""Characters of an answer that are shown."""
SENTENCE_LENGTH = 400
EMPTY = "It answers, but no request to it can name a model: it serves nothing."
WHY_EMPTY = (
    "vLLM lists its model from the moment it answers. See whether a gateway without a backend "
    "answers here, or whether the model is still loading: its log says which."
)
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def trouble_of(name: str, listing: Listing, status: Status | None) -> Words | None:
    """What is wrong with a server's list; None where nothing is, or nobody has asked yet.

    A server that is down gives none, before it has been asked again.
    """
    if status is not None and status.state.is_down:
        text, since, remedy = status.reason, status.since, status.remedy
    elif listing.refused:
        text, since, remedy = listing.refused, listing.since, down_state(listing.kind).remedy
    elif listing.is_empty:
        return _trouble(name, "its list of models is empty", EMPTY, listing.since, WHY_EMPTY)
    else:
        return None
    text = plain(text, SENTENCE_LENGTH)
    text += " What is shown of its models is from its last answer." if listing.models else ""
    return _trouble(name, "gives no list of models", text, since, remedy)


def _trouble(name: str, words: str, text: str, since: float, remedy: str) -> Words:
    told = {"words": words, "text": text, "since": since, "remedy": remedy}
    return {"server": name, "tone": "bad"} | told


def raw_of(listing: Listing) -> str:
    """A server's newest answer as text: indented where it is JSON, nothing in it invisible."""
    text = _indented(listing)
    shown = "".join(map(_visible, text[:RAW_LENGTH]))
    if listing.size > len(listing.raw) or len(text) > RAW_LENGTH:
        return f"{shown}\n… more; the whole answer has {listing.size} bytes"
    return shown


def _indented(listing: Listing) -> str:
    """Written no further than it is shown: indenting can make an answer sixty-fold."""
    whole = listing.raw.decode("utf-8", "replace")
    text = ""
    try:
        document = json.loads(whole)
        for piece in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(document):
            text += piece[: RAW_LENGTH + 1]
            if len(text) > RAW_LENGTH:
                break
    except (ValueError, RecursionError):
        return whole  # what was cut off, or is none, is shown as it came
    return text


def _visible(char: str) -> str:
    """A character that can't be seen, by its number."""
    hidden = unicodedata.category(char) in _HIDDEN and char != "\n"
    return f"\\u{ord(char):04x}" if hidden else char
