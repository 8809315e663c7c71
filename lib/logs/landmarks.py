"""What vLLM says while it starts and serves, release by release, and what each line means.

The table is `landmarks.toml`: to know one more line is to add a row. Named groups of a pattern are
facts about the server (the reader keeps the newest of each); `took` and `phase` make the timeline
of a start. A row is looked for only on lines that begin with one of its words, which keeps 50 MB a
matter of seconds.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["PHASES", "Landmark", "landmark_of", "landmarks"]

PHASES = (
    "configuration read",
    "engine begun",
    "weights loaded",
    "graphs compiled",
    "memory measured",
    "KV cache made",
    "CUDA graphs captured",
    "engine ready",
    "address opened",
    "ready",
)
"""The milestones of a start, in the order in which they come."""
_LOGO = "█"
"""The banner since 0.16 is drawn with it; its words stand somewhere inside."""


@dataclass(frozen=True)
class Landmark:
    """One kind of line: what it begins with, what it means, and which releases print it.

    What is `private` holds what people asked: it is counted and never shown.
    """

    name: str
    words: tuple[str, ...]
    pattern: re.Pattern[str]
    what: str
    releases: str = ""
    phase: str = ""
    private: bool = False


@cache
def landmarks() -> tuple[Landmark, ...]:
    """The whole table."""
    with Path(__file__).with_name("landmarks.toml").open("rb") as file:
        rows = tomllib.load(file)["landmark"]
    return tuple(
        Landmark(
            **{
                **row,
                "words": tuple(row["words"]),
                "pattern": re.compile(row["pattern"]),
            }
        )
        for row in rows
    )


def landmark_of(message: str) -> tuple[Landmark, re.Match[str]] | None:
    """The landmark that a message is, with its facts."""
    word = _LOGO if _LOGO in message[:64] else message.partition(" ")[0]
    for one in _by_word().get(word, ()):
        if found := one.pattern.match(message):
            return one, found
    return None


@cache
def _by_word() -> dict[str, list[Landmark]]:
    found: dict[str, list[Landmark]] = {}
    for one in landmarks():
        for word in one.words:
            found.setdefault(word, []).append(one)
    return found
